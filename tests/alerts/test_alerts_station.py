"""Alerts beside a running station, from its journal to a real receiver; and the commands."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.rigs import jobs
from tests.rigs.bench import Bench, Scripted, score_all
from tests.rigs.globus.waiting import until
from tests.rigs.receiver import SECRET, answer, receiver
from tests.rigs.station_under_test import NeverAgain

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client import expected
from mhfd_client.alerts import Alert, Alerts, Event, Rule, SinkFailed, overview
from mhfd_client.alerts.situation import Disks, SituationReader
from mhfd_client.arrival.events import Whole
from mhfd_client.cli import main
from mhfd_client.errors import RunnerError, SettingsError
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, Outcome, State, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.now import RunNow
from mhfd_client.settings.options import AlertSettings

SETTINGS = AlertSettings(out_of_focus=2, of_last=3, disk_gb=0)


class Told:
    """A sink whose messages a test can wait for."""

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.got: list[Alert] = []
        self.came = threading.Semaphore(0)

    def send(self, alert: Alert) -> str:
        self.got.append(alert)
        self.came.release()
        return "200"


class Blurred(NeverAgain):
    """A judge that calls every image out of focus, provisionally."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        return [(row.id, VerdictRow(Outcome.OUT_OF_FOCUS, "Blurred.", provisional=True))]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.judge = Blurred()
    return bench


def watched(bench: Bench, stack: ExitStack, *sinks: Any, grace_s: float = 60.0) -> Callable[[], None]:
    """Alerts that begin once the journal is there; returns what the station calls."""
    alerts = Alerts(bench.state, SETTINGS, root=str(bench.root), sinks=sinks, grace_s=grace_s)

    def prepare(_: Journal) -> None:
        stack.enter_context(alerts)

    bench.prepare = prepare
    return alerts.look


def test_the_first_verdicts_ring_while_the_watch_goes_on(bench: Bench) -> None:
    told = Told()
    bench.put("S_001.tif", "S_002.tif")
    with ExitStack() as stack:
        look = watched(bench, stack, told)

        def during() -> None:
            assert told.came.acquire(timeout=60)
            bench.put("S_003.tif")
            bench.until(lambda view: view.counts()[State.RECORDED] == 3)
            assert bench.station
            bench.station.stop()

        bench.run(Scripted(score_all), until_idle=None, during=during, look=look)
    (alert,) = told.got
    assert (alert.rule, alert.event, alert.provisional) == (Rule.OUT_OF_FOCUS, Event.OPENED, True)
    assert alert.text.startswith("2 of the last 2 images are out of focus: S_001.tif, S_002.tif. This is provisional")
    assert alert.root == str(bench.root)
    assert [episode.rule for episode in overview(bench.state).open] == [Rule.OUT_OF_FOCUS]


def test_a_hanging_sink_does_not_delay_the_watch(bench: Bench) -> None:
    """Every image is recorded while the sink still has the first message."""
    entered, released = threading.Event(), threading.Event()

    class Hanging(Told):
        def send(self, alert: Alert) -> str:
            entered.set()
            released.wait()
            return super().send(alert)

    hanging = Hanging()
    bench.put("S_001.tif", "S_002.tif")
    with ExitStack() as at_last:
        at_last.callback(released.set)
        with ExitStack() as stack:
            look = watched(bench, stack, hanging, grace_s=0.2)

            def during() -> None:
                assert entered.wait(60)
                bench.put(*(f"S_{n:03d}.tif" for n in range(3, 53)))
                bench.until(lambda view: view.counts()[State.RECORDED] == 52)
                assert bench.station
                bench.station.stop()

            summary = bench.run(Scripted(score_all), until_idle=None, during=during, look=look)
            assert not hanging.got
        assert (summary.scored, summary.left) == (52, 0)
        assert not hanging.got, "nor does it delay the end"
        # The end has waited for its time, not for the last look: on a busy machine that comes later.
        until(
            lambda: [one.alert.event for one in overview(bench.state).pending["told"]] == [Event.WORSE],
            lambda: f"{overview(bench.state)}",
        )


