"""What the rules look at: one small value, made from the run as it is now by `SituationReader`. Only reads.

Its times are those that a clock would have said which had always been as it is now: a clock that is set, by days even,
makes nothing late (`ages`).
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mhfd_client.alerts.ages import Ages
from mhfd_client.alerts.gaps import Gap, Gaps
from mhfd_client.arrival.events import NOT_IN_THE_WAY
from mhfd_client.journal.rows import ChampionStrays, Outcome, ScoreRow, State, TroubleRow
from mhfd_client.now import WAITING, RunNow
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.blur.kept import blur_of

_RUNNER: Final = frozenset({"runner", "offline", "refused"})
"""Nobody scores. An endpoint whose work waits in a queue is no alert: `backlog` rings when it takes too long."""
_SAID: Final = {
    "inbox",
    "queued",
    "meanwhile",
    "leftover",
    "pictures",
    "state",
    "looks_like_bar",
    "older_endpoint",
}  # and no more
_HARMLESS: Final = _RUNNER | _SAID | set(NOT_IN_THE_WAY)
LOOK_BACK: Final = 200
"""No rule looks further back; and so many images may be judged between two looks without one being missed."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Space where something is."""

    what: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that is called out of focus or incomplete, and why."""

    path: str
    sentence: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class AskedOfPerson:
    """An image that is out of focus, and for which nothing more is tried by itself."""

    path: str
    where: str
    """Its place, for a person."""
    section: int | None
    why: str
    """What was tried, and how it ended."""


@dataclass(frozen=True, slots=True)
class LensNeeds:
    """What a watch that adjusts a lens needs people for."""

    asked: tuple[AskedOfPerson, ...] = ()
    """The oldest first."""
    trouble: str | None = None
    """Why nothing can be done with the lens now."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The run at one moment. Times are seconds since the epoch."""

    now: float
    started: float
    """When this station started."""
    recent: tuple[ScoreRow, ...] = ()
    """The last images that were judged, newest last, with their current verdicts."""
    blurs: Mapping[int, Blur] = field(default_factory=dict)
    """How blurred those of them are that are out of focus, by image, as far as it is known."""
    fresh: int = 0
    """How many of them were not in the situation before."""
    drifts: tuple[str, ...] = ()
    """One sentence for each open drift."""
    sections: tuple[int, ...] = ()
    """The sections that are here, in order."""
    missing: tuple[int, ...] = ()
    """The sections before the last one of which something is missing, in order."""
    gaps: tuple[Gap, ...] = ()
    """Those of them that the run has passed."""
    late: int = 0
    """By how many sections one that did come was late, lately."""
    complete: bool = False
    """Everything that was expected is here."""
    images: int = 0
    newest: int = 0
    """The image that came last, as the journal numbers them."""
    failed: tuple[Failed, ...] = ()
    """The images that are called a failure now and were not in the situation before, newest last."""
    last_arrival: float | None = None
    waiting: int = 0
    """Images without a verdict."""
    oldest_waiting: float | None = None
    """Since when the first of them is whole."""
    question: str | None = None
    """What the station asks people."""
    asked: float | None = None
    """Since when it asks, and nobody has said anything."""
    confirmed: int = 0
    """Images that people call sharp."""
    judged: int = 0
    heard: float | None = None
    """When people said last what is sharp, since this station started."""
    disks: tuple[Disk, ...] = ()
    troubles: tuple[TroubleRow, ...] = ()
    """Of the folder as a whole, and of the runner."""
    refused: str | None = None
    """What the station's own folder does not take now."""
    ended: str | None = None
    """Why the watch has failed; None while it runs or when it was stopped."""
    strays: ChampionStrays | None = None
    """Whether the champion meets what it never saw. None: nobody has said who judges."""
    lens: LensNeeds | None = None
    """None: this watch has nothing to do with a lens."""

    @property
    def away(self) -> list[TroubleRow]:
        """Why the watched folder cannot be used."""
        return [trouble for trouble in self.troubles if trouble.kind not in _HARMLESS]

    @property
    def unscored(self) -> list[TroubleRow]:
        """Why nobody scores."""
        return [trouble for trouble in self.troubles if trouble.kind in _RUNNER]


