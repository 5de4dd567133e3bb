"""The run as the page shows it, in memory: read from the journal once, then only what has changed.

Ten thousand images cost a second at the start and milliseconds a change. It judges nothing and words nothing.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from mhfd_client import expected
from mhfd_client.alerts import Episode, Health, Rule, overview
from mhfd_client.flow.runs_out import RunsReader
from mhfd_client.journal.rows import Beat, LabelRow, Outcome, State, Told, TroubleRow
from mhfd_client.naming import Place
from mhfd_client.page.store import Store
from mhfd_client.results.latency import Ledger, ledger
from mhfd_client.results.retake import Retake, retakes
from mhfd_client.results.status import ALIVE_S
from mhfd_client.results.under_way import UnderWay, under_way
from mhfd_client.station.inbox import images_waiting

RECENT: Final = 20  # images that 'now' means
STRIP: Final = 60
_RUNG: Final = (Rule.UNUSABLE, Rule.SILENCE, Rule.BACKLOG, Rule.DISK, Rule.ENDED)
"""Alerts that say what nothing else on the page says."""
_WAITED: Final = 500  # images whose latency is told


@dataclass(frozen=True, slots=True)
class Entry:
    """One judged image. Densities are features per megapixel of tissue."""

    told: Told
    expected: float | None
    threshold: float | None

    @property
    def id(self) -> int:
        return self.told.image.id

    @property
    def place(self) -> Place:
        return self.told.image.place

    @property
    def outcome(self) -> Outcome:
        return self.told.verdict.outcome


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the confirmed images of a tile say together, and which they are."""

    tile: str | None
    density: float
    images: tuple[int, ...]


