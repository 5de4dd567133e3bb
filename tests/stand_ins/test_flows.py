"""The stand-in of Flows: the real clients start the shipped flow, files move, and a real endpoint runs the function."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tifffile
from globus_compute_sdk import Client
from globus_compute_sdk.serialize import PureSourceTextInspect
from globus_sdk import FlowsAPIError, FlowsClient, GlobusApp, SpecificFlowClient
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.stand_ins import Consenting, StandIns
from tests.rigs.globus.transfer_state import Collection
from tests.rigs.globus.waiting import until

from mhfd import shim, simulate
from mhfd_client.errors import NotLoggedIn
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings import load as settings
from mhfd_flows.shipped import FLOWS

SHIPPED = FLOWS["focus_check"]
OVER = ("SUCCEEDED", "FAILED", "ENDED")


def score(**request):  # type: ignore[no-untyped-def]
    """What the endpoint's function promises, without looking at the images."""
    import json
    import pathlib

    folder = pathlib.Path(request["write_to"])
    folder.mkdir(exist_ok=True)
    reports = []
    for path in map(pathlib.Path, request["paths"]):
        report = {"image": {"path": str(path), "bytes": path.stat().st_size}, "finding": "ok", "dof": 7}
        (folder / f"{path.name}.0123456789ab.mhfd.json").write_text(json.dumps(report))
        reports.append(report)
    return {"ok": True, "reports": reports, "errors": []}


@dataclass(frozen=True)
class World:
    """A site: the microscope's collection, the endpoint's, the flow, and somebody who may start it."""

    globus: StandIns
    sem: Collection
    stage: Collection
    endpoint: str
    function: str
    flow: str
    app: GlobusApp
    flows: FlowsClient
    runs: SpecificFlowClient

    def images(self, *names: str) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for name in names:
            path = self.sem.root / name
            path.write_bytes(os.urandom(1000 + len(made)))
            made.append({"path": name, "name": name, "size": path.stat().st_size})
        return made

    def body(self, images: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "source": {"id": self.sem.id, "path": "/"},
            "staging": {"id": self.stage.id, "path": "/"},
            "results": {"id": self.sem.id, "path": "/reports/"},
            "compute": {
                "endpoint_id": self.endpoint,
                "function_id": self.function,
                "staging_root": str(self.stage.root),
            },
            "batch": {"images": images},
        }

    def start(self, *names: str, **options: Any) -> str:
        return str(self.runs.run_flow(self.body(self.images(*names)), **options)["run_id"])

    def ended(self, run: str) -> dict[str, Any]:
        until(lambda: self.flows.get_run(run)["status"] in OVER, lambda: f"{run} does not end: {self.log(run)}")
        return dict(self.flows.get_run(run).data)

    def log(self, run: str) -> list[str]:
        pages = self.flows.paginated.get_run_logs(run, limit=100)
        return [f"{one['code']} {one['details'].get('state_name')}" for page in pages for one in page["entries"]]

    def reports(self) -> set[str]:
        folder = self.sem.root / "reports"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    def clean(self) -> bool:
        return not list(self.stage.root.iterdir())


def registered(service: Service, home: Path, what: Callable[..., Any]) -> str:
    from tests.rigs.globus.sdk import redirected

    with redirected(service.url, home):
        client = Client(code_serialization_strategy=PureSourceTextInspect())
        made = str(client.register_function(what))
        client._compute_web_client.v2.close()
        client._compute_web_client.v3.close()
        assert client.app is not None
        client.app.close()
    return made