def test_a_restarted_station_repeats_nothing(bench: Bench) -> None:
    for messages, names in ((1, ("S_1.tif", "S_2.tif")), (0, ("S_3.tif",))):
        told = Told()
        bench.put(*names)
        with ExitStack() as stack:
            bench.run(Scripted(score_all), look=watched(bench, stack, told))
        assert len(told.got) == messages
    assert len(overview(bench.state).episodes) == 1


def test_a_watch_that_fails_rings_as_its_last_act(bench: Bench) -> None:
    told = Told()

    def fail(batch: Any) -> list[Any]:
        raise RunnerError("no worker can be started: /dev/shm is full")

    bench.put("S_001.tif")
    with pytest.raises(RunnerError), ExitStack() as stack:
        bench.run(Scripted(fail), look=watched(bench, stack, told))
    assert [alert.text for alert in told.got] == [
        "The watch has ended: no worker can be started: /dev/shm is full. "
        "Nothing is checked until `mhfd watch` is started again."
    ]


def ended(bench: Bench, error: BaseException, *, before: Callable[[], object] = lambda: None) -> list[Alert]:
    """What is sent when a watch ends so."""
    told = Told()
    with Journal.open(bench.state, root=bench.root):
        alerts = Alerts(bench.state, SETTINGS, root=str(bench.root), sinks=[told], grace_s=60.0)
        alerts.__enter__()
    before()
    alerts.__exit__(type(error), error, None)
    return told.got


def test_a_watch_that_is_stopped_rings_not(bench: Bench) -> None:
    assert ended(bench, KeyboardInterrupt()) == []
    assert ended(bench, GeneratorExit()) == []


def test_a_damaged_journal_rings_too(bench: Bench) -> None:
    def damage() -> None:
        db = sqlite3.connect(bench.state / "journal.db")
        db.execute("DROP TABLE note")
        db.close()

    (alert,) = ended(bench, ValueError("it is damaged"), before=damage)
    assert alert.text.startswith("The watch has ended: ValueError: it is damaged. ")


def test_sinks_that_cannot_be_used_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no address"):
        Alerts(tmp_path, AlertSettings.model_validate({"webhook": "nowhere"}), root="/data")


# -- the situation


