"""The flow of the hour: one definition with a way for each thing that is asked, and one that evaluates expressions.

There is one flow, which is changed, because a person without a subscription has only one. Every definition has an
action of each kind, come to or not, so that the flow's consent stays the same. Ids are in a run's input, as in ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mhfd_flows.parts.states import action, choice, computed, fixed, once, paused, when
from mhfd_flows.stages.staging import NO_MAIL, TRANSFER
from mhfd_flows.stages.tasks import COMPUTE

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
    Tried("expression-split", "sample.name.split('.')[1]", "r1"),
    Tried("expression-str", "str(sample.count)", "2"),
    Tried("expression-slice", "[f.name for f in sample.files][:1]", ["a.tif"]),
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


def _try(name: str, url: str, parameters: Mapping[str, Any], *, wait: int = 300, kept: str = "") -> dict[str, Any]:
    """A state that does one thing; what is refused is kept, and the run goes on."""
    return once(action("It is looked at how this ends.", url, parameters, name, wait), kept or name, "Over", "Over")


def _moved(source: str, path: str) -> dict[str, Any]:
    return {
        "source_endpoint.$": source,
        "destination_endpoint.$": "$.staging.id",
        "label.$": "$.label",
        "verify_checksum": True,
        "encrypt_data": True,
        **NO_MAIL,
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
        "Which": choice("What is asked?", [when("which", which, state) for which, state in ways.items()], "Over"),
        "ToldToFail": {"Type": "Fail", "Error": FAILS_AS[0], "Cause": FAILS_AS[1]},
        "WaitLong": paused("Time to be cancelled.", "Over", Seconds=900),
        "Hold": paused("Time to be changed.", "Over", Seconds=20),
        "Choose": choice("By what is not there.", [when("sample.not_there", "x", "ToldToFail")], "Over"),
        "Grow": fixed("Four times as large.", {f"part_{n}.$": "$.text" for n in range(4)}, "grown", "Over"),
        "List": _try("list", f"{TRANSFER}ls", {"endpoint_id.$": "$.near.id", "path.$": "$.near.path", "limit": 1}),
        "ListStaging": _try(
            "list",
            f"{TRANSFER}ls",
            {"endpoint_id.$": "$.staging.id", "path.$": "$.staging.path", "limit": 1},
            kept="liststaging",
        ),
        "RefuseList": _try("refused_ls", f"{TRANSFER}ls", {"endpoint_id.$": "$.near.id", "path.$": "$.nowhere"}),
        "RefuseFolder": _try(
            "refused_mkdir", f"{TRANSFER}mkdir", {"endpoint_id.$": "$.staging.id", "path.$": "$.nowhere"}
        ),
        "RefuseTransfer": _try("refused_transfer", f"{TRANSFER}transfer", _moved("$.nobody", "$.nowhere")),
        "RefuseDelete": _try(
            "refused_delete",
            f"{TRANSFER}delete",
            {"endpoint.$": "$.nobody", **NO_MAIL, "DATA": [{"path.$": "$.nowhere"}]},
        ),
        "RefuseTask": _try("refused_compute", COMPUTE, {"endpoint_id.$": "$.compute.endpoint_id", "tasks": [task]}),
        "Late": _try("late", f"{TRANSFER}transfer", _moved("$.near.id", "$.image"), wait=late_s),
        "Over": fixed("What was asked is over.", {"mark": mark}, "over", None),
    }
    return {"Comment": "mhfd: what the first hour asks Globus", "StartAt": "Which", "States": states}


def evaluates(tried: tuple[Tried, ...]) -> dict[str, Any]:
    """Expressions, and beside them the actions of `probe`."""
    whole = probe("expressions")
    parameters = {f"{one.guess.removeprefix('expression-')}.=": one.text for one in tried}
    whole["States"]["Evaluate"] = computed("Expressions of ours.", parameters, "got", "Over")
    whole["States"]["Which"]["Choices"].append(when("which", "evaluate", "Evaluate"))
    return whole


def schema() -> dict[str, Any]:
    """Of a run's input: all of it, always."""
    properties: dict[str, Any] = dict.fromkeys(
        ("which", "text", "label", "image", "staged", "nowhere", "nobody"), _TEXT
    )
    properties |= {"near": _PLACE, "staging": _PLACE, "sample": {"type": "object"}}
    properties["compute"] = {"type": "object", "required": ["endpoint_id"], "properties": {"endpoint_id": _TEXT}}
    return {"type": "object", "required": sorted(properties), "properties": properties, "additionalProperties": False}
