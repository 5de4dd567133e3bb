"""One file a question that was asked far away: what was asked, and what was heard of it, a line each, as it came.

So that it is found again when whoever asked has crashed. A line that a crash cut short is not read. Nothing here is the
truth about the work, which is the service's; it only saves asking for it twice. Writing fails softly: a question
without a file is still answered.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

_log = logging.getLogger("mhfd")
_ENDING: Final = ".jsonl"
TASKS: Final = ".tasks"
"""Ending of what a runner keeps beside it."""
KEPT: Final = 50
"""Of the files of one folder, the newest."""
KEPT_S: Final = 30 * 86400.0


class KeptLines:
    """The file of one question.

    Args:
        folder: Of all that are of its kind.
        name: Its own.
        what: What it is called, for the log.
    """

    def __init__(self, folder: Path, name: str, what: str) -> None:
        self.path = folder / f"{name}{_ENDING}"
        self._what = what
        self._file: IO[bytes] | None = None
        self._lost = False

    @property
    def beside(self) -> Path | None:
        """Where the runner remembers what is out; nothing when nothing can be kept."""
        return None if self._file is None else self.tasks

    @property
    def tasks(self) -> Path:
        """The same, of a file that is not held open."""
        return self.path.with_suffix(TASKS)

    def begin(self, head: dict[str, Any], *, keep: Callable[[Path], bool] = lambda _: False) -> None:
        """Its first line. `keep`: which others stay, however old they are."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _prune(self.path.parent, keep)
            self.path.unlink(missing_ok=True)  # of the same name, and of no use to whoever begins
            self.go_on()
        except OSError as error:
            self._cannot(error)
        self.add(head)

    def go_on(self) -> None:
        """Write what comes below what is there. OSError."""
        self._file = self.path.open("a+b")
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")  # whatever a crash left of a line ends here

    def add(self, line: dict[str, Any]) -> None:
        """One line more."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            self._cannot(error)
            self.close()

    def append(self, line: dict[str, Any]) -> None:
        """One line more, of a file that is not held open; where it could not be written once, nothing."""
        if self._lost:
            return
        try:
            self.go_on()
        except OSError as error:
            self._cannot(error)
        self.add(line)
        self.close()

    def over(self) -> None:
        """What the runner kept beside it is of no use any more."""
        with contextlib.suppress(OSError):
            self.tasks.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep nothing more of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _cannot(self, error: OSError) -> None:
        self._lost = True
        _log.warning(
            "this %s cannot be found again after a crash: %s: %s", self._what, self.path.parent, error.strerror
        )


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file, its head first. OSError; ValueError where the head is none; what is torn is left out."""
    with path.open("rb") as file:
        head = json.loads(file.readline())
        if not isinstance(head, dict):
            raise ValueError("its first line is not an object")
        yield head
        for text in file:
            with contextlib.suppress(ValueError):  # cut short
                if isinstance(line := json.loads(text), dict):
                    yield line


def newest(folder: Path) -> list[Path]:
    """The files of a folder, the one first that was written to last."""

    def age(path: Path) -> float:
        try:
            return -path.stat().st_mtime
        except OSError:
            return 0.0

    return sorted(folder.glob(f"*{_ENDING}"), key=age)


def _prune(folder: Path, keep: Callable[[Path], bool]) -> None:
    for number, path in enumerate(newest(folder)):
        with contextlib.suppress(OSError):
            old = number >= KEPT or path.stat().st_mtime < time.time() - KEPT_S
            if old and not keep(path):
                path.unlink()
                path.with_suffix(TASKS).unlink(missing_ok=True)
