"""The run as it is now, read from the journal again and again: each look reads what has come since the one before.

What the status, the page and the alerts say of a run, they say from here. It judges nothing and words nothing.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from mhfd_client import expected
from mhfd_client.expected import Mosaics
from mhfd_client.journal.rows import Beat, LabelRow, State, Told, TroubleRow
from mhfd_client.journal.view import JournalView, Newest
from mhfd_client.naming import Crowd, Place

ALIVE_S: Final = 15.0
"""A station that has given no sign of life for this long is not running."""
WAITING: Final = (State.WHOLE, State.SUBMITTED, State.SCORED)
_TROUBLES: Final = 2000


def alive(beat: Beat | None, now_s: float) -> bool:
    """Whether a station gives signs of life, at this time."""
    return beat is not None and beat.doing != "stopped" and abs(now_s - beat.at_ns / 1e9) < ALIVE_S


def doing(beat: Beat | None, *, running: bool) -> str:
    """What a station does now, in words."""
    if beat is None:
        return "no station has run yet"
    if running or beat.doing == "stopped":
        return beat.doing
    return "not running, and did not stop by itself: start `mhfd watch` again, it goes on where it was"


def unjudged(journal: JournalView) -> list[str]:
    """The paths of the images that wait for a verdict."""
    return [row.path for state in WAITING for row in journal.pending(state, limit=-1)]


class RunNow:
    """What the journal says, as of the last `look`. To be used by one thread at a time.

    Args:
        journal: A connection of its own.
        wanted: What should come, if somebody said so.
    """

    def __init__(
        self, journal: JournalView, wanted: Collection[Place] | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.journal, self._wanted, self._clock = journal, wanted, clock
        self.newest = Newest()
        self.cursor = 0  # the newest verdict that `judged` has told
        self.beat: Beat | None = None
        self.counts = dict.fromkeys(State, 0)
        self.troubles: tuple[TroubleRow, ...] = ()
        self.question: dict[str, Any] | None = None
        self.drifts: tuple[dict[str, Any], ...] = ()
        self.labels: dict[int, LabelRow] = {}
        self.sections: tuple[int, ...] = ()  # in order
        self._begun: set[int] = set()
        self.absent: Collection[Place] = () if wanted is None else wanted
        self.missing: tuple[Place, ...] = ()
        self._gaps: list[Place] = []  # sections of which nothing is here
        self._mosaics = Mosaics()
        self.arrived: dict[Place, int] = {}
        """Where images have come since the look before the last, and when."""
        self.last_arrival_ns: int | None = None
        self.without_section = 0
        """Files whose names do not say it."""
        self._crowds: dict[Place, Crowd] = {}

    def look(self) -> None:
        """Take in what is new; inside `journal.snapshot()` all of it belongs together."""
        journal, before = self.journal, self.newest
        self.beat, self.counts = journal.heartbeat(), journal.counts()
        self.troubles = tuple(one for one in journal.troubles(limit=_TROUBLES) if one.until_ns is None)
        notes = journal.notes()
        self.question = json.loads(notes.get("question", "null"))
        self.drifts = tuple(json.loads(notes.get("drifts", "[]")))
        newest = journal.newest()
        if newest.label != before.label:
            self.labels = journal.last_labels()
        self.arrived = journal.arrivals(after=before.image) if newest.image != before.image else {}
        if self.arrived:
            self._arrived(self.arrived)
            self._crowds |= {crowd.place: crowd for crowd in journal.crowds(self.arrived)}
            self.without_section += journal.without_section(after=before.image)
        self.newest = newest

    def judged(self) -> Iterator[Told]:
        """What was judged, or judged again, since this was asked last."""
        yield from self.journal.told(since=self.cursor)
        self.cursor = self.newest.verdict

    @property
    def running(self) -> bool:
        """Whether a station gives signs of life."""
        return alive(self.beat, self._clock())

    @property
    def waiting(self) -> int:
        """Images without a verdict."""
        return sum(self.counts[state] for state in WAITING)

    @property
    def confirmed(self) -> int:
        """Images that people call sharp, each by its newest label. 0: nobody has said what sharp is in this run."""
        return sum(label.sharp is True for label in self.labels.values())

    @property
    def crowds(self) -> tuple[Crowd, ...]:
        """The places that several files have, in their order."""
        return tuple(self._crowds[place] for place in sorted(self._crowds, key=lambda place: place.key))

    @property
    def complete(self) -> bool:
        """Everything that was expected is here."""
        return self._wanted is not None and not self.absent

    def _arrived(self, arrivals: dict[Place, int]) -> None:
        """No cost grows with what came before but that of gaps."""
        self.last_arrival_ns = max(arrivals.values())  # not of all: a clock that is set back must not stop it
        self._begun.update(place.section for place in arrivals if place.section is not None)
        more = len(self._begun) > len(self.sections)
        if more:
            self.sections = tuple(sorted(self._begun))
        last = self.sections[-1] if self.sections else -1
        if self._wanted is not None:
            self.absent = expected.missing(self.absent, arrivals)
            self.missing = tuple(expected.overdue(self.absent, last))
            return
        self._mosaics.take(arrivals)
        if more:
            self._gaps = expected.missing(None, map(Place, self.sections))
        self.absent = _ordered(*self._gaps, *self._mosaics.absent)
        self.missing = _ordered(*expected.overdue(self._gaps, last), *self._mosaics.missing)


def _ordered(*places: Place) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: place.key))
