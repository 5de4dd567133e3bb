"""Definitions of flows: each broken rule is refused with the name of its state; those that we ship keep them all."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.rigs.flow_inputs import InputRefused, check_input

from mhfd_flows.build import FlowRecipe
from mhfd_flows.checks import checked, examined, problems
from mhfd_flows.definition import ERRORS, Action, Definition
from mhfd_flows.errors import DefinitionRefused
from mhfd_flows.providers import provider_of
from mhfd_flows.shipped import FLOWS, MAX_IMAGES, flow_of
from mhfd_flows.ways import following

Flow = dict[str, Any]
ID = "01234567-89ab-cdef-0123-456789abcdef"


def small() -> Flow:
    """One action that is tried three times."""
    caught = {"ErrorEquals": list(ERRORS), "ResultPath": "$.errors.look", "Next": "Count"}
    return {
        "Comment": "a folder is listed",
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Pass", "Parameters": {"n": 0}, "ResultPath": "$.tries", "Next": "Look"},
            "Look": {
                "Type": "Action",
                "ActionUrl": "https://transfer.actions.globus.org/ls",
                "Parameters": {"endpoint_id.$": "$.id", "path.=": "path.rstrip('/')"},
                "ResultPath": "$.look",
                "WaitTime": 60,
                "ExceptionOnActionFailure": True,
                "Catch": [caught],
                "Next": "Done",
            },
            "Count": {
                "Type": "ExpressionEval",
                "Parameters": {"n.=": "tries.n + 1"},
                "ResultPath": "$.tries",
                "Next": "Again",
            },
            "Again": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.tries.n", "NumericLessThan": 3, "Next": "Rest"}],
                "Default": "Lost",
            },
            "Rest": {"Type": "Wait", "Seconds": 5, "Next": "Look"},
            "Done": {"Type": "Pass", "End": True},
            "Lost": {"Type": "Fail", "Error": "Lost", "Cause": "it cannot be listed"},
        },
    }


def test_a_flow_that_keeps_every_rule() -> None:
    assert list(checked(small()).states) == ["Begin", "Look", "Count", "Again", "Rest", "Done", "Lost"]


def without(*names: str) -> Callable[[Flow], None]:
    def change(state: Flow) -> None:
        for name in names:
            del state[name]

    return change


def having(**fields: Any) -> Callable[[Flow], None]:
    return lambda state: state.update(fields)


CAUGHT = {"ErrorEquals": list(ERRORS), "ResultPath": "$.errors.look", "Next": "Count"}
RULE = {"Variable": "$.tries.n", "NumericLessThan": 3, "Next": "Rest"}


LANGUAGE = [
    ("Look", having(Next="Nowhere"), "leads to 'Nowhere', which is no state"),
    ("Look", having(Catch=[CAUGHT | {"Next": "Nowhere"}]), "leads to 'Nowhere', which is no state"),
    ("Again", having(Default="Nowhere"), "leads to 'Nowhere', which is no state"),
    ("Again", having(Choices=[RULE | {"Next": "Nowhere"}]), "leads to 'Nowhere', which is no state"),
    ("Look", having(Next="Done", Catch=[]), "no state leads here"),
    ("Look", having(Retry=[]), "Retry: there is no such field"),
    ("Done", having(OutputPath="$"), "OutputPath: there is no such field"),
    ("Look", having(Type="Task"), "Type is 'Task'; there are Action"),
    ("Look", without("Type"), "Type is None"),
    ("Look", having(Catch=[CAUGHT | {"ErrorEquals": []}]), "Catch.0.ErrorEquals: "),
    ("Look", having(Catch=[CAUGHT | {"ResultPath": "errors"}]), "Catch.ResultPath: 'errors' is no path"),
    ("Look", having(WaitTime=0), "WaitTime: "),
    ("Look", having(WaitTime="60"), "WaitTime: "),
    ("Look", having(ExceptionOnActionFailure="True"), "ExceptionOnActionFailure: "),
    ("Look", having(ResultPath="look"), "ResultPath: 'look' is no path"),
    ("Look", having(ResultPath="$.look[1:]"), "cannot be written"),
    ("Look", having(ResultPath="$._context.x"), "$._context belongs to the service"),
    ("Look", having(InputPath="$.x"), "either Parameters or InputPath, and not both"),
    ("Look", without("Parameters"), "either Parameters or InputPath, and not both"),
    ("Look", having(Parameters={"path.$": "$.a...b"}), "Parameters, path.$: '$.a...b' is no path"),
    ("Look", having(Parameters={"DATA": [{"p.$": "a"}]}), "Parameters, p.$: 'a' is no path"),
    ("Look", having(Parameters={"path.=": "1 +"}), "Parameters, path.=: '1 +' is no expression"),
    ("Look", having(Parameters={"path.=": "`$$a`"}), "is no path"),
    ("Look", having(Parameters={"path.=": "open('x')"}), "there is no function 'open'"),
    ("Look", having(Parameters={"path.=": "a.format(b)"}), "there is no method 'format'"),
    ("Look", having(Parameters={"path.=": "lambda: 1"}), "Lambda is not in the language"),
    ("Look", having(ActionUrl="http://transfer.actions.globus.org/ls"), "is no address; it begins with https://"),
    ("Look", having(ActionUrl="ls"), "is no address"),
    ("Look", having(Handler="urn:globus:flows:handle:globus:groups.get"), "either ActionUrl or Handler, and not both"),
    ("Look", without("ActionUrl"), "either ActionUrl or Handler, and not both"),
    ("Look", having(End=True), "either Next or End, and not both"),
    ("Rest", without("Next"), "either Next or End, and not both"),
    ("Rest", having(SecondsPath="$.s"), "exactly one of Seconds, Timestamp"),
    ("Rest", without("Seconds"), "exactly one of Seconds, Timestamp"),
    ("Rest", having(Seconds=-1), "Seconds: "),
    ("Again", having(Choices=[]), "Choices: "),
    ("Again", having(Choices=[{"Variable": "$.tries.n", "NumericLessThan": 3}]), "needs a Next"),
    ("Again", having(Choices=[{"Or": [RULE], "Next": "Rest"}]), "Next is for the outermost rule"),
    ("Again", having(Choices=[{"Not": {"And": [RULE]}, "Next": "Rest"}]), "Next is for the outermost rule"),
    ("Again", having(Choices=[RULE | {"NumericEquals": 1}]), "exactly one comparison"),
    ("Again", having(Choices=[RULE | {"NumericLessThan": "3"}]), "NumericLessThan cannot compare with '3'"),
    ("Again", having(Choices=[RULE | {"NumericLessThan": True}]), "NumericLessThan cannot compare with True"),
    ("Again", having(Choices=[RULE | {"Variable": "tries.n"}]), "Variable: 'tries.n' is no path"),
    ("Again", having(Choices=[{"And": [RULE], "Or": [RULE], "Next": "Rest"}]), "one of And, Or, Not"),
    ("Lost", having(Next="Done"), "Next: there is no such field"),
    ("Lost", having(CausePath="$.id"), "either Cause or CausePath, and not both"),
]
OURS = [
    ("Look", without("Catch"), "Catch: is missing"),
    ("Look", having(Catch=[CAUGHT | {"ErrorEquals": ["ActionTimeout"]}]), "no Catch for ActionFailedException"),
    ("Look", having(Catch=[{k: v for k, v in CAUGHT.items() if k != "ResultPath"}]), "ResultPath: is missing"),
    ("Look", having(Catch=[CAUGHT, CAUGHT]), "a second Catch for ActionFailedException"),
    ("Look", having(Catch=[CAUGHT | {"ResultPath": "$.look"}]), "must not keep its error at $.look"),
    ("Look", having(Catch=[CAUGHT | {"ResultPath": "$.tries"}]), "which is the result of "),
    ("Look", without("WaitTime"), "WaitTime: is missing"),
    ("Look", without("ExceptionOnActionFailure"), "ExceptionOnActionFailure: is missing"),
    ("Look", having(ExceptionOnActionFailure=False), "ExceptionOnActionFailure: is false"),
    ("Look", without("ResultPath"), "ResultPath: is missing"),
    ("Look", having(ActionUrl="https://example.org/ls"), "is no provider that we know"),
    ("Look", having(ActionUrl="https://actions.globus.org/transfer/ls"), "is gone: no longer supported since 2025"),
    ("Look", having(Parameters={"endpoint_id": ID, "path": "/"}), f"holds the id {ID}"),
    ("Look", having(Parameters={"endpoint_id.$": "$.id", "path": "$.path"}), "is the text '$.path', not what is there"),
    ("Look", having(Parameters={"endpoint_id.$": "$.id", "filter.$": "$.all[1:]"}), "takes several at once"),
    ("Look", having(Parameters={"endpoint_id.$": "$.id", "path.=": "str(a.items)"}), "`.items` is a method of every"),
    ("Look", having(Parameters={"endpoint_id.$": "$.id", "path.=": "str(max(a))"}), "there is a function 'max'"),
    (
        "Look",
        having(
            ActionUrl="https://transfer.actions.globus.org/transfer",
            Parameters={
                "source_endpoint.$": "$.a",
                "destination_endpoint.$": "$.b",
                "DATA.$": "$.c",
                "encrypt_data": True,
            },
        ),
        "instead of its default: verify_checksum (false), notify_on_succeeded (true)",
    ),
    ("Again", without("Default"), "Default: is missing"),
    ("Done", having(Parameters={}, InputPath="$.id", ResultPath="$.y"), "sources disagree"),
    ("Lost", without("Cause", "Error"), "says neither Error nor Cause"),
    ("Look", having(Next="Look"), "the loop Look has no counter that ends it"),
    ("Count", having(Parameters={"n.=": "tries.n"}), "has no counter that ends it"),
    ("Count", having(Parameters={"n": 1}), "has no counter that ends it"),
    ("Again", having(Choices=[{"Variable": "$.id", "StringEquals": "", "Next": "Rest"}]), "no counter"),
]


@pytest.mark.parametrize(
    ("rule", "state", "change", "words"),
    [*(("language", *one) for one in LANGUAGE), *(("ours", *one) for one in OURS)],
)
def test_a_broken_rule_is_named_with_its_state_and_whose_it_is(
    rule: str, state: str, change: Callable[[Flow], None], words: str
) -> None:
    flow = small()
    change(flow["States"][state])
    found = [one for one in examined(flow)[1] if words in one.what]
    assert [one.rule for one in found] == [rule] * len(found)
    assert found, [str(one) for one in examined(flow)[1]]
    if not any(word in words for word in ("loop", "counter", "leads here")):
        assert {one.where for one in found} == {state}
    with pytest.raises(DefinitionRefused, match=re.escape(words)):
        checked(flow)
    if rule == "ours":
        assert not any(one.rule == "language" and words in one.what for one in examined(flow)[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (having(StartAt="Nowhere"), "StartAt names 'Nowhere', which is no state"),
        (without("StartAt"), "StartAt must name a state"),
        (having(States={}), "at least one state"),
        (having(Version="1.0"), "the definition: there is no field 'Version'"),
        (having(Comment=1), "the definition: Comment must be text"),
    ],
)
def test_a_broken_rule_of_the_whole(change: Callable[[Flow], None], words: str) -> None:
    flow = small()
    change(flow)
    with pytest.raises(DefinitionRefused) as caught:
        checked(flow)
    assert words in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x", {"States": {"A": 1}, "StartAt": "A"}])
def test_what_is_no_flow_at_all(document: object) -> None:
    with pytest.raises(DefinitionRefused):
        checked(document)


def test_a_state_that_no_run_can_come_to() -> None:
    flow = small()
    flow["States"]["Alone"] = {"Type": "Pass", "End": True}
    assert [str(one) for one in examined(flow)[1]] == [
        "language: Alone: no state leads here",
        "ours: Alone: no run can come here",
    ]


def test_two_actions_do_not_share_the_place_of_an_error() -> None:
    flow = small()
    flow["States"]["Twice"] = copy.deepcopy(flow["States"]["Look"]) | {"ResultPath": "$.twice"}
    flow["States"]["Look"]["Next"] = "Twice"
    assert [str(one) for one in problems(Definition.parse(flow))] == [
        "ours: Twice: its Catch keeps the error at $.errors.look, where Look keeps its own"
    ]


def test_every_problem_is_named_at_once() -> None:
    flow = small()
    del flow["States"]["Look"]["ActionUrl"]
    del flow["States"]["Rest"]["Seconds"]
    flow["States"]["Again"]["Default"] = "Nowhere"
    with pytest.raises(DefinitionRefused) as caught:
        checked(flow)
    lines = [line.split(": ")[:2] for line in str(caught.value).splitlines()]
    assert lines == [["language", "Look"], ["language", "Again"], ["language", "Rest"]]


shipped = pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)


@shipped
def test_shipped_flows_keep_every_rule(flow: FlowRecipe) -> None:
    assert problems(flow.definition, flow.input_schema) == problems(flow.definition) == []
    assert flow_of(flow.name) is flow


@shipped
def test_shipped_actions_say_all_that_matters(flow: FlowRecipe) -> None:
    """In the file itself, not by a default of a model."""
    actions = {name: s for name, s in flow.document["States"].items() if s["Type"] == "Action"}
    assert actions
    own: list[str] = []
    for state in actions.values():
        assert state["WaitTime"] > 0
        assert state["ExceptionOnActionFailure"] is True
        provider = provider_of(state["ActionUrl"])
        assert provider is not None
        assert provider.standing == "current"
        assert {error for catcher in state["Catch"] for error in catcher["ErrorEquals"]} == set(ERRORS)
        own += {catcher["ResultPath"] for catcher in state["Catch"]}
    assert len(own) == len(set(own))


@shipped
def test_shipped_flows_hold_no_id_and_no_old_address(flow: FlowRecipe) -> None:
    text = json.dumps([flow.document, flow.input_schema])
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
    assert "actions.globus.org/transfer" not in text.replace("transfer.actions.globus.org/transfer", "")
    assert not re.search(r"source_endpoint_id|destination_endpoint_id|transfer_items|States\.A", text)


@shipped
def test_shipped_states_say_what_they_are_for(flow: FlowRecipe) -> None:
    for name, state in flow.definition.states.items():
        assert state.comment or state.type == "Fail", name


def test_staging_is_cleaned_on_every_way_out() -> None:
    """Whatever happens after the folder was made, the run comes to Clean before it can end."""
    states = FLOWS["focus_check"].definition.states
    made = states["MakeStaging"]
    assert isinstance(made, Action)
    seen, waiting = set(), [str(made.next)]
    while waiting:
        name = waiting.pop()
        if name in seen or name == "Clean":
            continue
        seen.add(name)
        assert following(states[name]), f"{name} ends the run before Clean"
        waiting += following(states[name])


def body(images: int = 2) -> dict[str, Any]:
    place = {"id": ID, "path": "/a/"}
    return {
        "source": place,
        "staging": place,
        "results": place,
        "compute": {"endpoint_id": ID, "function_id": ID, "staging_root": "/eagle/a"},
        "batch": {"images": [{"path": f"S/{i}.tif", "name": f"{i}.tif", "size": i} for i in range(images)]},
    }


def test_an_input_that_fits() -> None:
    flow = FLOWS["focus_check"]
    check_input(flow, body(MAX_IMAGES))
    check_input(flow, {k: v for k, v in body().items() if k != "batch"} | {"settle_s": 5})


def _image(**fields: Any) -> dict[str, Any]:
    return {"batch": {"images": [{"path": "a.tif", "name": "a.tif", "size": 1} | fields]}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": body(MAX_IMAGES + 1)["batch"]}, "batch.images: "),
        ({"batch": {"images": []}}, "batch.images: "),
        (_image(path="/etc/passwd"), "batch.images.0.path: "),
        (_image(path="a/../../b"), "batch.images.0.path: "),
        (_image(name="../b"), "batch.images.0.name: "),
        (_image(name=".hidden"), "batch.images.0.name: "),
        (_image(size=-1), "batch.images.0.size: "),
        ({"batch": {"images": _image()["batch"]["images"] * 2}}, "the name 'a.tif' comes twice"),
        ({"source": {"id": ID}}, "source: 'path' is a required property"),
        ({"color": 1}, "the input: "),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_its_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputRefused) as caught:
        check_input(FLOWS["focus_check"], body() | change)
    assert words in str(caught.value)


def test_the_digest_follows_what_is_deployed() -> None:
    digests = [flow.digest for flow in FLOWS.values()]
    assert len({*digests}) == len(digests) == 4
    assert re.fullmatch("[0-9a-f]{16}", digests[0])
