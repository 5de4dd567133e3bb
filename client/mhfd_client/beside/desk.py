"""A desk beside a watch: it looks at the journal again and again, in a thread of its own.

Whatever fails in a look, the watch goes on.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from mhfd_client.beside.child import Running
from mhfd_client.errors import StateError
from mhfd_client.journal.view import JournalView

Seen = TypeVar("Seen")

_KILLED_S: Final = 15.0
"""So long it takes at most, after its grace, until a program has ended that will not."""


class Complaints:
    """What is wrong is said once, as long as it is the same."""

    def __init__(self) -> None:
        self._last = ""

    def new(self, words: str) -> bool:
        """Whether this was not the last that was wrong."""
        self._last, before = words, self._last
        return words != before

    def over(self) -> None:
        """Nothing is."""
        self._last = ""


class BesideDesk(ABC, Generic[Seen]):
    """Looks while it is entered.

    Args:
        state_dir: Where the journal is.
        subject: What it is about, as its log says it.
        log: Where it says what fails.
        every_s: From one look to the next.
        grace_s: So long its programs have to end by themselves, when the watch ends.
    """

    def __init__(self, state_dir: Path, subject: str, log: logging.Logger, *, every_s: float, grace_s: float) -> None:
        self._state_dir, self._subject, self._log = state_dir, subject, log
        self._every_s, self._grace_s = every_s, grace_s
        self._failed = Complaints()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mhfd-{log.name.rpartition('.')[2]}", daemon=True)

    @abstractmethod
    def opened(self, journal: JournalView) -> Seen:
        """What it looks at, of the journal."""

    @abstractmethod
    def step(self, seen: Seen) -> None:
        """Look: take in what has ended, and begin what is next."""

    @abstractmethod
    def running(self) -> Iterable[Running]:
        """The programs that it has started."""

    @property
    def looks(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive()

    def look(self, seen: Seen) -> None:
        """A step; one that fails must not end the watch, nor the looks."""
        try:
            self.step(seen)
        except Exception as error:
            if self._failed.new(str(error)):
                self._log.exception("%s: this look failed; the next one comes", self._subject)
        else:
            self._failed.over()

    def __enter__(self) -> Self:
        """Open the journal, and start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """The end of the watch: what is under way may end by itself; then it is told to."""
        self._end.set()
        self._thread.join(2 * self._grace_s + _KILLED_S)

    def _run(self) -> None:
        try:
            with JournalView.read(self._state_dir) as journal:
                seen = self.opened(journal)
                while not self._end.is_set():
                    self.look(seen)
                    self._end.wait(self._every_s)
        except StateError as error:
            self._log.error("%s: %s; nothing more is done beside the watch, which goes on", self._subject, error)
        finally:
            for child in self.running():
                child.end(self._grace_s)
