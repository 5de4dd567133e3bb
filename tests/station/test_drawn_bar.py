"""Data bars, watched: a blurred image below sharp letters is found, and what nobody knows is asked once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tifffile
from click.testing import CliRunner
from tests.rigs import focus_reports
from tests.rigs.bars import BARS, with_bar
from tests.rigs.tagged import ZEISS

from mhfd.simulate import Optics, Specimen
from mhfd_client.cli import main
from mhfd_client.station.drawn_bar import DrawnBar

FAST = ("--until-idle", "1", "--no-page", "--set", "arrival.settle_s=0.2")
BLURRED, SECTIONS = 7, 10


def sections(folder: Path, *, tag: bool) -> None:
    """A run of sparse tissue with the same bar below every image."""
    folder.mkdir()
    text = b"\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 8 nm\r\n\0"
    tags = [(ZEISS, 2, len(text), text, True)] if tag else []
    specimen = Specimen(seed=4, density=0.3)
    for z in range(SECTIONS):
        optics = Optics(pixel_nm=8.0, blur_px=4.0 if z == BLURRED else 0.0)
        image, _ = with_bar(specimen.section((192, 320), z=z, optics=optics), BARS[0])
        tifffile.imwrite(folder / f"s{z:03d}.tif", image, extratags=tags)


def mhfd(folder: Path, command: str, *args: str) -> str:
    line = [command, str(folder / "run"), *args, "--state", str(folder / "state")]
    result = CliRunner().invoke(main, line, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def status(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(mhfd(folder, "status", "--json"))
    return told


def test_the_blurred_one_is_found_below_sharp_letters(tmp_path: Path) -> None:
    sections(tmp_path / "run", tag=True)
    mhfd(tmp_path, "watch", *FAST)
    told = status(tmp_path)
    assert [one["path"] for one in told["retake"]] == [f"s{BLURRED:03d}.tif"]
    assert not told["troubles"]


def test_where_nobody_knows_it_is_asked_and_the_answer_ends_it(tmp_path: Path) -> None:
    sections(tmp_path / "run", tag=False)
    mhfd(tmp_path, "watch", *FAST)
    (trouble,) = status(tmp_path)["troubles"]
    assert trouble["kind"] == "looks_like_bar"
    assert "The last 78 rows" in trouble["why"]
    assert 'images.crop = "bottom=78"' in trouble["why"]
    for image in (tmp_path / "run").iterdir():
        image.rename(tmp_path / "run" / f"t{image.name[1:]}")
    mhfd(tmp_path, "watch", *FAST, "--set", "images.crop=bottom=78")
    told = status(tmp_path)
    assert not told["troubles"]
    assert f"t{BLURRED:03d}.tif" in [one["path"] for one in told["retake"]]


def report(rows: int | None) -> Any:
    plain = focus_reports.report()
    image = plain.image.model_copy(update={"tags": {} if rows is None else {"looks_like_bar": rows}})
    return plain.model_copy(update={"image": image})


@pytest.mark.parametrize(
    ("seen", "asked"),
    [
        ([77, 77, 77, 77, 77], [2]),
        ([77, 77, None, 77, 77], []),
        ([77, 60, 77, 60, 77], []),
        ([None, None, 77, None, None, None], []),
    ],
)
def test_asked_once_of_images_after_each_other(seen: list[int | None], asked: list[int]) -> None:
    bar = DrawnBar()
    assert [i for i, rows in enumerate(seen) if bar.see(report(rows))] == asked


def test_asked_no_more_when_images_come_without() -> None:
    bar = DrawnBar()
    news = [bar.see(report(rows)) for rows in (77, 77, 77, None, None, None, None)]
    assert [text == "" for text in news] == [False] * 5 + [True, False]
