"""What is wrong with the watched folder now. Each trouble is said once, and once more when it is over."""

import errno
import os

from mhfd_client.arrival.events import FolderTrouble, Recovered, TroubleKind

HELD = (TroubleKind.BUSY, TroubleKind.DENIED, TroubleKind.IO_ERROR)
"""Why a file or a folder cannot be read."""

_DENIED = {errno.EACCES, errno.EPERM}
_BUSY = {errno.EBUSY, errno.ETXTBSY, errno.EAGAIN, errno.EDEADLK}
_WINDOWS_BUSY = {32, 33}  # sharing violation, lock violation


class Troubles:
    """A set of troubles, and the news of it that nobody has taken yet."""

    def __init__(self) -> None:
        self._now: set[tuple[TroubleKind, str | None]] = set()
        self._news: list[FolderTrouble | Recovered] = []

    def on(self, kind: TroubleKind, path: str | None, why: str) -> None:
        """This is wrong (still)."""
        if (kind, path) not in self._now:
            self._now.add((kind, path))
            self._news.append(FolderTrouble(kind, path, why))

    def over(self, path: str | None, *kinds: TroubleKind) -> None:
        """These are not wrong (any more); without `kinds`, nothing is wrong with this path."""
        for kind in kinds or TroubleKind:
            if (kind, path) in self._now:
                self._now.remove((kind, path))
                self._news.append(Recovered(kind, path))

    def take(self) -> list[FolderTrouble | Recovered]:
        """The news since the last time."""
        news, self._news = self._news, []
        return news


def kind_of(error: OSError) -> TroubleKind:
    """Which trouble an error of the file system is."""
    if getattr(error, "winerror", None) in _WINDOWS_BUSY or error.errno in _BUSY:
        return TroubleKind.BUSY
    return TroubleKind.DENIED if error.errno in _DENIED else TroubleKind.IO_ERROR


def said(error: OSError) -> str:
    """What the system says."""
    return error.strerror or os.strerror(error.errno or 0)
