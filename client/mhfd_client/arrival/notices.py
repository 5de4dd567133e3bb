"""Hints that something in the watched folder has changed. Hints only: they may be lost, doubled, late or wrong.

watchdog's threads collect them here; arrival takes them when it likes. Each path is kept once, so a burst costs no
more memory than it has files. What may be believed is the kind: that a name came by renaming, that a writer closed.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from enum import IntEnum
from typing import TYPE_CHECKING

from mhfd.errors import needing_extra

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent


class Hint(IntEnum):
    """What is known of a path, the strongest last."""

    SEEN = 1
    CLOSED = 2  # its writer closed it
    RENAMED = 3  # it came by renaming: it was written under another name, or elsewhere


class NoHints:
    """Where arrival waits, and what it finds then: on file systems that give no hints, nothing."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wait(self, seconds: float) -> None:
        """Return when there is something to take, when woken, or after this time."""
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self) -> None:
        """End a wait, from any thread or a signal handler's."""
        self._woken.set()

    def take(self) -> tuple[dict[str, Hint], dict[str, Hint]]:
        """The paths of files and of folders that were named since the last time, relative."""
        return {}, {}

    def close(self) -> None:
        """Nothing more is collected."""


class Notices(NoHints):
    """The system's change notices, through watchdog. Raises OSError when the system has none to give."""

    def __init__(self, root: str) -> None:
        super().__init__()
        with needing_extra("station", "arrival.mode: change notices need watchdog (poll does without)", option=True):
            from watchdog import events
            from watchdog.observers import Observer
        root = os.path.realpath(root)  # notices do not come through a link
        self._root = root.rstrip("/") + "/"
        self._lock = threading.Lock()
        self._files: dict[str, Hint] = {}
        self._folders: dict[str, Hint] = {}
        collect = self._collect

        class Handler(events.FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                collect(event)

        before = set(threading.enumerate())
        if sys.platform == "linux":
            from watchdog.observers.inotify import InotifyObserver

            # 'Full' events tell a name that was moved in from one that was created.
            self._observer = InotifyObserver(generate_full_events=True)
        else:
            self._observer = Observer()  # type: ignore[assignment]
        # Two folders that appear one in the other at once are noticed twice: watchdog warns, and loses nothing.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, "watchdog")
        # Nothing of writing and deleting: files that change are looked at anyway, and a notice a write is a flood.
        files = [events.FileCreatedEvent, events.FileMovedEvent, events.FileClosedEvent]
        folders = [events.DirCreatedEvent, events.DirMovedEvent]
        self._observer.schedule(Handler(), root, recursive=True, event_filter=[*files, *folders])
        try:
            self._observer.start()
        except BaseException:
            self._observer.stop()  # its reading thread runs since it was made
            raise
        self._threads = [thread for thread in threading.enumerate() if thread not in before and _is_watchdogs(thread)]

    def take(self) -> tuple[dict[str, Hint], dict[str, Hint]]:
        """What was named since the last time."""
        with self._lock:
            taken = self._files, self._folders
            self._files, self._folders = {}, {}
        return taken

    def alive(self) -> bool:
        """Whether hints can still be expected."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """End watchdog's threads."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(10)

    def _collect(self, event: FileSystemEvent) -> None:
        kind = {"moved": Hint.RENAMED, "closed": Hint.CLOSED}.get(event.event_type, Hint.SEEN)
        path = os.fsdecode(event.dest_path if kind is Hint.RENAMED else event.src_path)
        if not path.startswith(self._root):
            return
        path = path[len(self._root) :]
        with self._lock:
            found = self._folders if event.is_directory else self._files
            found[path] = max(kind, found.get(path, kind))
        self.wake()


def _is_watchdogs(thread: threading.Thread) -> bool:
    return type(thread).__module__.startswith("watchdog.")
