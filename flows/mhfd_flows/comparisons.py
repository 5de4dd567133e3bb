"""The comparisons of a Choice: what each takes, and whether it holds. Knows nothing of states.

As Globus lists them in the schema of its editor of flows, and Amazon's States Language describes them.
"""

import fnmatch
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

Takes = Literal["text", "number", "truth", "time", "path"]

_ORDERS: Final[Mapping[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "Equals": (operator.eq, "="),
    "GreaterThan": (operator.gt, ">"),
    "GreaterThanEquals": (operator.ge, "&ge;"),
    "LessThan": (operator.lt, "<"),
    "LessThanEquals": (operator.le, "&le;"),
}


@dataclass(frozen=True, slots=True)
class ChoiceComparison:
    """One of them. `takes`: what it compares with; `of`: what it compares; `sign`: in a drawing."""

    name: str
    of: Literal["text", "number", "truth", "time", "any"]
    takes: Takes
    order: Callable[[Any, Any], bool] | None = None
    sign: str = ""

    def refuses(self, value: object) -> str | None:
        """What is wrong with a value to compare with; None: nothing."""
        if self.takes == "path":
            return None if isinstance(value, str) else "a path is text"
        if _is(self.takes, value):
            return None
        return {"time": "a time is written 2026-01-31T12:00:00Z"}.get(self.takes, f"it takes a {_WORDS[self.takes]}")

    def holds(self, found: Any, wanted: Any) -> bool:
        """Whether it is so of what was found. `IsPresent` is not asked here: nothing was found, or it was."""
        if self.name.startswith("Is"):
            kind = self.name.removeprefix("Is")
            return (found is None if kind == "Null" else _is(_KINDS[kind], found)) is wanted
        if self.name == "StringMatches":
            return isinstance(found, str) and fnmatch.fnmatchcase(found, str(wanted).replace("[", "[[]"))
        if self.order is None or not (_is(self.of, found) and _is(self.of, wanted)):
            return False
        return self.order(_time(found), _time(wanted)) if self.of == "time" else self.order(found, wanted)


_WORDS: Final = {"text": "text", "number": "number", "truth": "true or false", "time": "time"}
_KINDS: Final[Mapping[str, str]] = {"Numeric": "number", "String": "text", "Boolean": "truth", "Timestamp": "time"}
_OF: Final[Mapping[str, Literal["text", "number", "time"]]] = {
    "String": "text",
    "Numeric": "number",
    "Timestamp": "time",
}

COMPARISONS: Final[Mapping[str, ChoiceComparison]] = {
    one.name: one
    for one in (
        *(
            ChoiceComparison(f"{kind}{order}{path}", of, "path" if path else of, does, sign)
            for kind, of in _OF.items()
            for order, (does, sign) in _ORDERS.items()
            for path in ("", "Path")
        ),
        ChoiceComparison("BooleanEquals", "truth", "truth", operator.eq),
        ChoiceComparison("BooleanEqualsPath", "truth", "path", operator.eq),
        ChoiceComparison("StringMatches", "text", "text"),
        *(ChoiceComparison(f"Is{kind}", "any", "truth") for kind in ("Null", "Present", *_KINDS)),
    )
}
"""By name."""


def _is(kind: str, value: object) -> bool:
    if kind == "truth":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and (kind == "text" or _time(value) is not None)


def _time(text: str) -> datetime | None:
    """A time with its zone, or None: without a zone it is no time of RFC 3339."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
