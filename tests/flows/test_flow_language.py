"""What the language takes and refuses: the 79 cases by which globus-automate-client tested its own models, anew.

24 are taken, 55 refused; each is made here from what it is about, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mhfd_flows.checks import checked, examined
from mhfd_flows.errors import DefinitionRefused

Part = dict[str, Any]
ENDS: Part = {"End": True}


def action(**fields: Any) -> Part:
    return {
        "Type": "Action",
        "ActionUrl": "http://localhost:8080",
        "Parameters": {},
        "ResultPath": "$.got",
        **ENDS,
    } | fields


def without(part: Part, *names: str) -> Part:
    return {key: value for key, value in part.items() if key not in names}


def caught(*errors: str, **fields: Any) -> Part:
    return {"ErrorEquals": list(errors), "Next": "Lost"} | fields


def computes(**fields: Any) -> Part:
    return {"Type": "ExpressionEval", "Parameters": None, "ResultPath": "$.made", **ENDS} | fields


def passes(**fields: Any) -> Part:
    return {"Type": "Pass", **ENDS} | fields


def waits(**fields: Any) -> Part:
    return {"Type": "Wait", "Comment": "a moment", **ENDS} | fields


def chooses(*choices: Part, **fields: Any) -> Part:
    return {"Type": "Choice", "Comment": "which way", "Choices": list(choices), "Default": "Lost"} | fields


IS: Part = {"Variable": "$.job.state", "StringEquals": "GONE"}
TO: Part = {"Next": "Other"}
NAMES = ("Lost", "Other")


def alone(state: Part) -> Part:
    """A flow of this state, and of those that it leads to."""
    text = str(state)
    others = {name: {"Type": "Fail"} for name in NAMES if f"'{name}'" in text}
    return {"StartAt": "Here", "States": {"Here": state, **others}}


TAKEN: dict[str, Part] = {
    "an action": alone(action()),
    "an action with a reference": alone(action(Parameters={"a.$": "$.a"})),
    "an action whose failure is an error": alone(action(ExceptionOnActionFailure=True)),
    "an action with a Catch": alone(action(Catch=[caught("OneError", "Another")])),
    "an action with two": alone(action(Catch=[caught("OneError", "Another"), caught("AThird")])),
    "a choice": alone(chooses(IS | TO, IS | {"Next": "Lost"})),
    "a choice with And": alone(chooses({"And": [IS, IS], **TO})),
    "a choice with Or": alone(chooses({"Or": [IS, IS], **TO})),
    "a choice with Not": alone(chooses({"Not": IS, **TO})),
    "a choice without Default": alone(without(chooses(IS | TO, IS | {"Next": "Lost"}), "Default")),
    "a choice with Not in Not": alone(chooses({"Not": {"Not": IS}, **TO})),
    "a choice with Or in Not": alone(chooses({"Not": {"Or": [IS, IS]}, **TO})),
    "a choice with IsString": alone(chooses({"Not": {"Variable": "$.job.state", "IsString": True}, **TO})),
    "an expression of nothing": alone(computes()),
    "an expression with a reference": alone(computes(Parameters={"a.$": "$.made_before"})),
    "a failure without words": alone({"Type": "Fail", "Comment": "it went wrong"}),
    "a failure with words": alone({"Type": "Fail", "Cause": "it rained", "Error": "Rain"}),
    "a whole flow": alone(passes(Parameters={})) | {"Comment": "a flow says what it is"},
    "a pass": alone(passes()),
    "a start": {"StartAt": "Only", "States": {"Only": passes()}},
    "a Catch that leads to a state": alone(without(action(Catch=[caught("OneError")]), "ResultPath")),
    "a Default that leads to a state": alone(chooses({"Variable": "$.yes", "BooleanEquals": False, **TO})),
    "a rule that leads to a state": alone(chooses({"Variable": "$.yes", "BooleanEquals": True, **TO}, Default="Other")),
    "a wait": alone(waits(Seconds=1)),
}

REFUSED: dict[str, tuple[Any, str]] = {
    # An action
    "an address without a scheme": (alone(action(ActionUrl="localhost:8080")), "is no address"),
    "an address of another kind": (alone(action(ActionUrl="pgsql://localhost:8080")), "is no address"),
    "an action that is told nothing": (alone(without(action(), "Parameters")), "Parameters or InputPath"),
    "a result at no path": (alone(action(ResultPath="got")), "ResultPath: 'got' is no path"),
    "an input at no path": (alone(without(action(InputPath="body"), "Parameters")), "InputPath: 'body' is no path"),
    "parameters that are no object": (alone(action(Parameters=True)), "Parameters: must be an object"),
    "a reference that is no path": (alone(action(Parameters={"a.$": "a"})), "Parameters, a.$: 'a' is no path"),
    "nobody who does it": (alone(without(action(), "ActionUrl")), "ActionUrl or Handler"),
    "true in quotes": (alone(action(ExceptionOnActionFailure="True")), "must be true or false"),
    "a Catch of nothing": (alone(action(Catch=[caught()])), "ErrorEquals: must not be empty"),
    "an error kept at no path": (alone(action(Catch=[caught("E", ResultPath="e")])), "ResultPath: 'e' is no path"),
    "a Catch with more": (alone(action(Catch=[caught("E", More=1)])), "Catch.0.More: there is no such field"),
    # A choice
    "an empty Or": (alone(chooses({"Or": [], **TO})), "Or: must not be empty"),
    "an empty And": (alone(chooses({"And": [], **TO})), "And: must not be empty"),
    "no choices": (alone(chooses()), "Choices: must not be empty"),
    "a choice with more": (alone(chooses(IS | TO, More=1)), "More: there is no such field"),
    "a Next in Or": (alone(chooses({"Or": [IS | TO, IS], **TO})), "Next is for the outermost rule"),
    "a Next in Not": (alone(chooses({"Not": IS | TO, **TO})), "Next is for the outermost rule"),
    "an unknown comparison": (alone(chooses({"Variable": "$.a", "SoundsLike": "b", **TO})), "exactly one comparison"),
    "a Next in Or in Not": (alone(chooses({"Not": {"Or": [IS | TO, IS]}, **TO})), "Next is for the outermost rule"),
    "more in Or in Not": (alone(chooses({"Not": {"Or": [IS | {"More": 1}, IS]}, **TO})), "Or.0.More: there is no"),
    "IsString in quotes": (alone(chooses({"Not": {"Variable": "$.a", "IsString": "True"}, **TO})), "cannot compare"),
    # An expression
    "an expression that leads nowhere": (alone(without(computes(), "End")), "either Next or End"),
    "an expression kept at no path": (alone(computes(ResultPath="made")), "ResultPath: 'made' is no path"),
    "an expression of text": (alone(computes(Parameters="None")), "Parameters: must be an object"),
    "an expression with more": (alone(computes(Endd=True)), "Endd: there is no such field"),
    "a reference with many signs": (alone(computes(Parameters={"a.$": "$$$$a"})), "is no path"),
    # A failure
    "a failure with more": (alone({"Type": "Fail", "Cause": "c", "Error": "e", "More": 1}), "More: there is no such"),
    "a failure that goes on": (alone({"Type": "Fail", "Next": "Other"}), "Next: there is no such field"),
    # The whole
    "a flow with more": (alone(passes()) | {"More": 1}, "there is no field 'More'"),
    "a flow that starts nowhere": (without(alone(passes()), "StartAt"), "StartAt must name a state"),
    "a flow of no states": ({"StartAt": "Here", "Comment": "c"}, "States must be an object"),
    "a flow of nothing": ({}, "States must be an object"),
    "a flow of words": ({"Comment": "c"}, "StartAt must name a state"),
    # A pass
    "a pass of what is at no path": (alone(passes(InputPath="a")), "InputPath: 'a' is no path"),
    "a pass of text": (alone(passes(Result="a")), "Result: must be an object"),
    "a pass to no path": (alone(passes(ResultPath="a")), "ResultPath: 'a' is no path"),
    "a pass of a reference": (alone(passes(Parameters={"a.$": "a"})), "Parameters, a.$: 'a' is no path"),
    "a pass of one inside": (alone(passes(Parameters={"b": {"a.$": "a"}})), "Parameters, a.$: 'a' is no path"),
    "a pass with more": (alone(passes(Parameters={}, More=True)), "More: there is no such field"),
    # The ways
    "a start at no state": ({"StartAt": "There", "States": {"Here": passes()}}, "StartAt names 'There'"),
    "a Next to no state": (alone({"Type": "Pass", "Next": "There"}), "leads to 'There', which is no state"),
    "a state that none leads to": ({"StartAt": "A", "States": {"A": passes(), "B": passes()}}, "no state leads here"),
    "a Next and an End": (alone(passes(Next="Other")), "either Next or End"),
    "a Catch to no state": (alone(action(Catch=[caught("E", Next="There")])), "leads to 'There'"),
    "a Default to no state": (alone(chooses(IS | TO, Default="There")), "leads to 'There'"),
    "a rule to no state": (alone(chooses(IS | {"Next": "There"})), "leads to 'There'"),
    "an And to no state": (alone(chooses({"And": [IS, IS], "Next": "There"})), "leads to 'There'"),
    # A wait
    "two times to wait": (alone(waits(Seconds=1, SecondsPath="$.s")), "exactly one of Seconds"),
    "no time to wait": (alone(waits()), "exactly one of Seconds"),
    "a wait with more": (alone(waits(Seconds=1, More=True)), "More: there is no such field"),
    "a wait with an input at no path": (alone(waits(Seconds=2, InputPath="a")), "InputPath: 'a' is no path"),
    "a wait with an output": (alone(waits(Seconds=1, OutputPath="a")), "OutputPath: there is no such field"),
    "seconds at no path": (alone(waits(SecondsPath="a")), "SecondsPath: 'a' is no path"),
    "a time at no path": (alone(waits(TimestampPath="a")), "TimestampPath: 'a' is no path"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_the_language_takes(name: str) -> None:
    assert [str(one) for one in examined(TAKEN[name])[1] if one.rule == "language"] == []
    checked(TAKEN[name], strict=False)


@pytest.mark.parametrize("name", REFUSED)
def test_the_language_refuses(name: str) -> None:
    document, words = REFUSED[name]
    assert any(one.rule == "language" and words in one.what for one in examined(document)[1])
    with pytest.raises(DefinitionRefused, match=r"^language: "):
        checked(document, strict=False)


def test_there_are_as_many_as_there_were() -> None:
    assert (len(TAKEN), len(REFUSED)) == (24, 55)


# What later sources have


def _broken(change: Callable[[Part], Any]) -> Part:
    state = action()
    change(state)
    return alone(state)


@pytest.mark.parametrize(
    "state",
    [
        without(action(Handler="urn:globus:flows:handle:globus:groups.get_group"), "ActionUrl"),
        without(action(Handler={"Type": "ActionProvider", "Url": "https://compute.actions.globus.org/v3"}), "ActionUrl")
        | {"Parameters": {"endpoint_id": "e", "tasks": [{"function_id": "f"}]}},
        without(action(Handler={"Type": "RegisteredAPI", "Id": "some-id"}), "ActionUrl"),
        action(ActionScope="urn:some:scope", RunAs="SomeRole", WaitTime=1),
        {"Type": "CreateWebInput", "Parameters": {"InputType": "Selection"}, "ResultPath": "$.asked", **ENDS},
        {"Type": "AwaitWebInput", "InputPath": "$.asked", "Catch": [caught("Flows.WebInputExpired")], **ENDS},
        {"Type": "Fail", "ErrorPath": "$.why.error", "CausePath": "$.why.cause"},
        passes(Result={"n": 0}, ResultPath="$.loop"),
        passes(Parameters={"n.=": "len(xs)", "m.=": "`$.xs[0].m`"}, ResultPath="$.loop"),
        passes(InputPath="$.a[1:]", ResultPath="$.b"),
        computes(Parameters={"a.$": "$.names[-1]", "b.$": "$['odd name'].c-d", "c.$": "$.list[*].name", "d.$": "$..e"}),
        computes(Parameters={"a.$": "$.list[?(@.size > 3)]", "whole.$": "$", "part.=": "xs[1:][::2]"}),
        computes(Parameters={"a.=": "getattr('a.b[0]', 1) if is_present('a.b[0]') else pathsplit('/~/x')[1]"}),
        computes(Parameters={"long.=": "'one line\nand another' + a"}),
        chooses({"Variable": "$.n", "NumericLessThanEqualsPath": "$.most", **TO}),
        chooses({"Variable": "$.t", "TimestampGreaterThan": "2026-01-31T12:00:00Z", **TO}),
        chooses({"Or": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.n", "IsTimestamp": True}], **TO}),
        waits(Timestamp="2026-01-31T12:00:00+01:00"),
        {"Type": "Pass", "End": False, "Next": "Other"},
    ],
    ids=str,
)
def test_the_language_of_later_sources(state: Part) -> None:
    assert [str(one) for one in examined(alone(state))[1] if one.rule == "language"] == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (without(action(Handler={"Type": "ActionProvider"}), "ActionUrl"), "an ActionProvider has a Url"),
        (without(action(Handler={"Type": "RegisteredAPI", "Url": "https://x.org"}), "ActionUrl"), "has an Id, and no"),
        (chooses({"Variable": "$.t", "TimestampEquals": "yesterday", **TO}), "a time is written 2026-01-31T12:00:00Z"),
        (waits(Timestamp="2026-01-31 12:00"), "Timestamp: "),
        (chooses({"Variable": "$.n", "NumericLessThanPath": "most", **TO}), "'most' is no path"),
        ({"Type": "AwaitWebInput", **ENDS}, "either Parameters or InputPath"),
        (computes(Parameters={"a.=": "`$.b..`"}), "is no path"),
    ],
)
def test_what_later_sources_refuse(state: Part, words: str) -> None:
    assert any(words in one.what for one in examined(alone(state))[1] if one.rule == "language")