def test_what_a_situation_says(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    with Journal.open(state, root=root) as journal, JournalView.read(state) as view:
        clock = iter([100.0, 100.0, 199.0, 200.0, 201.0])
        reader = SituationReader(RunNow(view, [Place(n) for n in range(1, 8)]), tuple, 0.0, steady=lambda: next(clock))
        assert reader.take(0.0).images == 0

        def arrive(section: int, at: float) -> ImageRow:
            row = journal.arrived(Whole(f"S_{section}.tif", 1, 1, at, at), Place(section, "r1"))
            assert row is not None
            return row

        def judge(row: ImageRow, outcome: Outcome) -> None:
            journal.intent([row.id], str(row.id), "test", Params())
            journal.scored(row.id, jobs.report(row.path, Params()))
            journal.judged(row.id, VerdictRow(outcome, "", provisional=True))

        judge(arrive(1, 10.0), Outcome.IN_FOCUS)
        judge(arrive(2, 20.0), Outcome.OUT_OF_FOCUS)
        arrive(5, 25.0)
        arrive(4, 30.0)
        journal.trouble("root_gone", None, "unmounted")
        journal.trouble("denied", "S_9.tif", "one file")
        journal.trouble("runner", None, "over")
        journal.recovered("runner")
        journal.note("drifts", json.dumps([{"sentence": "Drift."}]))
        now = reader.take(99.0, ended="x")
        assert [(seen.path, seen.outcome, seen.provisional) for seen in now.recent] == [
            ("S_1.tif", Outcome.IN_FOCUS, True),
            ("S_2.tif", Outcome.OUT_OF_FOCUS, True),
        ]
        assert (now.now, now.started, now.fresh, now.images, now.ended) == (99.0, 0.0, 2, 4, "x")
        assert (now.sections, now.missing, now.complete) == ((1, 2, 4, 5), (3,), False)
        assert (now.last_arrival, now.waiting, now.oldest_waiting) == (30.0, 2, 25.0)
        assert (now.judged, now.confirmed, now.question, now.gaps) == (2, 0, None, ())
        assert [(trouble.kind, trouble.why) for trouble in now.troubles] == [("root_gone", "unmounted")]
        assert now.drifts == ("Drift.",)
        for section in (3, 6, 7):
            judge(arrive(section, 40.0), Outcome.IN_FOCUS)
        then = reader.take(100.0)
        assert (then.fresh, then.complete, then.missing) == (3, True, ())
        assert reader.take(101.0).fresh == 0


@pytest.mark.parametrize(
    "wanted",
    [None, [Place(n) for n in range(1, 8)], [Place(n, tile) for n in range(1, 8) for tile in ("r1", "r2")]],
    ids=["gaps", "sections", "tiles"],
)
def test_what_is_missing_is_what_the_status_says(tmp_path: Path, wanted: list[Place] | None) -> None:
    """Counted image by image, it is the same as counted at once."""
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    seen: set[Place] = set()
    with Journal.open(state, root=root) as journal, JournalView.read(state) as view:
        reader = SituationReader(RunNow(view, wanted), tuple, 0.0)
        for section, tile in [(2, "r1"), (2, "r2"), (5, "r1"), (1, "r2"), (7, "r1"), (3, "r1"), (6, "r2"), (4, "r2")]:
            seen.add(Place(section, tile))
            journal.arrived(Whole(f"S_{section}_{tile}.tif", 1, 1, 1.0, 1.0), Place(section, tile))
            now = reader.take(1.0)
            absent = expected.missing(wanted, seen)
            late = {place.section for place in expected.overdue(absent, max(place.section or 0 for place in seen))}
            assert set(now.missing) == late
            assert now.complete == (wanted is not None and not absent)
            assert now.sections == tuple(sorted({place.section or 0 for place in seen}))


def test_a_question_stands_until_somebody_says_something(tmp_path: Path) -> None:
    """Which images it names changes as they come: it is the same question; a label begins another."""
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    clock = 0.0
    with Journal.open(state, root=root) as journal, JournalView.read(state) as view:
        reader = SituationReader(RunNow(view), tuple, 1000.0, steady=lambda: clock)

        def asked(after: float) -> tuple[float | None, float | None]:
            nonlocal clock
            clock += after
            now = reader.take(1000.0 + clock)
            return now.asked, now.heard

        row = journal.arrived(Whole("S_1.tif", 1, 1, 1.0, 1.0), Place(1, None))
        assert row is not None
        assert asked(1) == (None, None)
        journal.note("question", json.dumps({"images": [1], "sentence": "Which?"}))
        assert asked(1) == (1002.0, None)
        journal.note("question", json.dumps({"images": [2], "sentence": "Which now?"}))
        assert asked(100) == (1002.0, None)
        journal.labelled(row.id, sharp=None, again=True)
        assert asked(1) == (1002.0, None), "that is no answer"
        journal.labelled(row.id, sharp=True)
        assert asked(1) == (1104.0, 1104.0)
        journal.note("question", "null")
        assert asked(1) == (None, 1104.0)


def test_confirmed_counts_the_images_whose_newest_label_is_sharp(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    with Journal.open(state, root=root) as journal, JournalView.read(state) as view:
        run = RunNow(view)

        def confirmed() -> int:
            run.look()
            return run.confirmed

        assert confirmed() == 0
        rows = [journal.arrived(Whole(f"S_{n}.tif", 1, 1, 1.0, 1.0), Place(n, None)) for n in range(3)]
        one, two, three = [row.id for row in rows if row is not None]
        journal.labelled(one, sharp=True)
        journal.labelled(two, sharp=True)
        journal.labelled(three, sharp=False)
        assert confirmed() == 2
        journal.labelled(two, sharp=None)
        assert confirmed() == 1
        journal.labelled(one, sharp=False)
        journal.labelled(three, sharp=True)
        assert confirmed() == 1


def test_space_is_measured_where_it_can_be(tmp_path: Path) -> None:
    disks = Disks({"here": str(tmp_path), "nowhere": str(tmp_path / "none")})
    assert disks.current() == ()
    disks.measure()
    (disk,) = disks.current()
    assert disk.what == "here"
    assert 0 < disk.free <= disk.total


# -- the commands


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)


def test_alert_test_says_for_each_what_happened(tmp_path: Path) -> None:
    config = tmp_path / "mhfd.toml"
    program = json.dumps([sys.executable, "-c", "print('the pager rings')"])
    with receiver(answer(200)) as server:
        url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
        config.write_text(f"[alerts]\nwebhook = '{url}'\ncommand = {program}\n")
        result = mhfd("alert", "test", tmp_path, "--config", config)
        server.do = answer(500)
        failed = mhfd("alert", "test", "--config", config, "--json")
    assert result.exit_code == 0
    first, second = result.output.splitlines()
    assert first.startswith(f"ok   webhook 127.0.0.1:{server.server_port}: 200 OK after ")
    assert second == f"ok   command {Path(sys.executable).name}: exit code 0: the pager rings"
    sent = Alert.model_validate_json(server.got[0][2])
    assert (sent.event, sent.rule, sent.root) == (Event.TEST, None, str(tmp_path))
    assert failed.exit_code == 1
    assert [(one["ok"], one["what"]) for one in json.loads(failed.output)] == [
        (False, "500 Internal Server Error"),
        (True, "exit code 0: the pager rings"),
    ]
    assert SECRET not in result.output + failed.output + mhfd("config", "--config", config).output


def test_alert_test_fails_when_nobody_would_be_told(tmp_path: Path) -> None:
    config = tmp_path / "mhfd.toml"
    config.write_text("")
    result = mhfd("alert", "test", "--config", config)
    assert result.exit_code == 1
    assert "nobody is told of alerts: set alerts.webhook or alerts.command" in result.output


def test_alert_list_says_what_rang(bench: Bench) -> None:
    class Failing(Told):
        def send(self, alert: Alert) -> str:
            super().send(alert)
            raise SinkFailed("500 Internal Server Error")

    bench.put("S_001.tif", "S_002.tif")
    with ExitStack() as stack:
        bench.run(Scripted(score_all), look=watched(bench, stack, Failing("webhook sem")))
    result = mhfd("alert", "list", bench.root, "--state", bench.state)
    assert result.exit_code == 0
    episode, sink = result.output.splitlines()
    assert " still [out_of_focus] 2 of the last 2 images are out of focus" in episode
    assert sink.startswith("webhook sem: failing, 1 try so far, the last at ")
    assert sink.endswith(": 500 Internal Server Error; 1 waiting")
    status = mhfd("status", bench.root, "--state", bench.state, "--check")
    assert status.exit_code == 1
    assert "webhook sem is failing, 1 try so far, the last at " in status.output
    assert ": 2 of the last 2 images are out of focus: " in status.output
    found = json.loads(mhfd("alert", "list", bench.root, "--state", bench.state, "--json").output)
    assert found["episodes"][0]["rule"] == "out_of_focus"
    assert found["sinks"][0]["waiting"][0]["event"] == "opened"


def test_alert_list_of_a_quiet_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    result = mhfd("alert", "list", tmp_path / "run", "--state", tmp_path / "state")
    assert (result.exit_code, result.output) == (0, "nothing has rung\n")
