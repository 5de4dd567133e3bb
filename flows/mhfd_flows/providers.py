"""Who does actions: the addresses, fields and answers that public documents name (`providers.json`).

One source for the checks of a definition, for dry runs and for the stand-ins of the tests. Asks nobody.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import resources
from typing import Any, Final, Literal

from mhfd_flows.shapes import Kind, Presence, Shape, of_schema, of_value, put, thing

Standing = Literal["current", "older", "gone"]


@dataclass(frozen=True)
class ActionProvider:
    """What is known of one. `standing`: current; older: works, another is recommended; gone: no longer supported."""

    name: str
    addresses: tuple[str, ...]
    standing: Standing
    instead: str
    notes: str
    input: Mapping[str, Any]
    renamed: Mapping[str, str]
    say: Mapping[str, Any]
    """What is better said, with what holds when it is not."""
    details: Mapping[str, Any]
    pretended: Mapping[str, Any]
    pretended_seconds: float

    @cached_property
    def answer(self) -> Shape:
        """What an action of it leaves in the state of a run."""
        return put(_ANSWER, ("details",), of_schema(self.details, given=True)) if self.details else _ANSWER

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(self.input.get("properties", {}))

    def wrong(self, given: Shape) -> Iterator[str]:
        """What is wrong with what it is asked, as far as that is known."""
        yield from _wrong(given, self.input, self.renamed, "")

    def refuses(self, parameters: Mapping[str, Any]) -> str | None:
        """What is wrong with what it is asked in a run; None: nothing."""
        return "; ".join(self.wrong(of_value(parameters))) or None


def provider_of(address: str) -> ActionProvider | None:
    """Who is at an address, if a public document says so."""
    return BY_ADDRESS.get(address.rstrip("/"))


def web_input(kind: str) -> Mapping[str, Any]:
    """What a question to a person answers, and what a dry run answers for it."""
    found: Mapping[str, Any] = _DATA["web_input"][kind]
    return found


def _wrong(given: Shape, schema: Mapping[str, Any], renamed: Mapping[str, str], where: str) -> Iterator[str]:
    if not schema or given.kind == "anything":
        return
    wanted = str(schema.get("type", ""))
    kinds = _KINDS.get(wanted)
    if kinds and given.kind not in kinds:
        yield f"{where or 'Parameters'} is {_WORDS[given.kind]}; it takes {_ARTICLE[wanted]}"
    elif given.kind == "list" and given.items is not None:
        yield from _wrong(given.items, schema.get("items", {}), renamed, f"{where}[]")
    elif given.kind == "object":
        yield from _wrong_fields(given, schema, renamed, where)


def _wrong_fields(given: Shape, schema: Mapping[str, Any], renamed: Mapping[str, str], where: str) -> Iterator[str]:
    known: Mapping[str, Any] = schema.get("properties", {})
    before = f"{where}." if where else ""
    for name, (one, presence) in given.fields.items():
        if presence is Presence.NEVER or (not known and schema.get("additionalProperties") is not False):
            continue
        if name in known:
            yield from _wrong(one, known[name], {}, f"{before}{name}")
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        better = renamed.get(name) if renamed.get(name) in known else near[0] if near else None
        if schema.get("additionalProperties") is False or better:
            meant = f"it is called {better}" if better else f"there are {', '.join(known)}"
            yield f"there is no field {before}{name}; {meant}"
    if given.rest == "none":
        for name in schema.get("required", ()):
            if name not in given.fields or given.fields[name][1] is Presence.NEVER:
                yield f"the field {before}{name} is missing"


_KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "string": ("text", "value"),
    "boolean": ("truth", "value"),
    "integer": ("number", "value"),
    "number": ("number", "value"),
    "array": ("list",),
    "object": ("object",),
}
_ARTICLE: Final = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
}
_WORDS: Final[Mapping[Kind, str]] = {
    "text": "text",
    "truth": "true or false",
    "number": "a number",
    "value": "a single value",
    "list": "a list",
    "object": "an object",
    "anything": "anything",
}

_DATA: Final[dict[str, Any]] = json.loads(resources.files("mhfd_flows").joinpath("providers.json").read_text())
_ANSWER: Final = of_schema(_DATA["action"]["answer"], given=True)
CONTEXT: Final = of_schema(_DATA["context"]["answer"], given=True)
"""`$._context`, which the service puts into every run."""
UNKNOWN_ANSWER: Final = thing({}, rest="unknown")
"""What somebody that no document names leaves in the state."""

PROVIDERS: Final = tuple(
    ActionProvider(
        one["name"],
        tuple(one["addresses"]),
        one["standing"],
        one.get("instead", ""),
        one.get("notes", ""),
        one["input"],
        one.get("renamed", {}),
        one.get("say", {}),
        one["details"],
        one["pretended"]["details"],
        one["pretended"]["seconds"],
    )
    for one in _DATA["providers"]
)
"""All that are known."""
BY_ADDRESS: Final = {address: one for one in PROVIDERS for address in one.addresses}
"""By each of their addresses, without a slash at the end."""
