"""The station's own folder fails at any call: no image is lost, judged twice or blamed, and the watch goes on.

A run of 12 images makes some 850 calls on its state. `make soak` lets each of them fail with EIO, with a full disk and
with a short write, and kills the watch after each: about 3,200 runs, an hour on two cores. Here is a sample.
"""

from __future__ import annotations

import errno
import os
import queue
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import faulty_disk
from tests.rigs.bench import Bench, Scripted, score_all
from tests.rigs.faulty_disk import MODES, Fault, Mode, Rig, complaint, judged
from tests.rigs.station_under_test import Sidecars

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import StateTrouble
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, VerdictRow
from mhfd_client.station.inbox import GivenLabel, Inbox, images_waiting, put
from mhfd_client.station.patience import waited_for
from mhfd_client.verdicts.from_journal import JournalJudge

SAMPLE = 4


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faulty_disk.built(tmp_path_factory.mktemp("library"))


@pytest.fixture
def rig(library: Path, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(library, tmp_path)
    yield made
    made.close()


def calls(rig: Rig) -> dict[Mode, int]:
    """How many calls can fail so, in an undisturbed run; which is as it must be."""
    folder = rig.workplace()
    ended = rig.watch(folder)
    assert (ended.code, list(judged(folder))) == (0, []), ended.said
    writes = rig.watch(rig.workplace(), Fault(mode="short")).calls
    assert ended.calls > writes > 100
    return {mode: writes if mode == "short" else ended.calls for mode in MODES}


def test_a_sample_of_calls_fails(rig: Rig) -> None:
    most = calls(rig)
    chance = random.Random(7)  # noqa: S311 - the same calls each time
    for number in range(SAMPLE):
        mode = MODES[number % len(MODES)]
        wrong = complaint(rig, Fault(chance.randint(1, most[mode]), mode))
        assert not wrong, wrong


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_every_call_fails(library: Path, tmp_path: Path) -> None:
    rigs = [Rig(library, tmp_path / str(number)) for number in range(os.cpu_count() or 1)]
    faults = [Fault(at, mode) for mode, most in calls(rigs[0]).items() for at in range(1, most + 1)]
    free: queue.SimpleQueue[Rig] = queue.SimpleQueue()
    for one in rigs:
        free.put(one)

    def run(fault: Fault) -> str:
        one = free.get()
        try:
            return complaint(one, fault)
        finally:
            free.put(one)

    with ThreadPoolExecutor(len(rigs)) as pool:
        wrong = [said for said in pool.map(run, faults) if said]
    for one in rigs:
        one.close()
    print(f"{len(faults)} runs, {len(wrong)} went wrong")  # noqa: T201
    assert not wrong, "\n\n".join(wrong)


# -- what each of them came to


class Refusing(Sidecars):
    """A folder for sidecars that fails so often for these images."""

    def __init__(self, folder: Path, *names: str, times: int) -> None:
        super().__init__(folder)
        self.names, self.left = names, times

    def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        if self.left and row.path in self.names:
            self.left -= 1
            raise StateTrouble("cannot use the sidecar: Input/output error")
        super().record(row, report, verdict)


def test_a_sidecar_that_fails_waits_and_the_others_go_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder = Refusing(bench.state / "sidecars", "a.tif", times=2)
    bench.put("a.tif", "b.tif", "c.tif")
    said: list[str | None] = []
    assert bench.run(Scripted(score_all), trouble=said.append).left == 0
    assert said == [], "one file is no matter of the whole folder"
    with bench.view() as view:
        (trouble,) = view.troubles()
    assert (trouble.kind, trouble.path, trouble.until_ns is None) == ("record", "a.tif", False)


def test_a_folder_that_takes_no_sidecar_is_said_once_and_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    names = [f"{number}.tif" for number in range(5)]
    bench.recorder = Refusing(bench.state / "sidecars", *names, times=7)
    bench.put(*names)
    said: list[str | None] = []
    assert bench.run(Scripted(score_all), trouble=said.append).left == 0
    assert said == ["cannot use the sidecar: Input/output error", None]
    with bench.view() as view:
        assert all(trouble.until_ns is not None for trouble in view.troubles())


def test_a_journal_whose_connection_is_spoilt_is_opened_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    class Spoilt:
        """Every commit fails, for good."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection

        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement in ("COMMIT", "ROLLBACK"):
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                raise error
            return self.connection.execute(statement, *values)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

    def spoil(journal: Journal) -> None:
        journal._db = Spoilt(journal._db)  # type: ignore[assignment]

    bench.prepare = spoil
    bench.put("a.tif", "b.tif")
    said: list[str | None] = []
    assert bench.run(Scripted(score_all), trouble=said.append).left == 0
    assert [one is None for one in said] == [False, True]
    assert "disk I/O error" in str(said[0])


def test_a_word_that_cannot_be_deleted_is_taken_in_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor before a later one about the same image: the last word would not be the last."""

    class Knowing(JournalJudge):
        def __init__(self) -> None:
            pass

        def knows(self, image: int) -> bool:
            return True

    inbox = Inbox(tmp_path, Knowing())
    put(tmp_path, GivenLabel(image=1, sharp=True))
    (file,) = inbox.labels()
    put(tmp_path, GivenLabel(image=1, sharp=False))

    def refuse(path: Path, **_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", refuse)
        for step in (lambda: inbox.done(file), inbox.labels):
            with pytest.raises(StateTrouble, match="Input/output error"):
                step()
    assert [label.sharp for label in inbox.labels().values()] == [False]


def test_a_word_that_cannot_be_read_now_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, GivenLabel(image=1, sharp=True))

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", refuse)
        assert not images_waiting(tmp_path)
    assert images_waiting(tmp_path) == {1}


def test_arrival_waits_for_an_answer() -> None:
    asked: list[str] = []

    def known(path: str) -> bool:
        asked.append(path)
        if len(asked) < 3:
            raise StateTrouble("disk I/O error")
        return True

    assert waited_for(known, every_s=0.0)("a.tif")
    assert asked == ["a.tif"] * 3


def test_the_last_sidecar_is_tried_again_before_the_end(tmp_path: Path) -> None:
    """Also one that has to be written again for what a person says at the very end."""
    bench = Bench(tmp_path)
    bench.recorder = Refusing(bench.state / "sidecars", "a.tif", times=2)
    bench.put("a.tif")

    def stop() -> None:
        bench.until(lambda view: view.troubles())
        assert bench.station is not None
        bench.station.stop()

    assert bench.run(Scripted(score_all), until_idle=None, during=stop).left == 0
