"""From a proposal to an instruction: how far, from where, within what, until when, and how it is taken back.

The generator of instructions. Sets nothing: an instruction is carried out in `carrying_out`, and by nobody twice.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mhfd.contract import Proposal
from mhfd_client.adjustment.outstanding import ROUNDING_UM, SAME_UM
from mhfd_client.errors import AdjustmentRefused
from mhfd_client.instruments.config import NAME, InstrumentConfig
from mhfd_client.instruments.protocol import DeviceReading, Knob, KnobRange

LEAST_UM: Final = 2 * SAME_UM
"""What is less is not worth a move: nobody could tell where it was made."""


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One call of the protocol, with its unit."""

    name: Literal["read", "set"]
    knob: Knob
    value: float
    """To be set; or to be read, and else it goes no further."""
    unit: str = "um"

    def __str__(self) -> str:
        if self.name == "set":
            return f"set({self.knob}, {self.value:.3f} {self.unit})"
        return f"read({self.knob}) has to be {self.value:.3f} {self.unit}"


class Instruction(BaseModel):
    """One move of a knob. Lengths in um; `reverse` takes it back, and the reverse of that is the same again."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    id: str = Field(default_factory=lambda: secrets.token_hex(8), max_length=32)
    instrument: str
    knob: Knob = Knob.WORKING_DISTANCE
    unit: Literal["um"] = "um"
    from_um: float = Field(description="where the knob has to stand; elsewhere somebody else moved it")
    to_um: float
    low_um: float = Field(description="the limits that it was made within: of the file and the instrument")
    high_um: float
    step_um: float = Field(gt=0, description="how far one move may be")
    sign: Literal[-1, 1] = Field(description="which way, as the package said")
    proposed_um: float = Field(description="how far, as the package said")
    sd_um: float | None = Field(None, ge=0)
    package: str = ""
    made_at: float
    expires_at: float
    why: str = Field(max_length=500)
    takes_back: bool = False

    @model_validator(mode="after")
    def _within_everything(self) -> Self:
        by = self.to_um - self.from_um
        if abs(by) > self.step_um + ROUNDING_UM:
            raise ValueError(f"to_um: {by:+g} um is more than step_um, {self.step_um:g}")
        if not (self.low_um <= self.to_um <= self.high_um and self.low_um <= self.from_um <= self.high_um):
            raise ValueError(f"to_um, from_um: not within {self.low_um:g} and {self.high_um:g}")
        if by * self.sign * (-1 if self.takes_back else 1) <= 0 or self.proposed_um * self.sign <= 0:
            raise ValueError("sign: goes the other way than to_um or proposed_um")
        if abs(by) > abs(self.proposed_um) + ROUNDING_UM:
            raise ValueError("to_um: goes further than was proposed")
        if self.expires_at <= self.made_at:
            raise ValueError("expires_at: is not after made_at")
        return self

    @property
    def by_um(self) -> float:
        """What is added to the knob."""
        return self.to_um - self.from_um

    @property
    def is_clamped(self) -> bool:
        """Whether the package proposed more than may be."""
        return abs(abs(self.by_um) - abs(self.proposed_um)) > ROUNDING_UM

    def expired(self, now: float | None = None) -> bool:
        """Whether it is too late, or was made by a clock that went back since."""
        at = time.time() if now is None else now
        return not self.made_at <= at <= self.expires_at

    def reverse(self) -> Instruction:
        """What takes it back."""
        name = self.id.removesuffix("-back") if self.takes_back else f"{self.id}-back"
        turned = {"id": name, "from_um": self.to_um, "to_um": self.from_um, "takes_back": not self.takes_back}
        return Instruction.model_validate(self.model_dump() | turned)

    def calls(self) -> tuple[DeviceCall, ...]:
        """What the protocol is asked, in order."""
        return (
            DeviceCall("read", self.knob, self.from_um),
            DeviceCall("set", self.knob, self.to_um),
            DeviceCall("read", self.knob, self.to_um),
        )


def instruct(
    proposal: Proposal,
    reading: DeviceReading,
    config: InstrumentConfig,
    limits: KnobRange,
    *,
    instrument: str,
    spent_um: float = 0.0,
    now: float | None = None,
) -> Instruction:
    """The instruction that a proposal gives; AdjustmentRefused, in words, where it gives none.

    Args:
        proposal: What the package said of the pair around where the lens stands.
        reading: How the instrument stands.
        config: What `instrument.toml` says.
        limits: What that file and the instrument allow, both.
        instrument: Which one.
        spent_um: By how much the lens was moved within the hour.
        now: Seconds since 1970.
    """
    at = time.time() if now is None else now
    stands = reading.working_distance_um
    by = size_of(proposal)
    if stands not in limits:
        raise AdjustmentRefused(
            f"the lens stands at {stands:.3f} um, which is not within {limits.low:.3f} and {limits.high:.3f} um; is "
            f"[limits] in {NAME} in um (1 mm = 1000 um)? nothing was set"
        )
    step = config.limits.step_um
    to = clamped(stands + clamped(by, KnobRange(-step, step)), limits)
    if abs(to - stands) < LEAST_UM:
        raise AdjustmentRefused(
            f"{by:+.3f} um from {stands:.3f} um: the limits, {limits.low:.3f} and {limits.high:.3f} um, leave no room; "
            "nothing was set"
        )
    if spent_um + abs(to - stands) > config.limits.hour_um:
        raise AdjustmentRefused(
            f"the lens was moved by {spent_um:.2f} um within the hour, and {config.limits.hour_um:g} may be "
            f"(limits.hour_um in {NAME}); {to - stands:+.3f} um more would be too far; nothing was set"
        )
    return Instruction(
        instrument=instrument,
        from_um=stands,
        to_um=to,
        low_um=limits.low,
        high_um=limits.high,
        step_um=step,
        sign=1 if by > 0 else -1,
        proposed_um=by,
        sd_um=proposal.sd_um,
        package=proposal.package,
        made_at=at,
        expires_at=at + config.expires_s,
        why=f"{proposal.speaker} proposed {by:+.3f} um",
    )


def size_of(proposal: Proposal) -> float:
    """How far, as a package says it. AdjustmentRefused where it says none: why, and what to do."""
    if proposal.refusal is not None:
        raise AdjustmentRefused(f"{proposal.speaker} refuses ({proposal.refusal}): {proposal.why or 'says no more'}")
    if proposal.move_um is None or proposal.sign is None:
        side = "longer" if proposal.sign == 1 else "shorter"
        raise AdjustmentRefused(
            f"{proposal.speaker} says which way, to a {side} working distance; "
            f"{proposal.why or 'how far is not known'} (mhfd adjust calibrate DIR --induced 5um); nothing was set"
        )
    if proposal.move_um * proposal.sign <= 0:
        raise AdjustmentRefused(f"{proposal.speaker} proposes {proposal.move_um:g} um: that goes nowhere")
    return proposal.move_um


def clamped(value: float, allowed: KnobRange) -> float:
    """The nearest that is allowed, on both sides."""
    return min(max(value, allowed.low), allowed.high)