class SituationReader:
    """Makes situations. To be used by one thread.

    Args:
        run: What the journal says, through a view of its own.
        disks: How much space there is; may be older than the rest.
        started: When the station started.
        lens: What a lens needs people for.
        steady: A clock that nobody sets.
    """

    def __init__(
        self,
        run: RunNow,
        disks: Callable[[], tuple[Disk, ...]],
        started: float,
        *,
        lens: Callable[[], LensNeeds | None] = lambda: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._disks, self._lens, self._steady = run, disks, lens, steady
        self._ages, self._started = Ages(), steady()
        self._ages.look(started, self._started)
        self._gaps = Gaps(self._ages.moment)
        self._known: frozenset[int] | None = None
        self._failed: frozenset[int] | None = None
        self._blurs: dict[int, Blur | None] = {}  # by verdict
        self._answers: tuple[int, int] | None = None  # images called sharp, and called not sharp
        # Moments of the steady clock.
        self._last_arrival: float | None = None
        self._heard: float | None = None
        self._asked: float | None = None

    def take(self, now: float, *, ended: str | None = None, refused: str | None = None) -> Situation:
        """Look at the journal. `ended`: why the watch has failed; `refused`: why nothing can be written."""
        run, ages, steady = self._run, self._ages, self._steady()
        ages.look(now, steady)
        with run.journal.snapshot():
            run.look()
            latest = [row for row in run.journal.latest(limit=LOOK_BACK) if row.outcome is not None]
            first = [row for state in WAITING for row in run.journal.pending(state, limit=1)]
            strays = run.journal.strays()
            failed, blurs = self._newly_failed(latest), self._blurred(latest)
        known, self._known = self._known, frozenset(row.image for row in latest)
        self._hear(steady)
        if run.arrived:
            newest = ages.moment(max(run.arrived.values()) / 1e9)
            self._last_arrival = newest if self._last_arrival is None else max(newest, self._last_arrival)
        return Situation(
            now=now,
            started=ages.at(self._started),
            recent=tuple(reversed(latest)),
            blurs=blurs,
            fresh=0 if known is None else len(self._known - known),
            drifts=tuple(drift["sentence"] for drift in run.drifts),
            sections=run.sections,
            missing=tuple(sorted({place.section for place in run.missing if place.section is not None})),
            gaps=self._gaps.take(run.arrived, run.missing, steady),
            late=self._gaps.late,
            complete=run.complete,
            images=sum(run.counts.values()),
            newest=run.newest.image,
            failed=failed,
            last_arrival=self._at(self._last_arrival),
            waiting=run.waiting,
            oldest_waiting=min((ages.of_today(row.whole_ns / 1e9) for row in first), default=None),
            question=None if run.question is None else run.question["sentence"],
            asked=self._at(self._asked),
            confirmed=run.confirmed,
            judged=run.counts[State.JUDGED] + run.counts[State.RECORDED],
            heard=self._at(self._heard),
            disks=self._disks(),
            troubles=tuple(
                replace(trouble, since_ns=int(ages.of_today(trouble.since_ns / 1e9) * 1e9))
                for trouble in run.troubles
                if trouble.path is None
            ),
            refused=refused,
            ended=ended,
            strays=strays,
            lens=self._lens(),
        )

    def _blurred(self, latest: list[ScoreRow]) -> dict[int, Blur]:
        """Of the latest that are out of focus; each verdict is read once."""
        known, journal = self._blurs, self._run.journal
        images = {row.verdict: row.image for row in latest if row.outcome is Outcome.OUT_OF_FOCUS and row.verdict}
        self._blurs = {one: known[one] if one in known else blur_of(journal.verdict(one)) for one in images}
        return {images[one]: blur for one, blur in self._blurs.items() if blur is not None}

    def _newly_failed(self, latest: list[ScoreRow]) -> tuple[Failed, ...]:
        """Of the latest; none at the first look, as a restart repeats nothing."""
        now = [row for row in latest if row.outcome in (Outcome.OUT_OF_FOCUS, Outcome.INCOMPLETE)]
        before, self._failed = self._failed, frozenset(row.image for row in now)
        new = [] if before is None else [row for row in reversed(now) if row.image not in before]
        journal = self._run.journal
        verdicts = [(row, journal.image(row.image).verdict) for row in new]
        return tuple(
            Failed(row.path, journal.verdict(verdict).sentence, bool(row.provisional))
            for row, verdict in verdicts
            if verdict is not None
        )

    def _hear(self, steady: float) -> None:
        """What people say of sharpness answers the question: the next one stands from then on."""
        labels = self._run.labels.values()
        before = self._answers
        self._answers = sum(one.sharp is True for one in labels), sum(one.sharp is False for one in labels)
        heard = before is not None and before != self._answers
        if heard:
            self._heard = steady
        if self._run.question is None:
            self._asked = None
        elif self._asked is None or heard:
            self._asked = steady

    def _at(self, moment: float | None) -> float | None:
        return None if moment is None else self._ages.at(moment)


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
