"""The loop: what is handed over when, what comes back, what happens when something around it fails."""

from __future__ import annotations

import itertools
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.rigs import jobs
from tests.rigs.bench import Bench, Scripted, score_all
from tests.rigs.station_under_test import Judging, Sidecars
from tests.rigs.workplace import Workplace, check

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd_client.arrival.events import FolderTrouble, Recovered, TroubleKind, Whole
from mhfd_client.errors import RunnerError, StateFull, WatchError
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, Outcome, State, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.runners import Batch, Event, Health, Returned, Scored, Started
from mhfd_client.runners.local import LocalRunner
from mhfd_client.runners.work import Ended, Going, undone
from mhfd_client.station.loop import Station, stopped_by_signals


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def local(**options: Any) -> LocalRunner:
    return LocalRunner(
        **{"workers": 2, "device": "cpu", "score": "tests.rigs.jobs:score", "backoff_s": 0.01, **options}
    )


# -- the whole road


def test_road_with_real_workers(bench: Bench) -> None:
    names = [f"{number:02}.tif" for number in range(20)]
    bench.put(*names)
    bench.put("poison.tif", order="segfault")
    summary = bench.run(local(), until_idle=1.0)
    assert (summary.scored, summary.left, summary.counts[State.RECORDED]) == (21, 0, 21)
    rows = bench.rows()
    for name in names:
        row = rows[name]
        times = [
            row.arrived_ns,
            row.whole_ns,
            row.submitted_ns,
            row.started_ns,
            row.scored_ns,
            row.judged_ns,
            row.recorded_ns,
        ]
        assert None not in times
        assert times == sorted(t or 0 for t in times), name
        assert (bench.state / "sidecars" / f"{name}.1.json").exists()
    with bench.view() as view:
        (verdict,) = view.verdicts(rows["poison.tif"].id)
        beat = view.heartbeat()
    assert verdict.outcome is Outcome.INCOMPLETE
    assert "poison.tif set aside after 2 tries: killed its worker (SIGSEGV)" in verdict.sentence
    assert beat is not None
    assert (beat.doing, beat.in_flight, beat.pid) == ("stopped", 0, os.getpid())


def test_never_more_in_flight_than_the_capacity(bench: Bench) -> None:
    bench.put(*(f"{number:02}.tif" for number in range(40)))
    submitted: list[int] = []

    def script(batch: Batch) -> list[Event]:
        with bench.view() as view:
            submitted.append(view.counts()[State.SUBMITTED])
            assert {b.token for b in view.open_batches()} >= {batch.token}, "the intent was not in the journal"
        return score_all(batch)

    runner = Scripted(script, capacity=3)
    assert bench.run(runner).left == 0
    assert max(submitted) == 3
    assert sum(len(batch.images) for batch in runner.batches) == 40
    assert runner.closed


def test_no_capacity_means_wait(bench: Bench) -> None:
    """A runner that is offline says so by having no room."""
    bench.put("a.tif")
    runner = Scripted(score_all, capacity=0)
    summary = bench.run(runner)
    assert (summary.left, runner.batches) == (1, [])
    assert bench.run(Scripted(score_all)).left == 0


# -- what comes back


def test_blame_counts_and_ends(bench: Bench) -> None:
    bench.put("bad.tif", "good.tif")

    def script(batch: Batch) -> list[Event]:
        events: list[Event] = []
        for job in batch.images:
            if job.path.endswith("bad.tif"):
                events.append(Returned(batch.token, (job.id,), "no such file", blame=True))
            else:
                events += score_all(Batch(batch.token, (job,)))
        return events

    runner = Scripted(script)
    assert bench.run(runner, attempts=3).left == 0
    row = bench.rows()["bad.tif"]
    assert (row.attempts, row.faults, row.state) == (3, 3, State.RECORDED)
    assert row.report is not None
    with bench.view() as view:
        report = view.report(row.report)
    assert report.finding is Finding.UNREADABLE
    assert report.finding_detail == "bad.tif set aside after 3 tries: no such file"
    assert [len(batch.images) for batch in runner.batches] == [2, 1, 1], "a suspect goes alone"


