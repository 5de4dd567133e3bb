"""The last move that was kept, taken back; then the one before it. Another hand's move is nobody's to take back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.ledger import LedgerLine, LensEntry
from mhfd_client.adjustment.lens import Lens
from mhfd_client.adjustment.outstanding import SAME_UM
from mhfd_client.errors import AnotherHand
from mhfd_client.instruments.config import InstrumentConfig, config_of
from mhfd_client.instruments.protocol import Instrument, Knob
from mhfd_client.times import lately


@dataclass(frozen=True, slots=True)
class Undone:
    """A move that was taken back."""

    from_um: float
    to_um: float
    line: int | None
    """Of the ledger: what was taken back. None: what had not ended, and no move that was kept."""
    words: str

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "from_um": self.from_um,
            "to_um": self.to_um,
            "line": self.line,
            "words": self.words,
        }


def kept_moves(state_dir: Path) -> list[LedgerLine]:
    """Those that can be taken back, the last at the end."""
    kept: list[LedgerLine] = []
    for line in ledger.lines(state_dir):
        if line.what is LensEntry.KEPT:
            kept.append(line)
        elif line.what is LensEntry.UNDONE:
            kept = [one for one in kept if one.n != line.numbers.get("undoes")]
    return kept


def undo(
    state_dir: Path, *, instrument: Instrument, config: InstrumentConfig | None = None, actor: str | None = None
) -> Undone:
    """Put the lens to where it was before the last move that was kept, by the same rules but for the sum of an hour.

    AnotherHand when the lens does not stand where that move had left it: then somebody else moved it since.
    """
    with Lens(state_dir, config or config_of(state_dir), instrument, actor=actor) as lens:
        lens.rules.must_allow("apply", "nothing was set")
        if lens.restored is not None:  # that is what was to be undone; the move before it was verified
            at = lens.read().working_distance_um
            return Undone(at, at, None, f"{lens.restored}; that had not ended: no other move is taken back")
        kept = kept_moves(state_dir)
        if not kept:
            raise lens.book.refused("there is no move of mhfd to take back", refusal="nothing_to_undo")
        last = kept[-1]
        back, stands = last.numbers["from_um"], last.numbers["to_um"]
        at = lens.read().working_distance_um
        if abs(at - stands) > SAME_UM:
            words = (
                f"the move of {lately(last.at)} left the lens at {stands:.3f} um and it stands at {at:.3f}: somebody "
                f"else moved it since; it stays there (before that move it was at {back:.3f})"
            )
            lens.book.say(LensEntry.REFUSED, words, refusal="another_hand", numbers={"at_um": at})
            raise AnotherHand(words)
        why = f"undo of the move of {lately(last.at)}"
        lens.move(
            Knob.WORKING_DISTANCE,
            back - at,
            why=why,
            instruction=secrets.token_hex(8),
            expected=stands,
            on_trial=True,
            backwards=True,
        )
        lens.keep(why, undoes=last.n)
        return Undone(at, back, last.n, f"the lens is back at {back:.3f} um; it was at {at:.3f}")
