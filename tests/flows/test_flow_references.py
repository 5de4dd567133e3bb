"""Every reference is followed: to what earlier states put there, on every way, and to what the input has."""

from __future__ import annotations

from typing import Any

import pytest
from tests.flows.flow_parts import AT, COMPUTE, Part, chooses, does, flow, makes, schema, when

from mhfd_flows.checks import examined, needed
from mhfd_flows.definition import Definition

ERRORS = ["ActionUnableToRun", "ActionFailedException", "ActionTimeout"]
TEXT = {"type": "string"}
END: Part = {"Type": "Pass", "End": True}


def lines(document: Part, input_schema: Part | None = None, about: str = "leads nowhere|may be missing") -> list[str]:
    return [
        str(one) for one in examined(document, input_schema)[1] if any(word in one.what for word in about.split("|"))
    ]


def takes(**fields: Any) -> Part:
    return makes("ExpressionEval", "taken", **fields)


CATCH = {"ErrorEquals": ERRORS, "ResultPath": "$.errors.see", "Next": "Lost"}


def seen(**more: Any) -> Part:
    return does(f"{AT}ls", "seen", endpoint_id__ref="$.id", path="/", **more)


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (flow(A=makes("Pass", "a", n=1), B=takes(x__ref="$.a.n")), []),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__ref="$.a.m")), ["language: B: $.a.m leads nowhere"]),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__ref="$.a.n.deep")), ["language: B: $.a.n.deep leads nowhere"]),
        (flow(A=makes("Pass", "a", n=[1]), B=takes(x__ref="$.a.n[0]")), []),
        (flow(A=makes("Pass", "a", n=[{"b": 1}]), B=takes(x__ref="$.a.n[0].c")), ["language: B: $.a.n[0].c leads"]),
        (flow(A=makes("Pass", "a", n=[{"b": 1}]), B=takes(x__exp="[i.c for i in a.n]")), ["language: B: i.c leads"]),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="a.n + b_that_the_input_has")), []),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="`$.a.m` + 1")), ["language: B: $.a.m leads nowhere"]),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="getattr('a.m', 1) if is_present('a.k') else a.n")), []),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="a.k if is_present('a.k') else 1")), []),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="a.k if 'k' in a else 1")), []),
        (flow(A=makes("Pass", "a", n=1), B=takes(x__exp="pathsplit('/a/b')[1] + str(a.n)")), []),
        (flow(A=seen(), B=takes(x__ref="$.seen.details.DATA[0].name")), []),
        (flow(A=seen(), B=takes(x__ref="$.seen.details.DATA[0].last_modifed")), ["language: B: $.seen"]),
        (flow(A=seen(), B=takes(x__ref="$.seen.detials.DATA")), ["language: B: $.seen.detials.DATA leads nowhere"]),
        (flow(A=seen(), B={"Type": "Wait", "SecondsPath": "$.seen.secs"}), ["language: B: $.seen.secs leads nowhere"]),
        (flow(A=seen(), B={"Type": "Fail", "CausePath": "$.seen.why"}), ["language: B: $.seen.why leads nowhere"]),
        (
            flow(A=seen(), B=chooses(when("seen.state", "C", StringEquals="x"), default="C"), C=END),
            ["language: B: $.seen.state leads nowhere"],
        ),
        (
            flow(A=seen(), B=chooses(when("seen.status", "C", StringEqualsPath="$.seen.other"), default="C"), C=END),
            ["language: B: $.seen.other leads nowhere"],
        ),
        (flow(A=takes(x__exp="1 if true else 2")), ["language: A: true leads nowhere: write True, as Python does"]),
        (flow(A=takes(x__ref="$._context.run_id")), []),
        (flow(A=takes(x__ref="$._context.owner")), ["ours: A: $._context.owner may be missing"]),
        (flow(A=takes(x__ref="$._context.run_idd")), ["language: A: $._context.run_idd leads nowhere"]),
        (flow(A={"Type": "Pass", "InputPath": "$.a.b", "ResultPath": "$.c"}, B=takes(x__ref="$.c.anything")), []),
    ],
)
def test_what_is_there_and_what_is_not(document: Part, wanted: list[str]) -> None:
    found = lines(document)
    assert len(found) == len(wanted), found
    assert all(line.startswith(words) for line, words in zip(found, wanted, strict=True)), found


