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

MOVING, SHARED, LEARN = FLOWS["focus_check"], FLOWS["focus_check_shared"], FLOWS["learn"]
WELL = ("", 3)
BACK = ("", 1)


def part_ends(part: str, named: str, made: int = 0) -> dict[str, tuple[str, int]]:
    """How a run ends by what can go wrong with one of its works.

    Args:
        part: What the faults' names begin with.
        named: What the work's errors begin with.
        made: So many packages were made before, and come back.
    """
    ends = {
        "compute-fails-once": BACK,
        "endpoint-refuses": (f"{named}WorkLost", made),
        "compute-fails": (f"{named}WorkLost", made),
        "compute-stuck": (f"{named}WorkLost", made),
        "function-refuses": (f"{named}RequestRefused", made),
        "function-refuses-once": BACK,
        "another-worker": BACK,
        "work-never-ends": (f"{named}WorkNotEnded", made),
        "work-fails": (f"{named}WorkFailed", made),
        "work-cancelled": (f"{named}WorkCancelled", made),
    }
    return {f"{part}{fault}": end for fault, end in ends.items()}


def around_ends(brought: str, back: str, made: int = 0) -> dict[str, tuple[str, int]]:
    """The same, by what is around the works."""
    return {
        "staging-refused": ("CannotStage", 0),
        "transfer-fails-once": BACK,
        "transfer-refused": (brought, 0),
        "transfer-fails": (brought, 0),
        "transfer-stuck": (brought, 0),
        "return-fails-once": BACK,
        "return-fails": (back, made),
        "return-stuck": (back, made),
        "clean-fails-once": BACK,
        "clean-fails": ("StagingNotCleaned", 1),
        "clean-stuck": ("StagingNotCleaned", 1),
    }


ENDS: dict[str, dict[str, tuple[str, int]]] = {
    "learn": {
        **around_ends("FirstImagesNotBrought", "ReportAndPackageNotReturned", made=2),
        "staging-there": BACK,
        "save-fails-once": BACK,
        "save-fails": BACK,
        **part_ends("assess-", "Assess"),
        "best-alone": BACK,
        "library-suffices": BACK,
        **part_ends("train-1-", "Train1"),
        **part_ends("train-2-", "Train2", made=1),
        **part_ends("benchmark-", "Benchmark", made=2),
    },
    "retest": around_ends("ImagesNotBrought", "ReportNotReturned") | part_ends("", ""),
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

KEPT = {
    "StagingNotCleaned",
    *(f"Train1{error}" for error in ("WorkLost", "WorkNotEnded")),
    *(f"{part}{error}" for part in ("Train2", "Benchmark") for error in ("WorkLost", "WorkNotEnded", "RequestRefused")),
    "ReportAndPackageNotReturned",
}
"""After these a run's folder is there still: what took hours is in it, and another run goes on there."""


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.name)
def test_the_faults_of_our_flows_are_those_that_were(flow: FlowRecipe) -> None:
    assert {fault.name for fault in flow.faults} == set(ENDS[flow.name])
    for name, (error, reports) in ENDS[flow.name].items():
        done = rehearse(flow, [name])
        ending = done.expected
        assert done.found == ending, name
        assert (ending.error, ending.reports) == (error, reports), name
        assert ending.left == (("/staging/mhfd-dry-run/",) if error in KEPT else ()), name


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


@pytest.mark.parametrize(
    ("faults", "asked"),
    [
        ([], [2, 2, 2, 2]),
        (["best-alone"], [2, 2, 0, 2]),
        (["library-suffices"], [2, 0, 0, 2]),
        (["library-suffices", "train-1-work-fails"], [2, 0, 0, 2]),
        (["best-alone", "train-2-compute-fails"], [2, 2, 0, 2]),
        (["train-1-compute-fails-once", "train-1-another-worker"], [2, 5, 2, 2]),
        (["train-1-compute-stuck"], [2, 3, 0, 0]),
        (["train-2-work-fails"], [2, 2, 1, 0]),
        (["assess-function-refuses"], [3, 0, 0, 0]),
    ],
)
def test_what_an_answer_leads_to_is_asked_and_nothing_else(faults: list[str], asked: list[int]) -> None:
    """Of each work there are two turns."""
    done = rehearse(LEARN, faults)
    assert done.found == done.expected
    visited = done.execution.visited
    assert [visited.count(state) for state in ("Assess", "Train1", "Train2", "Benchmark")] == asked


@pytest.mark.parametrize(
    ("faults", "error", "left", "back"),
    [
        (["benchmark-work-fails", "save-fails"], "BenchmarkWorkFailed", 1, 0),
        (["benchmark-compute-fails", "save-fails"], "BenchmarkWorkLost", 1, 0),
        (["benchmark-work-fails", "save-fails-once"], "BenchmarkWorkFailed", 0, 2),
        (["benchmark-work-fails", "clean-fails"], "StagingNotCleaned", 1, 2),
        (["benchmark-compute-fails", "clean-fails"], "BenchmarkWorkLost", 1, 2),
        (["benchmark-compute-fails", "best-alone"], "BenchmarkWorkLost", 1, 1),
        (["benchmark-compute-fails", "library-suffices"], "BenchmarkWorkLost", 0, 0),
        (["return-fails", "library-suffices"], "ReportAndPackageNotReturned", 0, 0),
        (["assess-compute-fails"], "AssessWorkLost", 0, 0),
        (["staging-there", "assess-compute-fails"], "AssessWorkLost", 1, 0),
        (["staging-there", "transfer-fails"], "FirstImagesNotBrought", 1, 0),
        (["staging-there", "assess-work-fails"], "AssessWorkFailed", 0, 0),
        (["staging-there", "staging-refused"], "CannotStage", 0, 0),
    ],
)
def test_what_is_trained_comes_back_or_stays_until_another_run_goes_on(
    faults: list[str], error: str, left: int, back: int
) -> None:
    done = rehearse(LEARN, faults)
    assert done.found == done.expected
    assert (done.found.error, len(done.found.left), done.found.reports) == (error, left, back)


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
        (broken(LEARN, "Train1Due", "Parameters", "asked.=", to="True"), "library-suffices"),
        (broken(LEARN, "AssessKept", "Parameters", "train.=", to="[]"), "train-1-work-fails"),
        (broken(LEARN, "LookBack", "Parameters", "stays.=", to="False"), "benchmark-compute-fails"),
        (broken(LEARN, "AnythingMade", "Default", to="Clean"), "train-1-compute-fails"),
        (broken(LEARN, "StaysOrGoes", "Choices", 0, "BooleanEquals", to=False), "train-2-work-fails"),
        (broken(LEARN, "SaveMade", "Parameters", "DATA.=", to="[]"), "benchmark-work-fails"),
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
