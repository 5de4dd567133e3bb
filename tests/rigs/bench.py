"""A station whose arrivals and runner are the test's: the loop, the journal and what it writes are the real ones."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.runners import Batch, Event, Scored, Started
from mhfd_client.station.feeder import News
from mhfd_client.station.loop import Station, Summary
from tests.rigs import jobs
from tests.rigs.globus.waiting import until
from tests.rigs.station_under_test import Judging, Sidecars


class Watcher:
    """Hands on what the test puts in."""

    def __init__(self) -> None:
        self.news: queue.SimpleQueue[News | BaseException | None] = queue.SimpleQueue()
        self.looked_again: list[str] = []

    def poll(self, timeout: float) -> Sequence[News]:
        try:
            found = self.news.get(timeout=timeout)
        except queue.Empty:
            return []
        if isinstance(found, BaseException):
            raise found
        return [] if found is None else [found]

    def wake(self) -> None:
        self.news.put(None)

    def again(self, path: str) -> None:
        self.looked_again.append(path)


class Scripted:
    """A runner without workers: the test says what happens to a batch."""

    name = "scripted"

    def __init__(self, script: Callable[[Batch], list[Event]], *, capacity: int = 4, outlives: bool = False) -> None:
        self.script, self.capacity, self.outlives = script, capacity, outlives
        self.batches: list[Batch] = []
        self.attached: list[Batch] = []
        self.closed = False
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)
        for event in self.script(batch):
            self._events.put(event)

    def events(self, timeout: float) -> Sequence[Event]:
        found: list[Event] = []
        try:
            first = self._events.get(timeout=timeout)
            found += [first] if first else []
            while True:
                found += [event] if (event := self._events.get_nowait()) else []
        except queue.Empty:
            return found

    def wake(self) -> None:
        self._events.put(None)

    def cancel(self, token: str) -> None:
        raise NotImplementedError

    def reattach(self, batch: Batch) -> bool:
        self.attached.append(batch)
        if self.outlives:
            self.submit(batch)
        return self.outlives

    def close(self) -> None:
        self.closed = True


def score_all(batch: Batch) -> list[Event]:
    return [
        event
        for job in batch.images
        for event in (
            Started(batch.token, job.id, time.time_ns()),
            Scored(batch.token, job.id, jobs.report(job.path, job.params), time.time_ns()),
        )
    ]


class Bench:
    """A folder, its journal and what a station needs."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "root", folder / "state"
        self.root.mkdir()
        self.watcher = Watcher()
        self.judge: Any = Judging()
        self.recorder: Any = Sidecars(self.state / "sidecars")
        self.station: Station | None = None

    def put(self, *names: str, order: str = "ok") -> None:
        for name in names:
            path = self.root / name
            path.write_text(f"{order}\n")
            found = path.stat()
            self.watcher.news.put(Whole(name, found.st_size, found.st_mtime_ns, time.time(), time.time()))

    prepare: Callable[[Journal], None] = staticmethod(lambda journal: None)
    """What the test does to the journal before the station has it."""

    def run(
        self, runner: Any, *, until_idle: float | None = 0.2, during: Callable[[], None] | None = None, **more: Any
    ) -> Summary:
        options = {"place": lambda path: Place(None, path), "backoff_s": 0.01, "until_idle": until_idle, **more}
        with Journal.open(self.state, root=self.root, busy_s=0.02) as journal:
            self.prepare(journal)
            self.station = Station(
                journal,
                self.watcher,
                runner,
                self.judge,
                self.recorder,
                root=self.root,
                params=Params(),
                **options,
            )
            helper = threading.Thread(target=self._meanwhile, args=(during or (lambda: None),))
            helper.start()
            try:
                return self.station.run()
            finally:
                helper.join()

    def _meanwhile(self, during: Callable[[], None]) -> None:
        """When that fails the station ends too, and with it the test."""
        try:
            during()
        except BaseException:
            assert self.station
            self.station.stop()
            raise

    def view(self) -> JournalView:
        return JournalView.read(self.state)

    def rows(self) -> dict[str, ImageRow]:
        with self.view() as view:
            return {row.path: row for row in view.images()}

    def until(self, condition: Callable[[JournalView], object]) -> None:
        """Wait for another thread's station to come that far: it is looked for now and then, for both take turns."""

        def come() -> bool:
            if not (self.state / "journal.db").exists():
                return False
            with self.view() as view:
                return bool(condition(view))

        until(come, "it did not come to that")
