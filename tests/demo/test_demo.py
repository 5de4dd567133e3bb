"""`mhfd demo`: the whole road, small; and that it cannot claim what is not so."""

from __future__ import annotations

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mhfd_client.alerts import overview
from mhfd_client.cli import main
from mhfd_client.journal.view import JournalView
from mhfd_client.microscope.truth import read_truth
from mhfd_client.page.screenshot import BROWSERS, shoot

LAST = re.compile(
    r"found (\d+) of (\d+) planted, (\d+) missed, (\d+) false alarms; (\d+) alerts rang, (\d+) of them false; "
    r"whole-to-verdict p50 (\d+) ms, p95 (\d+) ms"
)


def demo(into: Path, *args: object) -> Result:
    return CliRunner().invoke(main, ["demo", "--into", str(into), *map(str, args)], catch_exceptions=False)


def last(result: Result) -> tuple[int, ...]:
    match = LAST.fullmatch(result.output.splitlines()[-1])
    assert match is not None, result.output
    return tuple(map(int, match.groups()))


def test_the_whole_road(tmp_path: Path) -> None:
    result = demo(tmp_path / "demo", "--sections", 40, "--size", 384)
    found, planted, missed, false_alarms, rang, false_alerts, p50, p95 = last(result)
    truth = read_truth(tmp_path / "demo" / "run.truth.csv")
    assert planted == sum(shot.planted for shot in truth) >= 6
    assert (found, missed, false_alarms) == (planted, 0, 0), result.output
    assert (rang, false_alerts) == (0, 0), "no section is missing that only came in another order"
    lines = result.output.splitlines()
    heads = [line for line in lines if line.endswith(" to take again before you unload:")]
    assert len(heads) == 1, result.output
    assert lines[lines.index(heads[0]) + 1].startswith("  Section ")
    typed = f"mhfd retake {tmp_path / 'demo' / 'run'} --state {tmp_path / 'demo' / 'state'} --others --csv"
    assert f" may go on to montage and alignment: {typed}" in result.output
    kept = overview(tmp_path / "demo" / "state").digest
    assert kept is not None
    assert heads[0].startswith(f"{kept.again} to take again")
    assert result.exit_code == 0
    assert 0 < p50 <= p95
    assert f"look at {tmp_path / 'demo' / 'report.html'}" in result.output
    assert (tmp_path / "demo" / "page.png").exists() is any(map(shutil.which, BROWSERS))
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "is out of focus" in page
    with JournalView.read(tmp_path / "demo" / "state") as journal:
        assert [label.sharp for label in journal.labels()].count(True) >= 3, "the pretend operator was asked"
        assert not [told.verdict.sentence for told in journal.told() if told.verdict.provisional]
    again = demo(tmp_path / "demo")
    assert again.exit_code == 2
    assert "holds a run already" in again.output


@pytest.fixture
def pageless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page, which is a process of its own, is the first test's."""
    monkeypatch.setattr("mhfd_client.demo.watch.beside", lambda serving, listening: nullcontext(""))


@pytest.mark.usefixtures("pageless")
def test_a_judge_that_cries_wolf_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MHFD_VERDICT_BLUR_PX", "0.01")
    monkeypatch.setenv("PATH", str(tmp_path))  # no browser is found: the picture of the page is the other test's
    result = demo(tmp_path / "demo", "--sections", 24, "--size", 256)
    found, planted, missed, false_alarms, rang, false_alerts, _, _ = last(result)
    assert missed == planted - found
    assert false_alarms > 0
    assert result.exit_code == 1
    assert "false alarm: S_" in result.output
    assert rang >= false_alerts


@pytest.mark.usefixtures("pageless")
def test_a_microscope_that_fails_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    (tmp_path / "broken" / "tifffile").mkdir(parents=True)
    (tmp_path / "broken" / "tifffile" / "__init__.py").write_text("raise OSError('broken on purpose')")
    result = demo(tmp_path / "demo", "--sections", 24, "--size", 256)
    assert result.exit_code == 1
    assert "microscope failed" in result.output


def test_the_focus_series_is_still_there(tmp_path: Path) -> None:
    result = demo(tmp_path / "series", "--focus-series")
    assert result.exit_code == 0
    assert (tmp_path / "series" / "index.html").is_file()


def test_the_picture_is_taken_where_no_loop_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook runs one, and the browser's driver refuses to work in its thread."""
    sync_api = pytest.importorskip("playwright.sync_api")
    refused: list[bool] = []

    def driver() -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            refused.append(False)
        else:
            refused.append(True)
        raise sync_api.Error("that is enough")

    async def in_a_notebook() -> bool:
        return shoot("http://127.0.0.1:1/", tmp_path / "page.png")

    monkeypatch.setattr(sync_api, "sync_playwright", driver)
    monkeypatch.setattr(shutil, "which", str)
    with ThreadPoolExecutor(1) as notebook:
        assert notebook.submit(lambda: asyncio.run(in_a_notebook())).result() is False
    assert refused == [False]
