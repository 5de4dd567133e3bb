"""Arrival's thread in a station: what it finds waits here until the loop takes it.

A share that hangs blocks this thread alone.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from mhfd_client.arrival.events import FolderTrouble, Recovered, Unchanged, Whole

News = Whole | Unchanged | FolderTrouble | Recovered


class Watcher(Protocol):
    """Arrival: called from a thread of its own, and may block."""

    def poll(self, timeout: float) -> Sequence[News]:
        """What is new, at most `timeout` seconds from now."""

    def wake(self) -> None:
        """End a `poll` that waits, from another thread."""

    def again(self, path: str) -> None:
        """Look at this file once more: it changed before it was scored."""


class Feeder(threading.Thread):
    """Arrival's thread: what it finds, or the error that ended it."""

    def __init__(self, watcher: Watcher, wake: Callable[[], None]) -> None:
        super().__init__(name="mhfd-arrival", daemon=True)
        self._watcher, self._wake = watcher, wake
        self._found: queue.SimpleQueue[Sequence[News] | BaseException] = queue.SimpleQueue()
        self._again: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._end = threading.Event()

    def run(self) -> None:
        """Poll until told to end; whatever ends it otherwise is the last thing found."""
        try:
            while not self._end.is_set():
                while not self._again.empty():
                    self._watcher.again(self._again.get())
                if found := self._watcher.poll(0.5):
                    self._found.put(found)
                    self._wake()
        except BaseException as e:  # handed to the loop, which raises it
            self._found.put(e)
            self._wake()

    @property
    def waiting(self) -> bool:
        """There is news that the loop has not taken."""
        return not self._found.empty()

    def news(self) -> Iterator[News]:
        """What was found since the last time; raises the error that ended the thread."""
        while not self._found.empty():
            found = self._found.get()
            if isinstance(found, BaseException):
                raise found
            yield from found

    def again(self, path: str) -> None:
        """Have this file looked at once more."""
        self._again.put(path)
        self._watcher.wake()

    def finish(self) -> None:
        """End the thread, or leave it where it hangs."""
        if not self.is_alive():
            return
        self._end.set()
        self._watcher.wake()
        self.join(timeout=2.0)  # a share that hangs may hold it; it is a daemon