def test_works_of_others_on_its_runner_are_put_aside(bench: Bench) -> None:
    """Whatever they are called: their numbers are not those of images."""
    bench.put("a.tif", "b.tif")

    def script(batch: Batch) -> list[Event]:
        first = batch.jobs[0].id
        said = undone("a work", "it goes on", None)
        others: list[Event] = [
            Started("others", first, 1),
            Going("others", first, said, 1),
            Ended("others", first, said, 1),
            Returned("others", (first,), "not allowed", blame=True),
        ]
        return [*others, *score_all(batch)]

    summary = bench.run(Scripted(script))
    assert (summary.left, [row.faults for row in bench.rows().values()]) == (0, [0, 0])


def test_without_blame_it_is_tried_for_ever(bench: Bench) -> None:
    bench.put("a.tif")
    left = deque(range(12))

    def script(batch: Batch) -> list[Event]:
        if not left:
            return score_all(batch)
        left.popleft()
        return [Returned(batch.token, tuple(job.id for job in batch.images), "the endpoint is busy")]

    assert bench.run(Scripted(script), attempts=3).left == 0
    row = bench.rows()["a.tif"]
    assert (row.attempts, row.faults, row.why) == (13, 0, "the endpoint is busy")
    assert set(bench.watcher.looked_again) == {"a.tif"}


def test_second_report_changes_nothing(bench: Bench) -> None:
    bench.put("a.tif")
    other = Params(n=8)

    def script(batch: Batch) -> list[Event]:
        (job,) = batch.images
        late = Scored(batch.token, job.id, jobs.report("late", job.params), time.time_ns())
        strange = Scored(batch.token, job.id, jobs.report("strange", other), time.time_ns())
        return [*score_all(batch), late, strange]

    assert bench.run(Scripted(script)).left == 0
    row = bench.rows()["a.tif"]
    assert row.report is not None
    with bench.view() as view:
        assert view.report(row.report).image.path == str(bench.root / "a.tif")
        assert len(view.verdicts(row.id)) == 1


def test_replaced_while_it_is_scored(bench: Bench) -> None:
    bench.put("a.tif")

    def script(batch: Batch) -> list[Event]:
        if len(runner.batches) == 1:
            bench.put("a.tif", order="ok, other bytes")
            return [Started(batch.token, batch.images[0].id, 1)]
        late = score_all(runner.batches[0])
        return [*late, *score_all(batch)]

    runner = Scripted(script)
    bench.run(runner)
    with bench.view() as view:
        first, second = view.images()
        assert (first.state, first.report) == (State.REPLACED, None), "bytes that are gone have no report"
        assert (second.revision, second.state) == (2, State.RECORDED)
    assert [batch.images[0].id for batch in runner.batches] == [first.id, second.id]


def test_runner_troubles_are_shown_until_they_end(bench: Bench) -> None:
    bench.put("a.tif", "b.tif")
    said = iter([[Health(False, "a worker ended")], [Health(True, "")]])
    runner = Scripted(lambda batch: [*next(said), *score_all(batch)], capacity=1)
    bench.run(runner)
    with bench.view() as view:
        (trouble,) = view.troubles()
    assert (trouble.kind, trouble.why) == ("runner", "a worker ended")
    assert trouble.until_ns is not None


def test_runner_that_cannot_work_ends_the_station(bench: Bench) -> None:
    bench.put("a.tif", "b.tif")
    with pytest.raises(RunnerError, match="No module named 'nowhere'"):
        bench.run(local(score="nowhere:score"))
    assert {row.state for row in bench.rows().values()} == {State.SUBMITTED}
    assert bench.run(local()).left == 0


# -- the folder


def test_until_idle_waits_for_a_file_that_has_just_become_whole(bench: Bench) -> None:
    """It is no longer unsettled, and not yet with the loop."""
    looks = iter([3600.0, 3600.0])

    def unsettled() -> float:
        still = next(looks, None)
        if still is None and not bench.watcher.news.qsize() and not (bench.root / "late.tif").exists():
            bench.put("late.tif")
        return still or 0.0

    assert bench.run(Scripted(score_all), until_idle=0.05, unsettled_s=unsettled).left == 0
    assert bench.rows()["late.tif"].state is State.RECORDED


