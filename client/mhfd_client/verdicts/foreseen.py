"""What a label would do before it counts: how many verdicts on other images it turns, and into what.

Judges in memory, on a judge of its own that is thrown away; the station and the journal know nothing of it. Restoring
a run takes about a millisecond an image, so it must never be asked for in the station's loop.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mhfd_client.journal.rows import Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.from_journal import JournalJudge

HANDFUL: Final = 5
"""A label that turns more verdicts than this says so before it counts."""
_WORDS: Final = {
    Outcome.IN_FOCUS: "in focus",
    Outcome.OUT_OF_FOCUS: "out of focus",
    Outcome.UNDETERMINED: "into 'can't tell'",
    Outcome.INCOMPLETE: "incomplete",
}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The verdicts that a label would turn, by what they become; `today`: how many images have which verdict now."""

    into: dict[Outcome, int]
    today: dict[Outcome, int]
    exact: bool = True
    """False: there are so many images that a part was tried, and the numbers are reckoned from it."""

    @property
    def total(self) -> int:
        """How many verdicts on other images it would turn."""
        return sum(self.into.values())

    @property
    def many(self) -> bool:
        """Whether it has to be said before the label counts."""
        return self.total > HANDFUL

    def __str__(self) -> str:
        if not self.total:
            return "This would turn no other image."
        most = sorted(self.into.items(), key=lambda pair: -pair[1])
        parts = [f"{n:,} image{'s' * (n != 1)} {_WORDS[kind]} (today {self.today.get(kind, 0):,})" for kind, n in most]
        return f"This would turn {'' if self.exact else 'about '}{' and '.join(parts)}."


def foreseen(journal: JournalView, settings: VerdictSettings, images: Iterable[int], *, sharp: bool | None) -> Foreseen:
    """What would happen if this were said of these images, one after the other."""
    asked = list(images)
    with journal.snapshot():
        judge = JournalJudge(journal, settings)
        today = Counter(told.verdict.outcome for told in journal.told())
    turned = judge.would_change(*filter(judge.knows, asked), sharp=sharp)
    return Foreseen(turned.into, dict(today), exact=turned.exact)
