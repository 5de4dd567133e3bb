"""What forbids a move of the lens, each in words with what to do, and kept in the ledger. Moves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.outstanding import ROUNDING_UM, outstanding_of, way_back
from mhfd_client.adjustment.spent import hour_um
from mhfd_client.errors import AdjustmentRefused
from mhfd_client.files import shown
from mhfd_client.instruments.config import NAME, Allow, InstrumentConfig
from mhfd_client.instruments.protocol import KnobRange

_ORDER: Final[tuple[Allow, ...]] = ("off", "propose", "apply")


@dataclass(slots=True)
class LensBook:
    """The ledger, for one who holds the lens."""

    state_dir: Path
    actor: str
    field: str | None = None
    """Which field of the sample lies under the beam."""

    def say(
        self,
        what: LensEntry,
        words: str,
        *,
        instruction: str | None = None,
        refusal: str | None = None,
        actor: str | None = None,
        numbers: Mapping[str, float | None] | None = None,
        about: Mapping[str, str | None] | None = None,
    ) -> None:
        """A line; it is on the disk when this returns."""
        ledger.add(
            self.state_dir,
            what,
            words,
            actor=actor or self.actor,
            field=self.field,
            instruction=instruction,
            refusal=refusal,
            numbers=numbers,
            about=about,
        )

    def refused(self, words: str, *, refusal: str = "rule", instruction: str | None = None) -> AdjustmentRefused:
        """A refusal, kept; to be raised."""
        self.say(LensEntry.REFUSED, words, refusal=refusal, instruction=instruction)
        return AdjustmentRefused(words)


@dataclass(frozen=True, slots=True)
class LensRules:
    """What `instrument.toml`, the instrument and the ledger forbid. `else_` of each says what is not done."""

    book: LensBook
    config: InstrumentConfig

    def must_allow(self, least: Allow, else_: str) -> None:
        """What the file allows, and what to write there."""
        if _ORDER.index(self.config.allow) >= _ORDER.index(least):
            return
        file = shown(self.book.state_dir / NAME)
        wanted = f'allow = "{least}"' if least == "apply" else 'allow = "propose" (or "apply")'
        left = f"; {way_back(self.book.state_dir)}" if outstanding_of(self.book.state_dir) else ""
        words = f'{else_}: {file} says allow = "{self.config.allow}"; write {wanted} there{left}'
        raise self.book.refused(words, refusal="not_allowed")

    def step(self, by: float, else_: str) -> None:
        """How far one move may be."""
        most = self.config.limits.step_um
        if abs(by) > most + ROUNDING_UM:
            raise self.book.refused(f"{by:+.3f} um is more than limits.step_um, {most:g} um; {else_}", refusal="step")

    def within(self, um: float, limits: KnobRange, else_: str) -> None:
        """Between which working distances the lens may be."""
        if um not in limits:
            raise self.book.refused(
                f"{um:.3f} um is not within {limits.low:.3f} and {limits.high:.3f} um, which [limits] in {NAME} and "
                f"the instrument allow; {else_}",
                refusal="limits",
            )

    def once(self, instruction: str) -> None:
        """No instruction is begun twice, whatever became of it."""
        for line in ledger.lines(self.book.state_dir):
            if line.what is LensEntry.MOVE and line.instruction == instruction:
                raise self.book.refused(
                    f"instruction {instruction} was begun before; nothing was set",
                    refusal="twice",
                    instruction=instruction,
                )

    def may_spend(self, um: float, else_: str) -> None:
        """The sum of an hour, which the ledger keeps; one that was changed keeps nothing."""
        state_dir, most = self.book.state_dir, self.config.limits.hour_um
        changed = [flaw for flaw in ledger.flaws(state_dir) if not flaw.torn]
        if changed:
            file = shown(places.ledger(state_dir))
            raise self.book.refused(
                f"{file}: {changed[0].why}; {else_}; look at it (mhfd adjust audit DIR), then put it aside",
                refusal="ledger",
            )
        spent = hour_um(state_dir)
        if spent + um > most + ROUNDING_UM:
            raise self.book.refused(
                f"the lens was moved by {spent:.2f} um within the hour; {most:g} may be (limits.hour_um in {NAME}); "
                f"{um:.2f} um more would be too far; {else_}; look at the instrument",
                refusal="hour",
            )
