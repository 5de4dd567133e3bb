"""Instructions that are made of proposals of a test's, at a time of its own."""

from __future__ import annotations

from typing import Final, Literal

from mhfd.contract import Proposal
from mhfd_client.adjustment.instructions import Instruction, instruct
from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.protocol import DeviceReading, KnobRange

NOW: Final = 1_800_000_000.0


def config(*, low: float = 4900.0, high: float = 5100.0, step: float = 10.0, hour: float = 50.0) -> InstrumentConfig:
    """With these limits."""
    limits = SoftLimits(low_um=low, high_um=high, step_um=step, hour_um=hour)
    return InstrumentConfig(kind="pretend", address="/nowhere", allow="apply", limits=limits)


def proposal(move_um: float | None, sign: Literal[-1, 1] | None = None) -> Proposal:
    """Of so much, or of a sign alone."""
    return Proposal(
        sign=sign or (-1 if (move_um or 0) < 0 else 1),
        move_um=move_um,
        sd_um=None if move_um is None else 0.25,
        package="0" * 64,
        title="a test",
    )


def made(
    move_um: float, at: float = 5000.0, *, settings: InstrumentConfig | None = None, spent: float = 0.0
) -> Instruction:
    """By a proposal, where the lens stands there."""
    settings = settings or config()
    limits = KnobRange(settings.limits.low_um, settings.limits.high_um)
    reading = DeviceReading(working_distance_um=at, at=NOW)
    return instruct(proposal(move_um), reading, settings, limits, instrument="it", spent_um=spent, now=NOW)