def test_until_idle_waits_for_what_came_while_the_loop_was_held_up(bench: Bench) -> None:
    """A slow disk may hold it up for longer than it would wait: what has come meanwhile is there all the same."""
    now = 0.0

    def held_up() -> None:
        nonlocal now
        if not (bench.root / "late.tif").exists():
            bench.put("late.tif")
            assert bench.station is not None
            while not bench.station._feeder.waiting:
                os.sched_yield()
            now += 3600

    bench.put("a.tif")
    assert bench.run(Scripted(score_all), until_idle=0.05, look=held_up, clock=lambda: now + time.monotonic()).left == 0
    assert bench.rows()["late.tif"].state is State.RECORDED


def test_folder_gone_and_back(bench: Bench) -> None:
    gone = FolderTrouble(TroubleKind.ROOT_GONE, None, "not mounted")
    bench.watcher.news.put(gone)
    bench.put("a.tif")
    held: list[Batch] = []

    def later() -> None:
        bench.until(lambda view: view.images() and (b := view.heartbeat()) and b.doing.startswith("waiting"))
        held.extend(runner.batches)
        bench.watcher.news.put(Recovered(TroubleKind.ROOT_GONE, None))
        bench.until(lambda view: view.counts()[State.RECORDED])
        assert bench.station is not None
        bench.station.stop()

    runner = Scripted(score_all)
    assert bench.run(runner, until_idle=None, during=later).left == 0
    assert held == [], "nothing is read from a folder that is not there"
    with bench.view() as view:
        (trouble,) = view.troubles()
    assert (trouble.kind, trouble.until_ns is None) == ("root_gone", False)


def test_a_folder_that_is_gone_is_no_images_fault(bench: Bench) -> None:
    bench.put("a.tif")
    gone = FolderTrouble(TroubleKind.ROOT_GONE, None, "not mounted")

    def script(batch: Batch) -> list[Event]:
        bench.watcher.news.put(gone)
        return []

    runner = Scripted(script)

    def later() -> None:
        bench.until(lambda view: [t for t in view.troubles() if t.until_ns is None])
        (batch,) = runner.batches
        runner._events.put(Returned(batch.token, (batch.images[0].id,), "no such file", blame=True))

    summary = bench.run(runner, during=later)
    row = bench.rows()["a.tif"]
    assert (summary.left, row.state, row.faults, row.why) == (1, State.WHOLE, 0, "no such file")


def test_arrival_that_fails_ends_the_station(bench: Bench) -> None:
    bench.watcher.news.put(WatchError("the folder became a file"))
    with pytest.raises(WatchError, match="became a file"):
        bench.run(Scripted(score_all), until_idle=None)


# -- start after a crash


def crashed(bench: Bench, name: str, *, to: State, runner: str = "scripted") -> int:
    """An image in the state that a crash left it in."""
    path = bench.root / name
    path.write_text("ok\n")
    found = path.stat()
    with Journal.open(bench.state, root=bench.root) as journal:
        row = journal.arrived(Whole(name, found.st_size, found.st_mtime_ns, 1.0, 2.0), Place(None, name))
        assert row is not None
        steps: list[tuple[State, Callable[[], object]]] = [
            (State.WHOLE, lambda: None),
            (State.SUBMITTED, lambda: journal.intent([row.id], f"t-{name}", runner, Params())),
            (State.SCORED, lambda: journal.scored(row.id, jobs.report(str(path), Params()))),
            (State.JUDGED, lambda: journal.judged(row.id, VerdictRow(Outcome.IN_FOCUS, "before the crash"))),
            (State.RECORDED, lambda: journal.recorded(row.id)),
        ]
        for state, step in steps:
            step()
            if state is to:
                break
        return row.id


@pytest.mark.parametrize("state", [s for s in State if s is not State.REPLACED])
def test_goes_on_where_it_was(bench: Bench, state: State) -> None:
    image = crashed(bench, "a.tif", to=state)
    runner = Scripted(score_all)
    assert bench.run(runner).left == 0
    scored_again = state in (State.WHOLE, State.SUBMITTED)
    assert len(runner.batches) == int(scored_again)
    assert (bench.state / "sidecars" / "a.tif.1.json").exists() == (state is not State.RECORDED)
    with bench.view() as view:
        (verdict,) = view.verdicts(image)
        before = verdict.sentence == "before the crash"
    assert before == (state in (State.JUDGED, State.RECORDED))
    if state is State.SUBMITTED:
        assert runner.batches[0].token != "t-a.tif", "an old token is never used again"  # noqa: S105


