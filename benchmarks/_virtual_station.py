"""A station in virtual time: images that come at a steady rate, the real journal and runner; what became of them.

It does what the station's loop does between arrival and verdict, and nothing that touches a folder of images.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks._virtual_time import EPOCH_S, VirtualTime

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import State
from mhfd_client.naming import NOWHERE, Place
from mhfd_client.runners import Batch, Event, Job, Returned, Runner, Scored

POLL_S: Final = 0.5
"""How often arrival looks, as in a watch."""
IMAGE_BYTES: Final = 8_500_000
PARAMS: Final = Params()


@dataclass(slots=True)
class Fates:
    """What became of the images, by number."""

    seen_s: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    """From the file to its report in the journal; NaN: none."""
    reports: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    """Reports that the journal did not take, because it had one."""
    returned: int = 0
    backlog: list[tuple[float, int]] = field(default_factory=list)
    """Images without a report, now and then."""

    @property
    def lost(self) -> int:
        """Images without a report at the end."""
        return int(np.isnan(self.took_s).sum())

    @property
    def twice(self) -> int:
        """Images with more than one."""
        return sum(count > 1 for count in self.reports.values())

    def within(self, begin: float, end: float) -> np.ndarray:
        """How long it took for the images that came between these moments."""
        seen = np.array(self.seen_s)
        return np.array(self.took_s)[(seen >= begin) & (seen < end)]

    def caught_up_s(self, begin: float, end: float) -> float:
        """How long after an outage as few images waited again as at most before it."""
        before = max((n for at, n in self.backlog if begin - 1800 <= at < begin), default=0)
        return next((at for at, n in self.backlog if at >= end and n <= before), float("inf")) - end


@dataclass(slots=True)
class Row:
    """An image, as far as a runner is told of it."""

    id: int
    path: str
    size: int
    mtime_ns: int
    token: str = ""


class Book:
    """Keeps the journal's rules in memory, for a day of a million images: one report an image, nothing out twice."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}  # without a report
        self._whole: deque[int] = deque()
        self._next = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """As the journal's."""
        yield

    def close(self) -> None:
        """As the journal's."""

    def arrived(self, whole: Whole, place: Place) -> Row:
        """As the journal's."""
        self._next += 1
        row = self._rows[self._next] = Row(self._next, whole.path, whole.size, whole.mtime_ns)
        self._whole.append(row.id)
        return row

    def pending(self, state: State, *, limit: int) -> list[Row]:
        """As the journal's."""
        assert state is State.WHOLE
        return [self._rows[one] for one in itertools.islice(self._whole, limit)]

    def intent(self, ids: Sequence[int], token: str, runner: str, params: Params, *, durable: bool = True) -> None:
        """As the journal's."""
        for one in ids:
            assert self._whole.popleft() == one
            self._rows[one].token = token

    def scored(self, image_id: int, report: FocusReport, **moments: Any) -> bool:
        """As the journal's."""
        return self._rows.pop(image_id, None) is not None

    def returned(self, token: str, why: str, *, ids: Sequence[int] | None = None, blame: bool = False) -> list[int]:
        """As the journal's."""
        back = [one for one in ids or () if one in self._rows and self._rows[one].token == token]
        self._whole.extendleft(reversed(back))
        return back


class VirtualStation:
    """One watch."""

    def __init__(self, time: VirtualTime, runner: Runner, journal: Journal | Book, *, images: int, rate: float) -> None:
        self.time, self.runner, self.journal = time, runner, journal
        self._images, self._rate = images, rate
        self._out = self._batches = 0
        self._number: dict[int, int] = {}  # by the journal's id, while it has no report
        self.fates = Fates()

    @property
    def done(self) -> bool:
        """Every image has come, and has its report."""
        return len(self.fates.seen_s) == self._images and not self._number

    def run(self, until: float) -> None:
        """Watch until all is done, or until then."""
        note_at = poll_at = 0.0
        while not self.done and self.time.now < until:
            if self.time.now >= poll_at:
                poll_at = self.time.now + POLL_S
                self._arrive()
            if self.time.now >= note_at:
                note_at += 60.0
                self.fates.backlog.append((self.time.now, len(self._number)))
            self._submit()
            events = self.runner.events(max(0.0, poll_at - self.time.now))
            if events:
                with self.journal.together():
                    for event in events:
                        self._hear(event)

    def _arrive(self) -> None:
        first = len(self.fates.seen_s)
        last = min(self._images, int(self.time.now * self._rate + 1e-6))
        if first >= last:
            return
        with self.journal.together():
            for number in range(first, last):
                at = (number + 1) / self._rate
                name = f"S_{number // 400:04}/Tile_r{number // 20 % 20}-c{number % 20}.tif"
                whole = Whole(name, IMAGE_BYTES, number, EPOCH_S + at, EPOCH_S + at)
                row = self.journal.arrived(whole, NOWHERE)
                assert row is not None
                self._number[row.id] = number
                self.fates.seen_s.append(at)
                self.fates.took_s.append(float("nan"))

    def _submit(self) -> None:
        free = self.runner.capacity - self._out
        if free <= 0 or len(self._number) <= self._out:
            return
        rows = self.journal.pending(State.WHOLE, limit=free)
        if not rows:
            return
        self._batches += 1
        token = f"batch-{self._batches}"
        jobs = tuple(Job(row.id, f"/sem/run/{row.path}", row.size, row.mtime_ns, PARAMS) for row in rows)
        self.journal.intent([row.id for row in rows], token, self.runner.name, PARAMS, durable=False)
        self._out += len(jobs)
        self.runner.submit(Batch(token, jobs))

    def _hear(self, event: Event) -> None:
        match event:
            case Scored():
                self._out -= 1
                taken = self.journal.scored(event.id, event.report, at_ns=event.at_ns, returned_ns=event.returned_ns)
                self.fates.reports[event.id] += taken
                self.fates.refused += not taken
                if taken:
                    number = self._number.pop(event.id)
                    self.fates.took_s[number] = self.time.now - self.fates.seen_s[number]
            case Returned():
                self._out -= len(event.ids)
                self.fates.returned += len(event.ids)
                self.journal.returned(event.token, event.why, ids=event.ids, blame=event.blame)
            case _:
                return


def journal_in(folder: Path, time: VirtualTime) -> Journal:
    """A new one, by the clock of the day."""
    (folder / "sem").mkdir()
    return Journal.open(folder / "state", root=folder / "sem", now=time.now_ns)