@pytest.fixture(scope="module")
def function(lasting_service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    return registered(lasting_service, tmp_path_factory.mktemp("register"), score)


@pytest.fixture
def world(
    service: Service, quick_endpoint: ChildEndpoint, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    globus = service.globus
    (tmp_path / "sem").mkdir()
    (tmp_path / "stage").mkdir()
    sem = globus.collection(tmp_path / "sem", name="microscope", kind="personal")
    stage = globus.collection(tmp_path / "stage", name="cluster", kind="mapped")
    env = {"HOME": str(tmp_path), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
    chosen = settings.load(env=env).settings
    with globus_app(chosen, services=["flows"], env=env, ask=Consenting) as app, FlowsClient(app=app) as flows:
        app.login()
        flow = str(flows.create_flow(SHIPPED.title, SHIPPED.document, SHIPPED.input_schema)["id"])
        consents = consents_for("flow", flows=[flow], mapped=[stage.id])
        app.add_scope_requirements(consents.scopes())
        app.login()
        with SpecificFlowClient(flow, app=app) as runs:
            yield World(globus, sem, stage, quick_endpoint.id, function, flow, app, flows, runs)


def test_images_go_there_and_reports_come_back(world: World) -> None:
    run = world.start("a.tif", "b.tif", label="two images", tags=["key:1"])
    told = world.ended(run)
    assert told["status"] == "SUCCEEDED", (told["details"], world.log(run))
    assert world.reports() == {"a.tif.0123456789ab.mhfd.json", "b.tif.0123456789ab.mhfd.json"}
    assert json.loads((world.sem.root / "reports/a.tif.0123456789ab.mhfd.json").read_text())["image"]["bytes"] == 1000
    assert world.clean()
    output = told["details"]["output"]["score"]["details"]["results"][0]["output"]
    assert [one["dof"] for one in output["reports"]] == [7, 7]
    assert (told["label"], told["tags"], told["flow_id"]) == ("two images", ["key:1"], world.flow)


def test_an_answer_that_is_lost_after_the_run_was_made(world: World) -> None:
    """Asked again by the SDK itself, one call makes two runs: there is no key that would stop it."""
    world.globus.server.fail("POST /flows/.*/run", 502, after=True)
    run = world.start("a.tif", tags=["key:2"])
    found = [one for one in world.flows.list_runs(filter_flow_id=world.flow) if "key:2" in one["tags"]]
    assert len(found) == 2
    assert {world.ended(one["run_id"])["status"] for one in found} == {"SUCCEEDED"}
    assert run in {one["run_id"] for one in found}
    world.globus.server.fail("POST /flows/.*/run", 502, after=True)
    with world.runs.retry_config.tune(max_retries=0), pytest.raises(FlowsAPIError) as caught:
        world.start("b.tif", tags=["key:3"])
    assert caught.value.http_status == 502
    assert len([one for one in world.flows.list_runs(filter_flow_id=world.flow) if "key:3" in one["tags"]]) == 1
    assert world.globus.flows.runs


def test_a_list_that_lags(world: World) -> None:
    world.globus.flows.list_lag = 2
    run = world.start("a.tif")
    assert [run in {one["run_id"] for one in world.flows.list_runs()} for _ in range(3)] == [False, False, True]
    world.ended(run)


def test_too_many_requests(world: World) -> None:
    refused = world.globus.server.fail("POST /flows/.*/run", 429, times=1, retry_after=0)
    assert world.ended(world.start("a.tif"))["status"] == "SUCCEEDED"
    assert refused.hits == 1


def test_a_token_that_is_over(world: World) -> None:
    run = world.start("a.tif")
    world.globus.auth.expire()
    assert world.ended(run)["status"] == "SUCCEEDED"
    assert world.ended(world.start("b.tif"))["status"] == "SUCCEEDED"


def test_a_missing_consent_makes_a_run_inactive_until_it_is_resumed(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = world.globus.collection(tmp_path / "other", name="other", kind="mapped")
    body = world.body(world.images("a.tif"))
    body["staging"]["id"], body["compute"]["staging_root"] = other.id, str(other.root)
    run = world.runs.run_flow(body)["run_id"]
    until(lambda: world.flows.get_run(run)["status"] == "INACTIVE", "it does not become inactive")
    details = world.flows.get_run(run)["details"]
    assert (details["code"], details["state_name"]) == ("ConsentRequired", "MakeStaging")
    assert other.id in str(details["required_scopes"])
    world.app.add_scope_requirements(consents_for("flow", flows=[world.flow], mapped=[other.id]).scopes())
    with pytest.raises(NotLoggedIn, match="does not cover"):
        world.runs.resume_run(run)
    world.app.login()
    world.runs.resume_run(run)
    assert world.ended(run)["status"] == "SUCCEEDED"
    with pytest.raises(FlowsAPIError, match="RUN_NOT_INACTIVE"):
        world.runs.resume_run(run)


@pytest.mark.parametrize("kind", ["checksum", "checksum_always", "permission"])
def test_transfer_troubles_pass(world: World, kind: Any) -> None:
    trouble = world.globus.transfer.trouble(kind, f"TRANSFER {world.sem.id}")
    run = world.start("a.tif")
    assert world.ended(run)["status"] == "SUCCEEDED", world.log(run)
    assert trouble.hits == 1
    assert ("ActionFailed BringImages" in world.log(run)) == (kind != "checksum")
    assert world.clean()


def test_transfer_stuck(world: World) -> None:
    world.globus.flows.limit_pace = 3600
    trouble = world.globus.transfer.trouble("stuck", f"TRANSFER {world.sem.id}")
    told = world.ended(world.start("a.tif"))
    assert (told["status"], told["details"]["details"]["error"]) == ("FAILED", "ImagesNotBrought")
    trouble.lift()
    assert world.reports() == set()


@pytest.mark.parametrize("times", [1, 3])
def test_compute_failed(world: World, times: int) -> None:
    trouble = world.globus.flows.compute_trouble("failed", times)
    told = world.ended(world.start("a.tif"))
    assert trouble.hits == times
    assert world.clean()
    if times == 1:
        assert told["status"] == "SUCCEEDED"
    else:
        assert (told["status"], told["details"]["details"]["error"]) == ("FAILED", "NotScored")


def test_clean_failed(world: World) -> None:
    world.globus.transfer.trouble("permission", "DELETE", times=10)
    run = world.start("a.tif")
    told = world.ended(run)
    assert (told["status"], told["details"]["details"]["error"]) == ("FAILED", "StagingNotCleaned")
    assert [path.name for path in world.stage.root.iterdir()] == [f"mhfd-{run}"]
    assert world.reports() == {"a.tif.0123456789ab.mhfd.json"}


def test_a_person_cancels(world: World) -> None:
    reached = world.globus.flows.hold("BringImages")
    run = world.start("a.tif")
    assert reached.wait(60)
    world.flows.cancel_run(run)
    world.globus.flows.release("BringImages")
    told = world.ended(run)
    assert (told["status"], told["details"]["code"]) == ("ENDED", "FlowCanceled")
    with pytest.raises(FlowsAPIError, match="CONFLICT"):
        world.flows.cancel_run(run)


def test_a_run_keeps_the_definition_it_started_with(world: World) -> None:
    reached = world.globus.flows.hold("BringImages")
    run = world.start("a.tif")
    assert reached.wait(60)
    changed = json.loads(json.dumps(SHIPPED.document))
    changed["Comment"] = "another"
    world.flows.update_flow(world.flow, definition=changed)
    world.globus.flows.release("BringImages")
    assert world.ended(run)["status"] == "SUCCEEDED"
    assert world.flows.get_run_definition(run)["definition"] == SHIPPED.document
    assert world.flows.get_flow(world.flow)["definition"]["Comment"] == "another"


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (lambda w: w.runs.run_flow({"source": 1}), 400, "is a required property"),
        (lambda w: w.runs.run_flow({}, label="x" * 65), 422, "1 to 64 characters"),
        (lambda w: w.runs.run_flow({}, additional_fields={"key": "k"}), 422, "Extra inputs"),
        (lambda w: w.flows.list_runs(query_params={"filter_label": "x"}), 422, "Extra inputs"),
        (lambda w: w.flows.update_flow(w.flow, definition={"StartAt": "A", "States": {}}), 422, "at least one state"),
        (lambda w: w.flows.get_run("6d686664-0000-4000-8000-000000000bad"), 404, "No run exists"),
        (lambda w: w.flows.post(f"/flows/{w.flow}/run", data={"body": {}}), 403, "requires the following scope"),
        (lambda w: w.flows.create_flow("", SHIPPED.document, {}), 422, "1 to 128 characters"),
        (lambda w: w.flows.validate_flow({"StartAt": "A", "States": {"A": {"Type": "Task"}}}), 422, "Type is 'Task'"),
    ],
)
def test_a_wrong_call_is_refused(world: World, call: Callable[[World], Any], status: int, words: str) -> None:
    with pytest.raises(FlowsAPIError) as caught:
        call(world)
    assert caught.value.http_status == status
    assert words in str(caught.value)


def test_lists_are_in_pages(world: World) -> None:
    world.globus.flows.hold("BringImages")
    runs = [world.start("a.tif") for _ in range(23)]
    pages = list(world.flows.paginated.list_runs(filter_flow_id=world.flow))
    assert [len(page["runs"]) for page in pages] == [20, 3]
    assert [one["run_id"] for page in pages for one in page["runs"]] == runs[::-1]
    for run in runs:
        with suppress(FlowsAPIError):  # on a machine that is busy, some have ended meanwhile
            world.flows.cancel_run(run)
    world.globus.flows.release("BringImages")
    until(lambda: all(world.flows.get_run(run)["status"] == "ENDED" for run in runs), "they do not end")
    world.flows.update_run(runs[0], tags=["done"], label="over")
    assert world.flows.get_run(runs[0])["tags"] == ["done"]


def test_the_function_without_the_station(world: World) -> None:
    """By hand or by a timer: no batch; the flow looks at the folder until it stands still."""
    world.images("c.tif", "d.tif")
    body = {k: v for k, v in world.body([]).items() if k != "batch"} | {"settle_s": 1}
    told = world.ended(world.runs.run_flow(body)["run_id"])
    assert told["status"] == "SUCCEEDED", told["details"]
    assert world.reports() == {"c.tif.0123456789ab.mhfd.json", "d.tif.0123456789ab.mhfd.json"}
    told = world.ended(world.runs.run_flow(body)["run_id"])
    assert (told["status"], told["details"]["output"]["outcome"]["scored"]) == ("SUCCEEDED", 0)


def test_the_real_function_by_a_timer(world: World, service: Service, quick_endpoint: ChildEndpoint) -> None:
    """Images that are new are scored, whatever comes of them; those that have a report are not scored again."""
    sharp, blurred = simulate.focus_series((256, 256), seed=2, defocus_um=[0.0, 3.0])
    tifffile.imwrite(world.sem.root / "sharp.tif", sharp)
    tifffile.imwrite(world.sem.root / "blurred.tif", blurred)
    (world.sem.root / "torn.tif").write_bytes((world.sem.root / "sharp.tif").read_bytes()[:20_000])
    scratch = quick_endpoint.root / f"scratch-{world.flow}"
    scratch.mkdir()
    staging = world.globus.collection(scratch, name="scratch", kind="guest")
    body = {k: v for k, v in world.body([]).items() if k != "batch"} | {"settle_s": 1}
    body["staging"] = {"id": staging.id, "path": "/"}
    focus = registered(service, quick_endpoint.folder / "register", shim.mhfd_focus)
    body["compute"] |= {"function_id": focus, "staging_root": str(scratch)}
    told = world.ended(world.runs.run_flow(body)["run_id"])
    assert told["status"] == "SUCCEEDED", (told["details"], world.log(told["run_id"]))
    reports = {path.name.split(".")[0]: json.loads(path.read_text()) for path in (world.sem.root / "reports").iterdir()}
    assert {name: one["finding"] for name, one in reports.items()} == {
        "sharp": "ok",
        "blurred": "ok",
        "torn": "incomplete",
    }
    assert reports["sharp"]["density"] > reports["blurred"]["density"]
    (output,) = told["details"]["output"]["score"]["details"]["results"]
    assert max(len(json.dumps(one)) for one in output["output"]["reports"]) <= 600
    assert not list(scratch.iterdir())
    told = world.ended(world.runs.run_flow(body)["run_id"])
    assert (told["status"], told["details"]["output"]["outcome"]) == ("SUCCEEDED", {"error": "", "scored": 0})
    tifffile.imwrite(world.sem.root / "new.tif", sharp)
    told = world.ended(world.runs.run_flow(body)["run_id"])
    assert [one["name"] for one in told["details"]["output"]["batch"]["images"]] == ["new.tif"]
    assert len(world.reports()) == 4
