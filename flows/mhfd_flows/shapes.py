"""What is known of a value of a run before there is a run: which fields it has, always, on some ways only, or never.

Every operation gives a new shape; nothing is changed. Knows nothing of states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Literal

from mhfd_flows.paths import Many, Step

Kind = Literal["anything", "object", "list", "text", "number", "truth", "value"]
Rest = Literal["none", "unknown", "unnamed"]
"""Fields that a shape does not list: there are none; who knows; perhaps, but no schema or document names them."""

DEPTH: Final = 12
"""Deeper than this nothing is known: a loop may put a value into itself again and again."""


class Presence(Enum):
    """Whether a field is there."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What is known of one value."""

    kind: Kind
    fields: Mapping[str, tuple[Shape, Presence]] = field(default_factory=dict)
    rest: Rest = "none"
    items: Shape | None = None
    implies: tuple[Step, ...] = ()
    """Of something that is true or false: what is there, if it is true."""


ANYTHING: Final = Shape("anything", rest="unknown")
TEXT: Final = Shape("text")
NUMBER: Final = Shape("number")
TRUTH: Final = Shape("truth")
VALUE: Final = Shape("value")
"""No object and no list: it has no fields."""


def thing(fields: Mapping[str, Shape], rest: Rest = "none") -> Shape:
    """An object that always has these fields."""
    return Shape("object", {name: (one, Presence.ALWAYS) for name, one in fields.items()}, rest)


def many(items: Shape | None) -> Shape:
    """A list of these."""
    return Shape("list", items=items)


@dataclass(frozen=True, slots=True)
class Looked:
    """What is at a path. `missing`: the steps up to the first that never is there; `doubtful`: that may not be."""

    shape: Shape
    missing: tuple[Step, ...] | None = None
    doubtful: tuple[Step, ...] | None = None
    within: Shape | None = None
    """The object in which one was not found."""
    unnamed: bool = False
    """What is doubtful is only not named: by the schema of the input, or by a document."""
    unlisted: int | None = None
    """The step at which nothing is known of what there is."""

    @property
    def beside(self) -> tuple[str, ...]:
        """Names that are there, where one was not found."""
        return () if self.within is None else _there(self.within)


def look(shape: Shape, steps: tuple[Step, ...], *, texts: bool = False) -> Looked:
    """Follow a path. `texts`: a part of a text may be taken, as expressions can."""
    doubtful: tuple[Step, ...] | None = None
    unnamed = False
    for number, step in enumerate(steps):
        if shape.kind == "anything" or (isinstance(step, Many) and step.kind != "slice"):
            return Looked(ANYTHING, None, doubtful, None, unnamed)
        if shape.kind == "list" and not isinstance(step, str):
            shape = shape if isinstance(step, Many) else shape.items or ANYTHING
            continue
        if texts and shape.kind in ("text", "value") and not isinstance(step, str):
            continue
        if shape.kind != "object" or not isinstance(step, str):
            return Looked(ANYTHING, steps[: number + 1], doubtful, None, unnamed)
        if step in shape.fields:
            following, presence = shape.fields[step]
            if presence is Presence.NEVER:
                return Looked(ANYTHING, steps[: number + 1], doubtful, shape, unnamed)
            if presence is Presence.SOMETIMES:
                doubtful = doubtful or steps[: number + 1]
            shape = following
        elif shape.rest == "none":
            return Looked(ANYTHING, steps[: number + 1], doubtful, shape, unnamed)
        else:
            if shape.rest == "unnamed":
                doubtful, unnamed = doubtful or steps[: number + 1], True
            return Looked(ANYTHING, None, doubtful, shape, unnamed, number)
    return Looked(shape, None, doubtful, None, unnamed)


def _there(shape: Shape) -> tuple[str, ...]:
    return tuple(name for name, (_, presence) in shape.fields.items() if presence is not Presence.NEVER)


def put(shape: Shape, steps: tuple[Step, ...], value: Shape) -> Shape:
    """The shape with a value at a path."""
    if not steps:
        return value
    first = steps[0]
    if not isinstance(first, str):
        return ANYTHING if shape.kind == "list" else shape
    base = shape if shape.kind == "object" else Shape("object", rest="unknown" if shape.kind == "anything" else "none")
    within, presence = base.fields.get(first, (ANYTHING if base.rest != "none" else Shape("object"), None))
    if presence is Presence.NEVER:
        within = Shape("object")
    return replace(base, fields={**base.fields, first: (put(within, steps[1:], value), Presence.ALWAYS)})


def with_presence(shape: Shape, steps: tuple[Step, ...], presence: Presence, *, listed: bool = False) -> Shape | None:
    """What is known once it was seen whether something is there; None: that cannot be. `listed`: if it was known of."""
    if not steps or not isinstance(steps[0], str) or shape.kind not in ("object", "anything"):
        return shape
    base = shape if shape.kind == "object" else Shape("object", rest="unknown")
    first, rest = steps[0], steps[1:]
    within, known = base.fields.get(first, (ANYTHING, None))
    if known is None and listed:
        return shape
    if known is None and base.rest == "none":
        known = Presence.NEVER
    if presence is Presence.NEVER:
        if rest:  # which part is missing is not known
            return shape
        return None if known is Presence.ALWAYS else replace(base, fields={**base.fields, first: (within, presence)})
    if known is Presence.NEVER:
        return None
    inner = with_presence(within, rest, presence, listed=listed) if rest else within
    return None if inner is None else replace(base, fields={**base.fields, first: (inner, Presence.ALWAYS)})


