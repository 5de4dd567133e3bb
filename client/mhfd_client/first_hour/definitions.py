"""The flow of the hour: one definition with a way for each thing that is asked, and one that evaluates expressions.

There is one flow, which is changed, because a person without a subscription has only one. Every definition has an
action of each kind, come to or not, so that the flow's consent stays the same. Ids are in a run's input, as in ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mhfd_flows.definition import ERRORS

_TRANSFER: Final = "https://transfer.actions.globus.org/"
_COMPUTE: Final = "https://compute.actions.globus.org/v3"
_NO_MAIL: Final = dict.fromkeys(("notify_on_succeeded", "notify_on_failed", "notify_on_inactive"), False)
_TEXT: Final = {"type": "string"}
_PLACE: Final = {"type": "object", "required": ["id", "path"], "properties": {"id": _TEXT, "path": _TEXT}}
FAILS_AS: Final = ("AskedToFail", "The run was asked to fail.")


@dataclass(frozen=True, slots=True)
class Tried:
    """An expression of ours, by its guess, and what it must give for `SAMPLE`."""

    guess: str
    text: str
    gives: Any


SAMPLE: Final[Mapping[str, Any]] = {
    "path": "/a/b//",
    "name": "Tile.r1.TIF",
    "files": [{"name": "a.tif", "size": 1}, {"name": "b.png", "size": 2}],
    "seen": [["a.tif", 1]],
    "count": 2,
    "yes": True,
}
EXPRESSIONS: Final = (
    Tried("expression-getattr", "getattr('nothing', 15)", 15),
    Tried("expression-len", "len(sample.files)", 2),
    Tried("expression-rstrip", "sample.path.rstrip('/')", "/a/b"),
    Tried("expression-rpartition", "sample.name.rpartition('.')[2]", "TIF"),
    Tried("expression-lower", "sample.name.lower()", "tile.r1.tif"),
    Tried("expression-list", "[[f.name, f.size] for f in sample.files if f.size > 1]", [["b.png", 2]]),
    Tried(
        "expression-dict",
        "[{'path': f.name, 'size': f.size} for f in sample.files][0]",
        {"path": "a.tif", "size": 1},
    ),
    Tried("expression-if", "'' if sample.yes else 'no'", ""),
    Tried("expression-in", "'files' in sample and ['a.tif', 1] in sample.seen and ['b', 2] not in sample.seen", True),
    Tried("expression-and", "'nothing' in sample and sample.nothing.deep == 1", False),
    Tried(
        "expression-compare",
        "sample.seen == [['a.tif', 1]] and sample.seen != None and sample.count > 1",
        True,
    ),
    Tried("expression-plus", "[sample.path + 'x', sample.count + 1]", ["/a/b//x", 3]),
    Tried("expression-context", "'mhfd-' + _context.run_id", "mhfd-{run}"),
)


def caught(name: str, on: str) -> list[dict[str, Any]]:
    """The three errors that our flows catch, into a place of its own."""
    return [{"ErrorEquals": list(ERRORS), "ResultPath": f"$.errors.{name}", "Next": on}]


def action(name: str, url: str, parameters: Mapping[str, Any], *, wait: int = 300, on: str = "Over") -> dict[str, Any]:
    """A state that does one thing; what is refused is kept, and the run goes on."""
    return {
        "Type": "Action",
        "ActionUrl": url,
        "Parameters": dict(parameters),
        "ResultPath": f"$.{name}",
        "WaitTime": wait,
        "ExceptionOnActionFailure": True,
        "Catch": caught(name, on),
        "Next": on,
    }


def _choice(ways: Mapping[str, str]) -> dict[str, Any]:
    rules = [{"Variable": "$.which", "StringEquals": which, "Next": state} for which, state in ways.items()]
    return {"Type": "Choice", "Choices": rules, "Default": "Over"}


def _moved(source: str, path: str) -> dict[str, Any]:
    return {
        "source_endpoint.$": source,
        "destination_endpoint.$": "$.staging.id",
        "label.$": "$.label",
        "verify_checksum": True,
        "encrypt_data": True,
        **_NO_MAIL,
        "DATA": [{"source_path.$": path, "destination_path.$": "$.staged"}],
    }


def probe(mark: str, *, late_s: int = 300) -> dict[str, Any]:
    """Whatever is asked but expressions.

    Args:
        mark: What a run of it says that it was.
        late_s: How long the action may take that shall be late: a time that the service refuses spoils no other
            question.
    """
    task = {"function_id.$": "$.nobody", "kwargs": {"echo": "x", "only_echo": True}}
    ways = {
        "fail": "ToldToFail",
        "wait": "WaitLong",
        "hold": "Hold",
        "choose": "Choose",
        "grow": "Grow",
        "list": "List",
        "list-staging": "ListStaging",
        "refuse-ls": "RefuseList",
        "refuse-mkdir": "RefuseFolder",
        "refuse-transfer": "RefuseTransfer",
        "refuse-delete": "RefuseDelete",
        "refuse-compute": "RefuseTask",
        "late": "Late",
    }
    states: dict[str, Any] = {
        "Which": _choice(ways),
        "ToldToFail": {"Type": "Fail", "Error": FAILS_AS[0], "Cause": FAILS_AS[1]},
        "WaitLong": {"Type": "Wait", "Seconds": 900, "Next": "Over"},
        "Hold": {"Type": "Wait", "Seconds": 20, "Next": "Over"},
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.sample.not_there", "StringEquals": "x", "Next": "ToldToFail"}],
            "Default": "Over",
        },
        "Grow": {
            "Type": "Pass",
            "Parameters": {f"part_{n}.$": "$.text" for n in range(4)},
            "ResultPath": "$.grown",
            "Next": "Over",
        },
        "List": action("list", f"{_TRANSFER}ls", {"endpoint_id.$": "$.near.id", "path.$": "$.near.path", "limit": 1}),
        "ListStaging": action(
            "list", f"{_TRANSFER}ls", {"endpoint_id.$": "$.staging.id", "path.$": "$.staging.path", "limit": 1}
        ),
        "RefuseList": action("refused_ls", f"{_TRANSFER}ls", {"endpoint_id.$": "$.near.id", "path.$": "$.nowhere"}),
        "RefuseFolder": action(
            "refused_mkdir", f"{_TRANSFER}mkdir", {"endpoint_id.$": "$.staging.id", "path.$": "$.nowhere"}
        ),
        "RefuseTransfer": action("refused_transfer", f"{_TRANSFER}transfer", _moved("$.nobody", "$.nowhere")),
        "RefuseDelete": action(
            "refused_delete",
            f"{_TRANSFER}delete",
            {"endpoint.$": "$.nobody", **_NO_MAIL, "DATA": [{"path.$": "$.nowhere"}]},
        ),
        "RefuseTask": action("refused_compute", _COMPUTE, {"endpoint_id.$": "$.compute.endpoint_id", "tasks": [task]}),
        "Late": action("late", f"{_TRANSFER}transfer", _moved("$.near.id", "$.image"), wait=late_s),
        "Over": {"Type": "Pass", "Parameters": {"mark": mark}, "ResultPath": "$.over", "End": True},
    }
    for name, state in list(states.items()):
        if name.startswith("List"):  # each keeps its own error
            state["Catch"] = caught(name.lower(), "Over")
    return {"Comment": "mhfd: what the first hour asks Globus", "StartAt": "Which", "States": states}


def evaluates(tried: tuple[Tried, ...]) -> dict[str, Any]:
    """Expressions, and beside them the actions of `probe`."""
    whole = probe("expressions")
    parameters = {f"{one.guess.removeprefix('expression-')}.=": one.text for one in tried}
    evaluate = {"Type": "ExpressionEval", "Parameters": parameters, "ResultPath": "$.got", "Next": "Over"}
    whole["States"]["Evaluate"] = evaluate
    whole["States"]["Which"]["Choices"].append({"Variable": "$.which", "StringEquals": "evaluate", "Next": "Evaluate"})
    return whole


def schema() -> dict[str, Any]:
    """Of a run's input: all of it, always."""
    properties: dict[str, Any] = dict.fromkeys(
        ("which", "text", "label", "image", "staged", "nowhere", "nobody"), _TEXT
    )
    properties |= {"near": _PLACE, "staging": _PLACE, "sample": {"type": "object"}}
    properties["compute"] = {"type": "object", "required": ["endpoint_id"], "properties": {"endpoint_id": _TEXT}}
    return {"type": "object", "required": sorted(properties), "properties": properties, "additionalProperties": False}
