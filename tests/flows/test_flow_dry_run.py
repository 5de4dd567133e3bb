"""What is to come of faults is said by the stages, and a flow that ends otherwise is noticed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from tests.rigs.hash_flow import HASH_FLOW

from mhfd.contract.focus_report import Provenance
from mhfd.contract.work import WorkAnswer
from mhfd.errors import UsageError
from mhfd_flows import dry_run
from mhfd_flows.build import FlowRecipe, FlowStage
from mhfd_flows.dry_run import rehearse
from mhfd_flows.interpreter import VirtualClock
from mhfd_flows.pretend import World
from mhfd_flows.shipped import FLOWS
from mhfd_flows.stages.acting import act
from mhfd_flows.stages.looking import look
from mhfd_flows.stages.scoring import score_brought
from mhfd_flows.stages.staging import bring, clean, give_back

MOVING, SHARED = FLOWS["focus_check"], FLOWS["focus_check_shared"]
WELL = ("", 3)
ENDS: dict[str, dict[str, tuple[str, int]]] = {
    MOVING.name: {
        "source-unreadable-once": WELL,
        "source-unreadable": ("CannotLook", 0),
        "folder-too-full": ("FolderTooFull", 0),
        "nothing-there": ("", 0),
        "never-still": ("NeverStill", 0),
        "reports-unlistable": WELL,
        "all-reported": ("", 0),
        "too-many-reports": ("TooManyReports", 0),
        "staging-refused": ("CannotStage", 0),
        "transfer-fails-once": WELL,
        "transfer-refused": ("ImagesNotBrought", 0),
        "transfer-fails": ("ImagesNotBrought", 0),
        "transfer-stuck": ("ImagesNotBrought", 0),
        "compute-fails-once": WELL,
        "endpoint-refuses": ("NotScored", 0),
        "compute-fails": ("NotScored", 0),
        "compute-stuck": ("NotScored", 0),
        "function-refuses": ("RequestRefused", 0),
        "all-images-changed": ("ImagesChanged", 0),
        "image-changed": ("", 2),
        "return-fails-once": WELL,
        "return-fails": ("ReportsNotReturned", 0),
        "return-stuck": ("ReportsNotReturned", 0),
        "some-not-scored": ("SomeNotScored", 2),
        "clean-fails-once": WELL,
        "clean-fails": ("StagingNotCleaned", 3),
        "clean-stuck": ("StagingNotCleaned", 3),
    },
    SHARED.name: {
        "compute-fails-once": WELL,
        "endpoint-refuses": ("NotScored", 0),
        "compute-fails": ("NotScored", 0),
        "compute-stuck": ("NotScored", 0),
        "function-refuses": ("NotAllScored", 0),
        "some-not-scored": ("NotAllScored", 2),
    },
}
"""Of three images. Written by hand: what a stage says of its faults does not change unnoticed."""


@pytest.mark.parametrize("flow", [MOVING, SHARED], ids=lambda flow: flow.name)
def test_the_faults_of_our_flows_are_those_that_were(flow: FlowRecipe) -> None:
    assert {fault.name for fault in flow.faults} == set(ENDS[flow.name])
    for name, (error, reports) in ENDS[flow.name].items():
        ending = rehearse(flow, [name]).expected
        assert (ending.error, ending.reports) == (error, reports), name
        assert ending.left == (("/staging/mhfd-dry-run/",) if error == "StagingNotCleaned" else ()), name


@pytest.mark.parametrize(
    ("faults", "images", "error", "reports"),
    [
        (["image-changed"], 1, "ImagesChanged", 0),
        (["some-not-scored"], 1, "RequestRefused", 0),
        (["image-changed", "some-not-scored"], 3, "SomeNotScored", 1),
        (["image-changed", "some-not-scored"], 2, "RequestRefused", 0),
        (["all-images-changed", "some-not-scored"], 1, "ImagesChanged", 0),
        (["return-fails", "some-not-scored"], 3, "ReportsNotReturned", 0),
        (["return-fails", "some-not-scored"], 1, "RequestRefused", 0),
        (["some-not-scored", "clean-fails"], 3, "StagingNotCleaned", 2),
        (["staging-refused", "clean-fails"], 3, "CannotStage", 0),
        (["nothing-there", "clean-fails"], 3, "", 0),
        (["reports-unlistable", "too-many-reports"], 3, "", 3),
        (["compute-fails", "image-changed"], 1, "NotScored", 0),
    ],
)
def test_of_several_faults_the_first_on_the_road_decides(
    faults: list[str], images: int, error: str, reports: int
) -> None:
    done = rehearse(MOVING, faults, images=images)
    assert (done.expected.error, done.expected.reports) == (error, reports)
    assert done.found == done.expected


def broken(flow: FlowRecipe, state: str, *where: Any, to: Any) -> FlowRecipe:
    """The flow with one thing of its definition changed; the stages say what they said."""
    made = replace(flow)
    made.__dict__["document"] = document = copy.deepcopy(flow.document)
    part = document["States"][state]
    for key in where[:-1]:
        part = part[key]
    assert part[where[-1]] != to
    part[where[-1]] = to
    return made


@pytest.mark.parametrize(
    ("flow", "fault"),
    [
        (broken(MOVING, "Returned", "Next", to="Ending"), None),
        (broken(MOVING, "BringLost", "Parameters", "error", to="NotScored"), "transfer-fails"),
        (broken(MOVING, "Score", "Catch", 1, "Next", to="BringLost"), "compute-stuck"),
        (broken(MOVING, "Answered", "Choices", 1, "BooleanEquals", to=False), "all-images-changed"),
        (broken(MOVING, "Score", "Parameters", "tasks", 0, "kwargs", "write_to.=", to="plan.seen"), None),
        (broken(MOVING, "BringAgain", "Choices", 0, "NumericLessThan", to=1), "transfer-fails-once"),
        (broken(SHARED, "Answered", "Choices", 0, "BooleanEquals", to=False), None),
        (broken(HASH_FLOW, "Answered", "Choices", 1, "Next", to="AnythingToReturn"), None),
        (broken(HASH_FLOW, "ReturnArtefacts", "Parameters", "DATA.=", to="[]"), None),
        (broken(HASH_FLOW, "Act", "Parameters", "tasks", 0, "kwargs", "into.=", to="plan.seen"), None),
    ],
)
def test_a_flow_that_does_otherwise_is_noticed(flow: FlowRecipe, fault: str | None) -> None:
    assert not rehearse(flow, [fault] if fault else []).as_it_should


def test_a_flow_that_never_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_MOST_STATES", 700)
    assert rehearse(HASH_FLOW, ["work-never-ends"]).as_it_should
    for_ever = broken(HASH_FLOW, "MoreTurns", "Choices", 0, "NumericLessThan", to=100_000)
    assert rehearse(for_ever, ["work-never-ends"]).found.error == "NeverEnds"


LOOK = look(64, 32, 64)
OTHERS: dict[str, tuple[FlowStage, ...]] = {
    "nothing comes back": (bring(), act("mhfd_hash_folder", brought="folder"), clean()),
    "work on images": (LOOK, bring("images", listed=True), act("mhfd_hash_folder"), give_back("tables"), clean()),
    "scored for nothing": (LOOK, bring("images", listed=True, back="reports"), score_brought(), clean()),
}


@pytest.mark.parametrize("stages", OTHERS.values(), ids=OTHERS)
def test_a_flow_of_other_stages_ends_as_they_say(stages: tuple[FlowStage, ...]) -> None:
    flow = FlowRecipe(name="other", title="mhfd: other", subtitle="Other", stages=stages, most=3)
    assert len(flow.faults) > 15
    for faults in [(), *((fault.name,) for fault in flow.faults)]:
        done = rehearse(flow, faults)
        assert done.found == done.expected, (faults, done.execution.error)


@pytest.mark.parametrize("fault", [fault.name for fault in HASH_FLOW.faults if fault.place == "act"])
def test_what_is_pretended_of_long_work_is_what_an_endpoint_answers(fault: str) -> None:
    done = rehearse(HASH_FLOW, [fault])
    kept = done.execution.state.get("work", {"details": {"results": []}})
    told = [one["output"] for one in kept["details"]["results"]]
    assert bool(told) != (done.expected.error == "WorkLost")
    for answer in told:
        made_by = Provenance(version="1", backend="numpy", device="cpu", threads=1)
        read = WorkAnswer.model_validate({**answer, "provenance": made_by})
        assert read.ok == (not read.errors)
        assert (read.state == "done") == bool(read.artefacts)


def test_an_action_that_nobody_pretends_to_do_is_named() -> None:
    address = "https://actions.globus.org/search/ingest"
    with pytest.raises(UsageError, match=f"Clean: nobody pretends to be {address}"):
        World(VirtualClock()).of(broken(HASH_FLOW, "Clean", "ActionUrl", to=address))
