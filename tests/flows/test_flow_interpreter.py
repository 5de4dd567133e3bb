"""The shipped flows are run here, with every fault there is: each state is visited, each ends as it should."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from tests.rigs.flow_inputs import INPUT_LIMIT, InputRefused, check_input
from tests.rigs.hash_flow import HASH_FLOW

from mhfd.contract.focus_report import SUMMARY_BYTES, report_file
from mhfd.errors import UsageError
from mhfd_flows.build import Fault, FlowRecipe
from mhfd_flows.checks import checked
from mhfd_flows.definition import Action, Definition
from mhfd_flows.dry_run import RUN_ID, Rehearsal, body_of, rehearse
from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Execution, Provider, VirtualClock, run, service_polls, size_of
from mhfd_flows.pretend import RESULTS, SOURCE, World
from mhfd_flows.shipped import FLOWS, MAX_FILES, MAX_IMAGES

MOVING, SHARED = FLOWS["focus_check"], FLOWS["focus_check_shared"]
ALL = {**FLOWS, HASH_FLOW.name: HASH_FLOW}
AFTER = {("learn", "StagingThere"): "MakeStaging", ("learn", "SaveMade"): "ReturnReportAndPackage"}
"""Actions that are done only where another one has failed."""
KEEPS = {("learn", state) for state in ("Train1", "Train2", "Benchmark", "ReturnReportAndPackage", "SaveMade")}
"""Actions after which another run can go on in the folder: it stays."""
COMPUTE = "https://compute.actions.globus.org/v3"
TRANSFER = "https://transfer.actions.globus.org/"
ROOM = 150_000


@cache
def rehearsed(name: str, *faults: str, images: int = 3, look: bool = False) -> Rehearsal:
    return rehearse(ALL[name], faults, images=images, look=look)


def all_cases() -> list[Rehearsal]:
    alone = [(flow.name, *names) for flow in ALL.values() for names in [(), *((fault.name,) for fault in flow.faults)]]
    return [*(rehearsed(*names, images=n) for names in alone for n in (1, 3)), rehearsed(MOVING.name, look=True)]


def caught(execution: Execution) -> set[tuple[str | None, str]]:
    return {(one.state, one.details["error"]) for one in execution.log if one.code == "ActionFailed"}


@pytest.mark.parametrize("fault", MOVING.faults, ids=lambda fault: fault.name)
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("look", [False, True])
def test_a_fault_ends_as_it_should(fault: Fault, images: int, look: bool) -> None:
    done = rehearsed(MOVING.name, fault.name, images=images, look=look)
    assert done.found == done.expected, done.execution.error
    assert done.execution.status == ("FAILED" if done.found.error else "SUCCEEDED")


@pytest.mark.parametrize("all_pairs", [False, pytest.param(True, marks=pytest.mark.soak)])
@pytest.mark.parametrize("flow", ALL.values(), ids=ALL)
def test_two_faults_end_as_they_should(flow: FlowRecipe, all_pairs: bool) -> None:
    """All pairs take ten seconds and more: in every run, each fault meets a fifth of the others, or some five."""
    names = [fault.name for fault in flow.faults]
    every = 1 if all_pairs else max(5, len(names) // 5)
    pairs = [(i, j) for i, j in itertools.combinations(range(len(names)), 2) if (i + j) % every == 0]
    assert {n for pair in pairs for n in pair} == set(range(len(names)))
    for first, second in ((names[i], names[j]) for i, j in pairs):
        done = rehearse(flow, (first, second), images=3)
        assert done.as_it_should, (first, second, done.found, done.expected)


OF_OTHERS = [(flow.name, fault.name) for flow in (SHARED, HASH_FLOW) for fault in flow.faults]


@pytest.mark.parametrize(("flow", "fault"), OF_OTHERS)
def test_a_fault_of_another_flow_ends_as_it_should(flow: str, fault: str) -> None:
    done = rehearsed(flow, fault)
    assert done.found == done.expected, done.execution.error


@pytest.mark.parametrize("flow", ALL.values(), ids=ALL)
def test_every_state_is_visited_by_some_case(flow: FlowRecipe) -> None:
    visited = {state for done in all_cases() if done.flow is flow for state in done.execution.visited}
    if flow is MOVING:
        visited |= set(asked().visited) | set(unwell(flow, "AskEndpoint", "ActionFailedException").visited)
    for _, state in (one for one in AFTER if one[0] == flow.name):
        visited |= set(unwell(flow, state, "ActionFailedException").visited)
    assert visited == set(flow.definition.states)


def asked() -> Execution:
    """A run that only asks."""
    clock = VirtualClock()
    world = World(clock)
    body = body_of(MOVING, ["a.tif"], looking=False) | {"only_ask": True}
    done = run(MOVING.definition, body, {}, clock, run_id=RUN_ID, instead=world.of(MOVING).get)
    assert (world.files, world.folders) == ({}, set())
    return done


def test_a_run_that_only_asks_moves_nothing() -> None:
    done = asked()
    assert (done.status, done.visited[-1]) == ("SUCCEEDED", "AskEndpoint")
    assert "output" in done.state["asked"]["details"]["results"][0]


def unwell(flow: FlowRecipe, state: str, error: str) -> Execution:
    """A run in which one action always ends in one error, whatever the others do; and the one that it comes after."""
    clock = VirtualClock()
    world = World(clock)
    world.folders |= {(SOURCE, "/images/"), (RESULTS, "/reports/")}
    world.files = {(SOURCE, "/images/a.tif"): 4_000_000}
    body = body_of(flow, ["a.tif"], looking=state.startswith("LookAt"))
    only = {"only_ask": True} if state == "AskEndpoint" else {}
    doing = {**world.of(flow), state: _Unwell(error)}
    if before := AFTER.get((flow.name, state)):
        doing[before] = _Unwell("ActionFailedException")
    return run(flow.definition, body | only, {}, clock, run_id=RUN_ID, instead=doing.get)


class _Unwell:
    """A provider that always ends in one error."""

    def __init__(self, error: str) -> None:
        self._error = error

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        if self._error == "ActionUnableToRun":
            raise UnableToRun("unwell")
        return ActionAnswer("FAILED" if self._error == "ActionFailedException" else "ACTIVE", "unwell")

    def status(self, action_id: str) -> ActionAnswer:
        return ActionAnswer("ACTIVE", action_id)

    def cancel(self, action_id: str) -> None:
        raise AssertionError("nobody cancels")


PATHS = [
    (flow.name, name, error)
    for flow in ALL.values()
    for name, state in flow.definition.states.items()
    if isinstance(state, Action)
    for catcher in state.catchers
    for error in catcher.error_equals
]


@pytest.mark.parametrize(("flow", "state", "error"), PATHS)
def test_every_catch_is_taken_and_keeps_what_else_there_is(flow: str, state: str, error: str) -> None:
    going = unwell(ALL[flow], state, error)
    assert (state, error) in caught(going)
    assert going.error is None or going.error[0] not in (error, "PathError", "ExpressionError")
    assert {"source", "staging", "plan", "tries"} <= set(going.state) or flow == SHARED.name
    kept = [value["Error"] for value in going.state["errors"].values()]
    there = (flow, state) == ("learn", "MakeStaging")  # then it is looked at, and is not there
    assert kept == ["ActionFailedException"] * ((flow, state) in AFTER) + [error] + ["ActionFailedException"] * there
    if "MakeStaging" in going.visited and state not in ("MakeStaging", "StagingThere"):
        assert ("Clean" in going.visited) is ((flow, state) not in KEEPS)


@pytest.mark.parametrize(("flow", "state", "error"), PATHS)
def test_retries_are_bounded(flow: str, state: str, error: str) -> None:
    going = unwell(ALL[flow], state, error)
    tries = going.visited.count(state)
    assert tries <= (40 if state == "LookAtSource" else 3)
    assert error == "ActionTimeout" or tries == (
        {"LookAtSource": 40, "LookAtReports": 1, "MakeStaging": 1, "StagingThere": 1, "AskEndpoint": 1}.get(state, 3)
    )


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("fault", [None, "compute-fails", "return-fails", "transfer-fails", "function-refuses"])
def test_the_staging_area_is_clean_after_success_and_after_failure(fault: str | None, look: bool) -> None:
    done = rehearsed(MOVING.name, *([fault] if fault else []), look=look)
    assert done.found.left == ()
    assert "Clean" in done.execution.visited


@pytest.mark.parametrize("before", [None, "compute-fails", "return-fails"])
def test_a_failed_clean_ends_in_a_fail_that_names_what_is_left(before: str | None) -> None:
    done = rehearsed(MOVING.name, "clean-fails", *([before] if before else []))
    assert done.execution.at == "StagingNotCleaned"
    assert done.found.left == ("/staging/mhfd-dry-run/",)
    left = done.execution.state["leftover"]
    assert left == {
        "collection": "the endpoint's collection",
        "path": "/staging/mhfd-dry-run/",
        "seen_by_endpoint": "/endpoint/staging/mhfd-dry-run/",
    }
    assert done.execution.error is not None
    assert "$.leftover" in done.execution.error[1]
    assert (
        done.execution.state["outcome"]["error"]
        == {
            None: "",
            "compute-fails": "NotScored",
            "return-fails": "ReportsNotReturned",
        }[before]
    )


def test_images_that_have_a_report_are_not_scored_again() -> None:
    """Reports have the names that the function gives them."""
    clock = VirtualClock()
    world = World(clock, folders={(SOURCE, "/images/")})
    world.files = {(SOURCE, f"/images/{name}"): 9 for name in ("a.tif", "a.tif.tif", "b.tif", "notes.txt")}
    world.files[RESULTS, f"/reports/{report_file('/x/mhfd-1/a.tif', 'p')}"] = 1
    body = body_of(MOVING, [], looking=True)
    done = run(MOVING.definition, body, {}, clock, run_id="r", instead=world.of(MOVING).get)
    assert [image["name"] for image in done.state["batch"]["images"]] == ["a.tif.tif", "b.tif"]
    assert done.status == "SUCCEEDED"


# The bound of the state


class _Told:
    """A provider that tells as much as the real one may."""

    def __init__(self, details: Any, status: Any = "SUCCEEDED") -> None:
        self._details, self._status = details, status

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        return ActionAnswer(self._status, "0" * 36, self._details)

    def status(self, action_id: str) -> ActionAnswer:
        raise AssertionError("it is done at once")

    def cancel(self, action_id: str) -> None:
        raise AssertionError("nobody cancels")


def _listed(name: str, size: int) -> dict[str, Any]:
    return {
        "DATA_TYPE": "file",
        "name": name,
        "type": "file",
        "size": size,
        "permissions": "0644",
        "user": "u" * 32,
        "group": "g" * 32,
        "last_modified": "2026-01-01 00:00:00+00:00",
        "link_target": None,
        "link_user": None,
        "link_group": None,
        "link_last_modified": None,
        "link_size": None,
    }


NAMES = [f"{i:03}".ljust(96, "n") + ".tif" for i in range(MAX_FILES)]


def batch(path: int, name: int) -> list[dict[str, Any]]:
    """As many images as an input holds, with names of so many characters."""
    names = [f"{i:03}".ljust(name - 4, "n") + ".tif" for i in range(MAX_IMAGES)]
    images = [{"path": f"{'d' * (path - name - 1)}/{one}", "name": one, "size": 10**11} for one in names]
    return images[: (INPUT_LIMIT - 6500) // (len(json.dumps(images[0])) + 2)]


MOST, LONGEST = batch(90, 40), batch(255, 100)
assert len(MOST) == MAX_IMAGES
TASK = {f"field_{i}": "x" * 60 for i in range(40)}
SUMMARY = {"path": "x" * (SUMMARY_BYTES - 12)}
assert len(json.dumps(SUMMARY)) == SUMMARY_BYTES
LONG = {"source": {"id": "0" * 36, "path": "/" + "s" * 1023}, "staging": {"id": "0" * 36, "path": "/" + "t" * 1023}}
LONG |= {"results": {"id": "0" * 36, "path": "/" + "r" * 1023}}
LONG |= {"compute": {"endpoint_id": "0" * 36, "function_id": "0" * 36, "staging_root": "/" + "e" * 1023}}


def _providers(output: Any, names: list[str], *, clean: Any = "SUCCEEDED") -> dict[str, Provider]:
    results = {"results": [{"task_id": "0" * 36, "output": output}], "result": [output]}
    return {
        f"{TRANSFER}ls": _Told({"DATA": [_listed(name, 10**11) for name in names], "path": "/" + "t" * 1100}),
        f"{TRANSFER}mkdir": _Told({"code": "DirectoryCreated", "message": "x" * 1200}),
        f"{TRANSFER}transfer": _Told(TASK),
        f"{TRANSFER}delete": _Told(TASK, clean),
        COMPUTE: _Told(results),
    }


PROVENANCE = {"provenance": {"version": "1", "versions": {f"p{i}": "1.2.3" for i in range(20)}}}
PROBLEM = {"code": "unavailable", "why": "w" * 250, "remedy": "r" * 150, "index": 1, "path": "p" * 180}
SCORED = {"ok": True, "reports": [{}] * MAX_IMAGES, "errors": [], "notes": [], **PROVENANCE}
REASONS = [PROBLEM] * (12_000 // len(json.dumps(PROBLEM)))  # no more are told, see tests/remote
MISSED = {"ok": False, "reports": [None] * MAX_IMAGES, "errors": REASONS, "notes": [PROBLEM], **PROVENANCE}
SUMMARIES = {"ok": True, "reports": [SUMMARY] * MAX_FILES, "errors": [], "notes": [], **PROVENANCE}


@pytest.mark.parametrize("output", [SCORED, MISSED], ids=["scored", "missed"])
@pytest.mark.parametrize("clean", ["SUCCEEDED", "FAILED"])
@pytest.mark.parametrize("listed", [MOST, LONGEST, []], ids=["most images", "longest names", "looked for"])
def test_the_state_stays_below_its_bound_at_the_largest_batch(
    output: Any, clean: str, listed: list[dict[str, Any]]
) -> None:
    """An input as large as it may be, an answer told twice as the Compute provider may, every other part full."""
    body: dict[str, Any] = {**LONG, "params": {f"k{i}": 1.5 for i in range(20)}, "key": "k" * 64}
    if listed:
        body["batch"] = {"images": listed}
        check_input(MOVING, body | {side: body[side] | {"id": _ID} for side in ("source", "staging", "results")} | _IDS)
    done = run(MOVING.definition, body, _providers(output, NAMES, clean=clean), VirtualClock(), run_id="0" * 36)
    assert done.error is None or done.error[0] in ("StagingNotCleaned", "RequestRefused"), done.error
    assert "Score" in done.visited
    assert done.largest < ROOM


def test_names_in_other_scripts_are_bounded_by_their_bytes() -> None:
    """What the client lets through stays below our bound, what the schema lets through below the service's."""
    wide: list[dict[str, Any]] = [{"path": "\N{MICROSCOPE}" * 255, "name": n["name"], "size": 1} for n in MOST[:110]]
    sides = {side: {"id": _ID, "path": "/a"} for side in ("source", "staging", "results")}
    most = {**sides, **_IDS, "batch": {"images": wide}}
    with pytest.raises(InputRefused, match=f"of {INPUT_LIMIT} that a run takes; start it with fewer images"):
        check_input(MOVING, most)
    done = run(MOVING.definition, most, _providers(SCORED, NAMES), VirtualClock(), run_id="0" * 36)
    assert done.status == "SUCCEEDED"
    room = (INPUT_LIMIT - 1000) // len(wide) - 100
    fits = [image | {"path": "\N{MICROSCOPE}" * (room // 4)} for image in wide]
    check_input(MOVING, most | {"batch": {"images": fits}})
    done = run(MOVING.definition, most | {"batch": {"images": fits}}, _providers(SCORED, NAMES), VirtualClock())
    assert done.status == "SUCCEEDED"
    assert done.largest < ROOM


_ID = "01234567-89ab-cdef-0123-456789abcdef"
_IDS = {"compute": {"endpoint_id": _ID, "function_id": _ID, "staging_root": "/e"}}


def test_the_state_of_the_shared_flow_stays_below_its_bound() -> None:
    compute = {"endpoint_id": _ID, "function_id": _ID}
    body = {"compute": compute, "paths": ["/" + "p" * 511] * MAX_FILES, "write_to": "/" + "w" * 1023}
    check_input(SHARED, body)
    done = run(SHARED.definition, body, _providers(SUMMARIES, NAMES), VirtualClock(), run_id="0" * 36)
    assert done.status == "SUCCEEDED"
    assert done.largest < ROOM


def test_a_full_folder_of_reports_is_refused_within_the_bound() -> None:
    names = [f"{i:03}".ljust(255 - 23, "n") + ".0123456789ab.mhfd.json" for i in range(200)]
    reports = _Told({"DATA": [_listed(name, 10**5) for name in names[:129]]})
    source = _Told({"DATA": [_listed(name, 10**11) for name in NAMES]})

    class Both:
        def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
            return (source if parameters["path"].startswith("/s") else reports).run(parameters)

        status, cancel = reports.status, reports.cancel

    done = run(MOVING.definition, LONG, {f"{TRANSFER}ls": Both()}, VirtualClock())
    assert done.error is not None
    assert done.error[0] == "TooManyReports"
    assert done.largest < ROOM


def test_a_state_that_outgrows_the_service_fails_the_run() -> None:
    done = run(SHARED.definition, {"x": "y" * 200_000}, {}, VirtualClock())
    assert (done.status, (done.error or ("",))[0]) == ("FAILED", "TooLarge")


# The language


def flow_of(**states: Any) -> Definition:
    return checked({"StartAt": next(iter(states)), "States": states})


def test_values_are_computed_and_put_where_they_belong() -> None:
    definition = flow_of(
        A={
            "Type": "ExpressionEval",
            "Parameters": {
                "n.=": "len(xs)",
                "first.$": "$.xs[0]",
                "deep": [{"b.=": "[x + 1 for x in xs if x > 1]"}],
                "who.$": "$._context.run_id",
                "none.=": "getattr('absent', 7)",
                "there.=": "is_present('xs')",
                "split.=": "pathsplit('/a/b.tif')",
            },
            "ResultPath": "$.out.put",
            "End": True,
        }
    )
    done = run(definition, {"xs": [1, 2, 3], "out": {"kept": 1}}, {}, VirtualClock(), run_id="r")
    assert done.state["out"] == {
        "kept": 1,
        "put": {
            "n": 3,
            "first": 1,
            "deep": [{"b": [3, 4]}],
            "who": "r",
            "none": 7,
            "there": True,
            "split": ["/a", "b.tif"],
        },
    }


@pytest.mark.parametrize("wrong", [{"x.=": "absent + 1"}, {"x.=": "1 / 0"}, {"x.$": "$.absent"}])
def test_a_value_that_cannot_be_computed_fails_the_run_with_its_state(wrong: dict[str, str]) -> None:
    definition = flow_of(A={"Type": "ExpressionEval", "Parameters": wrong, "ResultPath": "$.y", "End": True})
    done = run(definition, {}, {}, VirtualClock())
    assert done.status == "FAILED"
    assert done.error is not None
    assert done.error[1].startswith("A: ")


@pytest.mark.parametrize(
    ("rule", "way"),
    [
        ({"Variable": "$.n", "NumericGreaterThanEquals": 3}, "Yes"),
        ({"Variable": "$.n", "NumericGreaterThan": 3}, "No"),
        ({"Variable": "$.text", "NumericLessThan": 3}, "No"),
        ({"Variable": "$.text", "StringMatches": "a*"}, "Yes"),
        ({"Variable": "$.text", "StringEquals": "a"}, "No"),
        ({"Variable": "$.none", "IsNull": True}, "Yes"),
        ({"Variable": "$.absent", "IsPresent": False}, "Yes"),
        ({"Variable": "$.yes", "BooleanEquals": True}, "Yes"),
        ({"Variable": "$.n", "BooleanEquals": True}, "No"),
        ({"Not": {"Variable": "$.n", "NumericEquals": 3}}, "No"),
        ({"And": [{"Variable": "$.n", "NumericEquals": 3}, {"Variable": "$.yes", "BooleanEquals": False}]}, "No"),
        ({"Or": [{"Variable": "$.n", "NumericEquals": 3}, {"Variable": "$.yes", "BooleanEquals": False}]}, "Yes"),
    ],
)
def test_a_choice(rule: dict[str, Any], way: str) -> None:
    definition = flow_of(
        A={"Type": "Choice", "Choices": [rule | {"Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "End": True},
        No={"Type": "Pass", "End": True},
    )
    done = run(definition, {"n": 3, "text": "abc", "none": None, "yes": True}, {}, VirtualClock())
    assert done.visited == ("A", way)


def test_waits_pass_by_the_clock() -> None:
    clock = VirtualClock()
    definition = flow_of(
        A={"Type": "Wait", "Seconds": 5, "Next": "B"},
        B={"Type": "Wait", "SecondsPath": "$.s", "Next": "C"},
        C={"Type": "Wait", "Timestamp": "1970-01-01T00:01:00+00:00", "End": True},
    )
    assert run(definition, {"s": 7}, {}, clock).status == "SUCCEEDED"
    assert clock.now() == 60


def test_looks_at_an_action_back_off_to_ten_minutes() -> None:
    waits = list(itertools.islice(service_polls(), 12))
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 600


def test_a_canceled_run_enters_no_further_state() -> None:
    clock = VirtualClock()
    going: Execution = Execution(
        flow_of(A={"Type": "Wait", "Seconds": 5, "Next": "B"}, B={"Type": "Pass", "End": True}), {}, {}, now=clock.now
    )
    for _ in going.steps():
        going.cancel()
    assert (going.status, going.visited) == ("ENDED", ("A",))


# The dry run itself


def test_unknown_faults_are_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        rehearse(SHARED, ["compute-fails", "rain", "clean-fails"])
    assert "no fault 'clean-fails', 'rain'" in str(refused.value)
    assert "compute-stuck" in str(refused.value)


@pytest.mark.parametrize("images", [0, MAX_IMAGES + 1])
def test_more_images_than_a_run_takes_are_refused(images: int) -> None:
    with pytest.raises(UsageError, match="images"):
        rehearse(MOVING, images=images)


def test_a_flow_that_ends_otherwise_is_noticed() -> None:
    """A defect in the definition is what the dry run is for."""
    broken = json.loads(json.dumps(MOVING.document))
    broken["States"]["Returned"]["Next"] = "Ending"
    flow = replace(MOVING)
    flow.__dict__.update(document=broken, definition=checked(broken))
    done = rehearse(flow)
    assert not done.as_it_should
    assert done.found.left == ("/staging/mhfd-dry-run/",)


def test_the_largest_rehearsal_is_small_too() -> None:
    done = rehearse(MOVING, images=MAX_FILES, look=True)
    assert done.as_it_should
    assert size_of(done.execution.state) < ROOM
