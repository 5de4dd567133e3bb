"""The values that arrival hands on: what was seen in the watched folder, and what was decided.

Plain frozen data. Paths are relative to the watched root with forward slashes; bytes in a name that are no UTF-8 are
kept by surrogate escapes, so `os.path.join(root, path)` always opens the file that was seen. Times are seconds since
the epoch on this machine's clock, except `mtime_ns`, which is the clock of whoever serves the folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

Known = Callable[[str, int, int], bool]
"""(path, size, mtime_ns) -> whether the journal has this revision."""


class Inode(NamedTuple):
    """What a file system knows of a file beside its content: writing changes it, whatever the writer does to mtime."""

    ctime_ns: int
    number: int


class Scoring(StrEnum):
    """How far the bytes are that the journal knows of."""

    UNDER_WAY = "under_way"  # being scored, or about to be: what was read is not known yet
    UNHASHED = "unhashed"  # scored, without a hash of what was read


Touched = Callable[[str, Inode], str | Scoring | None]
"""Of a revision that the journal has: the hash of what was scored, if it had another inode then; else None."""


class Clock(Protocol):
    """Time, as the module `time` tells it; tests have one that they set."""

    def monotonic(self) -> float:
        """Seconds that never run back."""

    def time(self) -> float:
        """Seconds since the epoch."""


class Decision(StrEnum):
    """What a watch does with a file."""

    TAKE = "take"  # whole, and not in the journal: it will be scored
    WAIT = "wait"  # not whole yet
    KNOWN = "known"  # this revision is in the journal
    IGNORE = "ignore"  # none of ours


@dataclass(frozen=True, slots=True)
class Sighting:
    """One file as the folder shows it now."""

    path: str
    size: int
    mtime_ns: int
    decision: Decision
    why: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that is here, whole, in a revision (size and mtime) that is new."""

    path: str
    size: int
    mtime_ns: int
    first_seen: float
    whole_at: float
    inode: Inode | None = None
    """Where the file system's own can be trusted."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file that was touched since it was scored (its rights, a link, a backup), and holds the same bytes."""

    path: str
    size: int
    mtime_ns: int
    inode: Inode


class TroubleKind(StrEnum):
    """What can be wrong with the watched folder or a file in it."""

    ROOT_GONE = "root_gone"  # the folder is not there or cannot be listed: unmounted, renamed, share offline
    ROOT_EMPTY = "root_empty"  # another folder stands there, without any image: not mounted?
    DENIED = "denied"  # permission denied: a file or a folder
    BUSY = "busy"  # another program holds the file (a sharing violation)
    IO_ERROR = "io_error"  # the file system answers with another error
    UNSETTLED = "unsettled"  # the file has not come to rest within `arrival.max_age_s`
    EVENTS_LOST = "events_lost"  # change notices do not work here; the rescan goes on alone
    LEFT_ALONE = "left_alone"  # nothing here is watched, or most images are not


NOT_IN_THE_WAY = (TroubleKind.EVENTS_LOST, TroubleKind.LEFT_ALONE)
"""Of the watched folder itself: what is there can be read and scored all the same."""


@dataclass(frozen=True, slots=True)
class FolderTrouble:
    """Something is wrong and lasts. Reported once; `Recovered` follows when it ends."""

    kind: TroubleKind
    path: str | None  # None: the watched folder itself
    why: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A trouble that was reported is over."""

    kind: TroubleKind
    path: str | None
