"""What every instrument can be asked: read, set, acquire. Lengths in um; working distance grows away from the lens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

OURSELVES: Final = "mhfd"
"""The actor of a change that an adapter made by itself."""


class Knob(StrEnum):
    """What may be turned."""

    WORKING_DISTANCE = "working_distance"  # um
    STIG_X = "stig_x"  # the instrument's own unit
    STIG_Y = "stig_y"


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """How the instrument stands. None: it does not say."""

    working_distance_um: float
    at: float
    """When it was read: seconds since 1970."""
    stig_x: float | None = None
    stig_y: float | None = None
    pixel_nm: float | None = None
    dwell_ns: float | None = None
    magnification: float | None = None
    beam_kv: float | None = None
    beam_pa: float | None = None
    stage_um: tuple[float, float] | None = None
    """Which field: where the stage is."""

    def value(self, knob: Knob) -> float | None:
        """Of one knob."""
        return {
            Knob.WORKING_DISTANCE: self.working_distance_um,
            Knob.STIG_X: self.stig_x,
            Knob.STIG_Y: self.stig_y,
        }[knob]


@dataclass(frozen=True, slots=True)
class KnobRange:
    """From where to where a knob may be turned."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def within(self, other: KnobRange) -> KnobRange:
        """What both allow."""
        return KnobRange(max(self.low, other.low), min(self.high, other.high))


@dataclass(frozen=True, slots=True, eq=False)
class TakenImage:
    """One image, with how the instrument stood right after it."""

    pixels: NDArray[Any]
    reading: DeviceReading
    path: Path | None = None
    """Where the instrument saved it, if it did."""


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """The instrument stands elsewhere than before; who turned it is known where the instrument says."""

    before: DeviceReading
    after: DeviceReading
    actor: str | None = None
    said: dict[str, str] = field(default_factory=dict)


class Instrument(Protocol):
    """One connection. Every call ends: with an answer, or with one of `InstrumentError`'s kinds."""

    kind: str
    name: str
    """Which one, for a person and for what is bound to it: `OpenFIBSEM Demo`."""

    def read(self) -> DeviceReading:
        """How it stands now. InstrumentLost."""

    def set(self, knob: Knob, value: float) -> DeviceReading:
        """Turn a knob to a value and read it back. OutOfRange, SetDidNotTake, InstrumentLost."""

    def acquire(self) -> TakenImage:
        """Take an image as the instrument stands. AcquisitionFailed, InstrumentLost."""

    def retake(self, section: int | None, tile: str | None) -> Path | None:
        """Have the instrument take the image of a place again and save it where its images go; None: it cannot."""

    def limits(self, knob: Knob) -> KnobRange:
        """Where the instrument itself allows the knob to be."""

    def settable(self) -> frozenset[Knob]:
        """The knobs whose setting reaches the hardware."""

    def on_change(self, told: Callable[[DeviceEvent], None]) -> AbstractContextManager[None]:
        """As long as it is held, each change of a knob is told, by whoever made it."""

    def close(self) -> None:
        """End the connection; the lens stays where it is."""
