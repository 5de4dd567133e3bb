"""What a person types of a knob that was turned, 'working distance -3.2 um', to a knob and a number. Knows no file.

A number without a unit is refused: um and mm differ by a thousand, and a lens does not forgive that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mhfd.errors import UsageError
from mhfd_client.calibration.focus_from import UM
from mhfd_client.instruments.protocol import Knob

MOST_UM: Final = 1000.0
"""A working distance is not turned further to focus: who writes more means another unit."""
MOST_STIG: Final = 1e4
_NUMBER: Final = re.compile(r"[+\-\u2212]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_NAMES: Final = {
    "working distance": Knob.WORKING_DISTANCE,
    "wd": Knob.WORKING_DISTANCE,
    "stig x": Knob.STIG_X,
    "stigmator x": Knob.STIG_X,
    "stig y": Knob.STIG_Y,
    "stigmator y": Knob.STIG_Y,
}
_EXAMPLE: Final = "'working distance -3.2 um'"
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class TypedMove:
    """By how much a knob was turned: um of working distance, or the instrument's own unit of a stigmator."""

    knob: Knob
    by: float

    def __str__(self) -> str:
        return words_of(self.knob, self.by)


def words_of(knob: Knob, by: float) -> str:
    """As a person types it; `parsed` reads it."""
    number = f"{by:+.{_DIGITS}g}"
    return f"working distance {number} um" if knob is Knob.WORKING_DISTANCE else f"{knob.replace('_', ' ')} {number}"


def parsed(text: str) -> TypedMove:
    """What was typed. UsageError says what is wrong, and how it is written."""
    words = " ".join(text.replace("_", " ").split())
    low = words.lower()
    name = next((name for name in sorted(_NAMES, key=len, reverse=True) if low.startswith(f"{name} ")), None)
    if name is None:
        raise UsageError(
            f"move: {_short(text)!r} names no knob; write working distance, stig x or stig y, then by how much, as in "
            f"{_EXAMPLE}"
        )
    knob, rest = _NAMES[name], words[len(name) :].strip()
    found = _NUMBER.match(rest)
    if found is None:
        raise UsageError(f"move: {_short(rest)!r} is no number; write by how much, as in {_EXAMPLE}")
    number, unit = _value(found[0]), rest[found.end() :].strip()
    return TypedMove(knob, _length(number, unit) if knob is Knob.WORKING_DISTANCE else _own_unit(knob, number, unit))


def length(text: str, what: str) -> float:
    """A length in um, from '5um', '5 um', '5000nm' or '.005mm'. UsageError names `what`."""
    found = _NUMBER.match(text.strip())
    if found is None:
        raise UsageError(f"{what}: {_short(text)!r} is no length; write a number and its unit, as in 5um")
    unit = text.strip()[found.end() :].strip()
    if unit not in UM:
        raise UsageError(f"{what}: {_short(text)!r} has no unit that is known; write um, mm or nm, as in 5um")
    return _value(found[0]) * UM[unit]


def _length(number: float, unit: str) -> float:
    if unit not in UM:
        said = f"{_short(unit)!r} is no unit that is known" if unit else "the number has no unit"
        raise UsageError(f"move: {said}; write um, mm or nm behind it, as in {_EXAMPLE}")
    by = number * UM[unit]
    if abs(by) > MOST_UM:
        raise UsageError(
            f"move: {number:g} {unit} is further than a lens is turned to focus ({MOST_UM:g} um at most); is it um? "
            "Write by how much it was turned, not where it stood then"
        )
    return by


def _own_unit(knob: Knob, number: float, unit: str) -> float:
    if unit not in ("", "%"):
        raise UsageError(
            f"move: a stigmator is turned in the instrument's own unit, not in {_short(unit)!r}; write "
            f"'{knob.replace('_', ' ')} +0.4'"
        )
    if abs(number) > MOST_STIG:
        raise UsageError(f"move: {number:g} is no setting of a stigmator; write by how much it was turned")
    return number


def _value(text: str) -> float:
    value = float(text.replace("\u2212", "-").replace(",", "."))
    if value - value != 0:  # 1e999
        raise UsageError(f"move: {_short(text)!r} is no number that can be used")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."
