"""The paper's figures by command: what is discarded, what a missing processor says, and what the page must hold."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmarks import _figure, _figure_features, _figure_memory, _figure_ranks, _figure_service, figures
from benchmarks._figure import Drawn, Scope, Taken, in_turn, section, sections_of
from benchmarks._figure_features import figure1, figure2, log_linear
from benchmarks._figure_memory import memory
from benchmarks._figure_phases import figure4
from benchmarks._figure_reduced import reduced_image
from benchmarks._figure_runtime import figure3a, figure3b
from benchmarks._figure_service import PLATFORM, service, table1
from tests.rigs import REPOSITORY

from mhfd.detector.paper import resize_bilinear

PAGE = (REPOSITORY / "docs" / "benchmarks" / "figures.md").read_text(encoding="utf-8")
TWICE = Scope(runs=2)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing that a test draws gets into the documentation, and no ranks are started."""
    for module in (_figure, _figure_features):
        monkeypatch.setattr(module, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr(_figure_ranks, "launcher", lambda: None)
    monkeypatch.delenv("MHFD_DATA", raising=False)
    return tmp_path / "pictures"


def test_the_first_run_of_each_is_discarded_and_they_run_in_turn() -> None:
    called: list[str] = []
    times = in_turn({name: partial(called.append, name) for name in ("a", "b")}, runs=21)
    assert called == ["a", "b"] * 21
    assert [len(taken.wall) for taken in times.values()] == [20, 20]


def test_a_figure_is_drawn_again_byte_by_byte(pictures: Path) -> None:
    drawn = []
    for _ in range(2):
        with _figure.picture("same") as axis:
            axis.plot([1, 2], [3, 4], label="one")
            axis.legend()
        drawn.append((pictures / "same.svg").read_bytes())
    assert drawn[0] == drawn[1]


def test_blur_takes_features_away(pictures: Path) -> None:
    body = figure1(TWICE, side=128).body
    for sharp, soft in re.findall(r"\| ([\d,]+) \| ([\d,]+) \|", body):
        assert int(sharp.replace(",", "")) > 2 * int(soft.replace(",", ""))
    assert (pictures / "figure1.png").stat().st_size < 300_000


def test_the_count_falls_with_the_distance_and_the_paper_stands_beside(pictures: Path) -> None:
    body = figure2(TWICE, side=128, seeds=1).body
    r = {name: float(value) for name, value in re.findall(r"\| (`[^|]+`[^|]*) \| 13 \|[^|]*\| ([+-][\d.]+)", body)}
    assert r["`paper_code`, own size"] < -0.9
    assert r["`robust`"] < -0.9
    assert "-0.9754" in body
    assert (pictures / "figure2.svg").exists()


def test_a_line_through_logarithms_is_found() -> None:
    z = np.arange(0, 6.0)
    assert log_linear(z, np.exp(7 - 0.5 * z)) == pytest.approx((-1, -0.5, 7))


@pytest.mark.parametrize("draw", [figure3a, figure3b])
def test_what_is_not_there_says_so(draw: object, pictures: Path) -> None:
    small = figure3a(TWICE, side=64, counts=(4,)) if draw is figure3a else figure3b(TWICE, n=4, sides=(64,))
    rows = [line for line in small.body.splitlines() if line.startswith("| ")]
    assert all("not yet measured" in row for row in rows if row.startswith("| GPU"))
    assert all("not there yet" in row for row in rows if "rank" in row)
    kernel = next(row for row in rows if row.startswith("| kernel, 1 thread"))
    assert re.search(r"\d \(.+ to .+\)", kernel)
    assert (pictures / f"{small.name}.svg").exists()


def test_phases_without_ranks_are_not_there_yet(pictures: Path) -> None:
    body = figure4(TWICE, side=64, counts=(4,)).body
    assert body.count("not there yet") == 3
    assert not pictures.exists()


def test_phases_are_drawn_side_by_side(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = _figure_ranks.OverRanks(Taken([10.0], [20.0]), {"filter": [6.0], "gather": [3.0]}, sent=4 * 64 * 64)
    monkeypatch.setattr(_figure_ranks, "over_ranks", lambda *_, **__: over)
    body = figure4(TWICE, side=64, counts=(4,)).body
    assert "| - | - | 6 | - | 3 | - | 10 (10 to 10) | 4 |" in body
    assert (pictures / "figure4.svg").exists()


def test_memory_has_the_papers_limit_in_it(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_figure_memory, "peak_mb", lambda what, path, n: 100.0 + n)
    body = memory(TWICE, sides=(32, 64)).body
    assert "| `mhfd.score(path)`, 16 bit, n = 64 | 164 | 164 |" in body
    assert "40 GB" in (pictures / "memory.svg").read_text()


def test_the_peak_is_of_the_process_alone(tmp_path: Path) -> None:
    held = np.ones(1 << 27, np.uint8)  # of this process
    assert 1 < _figure_memory.peak_mb(_figure_memory.NOTHING, tmp_path, 0) < held.nbytes / 2**20


@pytest.mark.parametrize("part", [1, 2, 4])
def test_a_reduction_is_the_oracles_interpolation(part: int) -> None:
    pixels = np.random.default_rng(part).integers(0, 256, (64, 96), dtype=np.uint8)
    exact = resize_bilinear(pixels, (64 // part, 96 // part))
    assert np.abs(reduced_image(pixels, part) - exact).max() <= 0.5


def test_a_service_is_told_by_mean_and_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _figure_service, "called_again_and_again", lambda calls: ([100.0, 120.0], [60.0, 70.0], [20.0, 20.0])
    )
    monkeypatch.setattr(_figure_service, "MOVED_BYTES", 1000)
    body = service(TWICE).body
    assert "| from the request to the result | 110 +- 14 | 233 +- 44 |" in body
    assert "| platform: what is left | 45 +- 7.1 |" in body
    assert "one disk" in body or "two disks" in body


def test_the_platform_stands_beside_the_papers() -> None:
    assert all(paper in table1(TWICE).body for paper in PLATFORM.values())


def test_a_figure_that_is_measured_again_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "figures.md"
    monkeypatch.setattr(figures, "PAGE", page)
    for name, words in (("memory", "old"), ("figure1", "one"), ("memory", "new")):
        figures.write(name, section(Drawn(name, f"About {name}", words), full=name == "memory", load="1.0"))
    assert list(sections_of(page)) == ["About figure1", "About memory"]
    assert "one" in page.read_text()
    assert "old" not in page.read_text()


def test_the_page_has_its_figures_in_order_and_their_pictures() -> None:
    there = [figures.named(part) for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]]
    assert there == list(figures.FIGURES)
    named = re.findall(r"\]\(\.\./images/figures/([\w.]+)\)", PAGE)
    folder = REPOSITORY / "docs" / "images" / "figures"
    assert sorted(named) == sorted(path.name for path in folder.iterdir())


def test_the_page_keeps_the_papers_figures_apart() -> None:
    """What the paper prints is in a column, or a table, that says whose hardware it is."""
    tables = [part for part in PAGE.split("\n\n") if part.startswith("|")]
    printed = [one for one in tables if re.search(r"233 \+- 44|-0\.9754|40 GB are|20 ms|A100-40GB", one)]
    assert len(printed) >= 3
    assert all(re.search("hardware|Gemini|ThetaGPU", one) for one in printed)
