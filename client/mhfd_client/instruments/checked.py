"""What every adapter checks of a set, in the same words: the value before it, and what the instrument says after it."""

from __future__ import annotations

import math
from typing import Final

from mhfd_client.errors import OutOfRange, SetDidNotTake
from mhfd_client.instruments.protocol import DeviceReading, Knob, KnobRange

NEAR_UM: Final = 0.0005
"""A lens that reads back within half a nanometre stands where it was asked to."""
NEAR_STIG: Final = 1e-6


def near(knob: Knob) -> float:
    """Two values of a knob that differ by no more are the same."""
    return NEAR_UM if knob is Knob.WORKING_DISTANCE else NEAR_STIG


def said(knob: Knob, value: float | None) -> str:
    """A knob's value for a person."""
    if value is None:
        return "nothing"
    return f"{value:.4f} um" if knob is Knob.WORKING_DISTANCE else f"{value:.6g}"


def name_of(knob: Knob) -> str:
    """A knob for a person: `working distance`."""
    return knob.value.replace("_", " ")


def check_allowed(knob: Knob, value: float, allowed: KnobRange) -> None:
    """OutOfRange where a value is no number or is not in the range. Called before anything is set."""
    if not math.isfinite(value) or value not in allowed:
        raise OutOfRange(
            f"{name_of(knob)}: {said(knob, value)} is out of range; the instrument allows "
            f"{said(knob, allowed.low)} to {said(knob, allowed.high)}; nothing was set"
        )


def check_taken(knob: Knob, asked: float, reading: DeviceReading, *, tolerance: float | None = None) -> DeviceReading:
    """What was read after a set. SetDidNotTake where the knob does not stand where it was asked to."""
    stands = reading.value(knob)
    if stands is None or abs(stands - asked) > (near(knob) if tolerance is None else tolerance):
        raise SetDidNotTake(
            f"{name_of(knob)}: asked for {said(knob, asked)}, the instrument reads {said(knob, stands)}: the set did "
            "not take; look whether another program or a lock of the instrument holds it"
        )
    return reading


def changed(before: DeviceReading, after: DeviceReading) -> frozenset[Knob]:
    """The knobs that stand elsewhere than before."""

    def differs(knob: Knob) -> bool:
        one, two = before.value(knob), after.value(knob)
        return one is not two and (one is None or two is None or abs(one - two) > near(knob))

    return frozenset(knob for knob in Knob if differs(knob))
