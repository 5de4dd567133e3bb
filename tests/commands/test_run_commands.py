"""`mhfd run` as a person types it, against stand-ins with the real globus-sdk and real runs of the shipped flow.

No endpoint is behind them: runs are held where they move files, or fail where they would score.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.flows_state import Run as TheirRun
from tests.rigs.globus.stand_ins import Consenting, StandIns, variables
from tests.rigs.globus.transfer_state import Collection
from tests.rigs.globus.waiting import until
from tests.rigs.globus.web import Server

from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.cli import main
from mhfd_client.flow import run_words
from mhfd_client.flow.runs_out import RUNS_FILE, RunsFile
from mhfd_client.flow.service import FlowService, Run
from mhfd_client.flow.steps import steps
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.journal.journal import Journal
from mhfd_client.naming import Place
from mhfd_client.settings import load as settings
from mhfd_flows.build import Step
from mhfd_flows.shipped import FLOWS

SHIPPED = FLOWS["focus_check"]
ENDPOINT = "6d686664-0000-4000-8000-0000000000ee"


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, args)])


@dataclass
class Lab:
    """A flow that somebody may start, and who is logged in."""

    globus: StandIns
    flow: str
    sem: Collection
    stage: Collection
    folder: Path

    def login(self, *mapped: str) -> None:
        scopes = consents_for("flow", flows=[self.flow], mapped=mapped).scopes()
        with globus_app(services=["flows"], scopes=scopes, ask=Consenting) as app:
            app.login()

    def run(self, *names: str, key: str | None = None, flow: str | None = None) -> TheirRun:
        """One that a station would start; its images are there."""
        key = key or uuid.uuid4().hex
        for name in names:
            (self.sem.root / name).write_bytes(b"an image")
        body = {
            "source": {"id": self.sem.id, "path": "/"},
            "staging": {"id": self.stage.id, "path": "/"},
            "results": {"id": self.sem.id, "path": f"/reports/{key}/"},
            "compute": {"endpoint_id": ENDPOINT, "function_id": ENDPOINT, "staging_root": "/stage"},
            "batch": {"images": [{"path": name, "name": name, "size": 8} for name in names]},
            "key": key,
        }
        service = FlowService(globus_app(services=["flows"]), flow or self.flow)
        try:
            start = service.start(key, body, run_words.label("run", len(names)))
        finally:
            service.close()
        assert start.run is not None
        return self.globus.flows.runs[start.run]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with Server() as server, StandIns(server) as globus:
        for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
        for name, value in {**variables(server.url), **home, "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        for name in ("sem", "stage"):
            (tmp_path / name).mkdir()
        sem = globus.collection(tmp_path / "sem", name="microscope", kind="personal")
        stage = globus.collection(tmp_path / "stage", name="cluster", kind="mapped")
        with globus_app(services=["flows"], scopes=consents_for("flow").scopes(), ask=Consenting) as app:
            app.login()
            from globus_sdk import FlowsClient

            with FlowsClient(app=app) as flows:
                flow = str(flows.create_flow(SHIPPED.title, SHIPPED.document, SHIPPED.input_schema)["id"])
        made = Lab(globus, flow, sem, stage, tmp_path)
        made.login(stage.id)
        for key, value in {
            "FLOW_ID": flow,
            "FLOW_STAGING": stage.id,
            "FLOW_MAPPED": stage.id,
            "COMPUTE_ENDPOINT": ENDPOINT,
        }.items():
            monkeypatch.setenv(f"MHFD_{key}", value)
        yield made


def over(run: TheirRun) -> TheirRun:
    until(lambda: run.completed, lambda: f"it goes on: {run.as_json()}")
    return run


def shown(run: TheirRun, code: int = 0) -> dict[str, Any]:
    done = mhfd("show", run.id, "--json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Words


def test_every_state_that_we_ship_is_a_step_in_words() -> None:
    for shipped in FLOWS.values():
        for state in shipped.definition.states:
            assert run_words.step_of("ACTIVE", state) is not Step.OTHER, state
    assert run_words.step_of("ACTIVE", "WaitForImages").words == "waiting for files to stand still"
    assert run_words.step_of("ACTIVE", "SomebodyElses") is Step.OTHER
    assert run_words.step_of("INACTIVE", "BringImages") is Step.CONSENT
    assert run_words.step_of("ACTIVE", "") is Step.BEGIN


@pytest.mark.parametrize("shipped", FLOWS.values(), ids=lambda shipped: shipped.name)
def test_every_failure_that_we_ship_is_explained(shipped: Any, lab: Lab) -> None:
    site = surroundings_of(lab)
    errors = [state.error for state in shipped.definition.states.values() if state.type == "Fail"]
    assert errors
    for error in errors:
        told = run_words.ended(Run(ENDPOINT, "FAILED", error, error, "see $.errors"), site)
        assert told is not None
        assert "$." not in told.what
        assert "{" not in told.do
        assert told.do or error == "ImagesChanged"


def surroundings_of(lab: Lab) -> run_words.Surroundings:
    from mhfd_client.flow.runs import surroundings

    return surroundings(settings.load().settings, lab.flow)


@pytest.mark.parametrize("folder", ["run", "x" * 100, "wafer 7: 5 images"])
def test_a_label_fits_and_says_how_many(folder: str) -> None:
    label = run_words.label(folder, 64)
    assert len(label) <= 64
    assert run_words.images_in(label) == 64
    assert run_words.images_in("by hand") is None


def test_a_log_that_nobody_understands_tells_nothing() -> None:
    entry = {"time": "2026-01-01T00:00:00+00:00", "code": "ActionStarted", "details": {"state_name": "A"}}
    assert steps([{}, {"time": "x", "code": 1}, entry | {"details": None}, entry | {"code": "Strange"}]) == []
    ended = entry | {"time": "2026-01-01T00:00:05+00:00", "code": "FlowCanceled", "details": {}}
    (one,) = steps([entry, ended])
    assert (one.state, one.took_s) == ("A", 5.0)


# List


def test_the_latest_runs_are_listed_the_newest_first(lab: Lab) -> None:
    assert "has no run" in mhfd("list").output
    lab.globus.flows.compute_trouble("failed", 3)
    failed = over(lab.run("a.tif", "b.tif"))
    reached = lab.globus.flows.hold("BringImages")
    going = lab.run("c.tif")
    assert reached.wait(90)
    done = mhfd("list")
    assert done.exit_code == 0, done.output
    head, first, second = done.output.splitlines()
    assert head.split() == ["when", "run", "label", "status", "step", "images"]
    assert re.search(rf"{going.id}  mhfd run: 1 image   *ACTIVE  moving images  1$", first)
    assert re.search(rf"{failed.id}  mhfd run: 2 images   *FAILED  NotScored   *2$", second)
    assert len(mhfd("list", "--limit", 1).output.splitlines()) == 2
    told = json.loads(mhfd("list", "--json").stdout)
    assert [(row["run"], row["images"]) for row in told["runs"]] == [(going.id, 1), (failed.id, 2)]
    assert told["runs"][0]["key"] == going.body["key"]
    assert mhfd("list", "--limit", 0).exit_code == 2


# Show


def test_a_run_under_way_says_its_step_since_when_and_what_is_behind_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = lab.globus.flows.hold("BringImages")
    run = lab.run("a.tif", "b.tif")
    assert reached.wait(90)
    done = mhfd("show", run.id)
    assert done.exit_code == 0, done.output
    assert re.search(r"now: moving images \(BringImages\) since [-\d]+ [:\d]+, for \d+\.\d s\n", done.output)
    assert re.search(r"\d+\.\d s  MakeStaging +beginning\n", done.output)
    assert re.search(r"not over  BringImages +moving images\n", done.output)
    assert "that is long" not in done.output
    monkeypatch.setenv("MHFD_FLOW_LATE_S", "0.0001")
    assert "that is long: is Globus Connect Personal running" in mhfd("show", run.id).output
    assert "images: no station on this machine knows of this run" in done.output
    told = shown(run)
    assert (told["status"], told["state"], told["step"]) == ("ACTIVE", "BringImages", "moving images")
    assert told["since"] is not None
    assert told["wrong"] is None
    assert {"Plan", "MakeStaging"} <= {step["state"] for step in told["steps"]}


def test_what_went_wrong_is_said_with_what_the_service_said_and_what_to_do(lab: Lab) -> None:
    lab.globus.flows.compute_trouble("failed", 3)
    run = over(lab.run("a.tif"))
    done = mhfd("show", run.id)
    assert done.exit_code == 1
    assert "it ended as NotScored: the endpoint did not score the images" in done.output
    assert f"what to do: `mhfd doctor --endpoint {ENDPOINT}`" in done.output
    assert done.output.count("FAILED: the endpoint lost the worker that ran the task") == 3
    assert re.search(r"began .*, ended .*, took \d", done.output)
    assert shown(run, 1)["error"] == "NotScored"


def test_why_a_transfer_failed_is_said(lab: Lab) -> None:
    lab.globus.transfer.trouble("permission", f"TRANSFER {lab.sem.id}", times=3)
    run = over(lab.run("a.tif"))
    told = mhfd("show", run.id).output
    assert told.count("FAILED: Permission denied") == 3
    assert "the images could not be moved to the staging area" in told
    assert "Globus Connect Personal" in told


def test_a_folder_that_is_left_is_named(lab: Lab) -> None:
    lab.globus.flows.compute_trouble("failed", 3)
    lab.globus.transfer.trouble("permission", "DELETE", times=3)
    run = over(lab.run("a.tif"))
    told = shown(run, 1)
    assert told["error"] == "StagingNotCleaned"
    assert told["wrong"]["do"] == f"delete the folder /mhfd-{run.id}/ of collection {lab.stage.id} by hand"
    assert (lab.stage.root / f"mhfd-{run.id}").is_dir()


def test_a_consent_that_is_missing_is_named_with_the_login_that_gives_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab.folder / "other").mkdir()
    other = lab.stage = lab.globus.collection(lab.folder / "other", name="other", kind="mapped")
    monkeypatch.delenv("MHFD_FLOW_MAPPED")
    run = lab.run("a.tif")
    until(lambda: run.status == "INACTIVE", "it asks for nothing")
    done = mhfd("show", run.id)
    assert done.exit_code == 1
    assert f"nobody has let the flow act on collection {other.id}" in done.output
    assert f"what to do: run: mhfd login --flow-id {lab.flow} --mapped {other.id}\n" in done.output
    assert "now: waiting for a consent (MakeStaging)" in done.output
    assert "waiting for a consent" in mhfd("list").output


def test_the_images_of_a_station_are_named(lab: Lab) -> None:
    reached = lab.globus.flows.hold("BringImages")
    run = lab.run("a.tif", "b.tif")
    state = lab.folder / "state" / "mhfd" / "run-0123456789"
    with Journal.open(state, root=lab.sem.root) as journal:
        rows = [
            journal.arrived(Whole(f"s/{name}", 8, n, 1.0, 2.0), Place(n)) for n, name in enumerate(("a.tif", "b.tif"))
        ]
        ids = [row.id for row in rows if row is not None]
        journal.intent(ids, "token", "flow", Params(), durable=True)
        book = RunsFile(state / RUNS_FILE, lab.flow)
        book.asking(run.body["key"], [("token", image) for image in ids], ["i1-a.tif", "i2-b.tif"], 1)
        assert reached.wait(90)
        done = mhfd("show", run.id)
        assert f"images (2), of the station in {state}:\n  s/a.tif  submitted\n  s/b.tif  submitted\n" in done.output
        book.made(run.body["key"], run.id)
        book.done(run.body["key"])
        book.close()
    assert [one["path"] for one in shown(run)["images"]] == ["s/a.tif", "s/b.tif"], "also when it is over"
    (state / "journal.db").unlink()
    assert [one["path"] for one in shown(run)["images"]] == ["i1-a.tif", "i2-b.tif"]
    elsewhere = mhfd("show", run.id, "--state", lab.folder / "nothing", "--json")
    assert json.loads(elsewhere.stdout)["images"] == []


# Cancel


def test_a_run_is_cancelled_once_and_says_what_it_may_leave(lab: Lab) -> None:
    reached = lab.globus.flows.hold("BringImages")
    run = lab.run("a.tif", "b.tif")
    assert reached.wait(90)
    done = mhfd("cancel", run.id)
    assert done.exit_code == 0, done.output
    assert "the station asks again for them" in done.output
    assert "its 2 images" in done.output
    assert f"/mhfd-{run.id}/ of collection {lab.stage.id}" in done.output
    lab.globus.flows.release("BringImages")
    over(run)
    assert run.status == "ENDED"
    again = mhfd("cancel", run.id, "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["did"] == "was cancelled before"
    assert "was cancelled by a person or is gone" in shown(run, 1)["wrong"]["what"]


def test_a_run_that_is_over_cannot_be_cancelled(lab: Lab) -> None:
    lab.globus.flows.compute_trouble("failed", 3)
    run = over(lab.run("a.tif"))
    done = mhfd("cancel", run.id)
    assert done.exit_code == 1
    assert "has FAILED already: there is nothing to cancel" in done.output
    assert run.status == "FAILED"


def test_cancel_needs_to_be_told_which() -> None:
    assert mhfd("cancel").exit_code == 2


# What cannot be


@pytest.fixture
def held(lab: Lab) -> Callable[..., TheirRun]:
    """Runs that stay where they are."""
    lab.globus.flows.hold("BringImages")
    return lab.run


def test_the_beginning_of_an_id_is_enough_when_only_one_has_it(lab: Lab, held: Callable[..., TheirRun]) -> None:
    run, other = held("a.tif", key="ab" * 16), held("b.tif", key="abcd" * 8)
    assert f"run {run.id}: " in mhfd("show", run.id[:8].upper()).output
    assert f"run {run.id}: " in mhfd("show", "abab").output, "ours will do, too"
    lab.globus.flows.runs[f"{run.id[:8]}-same"] = other
    other.id = f"{run.id[:8]}-same"
    double = mhfd("cancel", run.id[:8])
    assert double.exit_code == 2
    assert run.id in double.output.replace("\n", "")


@pytest.mark.parametrize("text", ["x", "123", "not-a-run", "0" * 40, "../../flows"])
def test_what_is_no_id(lab: Lab, text: str) -> None:
    for command in ("show", "cancel"):
        done = mhfd(command, text)
        assert done.exit_code == 2
        assert "is no id of a run" in done.output


def test_a_run_that_nobody_knows(lab: Lab) -> None:
    for text in (ENDPOINT, "abcd"):
        done = mhfd("show", text)
        assert done.exit_code == 1
        assert "`mhfd run list` shows" in done.output
        assert done.output.count("\n") == 1


def test_a_run_of_another_flow(lab: Lab, held: Callable[..., TheirRun]) -> None:
    run = held("a.tif")
    done = mhfd("show", run.id, "--flow-id", ENDPOINT)
    assert done.exit_code == 1
    assert f"is of flow {lab.flow}" in done.output
    assert f"give --flow-id {lab.flow}" in done.output
    refused = mhfd("cancel", run.id, "--flow-id", ENDPOINT)
    assert refused.exit_code == 1
    assert run.status == "ACTIVE"
    assert mhfd("show", run.id, "--flow-id", lab.flow).exit_code == 0


def test_no_flow_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MHFD_FLOW_ID")
    done = mhfd("list")
    assert done.exit_code == 2
    assert "mhfd flow deploy" in done.output
    assert mhfd("list", "--flow-id", "mine").exit_code == 2
    assert mhfd("list", "--flow-id", lab.flow).exit_code == 0


def test_nobody_is_logged_in(lab: Lab) -> None:
    (lab.folder / "state/mhfd/login/tokens.json").unlink()
    for arguments in (("list",), ("show", ENDPOINT), ("cancel", ENDPOINT)):
        done = mhfd(*arguments)
        assert done.exit_code == 1
        assert f"mhfd login --flow-id {lab.flow} --mapped {lab.stage.id}" in done.output
        assert done.output.count("\n") == 1


@pytest.mark.usefixtures("impatient")
def test_the_service_is_in_trouble(lab: Lab, held: Callable[..., TheirRun]) -> None:
    run = held("a.tif")
    lab.globus.server.fail("GET /runs.*", 429, times=20)
    done = mhfd("show", run.id)
    assert done.exit_code == 1
    assert "asks us to wait" in done.output


@pytest.mark.usefixtures("impatient")
def test_without_a_network(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name, value in variables(f"http://127.0.0.1:{nobody.getsockname()[1]}").items():
            monkeypatch.setenv(name, value)
        done = mhfd("list")
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
    assert "check the network" in done.output
