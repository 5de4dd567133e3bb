"""A work of a function by runs of a flow of its own: whatever is lost or killed, one run, one result, nothing left.

Flows, Transfer and Compute are in this process and in made-up time (`tests.rigs.work_flows`); the function is the third
of the tests. With a real endpoint and the SDK: `test_flow_work_endpoint.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks._virtual_time import VirtualTime
from benchmarks.virtual_day import folders as image_folders
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rigs.facility import Facility
from tests.rigs.hash_flow import HASH_FLOW
from tests.rigs.remote.hashing import NAME, expected
from tests.rigs.work_flows import WorkFlows, work

from mhfd.contract.params import Params
from mhfd.contract.work import WorkState
from mhfd_client.errors import RunnerError
from mhfd_client.flow.run_words import flow_in, work_in, work_label
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.flow.runs import Shown
from mhfd_client.flow.service import Run
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Started, Trouble
from mhfd_client.runners.work import Ended, Going
from mhfd_flows.shipped import FLOWS

HOURS = 12


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkFlows:
    made = WorkFlows(VirtualTime(), tmp_path)
    site = Facility(tmp_path, monkeypatch)
    site.allow(read_roots=[made.stage], write_roots=[made.stage], functions={NAME: {}})
    monkeypatch.setitem(FLOWS, HASH_FLOW.name, HASH_FLOW)
    return made


@pytest.fixture
def runner(flows: WorkFlows) -> Iterator[FlowRunner]:
    made = flows.runner()
    yield made
    made.close()


def followed(runner: FlowRunner, flows: WorkFlows) -> list[Event]:
    """All that is heard until nothing is held."""
    heard = list(runner.events(1.0))
    while len(runner._line) and flows.time.now < HOURS * 3600:
        heard += runner.events(60.0)
    return heard + list(runner.events(0.0))


def ended(events: list[Event]) -> Ended:
    (found,) = (event for event in events if isinstance(event, Ended))
    return found


def returned(events: list[Event]) -> Returned:
    (found,) = (event for event in events if isinstance(event, Returned))
    return found


def is_hashed(end: Ended, folder: Path, flows: WorkFlows) -> None:
    """It is done, what it made is here, and nothing is left behind."""
    answer = end.answer
    assert (answer.state, answer.key) == (WorkState.DONE, "hash-1")
    (made,) = answer.artefacts
    assert Path(made.path).is_relative_to(flows.sem / "results")
    assert Path(made.path).read_bytes() == expected(folder)
    assert answer.result is not None
    assert answer.result["digest"] == made.sha256
    assert flows.staged() == []


def test_a_work_is_brought_done_and_given_back(runner: FlowRunner, flows: WorkFlows) -> None:
    folder = flows.images(5)
    runner.submit(Batch("a", (work(folder),)))
    events = followed(runner, flows)
    is_hashed(ended(events), folder, flows)
    assert [type(event) for event in events] == [Started, Ended]
    assert ended(events).answer.provenance.endpoint == flows.folders().endpoint
    assert (len(flows.runs), len(flows.asked)) == (1, 1)


def test_it_says_how_far_it_is_from_turn_to_turn(flows: WorkFlows) -> None:
    folder, runner = flows.images(3), flows.runner(poll_s=0.5)
    runner.submit(Batch("a", (work(folder, turn_s=1, slow_ms=510),)))
    events = followed(runner, flows)
    is_hashed(ended(events), folder, flows)
    going = [event.answer for event in events if isinstance(event, Going)]
    assert [answer.state for answer in going] == [WorkState.MORE] * (len(flows.asked) - 1)
    done = [answer.progress.done for answer in going if answer.progress is not None]
    assert 0 < done[0] < 3
    assert sorted(set(done)) == done
    assert len(flows.runs) == 1
    assert not any(isinstance(event, Health) for event in events)
    runner.close()


def test_whatever_dies_or_is_lost_there_is_one_run_and_one_result(flows: WorkFlows, tmp_path: Path) -> None:
    """The answer to the start, the worker between two checkpoints, the client before and after it heard of the run."""
    flows.lost, flows.lag_s, flows.deaths = 1, 30.0, 2
    folder, batch = flows.images(5), Batch("a", (work(flows.sem / "run"),))
    first = flows.runner(state=tmp_path)
    first.events(1.0)
    first.submit(batch)
    while not flows.runs:
        first.events(5.0)
    first.close()  # it does not know its run
    second = flows.runner(state=tmp_path)
    assert second.reattach(batch)
    while not any(isinstance(event, Started) for event in second.events(5.0)):
        assert flows.time.now < 3600
    second.close()
    third = flows.runner(state=tmp_path)
    assert third.reattach(batch)
    events = followed(third, flows)
    is_hashed(ended(events), folder, flows)
    assert (len(flows.runs), len(flows.asked)) == (1, 3)
    assert ended(events).answer.taken_up == 3
    third.close()
    fourth = flows.runner(state=tmp_path)
    assert not fourth.reattach(batch), "it was told, and is forgotten"
    fourth.close()


def test_a_client_that_died_before_it_told_tells_again(flows: WorkFlows, tmp_path: Path) -> None:
    folder, batch = flows.images(3), Batch("a", (work(flows.sem / "run"),))
    first = flows.runner(state=tmp_path)
    first.events(1.0)
    first.submit(batch)
    heard: list[Event] = []
    while not any(isinstance(event, Ended) for event in heard):
        heard += first.events(60.0)
    first._noted.close()  # killed: nothing more is noted
    second = flows.runner(state=tmp_path)
    assert second.reattach(batch)
    is_hashed(ended(followed(second, flows)), folder, flows)
    assert (len(flows.runs), len(flows.asked)) == (1, 1)
    second.close()


@pytest.mark.parametrize("how", ["other bytes", "shorter", "missing"])
def test_what_came_back_otherwise_is_not_believed(runner: FlowRunner, flows: WorkFlows, how: str) -> None:
    def break_(which: str, path: Path) -> None:
        if which == "return":
            path.write_bytes(path.read_bytes()[: -1 if how == "shorter" else None].swapcase())
            if how == "missing":
                path.unlink()

    flows.broken = break_
    runner.submit(Batch("a", (work(flows.images(3)),)))
    events = followed(runner, flows)
    back = returned(events)
    said = {"other bytes": "another SHA-256", "shorter": "bytes, and had", "missing": "is not in"}[how]
    assert "not what the endpoint has made: " in back.why
    assert said in back.why
    assert back.blame
    assert not any(isinstance(event, Ended) for event in events)
    assert len(flows.runs) == 1


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"folder": "run"}, "bad_request", "must be the absolute path"),
        ({"folder": None}, "bad_request", "must be the absolute path"),
        ({"folder": "/etc"}, "bad_request", "is not below"),
        ({"colour": "red"}, "bad_request", "'colour' was unexpected"),
        ({"turn_s": 1e6}, "bad_request", "request.turn_s"),
        ({"slow_ms": -1}, "bad_request", "request.slow_ms"),
    ],
)
def test_a_request_that_cannot_be_comes_back(
    runner: FlowRunner, flows: WorkFlows, fields: dict[str, Any], code: str, said: str
) -> None:
    asked = work(**{"folder": flows.images(2)} | fields)
    runner.submit(Batch("a", (asked,)))
    back = returned(followed(runner, flows))
    assert (back.blame, back.code) == (True, code)
    assert said in back.why
    assert flows.staged() == []


def test_a_folder_that_is_not_there_comes_back(runner: FlowRunner, flows: WorkFlows) -> None:
    runner.submit(Batch("a", (work(flows.sem / "gone"),)))
    back = returned(followed(runner, flows))
    assert (back.blame, back.code, flows.runs) == (True, "unavailable", {})
    assert "gone is no folder" in back.why


def test_a_function_that_is_not_allowed_is_asked_once(
    runner: FlowRunner, flows: WorkFlows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    Facility(tmp_path / "other", monkeypatch)  # its site has no table for it
    runner.submit(Batch("a", (work(flows.images(2)),)))
    back = returned(followed(runner, flows))
    assert (back.blame, back.code, len(flows.runs)) == (True, "not_allowed", 1)
    assert flows.staged() == []


def test_what_always_fails_is_given_up(runner: FlowRunner, flows: WorkFlows) -> None:
    flows.fails = "transfer"
    runner.submit(Batch("a", (work(flows.images(2)),)))
    events = followed(runner, flows)
    assert "could not be moved to the staging area" in returned(events).why
    assert len(flows.runs) == 2, "so many attempts"
    troubles = [event for event in events if isinstance(event, Health) and not event.ok]
    assert {event.kind for event in troubles} == {Trouble.FAILING}
    assert flows.staged() == []


def test_cancelled_work_comes_back_when_its_run_is_over(flows: WorkFlows, tmp_path: Path) -> None:
    """Also from a process that has only just come back to it. What the run may have left is named."""
    flows.deaths, batch = 100, Batch("a", (work(flows.images(2)),))  # it is out for long
    first = flows.runner(state=tmp_path)
    first.events(1.0)
    first.submit(batch)
    while not flows.asked:
        first.events(10.0)
    first.close()
    second = flows.runner(state=tmp_path)
    assert second.reattach(batch)
    second.cancel("a")
    assert not list(second.events(0.0)), "it is not known to be over"
    heard = followed(second, flows)
    (run,) = flows.runs
    assert flows.runs[run].status == "ENDED"
    assert (returned(heard).why, returned(heard).blame) == ("cancelled", False)
    assert any(f"/mhfd-{run}/" in event.detail for event in heard if isinstance(event, Health))
    second.close()


def test_work_that_is_done_before_it_is_cancelled_is_done(runner: FlowRunner, flows: WorkFlows) -> None:
    folder = flows.images(2)
    runner.submit(Batch("a", (work(folder),)))
    while not any(one.status == "SUCCEEDED" for one in flows.runs.values()):
        flows.time.go_on(flows.time.now + 1.0, lambda: False)
        runner.events(0.0)
    runner.cancel("a")
    is_hashed(ended(followed(runner, flows)), folder, flows)


@pytest.mark.parametrize(("lost", "never", "runs"), [(0, 0, []), (1, 0, ["ENDED"]), (0, 1, [])])
def test_work_is_cancelled_before_its_run_is_known(
    runner: FlowRunner, flows: WorkFlows, lost: int, never: int, runs: list[str]
) -> None:
    """It waits; its run is made, and is looked for; none is made."""
    flows.lost, flows.never, flows.lag_s, flows.deaths = lost, never, 30.0, 100
    if lost or never:
        runner.events(1.0)
    runner.submit(Batch("a", (work(flows.images(2)),)))
    while flows.starts < lost + never:
        runner.events(0.5)
    runner.cancel("a")
    assert returned(followed(runner, flows)).why == "cancelled"
    assert [one.status for one in flows.runs.values()] == runs


def test_two_works_are_two_runs(runner: FlowRunner, flows: WorkFlows) -> None:
    folder = flows.images(3)
    runner.submit(Batch("a", (work(folder), work(folder, id_=2, key="hash-2"))))
    events = followed(runner, flows)
    assert {event.id: event.answer.key for event in events if isinstance(event, Ended)} == {1: "hash-1", 2: "hash-2"}
    assert len(flows.runs) == 2


def test_each_flow_carries_its_own_kind(runner: FlowRunner, flows: WorkFlows, tmp_path: Path) -> None:
    image = Job(7, str(flows.sem / "run" / "0.tif"), 1, 1, Params())
    runner.submit(Batch("a", (image,)))
    assert returned(list(runner.events(0.0))).why == "this flow carries work of a function, and no images"
    of_images = FlowRunner(runner._web._open_service, image_folders(tmp_path), background=flows.time.background(0.1))
    of_images.submit(Batch("a", (work(flows.images(1)),)))
    back = returned(list(of_images.events(0.0)))
    assert (back.why, back.blame) == ("this flow carries images, and no work of a function", True)
    of_images.close()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.sets(st.integers(0, 25), max_size=4),
    lost=st.integers(0, 1),
    lag_s=st.sampled_from([0.0, 30.0]),
    deaths=st.integers(0, 2),
)
def test_killed_whenever_it_is_one_run_with_one_result(
    flows: WorkFlows, tmp_path: Path, kills: set[int], lost: int, lag_s: float, deaths: int
) -> None:
    """The client dies after so many looks at what happened; what it asked for is on its way all the same."""
    state = tmp_path / str(len(list(tmp_path.iterdir())))
    state.mkdir()
    folder, batch = flows.images(3), Batch("a", (work(flows.sem / "run"),))
    flows.runs.clear()
    flows.asked.clear()
    flows.lost, flows.lag_s, flows.deaths = lost, lag_s, deaths
    runner = flows.runner(state=state)
    runner.submit(batch)
    heard: list[Event] = []
    for look in range(2000):
        heard += runner.events(1.0 if look < 30 else 30.0)
        if any(isinstance(event, Ended | Returned) for event in heard):
            break
        if look in kills:
            runner._noted.close()  # nothing of it is cleared up
            runner = flows.runner(state=state)
            if not runner.reattach(batch):
                runner.submit(batch)
    is_hashed(ended(heard), folder, flows)
    assert (len(flows.runs), len(flows.asked)) == (1, 1 + deaths)
    runner.close()


def test_the_promises_of_every_runner_hold(runner: FlowRunner, flows: WorkFlows) -> None:
    asked = Batch("from another life", (work(flows.images(1)),))
    assert runner.reattach(asked) is False
    assert list(runner.events(0.0)) == []
    runner.close()
    runner.close()
    with pytest.raises(RunnerError, match="closed"):
        runner.submit(asked)


def test_a_run_is_known_for_its_work_by_its_label(flows: WorkFlows) -> None:
    assert work_in(work_label(NAME, "wafer-7")) == "wafer-7"
    shown = Shown(Run("r", "ACTIVE", "WaitBring"), "f", "", work_label(NAME, "wafer-7"), "", None, (), None)
    assert shown.as_json()["step"] == shown.step("WaitBring").words == HASH_FLOW.steps["WaitBring"].words
    assert replace(shown, label="mhfd w: 3 images").step("WaitBring") == FLOWS["focus_check"].steps["WaitBring"]
    assert flow_in("mhfd w: 3 images") is None
    assert [work_in(text) for text in ("mhfd wafer7: 3 images", "wafer7", f"{NAME} ", "", "mhfd_focus a")] == [None] * 5
    assert len(work_label(NAME, "k" * 64)) == 64