def test_an_answer_is_not_there_before_its_action() -> None:
    document = flow(A=takes(x__ref="$.seen.details.total"), B=seen())
    assert "only B puts seen there, and does not come before" in lines(document)[0]
    assert lines(document)[0].startswith("language: A: ")


def test_a_loop_does_not_vouch_for_its_own_first_round() -> None:
    again = chooses(when("taken.x", "A", NumericLessThan=3), default="End")
    document = flow(A=takes(x__exp="seen.details.total + 1"), B=seen(), Which=again, End=END)
    assert lines(document, schema(id=TEXT))[0].startswith("language: A: seen.details.total leads nowhere")


def test_what_some_ways_only_put_there_may_be_missing() -> None:
    document = flow(
        Which=chooses(when("id", "See", StringEquals="x"), default="Take"),
        See=seen(),
        Take=takes(x__ref="$.seen.details.total"),
    )
    assert lines(document, schema(id=TEXT)) == [
        "ours: Take: $.seen.details.total may be missing: See puts $.seen there, and not every way leads through"
    ]


def test_what_a_catch_leads_to_has_the_error_and_not_the_answer() -> None:
    lost = takes(x__ref="$.seen.status", y__ref="$.errors.see.Cause")
    document = flow(See=seen(Catch=[CATCH], End=True), Lost=lost)
    assert [line.split(" leads")[0] for line in lines(document)] == ["language: Lost: $.seen.status"]


def test_without_a_result_path_the_whole_state_is_another() -> None:
    caught = {name: value for name, value in CATCH.items() if name != "ResultPath"}
    document = flow(
        See=seen(Catch=[caught], End=True), Lost=takes(x__ref="$.id", y__ref="$.Cause", z__ref="$._context.run_id")
    )
    assert len(lines(document)) == 1
    assert "See replaces the whole state: it has no ResultPath" in lines(document)[0]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (when("extra", "Take", IsPresent=True), 0),
        (when("extra", "Take", StringMatches="*"), 0),
        ({"And": [when("id", StringEquals="x"), when("extra", IsPresent=True)], "Next": "Take"}, 0),
        ({"Not": when("extra", IsPresent=False), "Next": "Take"}, 0),
        ({"Not": {"Or": [when("extra", IsPresent=False), when("id", IsNull=True)]}, "Next": "Take"}, 0),
        ({"Or": [when("id", IsNull=True), when("extra", IsPresent=True)], "Next": "Take"}, 1),
        (when("id", "Take", IsPresent=True), 1),
        (when("asked.there", "Take", BooleanEquals=True), 0),
    ],
)
def test_what_was_asked_for_is_there(rule: Part, wanted: int) -> None:
    """`extra` need not be in the input."""
    document = flow(
        Ask=makes("ExpressionEval", "asked", there__exp="getattr('extra', None) != None"),
        Which=chooses(rule, default="End"),
        Take=takes(x__ref="$.extra"),
        End=END,
    )
    found = lines(document, schema(("id",), id=TEXT, extra=TEXT))
    assert len([line for line in found if line.startswith("ours: Take: ")]) == wanted, found


def test_the_input_is_what_its_schema_says() -> None:
    document = flow(A=takes(a__ref="$.source.id", b__ref="$.sources.id", c__exp="perhaps + free.x + str(more.y)"))
    closed = schema(("source",), source=schema(id=TEXT), perhaps=TEXT, free={"type": "object"})
    found = lines(document, closed)
    assert [line.split(" leads")[0].split(" may")[0] for line in found] == [
        "language: A: $.sources.id",
        "language: A: more.y",
        "ours: A: perhaps",
        "ours: A: free.x",
    ]
    assert "is it source?" in found[0]
    opened = {name: value for name, value in closed.items() if name != "additionalProperties"}
    assert any(line.startswith("ours: A: more.y may be missing: no schema") for line in lines(document, opened))
    referring = {"$ref": "#/$defs/whole", "$defs": {"whole": closed}}
    assert lines(document, referring) == found


