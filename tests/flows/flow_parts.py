"""The parts of which the flows of these tests are made: states, ways and schemas in a few words."""

from __future__ import annotations

from typing import Any, Final

Part = dict[str, Any]

AT = "https://transfer.actions.globus.org/"
OLD = "https://actions.globus.org/transfer/"
OLDER = "https://actions.automate.globus.org/"
COMPUTE = "https://compute.actions.globus.org"


def flow(**states: Part) -> Part:
    """The first state is where it starts; each goes on to the next, unless it says where."""
    names = list(states)
    for number, state in enumerate(states.values()):
        if state["Type"] in ("Choice", "Fail") or "Next" in state or "End" in state:
            continue
        state |= {"End": True} if number + 1 == len(names) else {"Next": names[number + 1]}
    return {"StartAt": names[0], "States": states}


def does(url: str, into: str | None = None, **fields: Any) -> Part:
    """An action; what is no field of a state is one of its Parameters."""
    own = {k: fields.pop(k) for k in list(fields) if k[0].isupper() and not k.startswith("DATA")}
    given = {} if "InputPath" in own else {"Parameters": {_key(k): v for k, v in fields.items()}}
    return {"Type": "Action", "ActionUrl": url, **given, **({"ResultPath": f"$.{into}"} if into else {}), **own}


def makes(kind: str, into: str | None, **fields: Any) -> Part:
    """A Pass or an ExpressionEval."""
    own = {k: fields.pop(k) for k in list(fields) if k[0].isupper()}
    given = {"Parameters": {_key(k): v for k, v in fields.items()}} if fields else {}
    return {"Type": kind, **given, **({"ResultPath": f"$.{into}"} if into else {}), **own}


def _key(name: str) -> str:
    """`a__ref` is `a.$`, `a__exp` is `a.=`."""
    return name.removesuffix("__ref").removesuffix("__exp") + (
        ".$" if name.endswith("__ref") else ".=" if name.endswith("__exp") else ""
    )


def chooses(*rules: Part, default: str | None = None) -> Part:
    return {"Type": "Choice", "Choices": list(rules), **({"Default": default} if default else {})}


def when(variable: str, to: str | None = None, **comparison: Any) -> Part:
    return {"Variable": f"$.{variable}", **comparison, **({"Next": to} if to else {})}


def moves(url: str, begin: str, end: str, into: str | None, *, old: bool = False, **more: Any) -> Part:
    """A transfer of one thing between places that are given as `id` and `path`."""
    item = {"source_path.$": f"$.{begin}.path", "destination_path.$": f"$.{end}.path"}
    ids = {"source_endpoint": f"$.{begin}.id", "destination_endpoint": f"$.{end}.id"}
    suffix, items = ("_id__ref", "transfer_items") if old else ("__ref", "DATA")
    return does(url, into, **{f"{name}{suffix}": at for name, at in ids.items()}, **{items: [item]}, **more)


END: Part = {"Type": "Pass", "End": True}
TRIGGER = "globus/globus-flows-trigger-examples"
EXAMPLES = "globus/globus-flows-examples"
CLIENT = "globus/globus-automate-client, examples/flows"
GLADIER = "globus-gladier"


def _place(*more: str) -> Part:
    names = ("id", "path", *more)
    return {"type": "object", "required": list(names), "properties": {n: {"type": "string"} for n in names}} | _ONLY


_ONLY: Final[Part] = {"additionalProperties": False}


def schema(required: tuple[str, ...] = (), **properties: Part) -> Part:
    return {"type": "object", "required": list(required or properties), "properties": properties} | _ONLY


TWO: Final = schema(begin=_place(), end=_place())
WITHIN: Final = schema(input=schema(begin=_place(), end=_place(), job={"type": "object"}))
