"""`mhfd doctor DIRECTORY` of a station that scores by runs of a flow: what is wrong is named before the first image."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
from tests.rigs.flow_rig import SHIPPED, Site
from tests.rigs.globus import flows_actions
from tests.rigs.typed import typed_here

from mhfd_client.doctor import station as doctor
from mhfd_endpoint.finding import Check, Level

pytestmark = pytest.mark.globus
NAMES = ("flow", "login", "reports", "through the flow")


def said(lab: Site, *, start_run: bool = True, **more: object) -> dict[str, Check]:
    """What is said of the flow and the folder of reports."""
    found = doctor.examine(str(lab.root), config=lab.file(**more), state=lab.folder / "state", start_run=start_run)
    return {check.name: check for check in found if check.name in NAMES}


def test_all_is_well(lab: Site) -> None:
    found = said(lab)
    assert [check.level for check in found.values()] == [Level.OK] * 4
    assert found["flow"].what.startswith(lab.pairs["flow.id"])


def test_reports_must_be_writable(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != lab.results)  # root may write anywhere
    assert said(lab)["reports"].level is Level.FAIL


def test_a_flow_that_may_be_started_but_not_seen_is_no_failure(lab: Site) -> None:
    lab.globus.server.fail("GET /flows/.*", 403)
    assert said(lab)["flow"].level is Level.WARN


def test_a_flow_of_another_mhfd_is_obsolete(lab: Site) -> None:
    """It may ask for less than this one, such as checksums."""
    deployed = lab.globus.flows.flows[lab.pairs["flow.id"]].document
    deployed["keywords"] = ["mhfd", f"mhfd:{SHIPPED.name}", "digest:0123456789abcdef", "version:0.0.9"]
    check = said(lab, start_run=False)["flow"]
    assert (check.level, check.do) == (Level.WARN, "run: mhfd flow deploy focus_check --update")
    assert "of mhfd 0.0.9" in check.what
    deployed["keywords"][2] = f"digest:{SHIPPED.digest}"
    assert said(lab, start_run=False)["flow"].level is Level.OK
    del deployed["definition"]["States"]["BringImages"]["Parameters"]["verify_checksum"]
    assert "changed at the service" in said(lab, start_run=False)["flow"].what


def test_what_is_missing_in_the_settings_is_named(lab: Site) -> None:
    (check,) = said(lab, flow__staging=None).values()
    assert (check.level, "flow.staging" in check.what) == (Level.FAIL, True)


def test_without_a_login_it_says_how(lab: Site) -> None:
    (lab.folder / "home" / "mhfd" / "login" / "tokens.json").unlink()
    check = said(lab)["login"]
    assert (check.level, "mhfd login --flow-id" in check.do) == (Level.FAIL, True)


@pytest.mark.usefixtures("impatient")
def test_a_flow_that_is_gone_and_a_service_that_is_down(lab: Site) -> None:
    lab.globus.server.fail("GET /flows/.*", 404)
    check = said(lab)["flow"]
    assert (check.level, "does not know it" in check.what) == (Level.FAIL, True)
    lab.globus.server.fail("GET /flows/.*", 503, times=100)
    check = said(lab)["flow"]
    assert (check.level, "in trouble itself (503)" in check.what) == (Level.FAIL, True)


def test_the_endpoint_is_asked_through_the_flow_before_the_first_image(lab: Site) -> None:
    check = said(lab)["through the flow"]
    (run,) = lab.runs()
    assert (check.level, run.status, run.execution.visited[-1]) == (Level.OK, "SUCCEEDED", "AskEndpoint")
    assert run.id in check.what
    assert lab.staged() == []


def test_an_endpoint_that_does_not_take_what_the_action_provider_sends(
    lab: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from globus_compute_sdk.serialize import ComputeSerializer, DillDataBase64

    dill = ComputeSerializer(strategy_data=DillDataBase64())
    monkeypatch.setattr(flows_actions, "ComputeSerializer", lambda **_: dill)
    check = said(lab)["through the flow"]
    assert (check.level, "allowed_serializers" in check.do) == (Level.FAIL, True), check


def test_a_staging_folder_that_the_endpoint_may_not_read(lab: Site) -> None:
    check = said(lab, flow__staging_root="/elsewhere")["through the flow"]
    assert (check.level, "refused_path" in check.what, "flow.staging_root" in check.do) == (Level.FAIL, True, True)


def test_a_flow_of_before_is_named(lab: Site) -> None:
    flow = lab.globus.flows.flows[lab.pairs["flow.id"]]
    schema = copy.deepcopy(flow.document["input_schema"])
    del schema["properties"]["only_ask"]
    flow.document["input_schema"] = schema
    check = said(lab)["through the flow"]
    assert (check.level, "mhfd flow deploy --update" in check.do) == (Level.FAIL, True)


def test_it_is_said_when_the_endpoint_was_not_asked(lab: Site) -> None:
    def asked_not(**more: object) -> Check:
        found = doctor.examine(str(lab.root), config=lab.file(), state=lab.folder / "state", **more)  # type: ignore[arg-type]
        return next(check for check in found if check.name == "through the flow")

    assert "--no-run" in asked_not(start_run=False).what
    (lab.folder / "home" / "mhfd" / "login" / "tokens.json").unlink()
    assert "nobody is logged in" in asked_not().what
    assert lab.runs() == []


def test_an_answer_that_does_not_come_ends_the_run(lab: Site) -> None:
    lab.globus.flows.hold("AskEndpoint")
    found = doctor.examine(str(lab.root), config=lab.file(), state=lab.folder / "state", wait_s=0.1)
    lab.globus.flows.release("AskEndpoint")
    check = next(check for check in found if check.name == "through the flow")
    assert (check.level, "was cancelled" in check.what) == (Level.FAIL, True)


def test_any_endpoint_is_asked_through_the_flow_that_is_set(lab: Site) -> None:
    def told(config: Path | None, *more: str) -> str:
        words = ["doctor", "--endpoint", lab.endpoint.id, *more]
        _, said = typed_here(words if config is None else [*words, "--config", str(config)])
        return next(line for line in said.splitlines() if "through the flow:" in line)

    assert told(lab.file()).startswith("ok   through the flow: the endpoint answers to the flow")
    assert [run.body["compute"]["endpoint_id"] for run in lab.runs()] == [lab.endpoint.id]
    assert "--no-run" in told(lab.file(), "--no-run")
    assert "no flow is set" in told(None)
    assert len(lab.runs()) == 1
