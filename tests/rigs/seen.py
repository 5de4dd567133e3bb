"""Images as the rules of alerts see them: one a letter."""

from __future__ import annotations

from mhfd.contract.focus_report import Finding
from mhfd_client.journal.rows import Outcome, ScoreRow

GOOD, BAD, LOST, UNSURE = Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS, Outcome.INCOMPLETE, Outcome.UNDETERMINED


def images(outcomes: str, *, first: int = 112, provisional: bool = False) -> tuple[ScoreRow, ...]:
    """One image a letter: g good, b blurred, i incomplete, u undetermined, k blank."""
    kinds = {"g": GOOD, "b": BAD, "i": LOST, "u": UNSURE, "k": UNSURE}
    return tuple(
        ScoreRow(
            image=n,
            path=f"S_{first + n:03d}.tif",
            section=first + n,
            tile=None,
            finding=Finding.BLANK if letter == "k" else Finding.OK,
            dof=None,
            density=None,
            outcome=kinds[letter],
            provisional=provisional,
        )
        for n, letter in enumerate(outcomes)
    )
