"""A dry run of any definition; the parts of the language that it needs; one source for what providers take."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from globus_sdk import DeleteData, TransferClient, TransferData
from tests.flows.flow_parts import AT, COMPUTE, Part, chooses, does, flow, makes, schema, when
from tests.rigs.globus import flows_actions

from mhfd.errors import UsageError
from mhfd_flows import expressions, paths
from mhfd_flows.checks import checked, needed
from mhfd_flows.comparisons import COMPARISONS
from mhfd_flows.definition import Definition
from mhfd_flows.errors import ExpressionError, PathError, UnableToRun
from mhfd_flows.interpreter import VirtualClock, run
from mhfd_flows.pretend import World
from mhfd_flows.providers import BY_ADDRESS, PROVIDERS
from mhfd_flows.shipped import FLOWS
from mhfd_flows.trial import made_up, trial_faults, try_out

END: Part = {"Type": "Pass", "End": True}
CAUGHT: Part = {"ErrorEquals": ["ActionFailedException", "ActionTimeout"], "ResultPath": "$.error", "Next": "Lost"}


def job(**more: Any) -> Definition:
    return checked(
        flow(
            Run=does("https://example.org/job", "ran", what__ref="$.what", **more),
            Over=makes("ExpressionEval", "end", status__ref="$.ran.status", End=True),
            Lost={"Type": "Fail", "Error": "Lost", "CausePath": "$.error.Error"},
        )
        if more
        else flow(Run=does("https://example.org/job", "ran", what__ref="$.what"), Over=END),
        strict=False,
    )


def test_whoever_is_not_known_succeeds_and_that_is_said() -> None:
    done = try_out(job(), {"what": 1})
    assert (done.ended, done.pretended) == ("succeeded", ("https://example.org/job",))
    assert done.execution.state["ran"]["details"] == {}
    told = try_out(job(), {"what": 1}, answers={"Run": {"found": 3}})
    assert (told.execution.state["ran"]["details"], told.pretended) == ({"found": 3}, ())


@pytest.mark.parametrize(
    ("faults", "ended", "error"),
    [
        ([], "succeeded", None),
        (["Run=ActionFailedException"], "failed", ("Lost", "ActionFailedException")),
        (["Run=ActionTimeout"], "failed", ("Lost", "ActionTimeout")),
        (["Run=ActionUnableToRun"], "broken", ("ActionUnableToRun", "Run: it is pretended")),
    ],
)
def test_any_action_may_go_wrong(faults: list[str], ended: str, error: tuple[str, str] | None) -> None:
    definition = job(Catch=[CAUGHT])
    done = try_out(definition, {"what": 1}, trial_faults(definition, faults))
    assert (done.ended, done.execution.error) == (ended, error)


def test_a_fault_may_pass() -> None:
    definition = checked(
        flow(
            Run=does("https://example.org", "ran", Catch=[CAUGHT | {"Next": "Rest"}], Next="Over"),
            Rest={"Type": "Wait", "Seconds": 60, "Next": "Run"},
            Over=END,
        ),
        strict=False,
    )
    assert (
        try_out(definition, {}, trial_faults(definition, ["Run=ActionTimeout:2"])).execution.visited.count("Run") == 3
    )
    endless = try_out(definition, {}, trial_faults(definition, ["Run=ActionTimeout"]))
    assert endless.ended == "broken"
    assert (endless.execution.error or ("",))[0] == "NeverEnds"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("Run", "is no fault; write STATE=ERROR"),
        ("Over=ActionTimeout", "'Over' is no state that can fail; there are Run"),
        ("Run=Rain", "'Rain' is no error; there are ActionUnableToRun"),
    ],
)
def test_faults_that_there_are_not(fault: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        trial_faults(job(), [fault])
    with pytest.raises(UsageError, match="'Over' is no state that asks somebody"):
        try_out(job(), {}, answers={"Over": {}})


def test_a_question_to_a_person() -> None:
    definition = checked(
        flow(
            Ask={"Type": "CreateWebInput", "Parameters": {"Title.$": "$.title"}, "ResultPath": "$.asked"},
            Await={
                "Type": "AwaitWebInput",
                "Parameters": {"web_input_id.$": "$.asked.web_input_id"},
                "ResultPath": "$.said",
                "Catch": [{"ErrorEquals": ["Flows.WebInputExpired"], "ResultPath": "$.said", "Next": "Which"}],
            },
            Which=chooses(when("said.response", "Yes", StringEquals="yes"), default="No"),
            Yes=END,
            No={"Type": "Fail", "Cause": "no"},
        ),
        strict=False,
    )
    assert try_out(definition, {"title": "t"}, answers={"Await": {"response": "yes"}}).ended == "succeeded"
    expired = try_out(definition, {"title": "t"}, trial_faults(definition, ["Await=Flows.WebInputExpired"]))
    assert expired.execution.visited == ("Ask", "Await", "Which", "No")


def test_the_input_is_made_up_of_its_schema_or_of_what_is_read() -> None:
    definition = checked(
        flow(
            See=does(f"{AT}ls", "seen", endpoint_id__ref="$.at.id", limit__ref="$.most"),
            Which=chooses(when("deep.list[0].on", "Over", BooleanEquals=True), default="Over"),
            Over=END,
        ),
        strict=False,
    )
    body = made_up(needed(definition), None)
    assert body == {"at": {"id": "a made-up id"}, "most": 1, "deep": {"list": [{"on": True}]}}
    assert try_out(definition, body).ended == "succeeded"
    uuid = {"type": "string", "format": "uuid"}
    told = schema(("at",), at=schema(id=uuid, path={"type": "string", "default": "/~/"}), most={"type": "integer"})
    assert made_up(needed(definition), told) == {"at": {"id": "00000000-0000-4000-8000-000000000000", "path": "/~/"}}


def test_states_without_a_place_replace_the_state_of_the_run() -> None:
    definition = checked(
        flow(
            A={"Type": "Pass", "Result": {"n": 1}},
            B={"Type": "Pass", "InputPath": "$.n", "ResultPath": "$.m"},
            C=makes("Pass", "c", sum__exp="n + m", who__ref="$._context.run_id"),
        ),
        strict=False,
    )
    done = run(definition, {"gone": 1}, {}, VirtualClock(), run_id="r")
    assert {k: v for k, v in done.state.items() if k != "_context"} == {"n": 1, "m": 1, "c": {"sum": 2, "who": "r"}}


def test_a_choice_that_nothing_fits() -> None:
    definition = checked(flow(A=chooses(when("n", "B", NumericEquals=1)), B=END), strict=False)
    assert run(definition, {"n": 1}, {}, VirtualClock()).status == "SUCCEEDED"
    for body in ({"n": 2}, {}):
        done = run(definition, body, {}, VirtualClock())
        assert done.error == ("NothingFits", "A: no rule fits, and there is no Default")


# Paths, expressions, comparisons

STATE = {"a": {"b": [{"c": 1}, {"c": 2}, {"c": 3}], "odd name": 4}, "x-y": 5}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a.b[0].c", 1),
        ("$.a.b[-1].c", 3),
        ("$['a']['odd name']", 4),
        ('$.a["odd name"]', 4),
        ("$.x-y", 5),
        ("$.a.b[1:]", [{"c": 2}, {"c": 3}]),
        ("$.a.b[:2][1].c", 2),
        ("$.a.b[::2]", [{"c": 1}, {"c": 3}]),
        ("$.a.b[*].c", [1, 2, 3]),
        ("$..c", [1, 2, 3]),
        ("$.a.*", [STATE["a"]["b"], 4]),  # type: ignore[index]
        ("$", STATE),
        ("$.", STATE),
    ],
)
def test_a_path_gives(path: str, value: object) -> None:
    assert paths.look_up(STATE, path) == value


@pytest.mark.parametrize("path", ["$.a.z", "$.a.b[3]", "$.x-y[0]", "$.a[1:]", "$.a.b.c", "$.a.b[?(@.c > 1)]"])
def test_a_path_that_gives_nothing(path: str) -> None:
    paths.parse(path)
    with pytest.raises(PathError):
        paths.look_up(STATE, path)


@pytest.mark.parametrize("path", ["a", "$a", "$..", "$.a..", "$.a[", "$.a[x]", "$.a b", "$$.a"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(PathError, match="is no path"):
        paths.parse(path)


def test_steps_are_written_as_they_were_read() -> None:
    for path in ("$.a.b[0]['odd name'].c[1:]..d[*]", "$", "$.x-y[-1]"):
        assert paths.written(paths.parse(path)) == path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("getattr('a.b[1].c', 9)", 2),
        ("getattr('a.z', 9)", 9),
        ("getattr('a.z')", None),
        ("is_present('a.b[2]')", True),
        ("is_present('a.b[3]')", False),
        ("is_present('$.a.b')", True),
        ("z if is_present('z') else `$.a.b[0].c` + 1", 2),
        ("`$.x-y` * 2", 10),
        ("[one.c for one in a.b[1:]]", [2, 3]),
        ("a.b[-1].c", 3),
        ("pathsplit('/foo/bar/blech')", ["/foo/bar", "blech"]),
        ("pathsplit('/~/path')", ["/~/", "path"]),
        ("pathsplit('/~/')", ["/~/", ""]),
        ("pathsplit('/~/a/b')", ["/~/a", "b"]),
        ("pathsplit('name')", ["", "name"]),
        ("'one\nline'", "one\nline"),
        ("(1, 2)", [1, 2]),
    ],
)
def test_an_expression_gives(text: str, value: object) -> None:
    assert expressions.evaluate(text, STATE) == value


@pytest.mark.parametrize("text", ["z", "`$.z`", "a.z", "a.b[9]", "1 / 0", "getattr(1)"])
def test_an_expression_that_gives_nothing(text: str) -> None:
    with pytest.raises(ExpressionError):
        expressions.evaluate(text, STATE)


@pytest.mark.parametrize(
    ("name", "found", "wanted", "holds"),
    [
        ("StringLessThan", "a", "b", True),
        ("StringGreaterThanEquals", 1, "b", False),
        ("StringMatches", "log-[1].txt", "log-[1]*", True),
        ("NumericGreaterThanEqualsPath", 2, 2, True),
        ("NumericEqualsPath", 2, "2", False),
        ("BooleanEqualsPath", True, True, True),
        ("TimestampLessThan", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00+01:00", True),
        ("TimestampEquals", "yesterday", "2026-01-01T00:00:00Z", False),
        ("IsNumeric", 1, True, True),
        ("IsNumeric", True, True, False),
        ("IsString", "a", False, False),
        ("IsBoolean", False, True, True),
        ("IsTimestamp", "2026-01-01T00:00:00Z", True, True),
        ("IsTimestamp", "a", True, False),
        ("IsNull", None, True, True),
    ],
)
def test_a_comparison(name: str, found: object, wanted: object, holds: bool) -> None:
    assert COMPARISONS[name].holds(found, wanted) is holds


# One source


def _sdk(function: Any, *no: str) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self", "additional_fields", "query_params", *no}


def test_providers_take_what_the_sdk_sends() -> None:
    takes = {one.name: one.fields for one in PROVIDERS}
    assert _sdk(TransferData.__init__) <= takes["transfer"]
    assert _sdk(DeleteData.__init__) <= takes["delete"]
    for name in ("ls", "stat", "mkdir"):
        assert takes[name] == _sdk(getattr(TransferClient, f"operation_{name}"))
    item = BY_ADDRESS[f"{AT}transfer"].input["properties"]["DATA"]["items"]["properties"]
    assert _sdk(TransferData.add_item) <= set(item)


@pytest.mark.parametrize("name", ["transfer", "delete", "ls", "mkdir", "compute"])
def test_the_checks_the_dry_run_and_the_stand_in_refuse_the_same(name: str) -> None:
    provider = next(one for one in PROVIDERS if one.name == name)
    address, flow = provider.addresses[0], FLOWS["focus_check"]
    state = next(name for name, one in flow.document["States"].items() if one.get("ActionUrl") == address)
    wrong = {"no_such_field": 1}
    said = provider.refuses(wrong)
    assert said is not None
    with pytest.raises(UnableToRun, match="no_such_field") as dry:
        World(VirtualClock()).of(flow)[state].run(wrong)
    with pytest.raises(UnableToRun, match="no_such_field") as stand_in:
        flows_actions._check(address, wrong)
    assert str(dry.value) == str(stand_in.value) == f"{name}: {said}"


def test_every_provider_says_where_it_was_read() -> None:
    assert len(PROVIDERS) > 15
    for one in PROVIDERS:
        assert all(address.startswith("https://") for address in one.addresses)
        assert (one.standing == "current") == (not one.instead)
        assert one.instead in ("", *BY_ADDRESS)
    assert BY_ADDRESS[f"{COMPUTE}/v3"].standing == "current"