def test_work_that_went_on_is_taken_up(bench: Bench) -> None:
    a, b = (crashed(bench, name, to=State.SUBMITTED) for name in ("a.tif", "b.tif"))
    c = crashed(bench, "c.tif", to=State.SUBMITTED, runner="another")
    runner = Scripted(score_all, outlives=True)
    assert bench.run(runner).left == 0
    assert [(batch.token, [job.id for job in batch.images]) for batch in runner.attached] == [
        ("t-a.tif", [a]),
        ("t-b.tif", [b]),
    ]
    assert [[job.id for job in batch.images] for batch in runner.batches] == [[a], [b], [c]]
    assert runner.attached[0].images[0].path == str(bench.root / "a.tif")
    assert {name: row.attempts for name, row in bench.rows().items()} == {"a.tif": 1, "b.tif": 1, "c.tif": 2}


# -- judge and recorder


class Later(Judging):
    """The second image makes the first one's verdict final."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        first = VerdictRow(Outcome.UNDETERMINED, "I can't tell yet.", provisional=True)
        if row.id == 1:
            return [(1, first)]
        return [(row.id, first), (1, VerdictRow(Outcome.IN_FOCUS, "Sharp.", reason="a neighbour came"))]


def test_later_images_change_earlier_verdicts(bench: Bench) -> None:
    bench.judge = Later()
    bench.put("a.tif", "b.tif")
    assert bench.run(Scripted(score_all, capacity=1)).left == 0
    with bench.view() as view:
        history = view.verdicts(1)
        assert [(v.outcome, v.provisional, v.reason) for v in history] == [
            (Outcome.UNDETERMINED, True, None),
            (Outcome.IN_FOCUS, False, "a neighbour came"),
        ]
        row = view.image(1)
        assert (row.verdict, row.state) == (history[-1].id, State.RECORDED)
        assert row.judged_ns == history[0].at_ns, "the ledger counts the first"


def test_judge_that_fails_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Judging):
        def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
            if row.path == "b.tif":
                raise ZeroDivisionError("no neighbours")
            return super().judge(row, report)

    bench.judge = Failing()
    bench.put("a.tif", "b.tif", "c.tif")
    assert bench.run(Scripted(score_all)).left == 0
    with bench.view() as view:
        verdicts = {row.path: view.verdicts(row.id)[0] for row in view.images()}
    assert [v.outcome for v in verdicts.values()] == [Outcome.IN_FOCUS, Outcome.UNDETERMINED, Outcome.IN_FOCUS]
    assert "ZeroDivisionError: no neighbours" in verdicts["b.tif"].sentence
    assert "Traceback" in caplog.text


def test_record_that_fails_is_tried_again(bench: Bench) -> None:
    class Failing(Sidecars):
        tries: ClassVar[Counter[str]] = Counter()

        def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
            self.tries[row.path] += 1
            if row.path == "b.tif" and self.tries[row.path] < 3:
                raise PermissionError("sidecar folder is read-only")
            super().record(row, report, verdict)

    bench.recorder = Failing(bench.state / "sidecars")
    bench.put("a.tif", "b.tif", "c.tif")
    assert bench.run(Scripted(score_all), until_idle=0.5).left == 0
    assert bench.recorder.tries == {"a.tif": 1, "b.tif": 3, "c.tif": 1}
    with bench.view() as view:
        (trouble,) = view.troubles()
    assert (trouble.kind, trouble.path, trouble.until_ns is not None) == ("record", "b.tif", True)
    assert "PermissionError: sidecar folder is read-only" in trouble.why


def test_locked_journal_is_waited_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Another program holds the journal again and again, at every step; nothing is lost or asked twice."""
    asked: Counter[str] = Counter()

    class Counting(Judging):
        def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
            asked[row.path] += 1
            return super().judge(row, report)

    names = [f"{number:03}.tif" for number in range(60)]

    def hold() -> None:
        bench.until(lambda view: view.heartbeat())
        other = sqlite3.connect(bench.state / "journal.db", isolation_level=None, timeout=60)
        for name in names:
            said = len(caplog.records)
            other.execute("BEGIN EXCLUSIVE")
            bench.put(name)
            bench.watcher.wake()
            if names.index(name) % 10 == 0:  # long enough for the station to give up, and say so
                while len(caplog.records) == said:
                    os.sched_yield()
            other.execute("ROLLBACK")
        other.close()
        bench.until(lambda view: view.counts()[State.RECORDED] == len(names))
        assert bench.station is not None
        bench.station.stop()

    bench.judge = Counting()
    assert bench.run(Scripted(score_all), until_idle=None, during=hold).left == 0
    assert asked == dict.fromkeys(names, 1)
    assert "is locked by another program" in caplog.text


