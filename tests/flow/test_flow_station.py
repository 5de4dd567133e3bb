"""A whole `mhfd watch --runner flow` against a site that really moves files and really scores, while it is killed.

The station is a process of its own with its settings in a file. The states of the flow that look for images (`Arrived`
and those around it) are not here: a station names its images, and no run of it comes there.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.rigs.flow_rig import Site, settings_file, site
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until
from tests.rigs.typed import refused
from tests.rigs.watched import Watched

from mhfd_client.cli import main
from mhfd_client.globus.tokens import Tokens
from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.latency import spans

STATES = ["BringImages", "WaitBring", "Score", "ReturnReports", "Clean"]
"""Where a run of a station can be for a long time."""
KILLED = [(state, meanwhile) for state in STATES for meanwhile in ("it goes on", "it stands still")]
OFTEN = {("Score", "it stands still"), ("ReturnReports", "it goes on")}
"""The rest is for `make soak`: tests/flow/test_flow_runner.py loses a runner in each state, without its process."""


@pytest.fixture
def lab(service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, globus_env: dict[str, str]) -> Iterator[Site]:
    with site(service, quick_endpoint, tmp_path, globus_env) as made:
        yield made


TOGETHER = ("--set", "flow.wait_s=60")
"""Four images make a run, however far apart they are seen."""


@pytest.fixture
def station(lab: Site) -> Iterator[Watched]:
    # Images that come together are not seen so on every disk: what is short of a run waits for longer than that takes.
    made = Watched(
        lab.root, lab.folder, lab.env, ["--runner", "flow", "--config", str(lab.file(flow__batch=4, flow__wait_s=3.0))]
    )
    yield made
    made.close()


def held_in(lab: Site, station: Watched, state: str, count: int) -> None:
    """A station with so many images is killed while its first run is in this state."""
    if state == "WaitBring":
        lab.globus.transfer.trouble("permission", f"TRANSFER {lab.sem.id}")
    reached = lab.globus.flows.hold(state)
    station.images(count)
    station.start()
    until(lambda: station.alive() and reached.is_set(), lambda: f"no run comes to {state}\n{station.said()}")
    station.kill()


def all_once(lab: Site, station: Watched) -> None:
    """Judged once, scored once, nothing left behind on either side."""
    station.end()
    station.check(lab.endpoint.id)
    assert lab.scored() == station.made, story(lab, station)
    assert lab.staged() == []
    assert list(lab.results.iterdir()) == []


def story(lab: Site, station: Watched) -> str:
    """What became of every run, for a message."""
    runs = [f"{run.id} {run.status} {[i['name'] for i in run.body['batch']['images']]}" for run in lab.runs()]
    return "\n".join([*runs, (station.state / "flow.jsonl").read_text(), station.said()])


def test_images_go_through_the_flow_once(lab: Site, station: Watched) -> None:
    station.images(7)
    station.start()
    station.recorded(7)
    station.images(2)
    station.recorded(9)
    station.loads_no_scoring()
    all_once(lab, station)
    assert [len(run.body["batch"]["images"]) for run in lab.runs()] == [4, 3, 2]
    with JournalView.read(station.state) as journal:
        rows = journal.images()
        assert journal.troubles() == []
    for row in rows:
        assert list(spans(row)) == ["wait", "move", "queue", "score", "return", "judge"]
    assert f"scored by: runs of flow {lab.pairs['flow.id']}; `mhfd run list` shows them" in station.said()


@pytest.mark.parametrize(
    ("state", "meanwhile"),
    [pytest.param(*case, marks=() if case in OFTEN else pytest.mark.soak) for case in KILLED],
)
def test_a_station_that_is_killed_takes_up_its_run(lab: Site, station: Watched, state: str, meanwhile: str) -> None:
    held_in(lab, station, state, 3)
    if meanwhile == "it goes on":
        lab.globus.flows.release(state)
        until(lambda: lab.runs()[0].status == "SUCCEEDED", "the run does not end")
        station.start()
    else:
        station.start()
        until(lambda: station.alive() and lab.globus.server.log.count("GET /runs/"), "it does not look at its run")
        lab.globus.flows.release(state)
    all_once(lab, station)
    assert len(lab.runs()) == 1


def test_a_station_that_is_killed_while_it_asks_finds_the_run_by_its_key(lab: Site, station: Watched) -> None:
    lost = lab.globus.server.fail("POST /flows/.*/run", "silence", after=True)
    station.images(4)
    station.start(*TOGETHER)
    lost.wait()
    station.kill()
    lost.lift()
    station.start(*TOGETHER)
    all_once(lab, station)
    assert len(lab.runs()) == 1


def test_a_station_that_is_killed_again_and_again(lab: Site, station: Watched) -> None:
    """Each life begins where it stands by then, asks a little more than the one before, and more images come."""
    for life in range(3):
        asked = lab.globus.server.log.count("/run")
        station.images(3)
        station.start()

        def far_enough(most: int = asked + life) -> bool:
            done = (station.ask(JournalView.counts) or {}).get(State.RECORDED) == station.made
            return station.alive() and (done or lab.globus.server.log.count("/run") > most)

        until(far_enough, lambda: f"it does nothing\n{station.said()}")
        station.kill()
    station.start()
    all_once(lab, station)


def test_a_run_that_a_person_cancels_is_made_again_and_its_leftover_is_named(lab: Site, station: Watched) -> None:
    """Its images were being scored, and are once more: nobody can tell Compute to stop."""
    reached = lab.globus.flows.hold("Score")
    station.images(4)
    station.start(*TOGETHER)
    until(reached.is_set, "no run comes to Score")
    (run,) = lab.runs()
    lab.globus.flows.cancel(run)
    lab.globus.flows.release("Score")
    station.end()
    station.check(lab.endpoint.id)
    assert (len(lab.runs()), lab.staged()) == (2, [f"mhfd-{run.id}"])
    named = station.trouble("leftover").why
    assert f"delete the folder /mhfd-{run.id}/ of collection {lab.stage.id} by hand" in named
    assert lab.scored() == 8


def test_it_ends_cleanly_while_a_run_is_out(lab: Site, station: Watched) -> None:
    """The second Ctrl-C waits for nothing: the run goes on by itself, and the next start takes it up."""
    reached = lab.globus.flows.hold("Score")
    station.images(4)
    station.start(*TOGETHER)
    until(reached.is_set, "no run comes to Score")
    station.ask(JournalView.counts)
    assert station.stop(signal.SIGINT, signal.SIGTERM) == 0, station.said()
    assert "0 images scored" in station.said()
    assert "4 left for the next start" in station.said()
    assert station.ask(JournalView.counts)[State.SUBMITTED] == 4
    lab.globus.flows.release("Score")
    station.start(*TOGETHER)
    all_once(lab, station)
    assert len(lab.runs()) == 1


def test_it_ends_by_itself_when_nothing_comes(lab: Site, station: Watched) -> None:
    station.images(3)
    assert station.start("--until-idle", "1", "--set", "arrival.patience_s=1").wait(120) == 0, station.said()
    assert "3 images scored" in station.said()
    station.check(lab.endpoint.id)
    assert (lab.scored(), lab.staged()) == (3, [])


def test_without_a_login_it_says_which_and_loses_nothing(lab: Site, station: Watched) -> None:
    tokens = Tokens(lab.folder / "home" / "mhfd" / "login" / "tokens.json", "").path
    kept = tokens.rename(tokens.with_name("kept"))
    station.images(3)
    station.start()
    refused = station.trouble("refused", "mhfd login --flow-id").why
    assert f"--flow-id {lab.pairs['flow.id']} --mapped {lab.stage.id}" in refused
    until(lambda: sum((station.ask(JournalView.counts) or {}).values()) == 3, "it does not see its images")
    assert station.stop(signal.SIGTERM) == 0, station.said()
    assert "3 left for the next start" in station.said()
    assert lab.runs() == []
    kept.rename(tokens)
    station.start()
    all_once(lab, station)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"flow.id": None}, "flow.id: must be set"),
        ({"flow.id": "mine"}, "flow.id = 'mine': is no id"),
        ({"flow.source": None, "flow.staging": None}, "flow.source, flow.staging: must be set"),
        ({"compute.function": None}, "compute.function: must be set"),
        ({"flow.source_here": "/elsewhere"}, "flow.source_here: "),
        ({"flow.results_here": "/no/such/folder"}, "flow.results_here: "),
        ({"flow.staging_root": "scratch"}, "flow.staging_root = 'scratch': "),
        ({"flow.mapped": ["mine"]}, "flow.mapped = 'mine': is no id"),
        ({"flow.runs": 25}, "flow.runs"),
        ({"flow.stagging": "x"}, "flow.stagging"),
        ({"globus.client_id": None}, "globus.client_id: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_is_said_before_it_starts(tmp_path: Path, wrong: dict[str, Any], key: str) -> None:
    """Nobody is asked for that: no service is there."""
    one = "6d686664-0000-4000-8000-000000000009"
    (tmp_path / "sem" / "run").mkdir(parents=True)
    (tmp_path / "sem" / "reports").mkdir()
    right: dict[str, Any] = {
        "flow.id": one,
        "flow.source": one,
        "flow.source_here": str(tmp_path / "sem"),
        "flow.results_here": str(tmp_path / "sem" / "reports"),
        "flow.staging": one,
        "flow.staging_root": "/scratch",
        "compute.endpoint": one,
        "compute.function": one,
        "globus.client_id": NATIVE_ID,
    }
    file = settings_file(tmp_path, right | wrong)
    words = ["watch", str(tmp_path / "sem" / "run"), "--state", str(tmp_path / "state"), "--no-page"]
    said = refused([*words, "--runner", "flow", "--config", str(file)])
    assert key in said
    assert len(said.splitlines()) <= 3, said


def test_its_help_says_what_the_runners_are() -> None:
    said = CliRunner().invoke(main, ["watch", "--help"]).stdout
    assert re.search(r"--runner \[local\|compute\|flow\]", said)
    assert "a flow" in " ".join(said.split())
