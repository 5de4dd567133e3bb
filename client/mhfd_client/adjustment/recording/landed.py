"""Which images have landed in the watched folder since it was asked last: by the journal of a watch that runs, else by
looking. Takes no image itself, and reads no pixels.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd_client.arrival.listing import Rules, inside, walk
from mhfd_client.errors import StateError
from mhfd_client.journal.view import FILE, JournalView
from mhfd_client.now import alive
from mhfd_client.settings.options import ArrivalSettings

REMEMBERED: Final = 50
"""Of the newest images: the one before a move is among them."""
_PAGE: Final = 1000
_PAUSES: Final = 10.0
"""So many times as long as a look at the folder took, it is not looked at again."""


@dataclass(frozen=True, slots=True)
class LandedImage:
    """One that is whole."""

    path: Path
    at: float
    """When it was written: seconds since 1970."""


class LandedImages:
    """The images of a watched folder, newest last.

    Args:
        state_dir: Where a watch may keep its journal.
        watched: The folder.
        rules: Which names are images.
    """

    def __init__(self, state_dir: Path, watched: Path, rules: Rules | None = None) -> None:
        arrival = ArrivalSettings()
        self._state_dir = state_dir
        self._watched = watched.resolve()  # the same paths as a journal has
        self._rules = rules or Rules(arrival.patterns, arrival.ignore)
        self._last = 0  # of the journal's images
        self._known: dict[Path, tuple[int, int]] = {}  # size and time, as they were seen last
        self._told: dict[Path, float] = {}
        self._not_before = 0.0
        self.newest: deque[LandedImage] = deque(maxlen=REMEMBERED)
        for image in self._first():
            self._told[image.path] = image.at
            self.newest.append(image)

    def new(self) -> list[LandedImage]:
        """Those that landed since, in the order in which they were written."""
        found = self._of_journal()
        if found is None:
            found = list(self._of_folder())
        fresh = sorted((one for one in found if self._told.get(one.path) != one.at), key=lambda one: one.at)
        for image in fresh:
            self._told[image.path] = image.at
            self.newest.append(image)
        return fresh

    def _first(self) -> list[LandedImage]:
        of_journal = self._of_journal()
        if of_journal is None:
            for path, stat in self._listed():
                self._known[path] = stat
            of_journal = [LandedImage(path, mtime_ns / 1e9) for path, (_, mtime_ns) in self._known.items()]
        return sorted(of_journal, key=lambda one: one.at)

    def _of_journal(self) -> list[LandedImage] | None:
        """None: no watch is running, so its journal says nothing of now."""
        if not (self._state_dir / FILE).is_file():
            return None
        try:
            with JournalView.read(self._state_dir) as journal:
                if not alive(journal.heartbeat(), time.time()):
                    return None
                root, found = Path(journal.root()).resolve(), []
                while rows := journal.images(after=self._last, limit=_PAGE):
                    self._last = rows[-1].id
                    found += [LandedImage(root / row.path, row.mtime_ns / 1e9) for row in rows]
                return found
        except StateError:
            return None

    def _of_folder(self) -> Iterator[LandedImage]:
        """Files that are as they were when they were seen last: nobody writes them any more."""
        began = time.monotonic()
        if began < self._not_before:
            return
        for path, stat in self._listed():
            if self._known.get(path) == stat and stat[0]:
                yield LandedImage(path, stat[1] / 1e9)
            self._known[path] = stat
        self._not_before = time.monotonic() + _PAUSES * (time.monotonic() - began)

    def _listed(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for folder in walk(str(self._watched), self._rules):
            for name in folder.images:
                path = self._watched / inside(folder.path, name)
                try:
                    stat = path.stat()
                except OSError:  # gone since it was listed
                    continue
                yield path, (stat.st_size, stat.st_mtime_ns)
