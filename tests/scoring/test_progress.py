"""Where it is inside of an image: told row by row, shown to who looks, and ended at once by Ctrl-C."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tifffile

import mhfd
from mhfd import images, simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client import progress
from mhfd_client.progress import Bar
from mhfd_client.runners import set_aside
from mhfd_client.scoring import lines

Told = tuple[str, int, int]


@pytest.fixture
def tall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 300 rows, which is a large one here."""
    monkeypatch.setattr(images, "opened", partial(images.opened, in_memory=0))
    monkeypatch.setattr("mhfd.survey._AT_ONCE", 64 * 200)
    monkeypatch.setattr("mhfd.detector.bands.usual_height", lambda width: 96)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, simulate.section((300, 200), seed=1, z=0).astype("u1"), rowsperstrip=32)
    return path


def test_rows_are_told_twice(tall: Path) -> None:
    said: list[Told] = []
    found = mhfd.score(tall, device="cpu", threads=1, progress=lambda *told: said.append(told))
    assert found.finding == "ok"
    for step in ("looked at", "measured"):
        rows = [done for name, done, of in said if (name, of) == (step, 300)]
        assert rows[0] == 0
        assert rows == sorted(rows)
        assert len(set(rows)) >= 2
        assert max(rows) < 300
    names = [name for name, _, _ in said]
    assert names == sorted(names), "first all of it is looked at"


def test_of_what_is_there_at_once_nothing_is_told(tmp_path: Path) -> None:
    said: list[Told] = []
    mhfd.score(simulate.section((64, 64), seed=1, z=0), progress=lambda *told: said.append(told))
    assert said == []


class Shown:
    """A bar that keeps what it shows."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.reached: list[float] = []
        self.said: list[str] = []

    @contextlib.contextmanager
    def bar(self, total: int, wanted: bool | None, **_: Any) -> Iterator[Bar]:
        if wanted:
            self.totals.append(total)
        yield Bar(lambda: None, self.reached.append, self.said.append, lambda _: None)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    made = Shown()
    monkeypatch.setattr(progress, "bar", made.bar)
    monkeypatch.setattr(lines, "bar", made.bar)
    return made


def test_one_image_has_a_bar_of_its_rows(tall: Path, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines.run([str(tall)], params=Params(), device="cpu", progress=True) == 0
    assert shown.totals == [600]
    assert shown.reached == sorted(shown.reached)
    assert shown.reached[-1] > 300
    assert "looked at 64 of 300 rows" in shown.said
    assert capsys.readouterr().out.count("\n") == 1


def test_of_several_the_bar_says_where_one_is(tall: Path, shown: Shown) -> None:
    assert lines.run([str(tall), str(tall)], params=Params(), device="cpu", progress=True) == 0
    assert shown.totals == [2]
    assert f"{tall}: looked at 64 of 300 rows" in shown.said


def test_nobody_looks(tall: Path, shown: Shown) -> None:
    assert lines.run([str(tall)], params=Params(), device="cpu", progress=False) == 0
    assert (shown.totals, shown.said, shown.reached) == ([], [], [])


def test_an_interrupt_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()

    def endless(path: str, *, params: Params, **_: Any) -> FocusReport:
        done.wait()
        return set_aside(path, params, "was to be interrupted")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def ended(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("mhfd.api.score", endless)
    monkeypatch.setattr(lines, "wait", interrupted)
    monkeypatch.setattr("os._exit", ended)
    try:
        with pytest.raises(SystemExit) as left:
            lines.run(["a.tif"], params=Params())
        assert left.value.code == 130
        assert capsys.readouterr().err == "interrupted\n"
    finally:
        done.set()


@pytest.mark.parametrize(("moving", "late"), [(6, False), (2, True)])
def test_an_image_is_late_when_nothing_of_it_moves(
    moving: int, late: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A large image takes minutes, and is not to be left behind for that."""
    now, waits = [0.0], [0]
    begun, done = threading.Event(), threading.Event()
    moves: list[Callable[[], object]] = []

    def slow(path: str, *, params: Params, progress: Callable[[str, int, int], object], **_: Any) -> FocusReport:
        moves.append(lambda: progress("measured", 1, 2))
        begun.set()
        done.wait()
        return set_aside(path, params, "is done")

    really = concurrent.futures.wait

    def waited(futures: list[Future[FocusReport]], **_: Any) -> None:
        begun.wait()
        now[0] += 60.0
        waits[0] += 1
        if waits[0] <= moving:
            moves[0]()
        elif not late:
            done.set()
            really(futures)

    def ended(code: int) -> None:
        done.set()

    monkeypatch.setattr("mhfd.api.score", slow)
    monkeypatch.setattr(lines, "wait", waited)
    monkeypatch.setattr(lines, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("os._exit", ended)
    lines.run(["a.tif"], params=Params(), deadline_s=100.0)
    said = capsys.readouterr().out
    assert ("took longer than 100 s" in said, "is done" in said) == (late, not late)