class FullAt:
    """A connection whose disk is full when the n-th transaction is committed, and has room again after that."""

    def __init__(self, connection: sqlite3.Connection, n: int) -> None:
        self.connection, self.n, self.commits = connection, n, 0

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            self.commits += 1
            if self.commits == self.n:
                full = sqlite3.OperationalError("database or disk is full")
                full.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise full
        return self.connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def test_any_transaction_may_fail(tmp_path: Path) -> None:
    """Each in its turn: nothing is lost, nothing is scored or judged twice."""

    class Counting(Judging):
        def __init__(self) -> None:
            self.asked: Counter[int] = Counter()

        def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
            self.asked[row.id] += 1
            return super().judge(row, report)

    for at in itertools.count(3):  # the first two are the start: then it says so and ends
        folder = tmp_path / str(at)
        folder.mkdir()
        bench = Bench(folder)
        bench.judge = Counting()
        made: list[FullAt] = []

        def break_it(journal: Journal, at: int = at, made: list[FullAt] = made) -> None:
            made.append(FullAt(journal._db, at))
            journal._db = made[0]  # type: ignore[assignment]

        bench.prepare = break_it
        bench.put("a.tif", "b.tif", "c.tif")
        runner = Scripted(score_all, capacity=2)
        try:
            summary = bench.run(runner, until_idle=0.001)
        except StateFull:
            assert bench.rows()["c.tif"].state is State.RECORDED, "the last word is not waited for"
            break
        assert (summary.left, summary.counts[State.RECORDED]) == (0, 3), at
        assert bench.judge.asked == {1: 1, 2: 1, 3: 1}, at
        assert sorted(job.id for batch in runner.batches for job in batch.images) == [1, 2, 3], at
    assert at > 10


def test_full_disk_is_waited_out(tmp_path: Path) -> None:
    """A real station on a real small disk, that fills up, and has room again."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk (no user namespaces)")
    workplace = Workplace(tmp_path)
    images = 150
    for number in range(images):
        (workplace.root / f"s{number:03}.png").write_bytes(PNG)
    workplace.state.mkdir()
    said, kept = tmp_path / "said", tmp_path / "kept"
    script = f"""
        mount -t tmpfs -o size=1200k tmpfs {workplace.state} || exit 9
        head -c 900000 /dev/zero > {workplace.state}/ballast
        {sys.executable} -m tests.rigs.station_under_test {workplace.root} {workplace.state} 1.5 2> {said} & station=$!
        while kill -0 $station && ! grep -q -e 'is full' -e 'No space' {said}; do :; done
        rm {workplace.state}/ballast
        mount -o remount,size=64m {workplace.state}
        wait $station || exit 8
        cp -r {workplace.state} {kept}
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "MHFD_TEST_LOG": str(workplace.log)}
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], env=env, check=False, timeout=120)
    assert done.returncode == 0, said.read_text()
    assert "nothing is lost" in said.read_text()
    workplace.state = kept
    (kept / "ballast").unlink(missing_ok=True)
    check(workplace, images)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000000"
    "03a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


# -- stop


def test_stop_finishes_what_is_in_work(bench: Bench) -> None:
    bench.put("a.tif", "b.tif")
    started = threading.Event()

    def script(batch: Batch) -> list[Event]:
        started.set()
        return []

    runner = Scripted(script, capacity=1)

    def later() -> None:
        assert started.wait(60)
        assert bench.station is not None
        bench.station.stop()
        for event in score_all(runner.batches[0]):
            runner._events.put(event)

    summary = bench.run(runner, until_idle=None, during=later, grace_s=60)
    assert {name: row.state for name, row in bench.rows().items()} == {"a.tif": State.RECORDED, "b.tif": State.WHOLE}
    assert (summary.left, len(runner.batches), runner.closed) == (1, 1, True)