def join(one: Shape, other: Shape, depth: int = DEPTH) -> Shape:
    """What is known of a value that is one or the other."""
    if one is other:
        return one
    if one.kind != other.kind:
        plain = {one.kind, other.kind} <= {"text", "number", "truth", "value"}
        return VALUE if plain else ANYTHING
    if depth == 0:
        return ANYTHING
    if one.kind == "list":
        if one.items is None or other.items is None:
            return one if other.items is None else other
        return many(join(one.items, other.items, depth - 1))
    if one.kind != "object":
        return one if one.implies == other.implies else TRUTH
    fields = dict(one.fields)
    same = len(one.fields) == len(other.fields)
    for name in {**one.fields, **other.fields}:
        mine, theirs = one.fields.get(name), other.fields.get(name)
        if mine is not theirs:
            fields[name] = _both(mine or _absent(one), theirs or _absent(other), depth)
            same = same and fields[name] == mine
    rest: Rest = max((one.rest, other.rest), key=("none", "unnamed", "unknown").index)
    return one if same and rest == one.rest else Shape("object", fields, rest)


def _absent(shape: Shape) -> tuple[Shape, Presence]:
    return ANYTHING, Presence.NEVER if shape.rest == "none" else Presence.SOMETIMES


def _both(mine: tuple[Shape, Presence], theirs: tuple[Shape, Presence], depth: int) -> tuple[Shape, Presence]:
    presence = mine[1] if mine[1] is theirs[1] else Presence.SOMETIMES
    if mine[1] is Presence.NEVER:
        shape = theirs[0]
    elif theirs[1] is Presence.NEVER:
        shape = mine[0]
    else:
        shape = join(mine[0], theirs[0], depth - 1)
    return mine if shape is mine[0] and presence is mine[1] else (shape, presence)


def same(one: Shape, other: Shape) -> bool:
    """Whether as much is known of both."""
    if one is other:
        return True
    if (one.kind, one.rest, one.implies) != (other.kind, other.rest, other.implies):
        return False
    if one.fields.keys() != other.fields.keys():
        return False
    if (one.items is None) != (other.items is None):
        return False
    if one.items is not None and other.items is not None and not same(one.items, other.items):
        return False
    for name, (inner, presence) in one.fields.items():
        others, theirs = other.fields[name]
        if presence is not theirs or not same(inner, others):
            return False
    return True


def trimmed(shape: Shape, depth: int = DEPTH) -> Shape:
    """Nothing is known too deep inside."""
    if shape.kind == "list" and shape.items is not None:
        inner = trimmed(shape.items, depth - 1) if depth > 1 else ANYTHING
        return shape if inner is shape.items else many(inner)
    if shape.kind != "object":
        return shape
    if depth <= 1:
        return ANYTHING
    fields = {name: (trimmed(one, depth - 1), presence) for name, (one, presence) in shape.fields.items()}
    changed = any(fields[name][0] is not one for name, (one, _) in shape.fields.items())
    return replace(shape, fields=fields) if changed else shape


def of_value(value: Any) -> Shape:
    """The shape of a value that is written in the definition."""
    if isinstance(value, Mapping):
        return thing({str(key): of_value(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return many(joined(of_value(one) for one in value))
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, int | float):
        return NUMBER
    return TEXT if isinstance(value, str) else ANYTHING


def joined(found: Iterable[Shape]) -> Shape | None:
    """What all of these have in common; None of none."""
    result: Shape | None = None
    for one in found:
        result = one if result is None else join(result, one)
    return result


_KINDS: Final[Mapping[str, Shape]] = {
    "string": TEXT,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": TRUTH,
    "null": ANYTHING,
}


def of_schema(schema: object, *, given: bool = False, root: object = None, depth: int = DEPTH) -> Shape:
    """The shape of what fits a JSON Schema. `given`: each field that it names is there, as in a documented answer."""
    root = schema if root is None else root
    if not isinstance(schema, Mapping) or depth == 0:
        return ANYTHING
    if isinstance(schema.get("$ref"), str):
        return of_schema(_referred(root, schema["$ref"]), given=given, root=root, depth=depth - 1)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list) and choices and "properties" not in schema:
        found = joined(of_schema(one, given=given, root=root, depth=depth - 1) for one in choices)
        return found or ANYTHING
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        return many(
            of_schema(items, given=given, root=root, depth=depth - 1) if isinstance(items, Mapping) else ANYTHING
        )
    if kind != "object" and not (kind is None and "properties" in schema):
        return _KINDS.get(kind, ANYTHING) if isinstance(kind, str) else ANYTHING
    properties = schema.get("properties")
    named: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    needed = set(required) if isinstance(required, list) else set()
    fields = {
        name: (
            of_schema(one, given=given, root=root, depth=depth - 1),
            Presence.ALWAYS if given or name in needed else Presence.SOMETIMES,
        )
        for name, one in named.items()
    }
    fields |= {name: (ANYTHING, Presence.ALWAYS) for name in sorted(needed - named.keys()) if isinstance(name, str)}
    return Shape("object", fields, _rest(schema, named))


def _rest(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Rest:
    if any(word in schema for word in ("allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas")):
        return "unknown"
    more = schema.get("additionalProperties")
    if more is False:
        return "none"
    return "unnamed" if more is None and named else "unknown"


def _referred(root: object, pointer: str) -> object:
    here = root
    for part in pointer.removeprefix("#").strip("/").split("/") if pointer.startswith("#") else ():
        here = here.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(here, Mapping) else None
    return here if pointer.startswith("#") else None
