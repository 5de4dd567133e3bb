"""The page of a comparison: all that was found is on it, nothing is fetched, and no name of a file is a tag."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.benchmarks import NAMES, benchmark, placing

from mhfd.learning.evaluation.benchmark import WorstImage
from mhfd.learning.report import MOST_BYTES, render

ATTACK = "</style><script>alert(1)</script><img src=http://a.b/c onerror=x>\u202e"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "S_001.tif"
    tifffile.imwrite(path, np.random.default_rng(1).integers(0, 255, (300, 260), np.uint8))
    return path


class Seen(HTMLParser):
    """Tags that are open, and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)


def seen(page: str) -> Seen:
    found = Seen()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def words(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page)


def test_the_decision_comes_first_and_everything_that_was_found_is_there(image: Path) -> None:
    found = benchmark(images=[image])
    page = render(found)
    first = re.search(r"<h1[^>]*>(.*?)</h1>", page)
    assert first is not None
    assert first[1] == found.line
    told = words(page)
    for said in (
        *NAMES,
        *found.groups,
        "1% bad",
        "3% bad",
        "10% bad",
        "whole specimens held out (this one decides)",
        "40 more confirmed sections would be worth .01",
        "rings*",
        "all together",
        "0.628",
        "ada and ben: kappa .71",
        "the instrument lost 10% over 100 sections",
        "30 to 100",
        "svm was not compared: it took more than 600 s",
        "cannot be exported",
        "[-0.030, +0.060]",
        "3f2a5c11" * 8,
        "bad, and found sharp",
        str(image),
    ):
        assert said in told
    assert {"svg", "polyline", "table", "figure"} <= seen(page).names
    assert page.count("data:image/jpeg;base64,") == 1


def test_a_page_of_little_stands_too() -> None:
    one = placing("mhfd", 0, ()).model_copy(update={"roc": (), "precision_recall": (), "rates": (), "confusion": None})
    page = render(
        benchmark(
            entries=(one,),
            duels=(),
            splits=(),
            groups=(),
            curve=None,
            families=(),
            agreement=(),
            covariates=(),
            control=None,
            remarks=(),
            packages={},
            precision_at={},
            challenger=None,
        )
    )
    assert "svg" not in seen(page).names
    assert "Everything that was asked for was." in page


def test_nothing_is_fetched_and_no_text_of_a_stranger_is_markup(image: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "x<script>alert(1)<script>.tif"
    shutil.copy(image, hostile)
    page = render(benchmark(images=[hostile], line=ATTACK, remarks=(ATTACK,), unit=ATTACK))
    found = seen(page)
    assert "script" not in found.names
    assert [one for one in found.addresses if not one.startswith("data:image/jpeg;base64,")] == []
    assert "default-src &#x27;none&#x27;; img-src data:" in page
    assert "\u202e" not in page


def test_a_picture_is_of_the_image_that_was_scored_or_there_is_none(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "S_002.tif"
    shutil.copy(image, path)
    found = benchmark(images=[path])
    tifffile.imwrite(path, np.zeros((300, 260), np.uint8) + np.arange(260, dtype=np.uint8))
    page = render(found)
    assert "data:image" not in page
    assert "1 without a picture" in page
    path.unlink()
    assert "no picture" in render(found)


def test_the_page_stays_within_a_megabyte(image: Path) -> None:
    groups = tuple(f"{number}" * 100 for number in range(300))
    worst = WorstImage(entry="mhfd", path=str(image), sha256="", group="a", bad=True, score=0.1, rank=0.02)
    many = [worst.model_copy(update={"sha256": f"{number}", "path": "x" * 400}) for number in range(400)]
    page = render(
        benchmark(
            entries=tuple(placing(f"{number}", number % 6, groups) for number in range(40)),
            groups=groups,
            worst=tuple(many),
        )
    )
    assert len(page.encode()) <= MOST_BYTES
    assert "And 240 more in report.json." in page
