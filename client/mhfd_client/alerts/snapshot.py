"""What the rules look at: one small value, made from the journal by `Reader`.

Only reads. What is counted once (images, places) is kept between two looks, so that a look at a run of 100,000 images
costs what is new in it.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from mhfd.contract.focus_report import Finding
from mhfd_client import expected
from mhfd_client.journal.rows import Outcome, ScoreRow, State
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place

LOOK_BACK: Final = 200
"""No rule looks further back; and so many images may be judged between two looks without one being missed."""
_WAITING: Final = (State.WHOLE, State.SUBMITTED, State.SCORED)
_PAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class Seen:
    """One judged image."""

    image: int
    path: str
    place: Place
    outcome: Outcome
    provisional: bool = False
    finding: Finding = Finding.OK


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong around the station now. `kind` as the journal has it."""

    kind: str
    why: str
    since: float


@dataclass(frozen=True, slots=True)
class Disk:
    """Space where something is."""

    what: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The run at one moment. Times are seconds since the epoch."""

    now: float
    started: float
    """When this station started."""
    recent: tuple[Seen, ...] = ()
    """The last images that were judged, newest last, with their current verdicts."""
    fresh: int = 0
    """How many of them were not in the snapshot before."""
    drifts: tuple[str, ...] = ()
    """One sentence for each open drift."""
    sections: tuple[int, ...] = ()
    """The sections that are here, in order."""
    missing: tuple[int, ...] = ()
    """The sections before the last one of which something is missing, in order."""
    complete: bool = False
    """Everything that was expected is here."""
    images: int = 0
    last_arrival: float | None = None
    waiting: int = 0
    """Images without a verdict."""
    oldest_waiting: float | None = None
    """Since when the first of them is whole."""
    disks: tuple[Disk, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Of the folder as a whole, and of the runner."""
    ended: str | None = None
    """Why the watch has failed; None while it runs or when it was stopped."""


@dataclass(slots=True)
class Reader:
    """Makes snapshots. To be used by one thread.

    Args:
        journal: A view of its own.
        wanted: What should come, if that is known.
        disks: How much space there is; may be older than the rest.
        started: When the station started.
    """

    journal: JournalView
    wanted: Collection[Place] | None
    disks: Callable[[], tuple[Disk, ...]]
    started: float
    _absent: set[Place] = field(default_factory=set)
    _begun: set[int] = field(default_factory=set)
    _last: int = 0
    _images: int = 0
    _arrived: float | None = None
    _known: frozenset[int] | None = None
    _sections: tuple[int, ...] = ()
    _missing: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._absent.update(self.wanted or ())

    def take(self, now: float, *, ended: str | None = None) -> Snapshot:
        self._count()
        recent = self._recent()
        ids = frozenset(seen.image for seen in recent)
        fresh = 0 if self._known is None else sum(seen.image not in self._known for seen in recent)
        self._known = ids
        counts = self.journal.counts()
        first = [row for state in _WAITING for row in self.journal.pending(state, limit=1)]
        return Snapshot(
            now=now,
            started=self.started,
            recent=recent,
            fresh=fresh,
            drifts=tuple(drift["sentence"] for drift in json.loads(self.journal.notes().get("drifts", "[]"))),
            sections=self._sections,
            missing=self._missing,
            complete=self.wanted is not None and not self._absent,
            images=self._images,
            last_arrival=self._arrived,
            waiting=sum(counts[state] for state in _WAITING),
            oldest_waiting=min((row.whole_ns / 1e9 for row in first), default=None),
            disks=self.disks(),
            problems=tuple(
                Problem(trouble.kind, trouble.why, trouble.since_ns / 1e9)
                for trouble in self.journal.troubles(limit=_PAGE)
                if trouble.until_ns is None and trouble.path is None
            ),
            ended=ended,
        )

    def _count(self) -> None:
        """What is new since the last look; no cost grows with what was counted before but sections and gaps."""
        new = False
        while page := self.journal.images(after=self._last, limit=_PAGE):
            new = True
            self._last = page[-1].id
            self._images += len(page)
            self._arrived = max(self._arrived or 0.0, *(row.arrived_ns / 1e9 for row in page))
            self._begun.update(row.section for row in page if row.section is not None)
            for row in page:
                self._absent.discard(row.place)
                self._absent.discard(Place(row.section))  # listed without its tiles
        more = len(self._begun) > len(self._sections)
        if more:
            self._sections = tuple(sorted(self._begun))
        if self.wanted is not None and new:
            last = max(self._begun, default=-1)
            late = {place.section for place in self._absent if place.section is not None and place.section < last}
            self._missing = tuple(sorted(late))
        elif self.wanted is None and more:
            gaps = expected.missing(None, map(Place, self._sections))
            self._missing = tuple(place.section for place in gaps if place.section is not None)

    def _recent(self) -> tuple[Seen, ...]:
        rows = self.journal.latest(limit=LOOK_BACK)
        return tuple(_seen(row, row.outcome) for row in reversed(rows) if row.outcome is not None)


class Disks(threading.Thread):
    """Measures free space again and again, in a thread of its own: a dead share answers never."""

    def __init__(self, folders: Mapping[str, str], *, every_s: float = 10.0) -> None:
        super().__init__(name="mhfd-disks", daemon=True)
        self._folders, self._every = dict(folders), every_s
        self._end = threading.Event()
        self._now: dict[str, tuple[float, Disk]] = {}

    def run(self) -> None:
        self.measure()
        while not self._end.wait(self._every):
            self.measure()

    def measure(self) -> None:
        for what, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError:  # arrival and the journal say what is wrong there
                self._now.pop(what, None)
            else:
                self._now[what] = (time.monotonic(), Disk(what, usage.free, usage.total))

    def current(self) -> tuple[Disk, ...]:
        """What was measured lately."""
        oldest = time.monotonic() - 6 * self._every
        return tuple(disk for at, disk in list(self._now.values()) if at >= oldest)

    def close(self) -> None:
        self._end.set()


def _seen(row: ScoreRow, outcome: Outcome) -> Seen:
    place = Place(row.section, row.tile)
    return Seen(row.image, row.path, place, outcome, bool(row.provisional), Finding(row.finding))