def test_what_the_input_must_have_is_told() -> None:
    document = flow(
        A=seen(limit__ref="$.most"),
        Which=chooses(when("n", "B", NumericLessThan=2), default="B"),
        B=takes(x__exp="a.b + seen.status"),
    )
    found = needed(Definition.parse(document)).needs
    assert found == {("id",): "string", ("most",): "integer", ("n",): "number", ("a", "b"): ""}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"endpoint_id": "e", "tasks": [{"function_id": "f"}]}, []),
        (
            {"endpoint_id": "e", "tasks": [{"function_id": "f", "kwarg": {}}]},
            ["there is no field tasks[].kwarg; it is called kwargs"],
        ),
        ({"endpoint_id": "e", "tasks": [{"kwargs": {}}]}, ["the field tasks[].function_id is missing"]),
        ({"endpoint": "e", "tasks": []}, ["it is called endpoint_id", "the field endpoint_id is missing"]),
        ({"endpoint_id": 1, "tasks": []}, ["endpoint_id is a number; it takes text"]),
        ({"endpoint_id": "e", "tasks": {"function_id": "f"}}, ["tasks is an object; it takes a list"]),
        (
            {"endpoint_id.$": "$.e", "tasks.=": "[{'function_id': f, 'arg': []} for f in fs]"},
            ["tasks[].arg; it is called args"],
        ),
        ({"endpoint_id.$": "$.e", "tasks.$": "$.made.tasks"}, ["the field tasks[].function_id is missing"]),
        ({"endpoint_id.$": "$.e", "tasks.$": "$.made.by_the_input"}, ["leads nowhere"]),
        ({"endpoint_id.$": "$.e", "tasks.$": "$.other"}, []),
    ],
)
def test_what_a_provider_is_asked(fields: Part, wanted: list[str]) -> None:
    run = does(f"{COMPUTE}/v3", "ran") | {"Parameters": fields}
    document = flow(Made=makes("Pass", "made", tasks=[{"args": []}]), Run=run)
    found = [str(one) for one in examined(document)[1] if one.rule == "language"]
    assert len(found) == len(wanted), found
    assert all(any(words in line for line in found) for words in wanted), found


def test_what_a_provider_is_asked_by_a_path() -> None:
    made = makes("ExpressionEval", "made", endpoint_id="e", task__exp="[]")
    document = flow(Made=made, Run=does(f"{COMPUTE}/v3", "ran", InputPath="$.made"))
    assert lines(document, None, "no field") == ["language: Run: compute: there is no field task; it is called tasks"]


def test_of_a_provider_that_is_gone_or_unknown_nothing_is_refused() -> None:
    for url in (
        "https://actions.globus.org/transfer/transfer",
        "https://compute.actions.globus.org",
        "https://example.org",
    ):
        document = flow(A=does(url, "a", anything=1), B=takes(x__ref="$.a.details.result[0].x"))
        assert [one for one in examined(document)[1] if one.rule == "language"] == []


def test_many_counted_loops_are_no_riddle() -> None:
    """502 states in 100 loops, each with its counter."""
    states: dict[str, Part] = {}
    for i in range(100):
        states |= {
            f"Begin{i}": makes("Pass", f"tries{i}", n=0),
            f"See{i}": seen(
                Catch=[CATCH | {"Next": f"Count{i}", "ResultPath": f"$.e.e{i}"}],
                Next=f"Begin{i + 1}",
                ResultPath=f"$.s{i}",
            ),
            f"Count{i}": makes("ExpressionEval", f"tries{i}", n__exp=f"tries{i}.n + 1"),
            f"Which{i}": chooses(when(f"tries{i}.n", f"Rest{i}", NumericLessThan=3), default="Lost"),
            f"Rest{i}": {"Type": "Wait", "Seconds": 5, "Next": f"See{i}"},
        }
    document = flow(**states, Begin100=END, Lost={"Type": "Fail", "Cause": "lost"})
    assert [one for one in examined(document)[1] if "loop" in one.what or one.rule == "language"] == []
    document["States"]["Rest50"]["Next"] = "Count50"
    assert lines(document, None, "no counter") == []
    document["States"]["Which50"]["Default"] = "See49"
    assert len(lines(document, None, "no counter")) == 1