class Model:
    """What the journal says, as of the last `refresh`.

    Args:
        journal: A connection of its own.
        confirm: How many confirmed images make up an anchor (the setting `verdict.confirm`).
        target_s: How long an image may wait for its verdict (`verdict.target_s`).
        wanted: What should come, if somebody said so.
        flow: Whether a flow scores: then it is said, too, when no run is out.
    """

    def __init__(
        self,
        journal: Store,
        *,
        confirm: int,
        target_s: float = 60.0,
        wanted: Callable[[], Collection[Place] | None] = lambda: None,
        flow: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal, self._confirm, self._wanted, self._clock = journal, confirm, wanted, clock
        self.target_s, self.flow = target_s, flow
        self._runs_file = RunsReader(journal.path.parent)
        self.runs = UnderWay()
        self.entries: dict[int, Entry] = {}
        self.cursor = 0  # the newest verdict that is known here
        self.beat: Beat | None = None
        self.counts: dict[State, int] = {}
        self.troubles: tuple[TroubleRow, ...] = ()
        self.alerts: tuple[Episode, ...] = ()
        self.unheard: tuple[Health, ...] = ()
        self.labels: dict[int, LabelRow] = {}
        self.waiting: frozenset[int] = frozenset()
        self.question: dict[str, Any] | None = None
        self.drifts: tuple[dict[str, Any], ...] = ()
        self.retake: tuple[Retake, ...] = ()
        self.missing: tuple[Place, ...] = ()
        self.latest: deque[int] = deque(maxlen=STRIP)  # by first verdict, the newest last
        self._firsts: dict[int, int] = {}
        self._rows: tuple[object, ...] = ()
        self._labels_at = -1
        self.identity = journal.identity()

    def refresh(self) -> bool:
        """Take in what has changed; whether anything that is listed did."""
        journal = self.journal
        told_of = overview(journal.path.parent)
        self.alerts = tuple(alert for alert in told_of.open if alert.rule in _RUNG)
        self.unheard = tuple(sink for sink in told_of.sinks if sink.failures)
        with journal.snapshot():
            self.beat = journal.heartbeat()
            self.counts = journal.counts()
            self.troubles = tuple(t for t in journal.troubles() if t.until_ns is None)
            notes = journal.notes()
            self.question = json.loads(notes.get("question", "null"))
            self.drifts = tuple(json.loads(notes.get("drifts", "[]")))
            self.waiting = images_waiting(journal.path.parent)
            self.runs = under_way(journal, self._runs_file)
            rows = (journal.newest_image(), journal.newest_verdict(), journal.newest_label())
            if rows == self._rows:
                return False
            if rows[2] != self._labels_at:
                self.labels, self._labels_at = journal.last_labels(), rows[2]
            for told in journal.told(since=self.cursor):
                self._take(told)
            self.cursor = rows[1]
            self.retake = tuple(retakes(journal, (entry.told for entry in self.entries.values())))
            self.missing = tuple(expected.overdue(self._wanted(), journal.places()))
            self._rows = rows
        return True

    def _take(self, told: Told) -> None:
        whole = {}
        for level in json.loads(told.verdict.detail).get("levels", ()):
            if level["measure"] == "density" and level["region"] == "whole":
                whole = level
        image = told.image.id
        if image not in self.entries:
            self.latest.append(image)
        slim = replace(told, verdict=replace(told.verdict, detail="{}"))
        self.entries[image] = Entry(slim, whole.get("expected"), whole.get("threshold"))

    # -- what follows from it

    @property
    def alive(self) -> bool:
        beat = self.beat
        return beat is not None and beat.doing != "stopped" and abs(self._clock() - beat.at_ns / 1e9) < ALIVE_S

    @property
    def backlog(self) -> int:
        return sum(self.counts.get(state, 0) for state in (State.WHOLE, State.SUBMITTED, State.SCORED))

    def last(self) -> Entry | None:
        return self.entries[self.latest[-1]] if self.latest else None

    def recent(self) -> Counter[Outcome]:
        """The verdicts of the last images."""
        return Counter(self.entries[image].outcome for image in list(self.latest)[-RECENT:])

    def waited(self) -> Ledger:
        """What the last images waited for until their first verdict."""
        some = sorted(self.entries)[-_WAITED:]
        return ledger((self.entries[image].told for image in some), target_s=self.target_s)

    def anchors(self) -> list[Anchor]:
        """The confirmed images that hold each tile's baseline at its newest section."""
        confirmed: dict[str | None, list[Entry]] = {}
        for image, label in self.labels.items():
            entry = self.entries.get(image)
            if label.sharp and entry is not None and entry.told.score.density:
                confirmed.setdefault(entry.place.tile, []).append(entry)
        found = []
        for tile, some in sorted(confirmed.items(), key=lambda pair: pair[0] or ""):
            near = sorted(some, key=lambda e: (-1 if e.place.section is None else e.place.section, e.id))
            near = near[-self._confirm :]
            density = math.exp(statistics.median(math.log(e.told.score.density or 1) for e in near))
            found.append(Anchor(tile, density, tuple(e.id for e in near)))
        return found

    def neighbours(self, entry: Entry) -> tuple[Entry | None, Entry | None]:
        """The image before and the one after it: by section where it has one, else as they came."""
        section, tile = entry.place.section, entry.place.tile
        before: Entry | None = None
        after: Entry | None = None
        for other in self.entries.values():
            if section is None:
                at, here = other.id, entry.id
            else:
                if other.place.section is None or other.place.tile != tile:
                    continue
                at, here = other.place.section, section
            if at < here and (before is None or _later(other, before, section)):
                before = other
            elif at > here and (after is None or _later(after, other, section) or _same(after, other, section)):
                after = other
        return before, after


def _later(one: Entry, other: Entry, section: int | None) -> bool:
    return _key(one, section) > _key(other, section)


def _same(one: Entry, other: Entry, section: int | None) -> bool:
    """Two revisions of one place: the newer is shown."""
    return section is not None and one.place == other.place and other.id > one.id


def _key(entry: Entry, section: int | None) -> tuple[int, int]:
    return (0 if section is None else entry.place.section or 0, entry.id)
