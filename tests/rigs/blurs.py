"""Blurs as they are found, without finding them: for tests of who shows them."""

from __future__ import annotations

from dataclasses import replace

from mhfd_client.journal.rows import Outcome, VerdictRow
from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.from_journal import verdict_of


def blur(px: float, kind: BlurKind | None = BlurKind.DEFOCUS, *, um: float | None = None) -> Blur:
    """One that is known to 0.3 px."""
    size = {} if um is None else {"um": um, "um_low": 0.85 * um, "um_high": 1.2 * um}
    return Blur(px=px, low=round(px - 0.3, 3), high=round(px + 0.3, 3), neighbours=15, chi2=1.1, kind=kind, **size)


def blurred(verdict: VerdictRow, found: Blur) -> VerdictRow:
    """The verdict as it is with a blur; out of focus where that is of a kind."""
    outcome, sentence = verdict.outcome, verdict.sentence
    if found.kind is not None:
        subject = sentence.partition(" is ")[0].partition(" cannot ")[0]
        much = f"blurred by {found.px:.1f} px ({found.low:.1f} to {found.high:.1f})"
        outcome = Outcome.OUT_OF_FOCUS
        sentence = f"{subject} is out of focus: {much} more than the {found.neighbours} sharp images near it."
    whole = verdict_of(verdict).model_copy(update={"kind": outcome, "sentence": sentence, "blur": found})
    return replace(verdict, outcome=outcome, sentence=sentence, detail=whole.model_dump_json())
