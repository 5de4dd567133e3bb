"""What can be unsound in a state folder."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mhfd_client.files import put_aside


class Kind(StrEnum):
    """Where it is."""

    DATABASE = "database"  # the file of a database: its header, pages, indexes, tables
    ROW = "row"  # a row is not what was written
    PROMISE = "promise"  # rows that do not fit each other
    SIDECAR = "sidecar"
    PICTURE = "picture"
    LABEL = "label"  # of the inbox
    LEFTOVER = "leftover"  # of a write that was cut off


@dataclass(frozen=True, slots=True)
class StateFlaw:
    """One thing that is unsound.

    Args:
        name: The file or the row.
        what: What is wrong with it.
        do: What a person does about it when a repair cannot.
        mend: What a repair does; None: it can do nothing. Says whether it is mended; needs the folder's lock.
    """

    kind: Kind
    name: str
    what: str
    do: str
    mend: Callable[[], bool] | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"

    def as_json(self) -> dict[str, str | bool]:
        """For programs."""
        said = {"kind": self.kind.value, "name": self.name, "what": self.what, "do": self.do}
        return {**said, "mendable": self.mend is not None}


def removal(path: Path) -> Callable[[], bool]:
    """A mend that deletes a file, or moves it aside where it is a folder or cannot be deleted."""

    def mend() -> bool:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return moved_aside(path)
        return True

    return mend


def moved_aside(path: Path) -> bool:
    """Into a folder `aside` beside it; whether that could be done."""
    try:
        put_aside(path)
    except OSError:
        return False
    return True
