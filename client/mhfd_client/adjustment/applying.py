"""Propose, move, look again, and take it back when it is not better: one repair of one field, from start to end.

Never further from the focus than before, as far as a second pair can tell: what was not verified is put back, whatever
ends it. Who asks decides when; this decides nothing about images or sections.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mhfd.contract import Proposal
from mhfd_client.adjustment.instructions import Instruction, instruct
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import Lens, TakenPair
from mhfd_client.adjustment.spent import HOUR_S, hour_um, images_of
from mhfd_client.adjustment.verifying import PairLook, is_better
from mhfd_client.errors import AdjustmentRefused
from mhfd_client.instruments.config import NAME, InstrumentConfig, config_of
from mhfd_client.instruments.protocol import DeviceReading, Instrument

Ask = Callable[[TakenPair], Proposal]
"""Who says where the focus lies: a package, asked about a pair."""

STEPS: Final = 2
"""So many moves mend a field, or a person has to look."""
IN_FOCUS_UM: Final = 0.2
"""A proposal that is not larger is no reason to move: a package is wrong by as much."""
ENOUGH_UM: Final = 0.1
"""After a step, one that is not larger is no reason to go on. Less than above: the next pair decides what stays."""
_A_PAIR: Final = 2


class RepairOutcome(StrEnum):
    """How it ended."""

    MOVED = "moved"  # and a second pair says that it is better
    IN_FOCUS = "in_focus"  # nothing to move
    REVERTED = "reverted"  # not better: the lens is where it was
    REFUSED = "refused"  # the package, or a rule, says no: nothing was set
    DRY_RUN = "dry_run"  # what would be done; nothing was set


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What was done with a lens, or would be."""

    outcome: RepairOutcome
    words: str
    from_um: float
    to_um: float
    images: int
    """That were taken for it: the dose."""
    before: Proposal
    after: Proposal | None = None
    """What the last pair said, after a move."""
    refusal: str | None = None
    instructions: tuple[Instruction, ...] = ()
    restored: str | None = None
    """What another program had left, and was put back first."""

    @property
    def moved_um(self) -> float:
        """By how much the lens stands elsewhere than before."""
        return self.to_um - self.from_um

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "outcome": self.outcome.value,
            "words": self.words,
            "refusal": self.refusal,
            "from_um": self.from_um,
            "to_um": self.to_um,
            "moved_um": self.moved_um,
            "images": self.images,
            "before": self.before.model_dump(mode="json"),
            "after": self.after and self.after.model_dump(mode="json"),
            "instructions": [
                one.model_dump(mode="json") | {"reverse": one.reverse().model_dump(mode="json")}
                for one in self.instructions
            ],
            "restored": self.restored,
        }


def propose_at(
    state_dir: Path,
    *,
    ask: Ask,
    instrument: Instrument,
    config: InstrumentConfig | None = None,
    perturbation_um: float | None = None,
    actor: str | None = None,
    field: str | None = None,
) -> Proposal:
    """Take a pair where the lens stands, bring it back, and say what a package makes of it."""
    config = config or config_of(state_dir)
    if perturbation_um is not None:
        config = config.model_copy(update={"perturbation_um": perturbation_um})
    with Lens(state_dir, config, instrument, actor=actor) as lens:
        return _Repair(lens, ask, field).look().said


def apply_once(
    state_dir: Path,
    *,
    really: bool,
    ask: Ask,
    instrument: Instrument,
    config: InstrumentConfig | None = None,
    actor: str | None = None,
    field: str | None = None,
    wait_s: float = 1.0,
) -> Adjusted:
    """Mend the focus of the field under the beam, in at most `STEPS` moves.

    Raises what the instrument raises, with where the lens is, and AdjustmentRefused where a rule forbids it.

    Args:
        state_dir: The station's own folder, with `instrument.toml` in it.
        really: Move the lens. Else a pair is taken, the lens is back, and the answer says what would be done.
        ask: Who says where the focus lies.
        instrument: The connection.
        config: What `instrument.toml` says, where it was read already.
        actor: For whom.
        field: Which field, for the budget of its images; where the stage stands, within the hour, by default.
        wait_s: So long it waits for another program that holds the lens.
    """
    config = config or config_of(state_dir)
    with Lens(state_dir, config, instrument, actor=actor, wait_s=wait_s) as lens:
        if really:
            lens.rules.must_allow("apply", "nothing was done")
        repair = _Repair(lens, ask, field)
        return repair.once(really=really)


