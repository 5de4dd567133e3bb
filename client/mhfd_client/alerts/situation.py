"""What the rules look at: one small value, made from the run as it is now by `SituationReader`. Only reads."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mhfd_client.journal.rows import ScoreRow, TroubleRow
from mhfd_client.now import WAITING, RunNow

LOOK_BACK: Final = 200
"""No rule looks further back; and so many images may be judged between two looks without one being missed."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Space where something is."""

    what: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Situation:
    """The run at one moment. Times are seconds since the epoch."""

    now: float
    started: float
    """When this station started."""
    recent: tuple[ScoreRow, ...] = ()
    """The last images that were judged, newest last, with their current verdicts."""
    fresh: int = 0
    """How many of them were not in the situation before."""
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
    troubles: tuple[TroubleRow, ...] = ()
    """Of the folder as a whole, and of the runner."""
    ended: str | None = None
    """Why the watch has failed; None while it runs or when it was stopped."""


class SituationReader:
    """Makes situations. To be used by one thread.

    Args:
        run: What the journal says, through a view of its own.
        disks: How much space there is; may be older than the rest.
        started: When the station started.
    """

    def __init__(self, run: RunNow, disks: Callable[[], tuple[Disk, ...]], started: float) -> None:
        self._run, self._disks, self._started = run, disks, started
        self._known: frozenset[int] | None = None

    def take(self, now: float, *, ended: str | None = None) -> Situation:
        """Look at the journal. `ended`: why the watch has failed."""
        run = self._run
        with run.journal.snapshot():
            run.look()
            latest = [row for row in run.journal.latest(limit=LOOK_BACK) if row.outcome is not None]
            first = [row for state in WAITING for row in run.journal.pending(state, limit=1)]
        known, self._known = self._known, frozenset(row.image for row in latest)
        return Situation(
            now=now,
            started=self._started,
            recent=tuple(reversed(latest)),
            fresh=0 if known is None else len(self._known - known),
            drifts=tuple(drift["sentence"] for drift in run.drifts),
            sections=run.sections,
            missing=tuple(sorted({place.section for place in run.missing if place.section is not None})),
            complete=run.complete,
            images=sum(run.counts.values()),
            last_arrival=None if run.last_arrival_ns is None else run.last_arrival_ns / 1e9,
            waiting=run.waiting,
            oldest_waiting=min((row.whole_ns / 1e9 for row in first), default=None),
            disks=self._disks(),
            troubles=tuple(trouble for trouble in run.troubles if trouble.path is None),
            ended=ended,
        )


class Disks(threading.Thread):
    """Measures free space again and again, in a thread of its own: a dead share answers never."""

    def __init__(self, folders: Mapping[str, str], *, every_s: float = 10.0) -> None:
        super().__init__(name="mhfd-disks", daemon=True)
        self._folders, self._every = dict(folders), every_s
        self._end = threading.Event()
        self._now: dict[str, tuple[float, Disk]] = {}

    def run(self) -> None:
        """Measure until it is closed."""
        self.measure()
        while not self._end.wait(self._every):
            self.measure()

    def measure(self) -> None:
        """Once, each folder that can be measured."""
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
        """End after the measurement that is under way."""
        self._end.set()