@pytest.mark.parametrize("outlives", [False, True])
def test_stop_gives_back_what_does_not_end(bench: Bench, outlives: bool) -> None:
    bench.put("a.tif")
    started = threading.Event()

    def script(batch: Batch) -> list[Event]:
        started.set()
        return []

    runner = Scripted(script, outlives=outlives)

    def later() -> None:
        assert started.wait(60)
        assert bench.station is not None
        bench.station.stop()

    bench.run(runner, until_idle=None, during=later, grace_s=0.05)
    row = bench.rows()["a.tif"]
    if outlives:
        assert row.state is State.SUBMITTED, "it goes on elsewhere, and is taken up by the next start"
    else:
        assert (row.state, row.why) == (State.WHOLE, "the station was stopped")


def test_stop_waits_for_nothing_that_cannot_come(bench: Bench) -> None:
    """The service is away, as its runner knows; a grace that never ends shows that it is not waited for."""
    bench.put("a.tif")

    def away(batch: Batch) -> list[Event]:
        runner.capacity = 0
        assert bench.station is not None
        bench.station.stop()
        return []

    runner = Scripted(away, outlives=True)
    bench.run(runner, until_idle=None, grace_s=math.inf)
    assert bench.rows()["a.tif"].state is State.SUBMITTED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    workplace = Workplace(tmp_path)
    for image in range(30):
        (workplace.root / f"s{image:03}.png").write_bytes(PNG)
    with workplace.start(until_idle=3600) as station:
        end = time.monotonic() + 60
        while not workplace.log.exists() and time.monotonic() < end:
            os.sched_yield()
        station.send_signal(number)
        said, _ = station.communicate(timeout=60)
    assert station.returncode == 0
    with JournalView.read(workplace.state) as view:
        counts = view.counts()
        beat = view.heartbeat()
    assert beat is not None
    assert (beat.doing, beat.in_flight, counts[State.SUBMITTED]) == ("stopped", 0, 0)
    assert counts[State.RECORDED] > 0
    assert f"{counts[State.RECORDED]} scored, {counts[State.WHOLE]} left" in said.decode()
    assert not workplace.processes()


def test_signal_handlers_are_put_back(bench: Bench) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with (
        Journal.open(bench.state, root=bench.root) as journal,
        stopped_by_signals(
            Station(
                journal,
                bench.watcher,
                Scripted(score_all),
                bench.judge,
                bench.recorder,
                root=bench.root,
                params=Params(),
                place=lambda path: Place(),
            )
        ),
    ):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


# -- signs of life


def test_heartbeat_while_everything_is_scoring(bench: Bench) -> None:
    """Written while workers are busy, and at most once a second."""
    beats: list[int] = []
    bench.put("a.tif", "b.tif", order="hang")

    def later() -> None:
        def beat(view: JournalView) -> bool:
            found = view.heartbeat()
            if found and found.in_flight == 2 and found.at_ns not in beats:
                beats.append(found.at_ns)
            return len(beats) == 3

        bench.until(beat)
        assert bench.station is not None
        bench.station.stop()

    bench.run(local(), until_idle=None, during=later, grace_s=0)
    assert all(b - a >= 0.99e9 for a, b in itertools.pairwise(beats))


def test_an_idle_station_sleeps(bench: Bench) -> None:
    turns: list[float] = []

    class Watching(Scripted):
        def events(self, timeout: float) -> Sequence[Event]:
            turns.append(timeout)
            return super().events(timeout)

    bench.put("a.tif")
    bench.run(Watching(score_all), until_idle=0.5)
    assert len(turns) < 20


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_memory_stays_flat_over_twenty_thousand_images(bench: Bench) -> None:
    """The whole loop but for the workers; what grows with the number of images is on the disk."""
    resident: list[float] = []

    def feed() -> None:
        for thousand in range(20):
            bench.put(*(f"{thousand * 1000 + number:05}.tif" for number in range(1000)))
            bench.until(lambda view: view.counts()[State.RECORDED] == (thousand + 1) * 1000)  # noqa: B023 - called now
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)

    assert bench.run(Scripted(score_all, capacity=8), until_idle=3.0, during=feed).left == 0
    print("MB", [round(mb, 1) for mb in resident])  # noqa: T201
    assert resident[-1] - resident[0] < 20