def carry_out(lens: Lens, instruction: Instruction, *, now: float | None = None) -> DeviceReading:
    """Move as an instruction says, on trial. AdjustmentRefused when it is too late, AnotherHand when the lens moved."""
    if instruction.instrument != lens.instrument.name:
        raise lens.book.refused(f"instruction {instruction.id} is for {instruction.instrument!r}; nothing was set")
    if (allow := config_of(lens.state_dir).allow) != "apply":  # a person may have changed it since it was read
        raise lens.book.refused(f'{NAME} says allow = "{allow}" by now; nothing was set', refusal="not_allowed")
    if instruction.expired(now):
        raise lens.book.refused(
            f"instruction {instruction.id} has expired: it was good for "
            f"{instruction.expires_at - instruction.made_at:g} s from its pair on; nothing was set; ask for a new one",
            refusal="expired",
            instruction=instruction.id,
        )
    return lens.move(
        instruction.knob,
        instruction.by_um,
        why=instruction.why,
        instruction=instruction.id,
        expected=instruction.from_um,
        on_trial=True,
    )


class _Repair:
    """One field, as long as the lens is held."""

    def __init__(self, lens: Lens, ask: Ask, field: str | None) -> None:
        self.lens = lens
        self.ask = ask
        reading = lens.read()
        self.start_um = reading.working_distance_um
        self.since = 0.0 if field else time.time() - HOUR_S
        lens.book.field = self.field = field or _place(reading)
        self.images = 0
        self.made: list[Instruction] = []

    def once(self, *, really: bool) -> Adjusted:
        look = self.look()
        first = look.said
        if first.refusal is not None:
            return self._ended(RepairOutcome.REFUSED, first.why or first.refusal, first, refusal=first.refusal.value)
        if first.move_um is not None and in_focus(first):
            return self._ended(RepairOutcome.IN_FOCUS, f"in focus ({_said(first)}): nothing to move", first)
        if not really:
            instruction = self._instruct(look)
            words = (
                f"would move the working distance by {instruction.by_um:+.3f} um, from {instruction.from_um:.3f} to "
                f"{instruction.to_um:.3f} um ({_said(first)}{', as far as one move may be' * instruction.is_clamped}), "
                "take a second pair, and put it back unless that is better; nothing was set"
            )
            return self._ended(RepairOutcome.DRY_RUN, words, first)
        kept: Proposal | None = None
        for _ in range(STEPS):
            try:
                self._may_look()  # a move that cannot be verified is not made
                carry_out(self.lens, self._instruct(look))
            except AdjustmentRefused as refused:
                if kept is None:
                    raise
                return self._ended(RepairOutcome.MOVED, f"{self._where()}, {_said(kept)}; {refused}", first, kept)
            before, look = look, self.look()
            if not is_better(before, look):
                why = f"not better: {_looked(before)} before, {_looked(look)} after"
                words = self.lens.put_back(why)
                if kept is None:
                    refusal = look.said.refusal and look.said.refusal.value
                    return self._ended(RepairOutcome.REVERTED, f"{why}; {words}", first, look.said, refusal=refusal)
                return self._ended(
                    RepairOutcome.MOVED, f"{self._where()}; a further step was {why}; {words}", first, kept
                )
            self.lens.keep(f"better: {_looked(before)} before, {_looked(look)} after")
            kept = look.said
            if in_focus(kept, within_um=ENOUGH_UM):
                break
        return self._ended(RepairOutcome.MOVED, f"{self._where()}; {_said(look.said)}", first, kept)

    def look(self) -> PairLook:
        """A pair, what is said of it, and its contrast. AdjustmentRefused where the field had its images."""
        self._may_look()
        pair = self.lens.pair(self.lens.config.perturbation_um)
        self.images += _A_PAIR
        look = PairLook.of(self.ask(pair), pair)
        self._tell(look, pair)
        return look

    def _may_look(self) -> None:
        taken, most = images_of(self.lens.state_dir, self.field, since=self.since), self.lens.config.images_a_field
        if taken + _A_PAIR > most:
            raise self.lens.book.refused(
                f"{self.field}: {taken} images were taken to mend it, and {most} may be (images_a_field in {NAME}: its "
                "dose); nothing was set; look at it, or name another field",
                refusal="dose",
            )

    def _instruct(self, look: PairLook) -> Instruction:
        lens, said = self.lens, look.said
        try:
            instruction = instruct(
                said,
                lens.read(),
                lens.config,
                lens.limits,
                instrument=lens.instrument.name,
                spent_um=hour_um(lens.state_dir),
                now=look.at,
            )
        except AdjustmentRefused as refused:
            raise lens.book.refused(str(refused)) from None
        self.made.append(instruction)
        lens.book.say(
            LensEntry.INSTRUCTED,
            f"{instruction.why}: {instruction.by_um:+.3f} um from {instruction.from_um:.3f} um",
            instruction=instruction.id,
            numbers={"from_um": instruction.from_um, "to_um": instruction.to_um, "expires_at": instruction.expires_at},
            about={"package": said.package},
        )
        return instruction

    def _tell(self, look: PairLook, pair: TakenPair) -> None:
        said = look.said
        numbers: Mapping[str, float | None] = {
            "sign": said.sign,
            "move_um": said.move_um,
            "sd_um": said.sd_um,
            "contrast": look.contrast,
            "centre_um": pair.centre_um,
            "perturbation_um": pair.perturbation_um,
        }
        what = LensEntry.PROPOSED if said.refusal is None else LensEntry.REFUSED
        self.lens.book.say(
            what,
            f"{said.speaker}: {_said(said)}",
            refusal=said.refusal and said.refusal.value,
            numbers=numbers,
            about={"package": said.package},
        )

    def _where(self) -> str:
        now = self.lens.read().working_distance_um
        return f"moved the working distance by {now - self.start_um:+.3f} um, from {self.start_um:.3f} to {now:.3f} um"

    def _ended(
        self,
        outcome: RepairOutcome,
        words: str,
        before: Proposal,
        after: Proposal | None = None,
        *,
        refusal: str | None = None,
    ) -> Adjusted:
        return Adjusted(
            outcome=outcome,
            words=words,
            from_um=self.start_um,
            to_um=self.lens.read().working_distance_um,
            images=self.images,
            before=before,
            after=after,
            refusal=refusal,
            instructions=tuple(self.made),
            restored=self.lens.restored,
        )


def in_focus(said: Proposal, *, within_um: float = IN_FOCUS_UM) -> bool:
    """Whether a package says that there is nothing to move."""
    return said.move_um is not None and abs(said.move_um) <= within_um


def _looked(look: PairLook) -> str:
    return f"{_said(look.said)} (contrast {look.contrast:.3f})"


def _said(proposal: Proposal) -> str:
    if proposal.refusal is not None:
        return f"refused ({proposal.refusal}): {proposal.why}" if proposal.why else f"refused ({proposal.refusal})"
    if proposal.move_um is None:
        return (
            f"the focus is at a {'longer' if proposal.sign == 1 else 'shorter'} working distance, how far is not known"
        )
    doubt = "" if proposal.sd_um is None else f" +- {proposal.sd_um:.2f}"
    return f"the focus is {proposal.move_um:+.2f}{doubt} um away"


def _place(reading: DeviceReading) -> str:
    """Which field is under the beam, where nobody names it."""
    if reading.stage_um is None:
        return "the field under the beam"
    return f"the field at {reading.stage_um[0]:.0f}, {reading.stage_um[1]:.0f} um"
