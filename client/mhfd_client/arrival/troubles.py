"""What is wrong with the watched folder now. Each trouble is said once, and once more when it is over."""

from __future__ import annotations

import errno
import os

from mhfd_client.arrival.events import Clock, FolderTrouble, Recovered, TroubleKind

HELD = (TroubleKind.BUSY, TroubleKind.DENIED, TroubleKind.IO_ERROR)
"""Why a file or a folder cannot be read."""

_DENIED = {errno.EACCES, errno.EPERM}
_BUSY = {errno.EBUSY, errno.ETXTBSY, errno.EAGAIN, errno.EDEADLK}
_WINDOWS_BUSY = {32, 33}  # sharing violation, lock violation


class Troubles:
    """A set of troubles, and the news of it that nobody has taken yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now: dict[tuple[TroubleKind, str | None], FolderTrouble] = {}
        self._news: list[FolderTrouble | Recovered] = []

    def on(self, kind: TroubleKind, path: str | None, why: str) -> None:
        """This is wrong (still)."""
        if (kind, path) not in self._now:
            trouble = self._now[kind, path] = FolderTrouble(kind, path, why, self._clock.time())
            self._news.append(trouble)

    def over(self, path: str | None, *kinds: TroubleKind) -> None:
        """These are not wrong (any more); without `kinds`, nothing is wrong with this path."""
        if not self._now:
            return
        for kind in kinds or TroubleKind:
            trouble = self._now.pop((kind, path), None)
            if trouble is not None:
                self._news.append(Recovered(kind, path, trouble.since, self._clock.time()))

    def take(self) -> list[FolderTrouble | Recovered]:
        """The news since the last time."""
        news, self._news = self._news, []
        return news

    def current(self) -> list[FolderTrouble]:
        """All that is wrong now, the oldest first."""
        return sorted(self._now.values(), key=lambda trouble: trouble.since)


def kind_of(error: OSError) -> TroubleKind:
    """Which trouble an error of the file system is."""
    if getattr(error, "winerror", None) in _WINDOWS_BUSY or error.errno in _BUSY:
        return TroubleKind.BUSY
    return TroubleKind.DENIED if error.errno in _DENIED else TroubleKind.IO_ERROR


def said(error: OSError) -> str:
    """What the system says."""
    return error.strerror or os.strerror(error.errno or 0)
