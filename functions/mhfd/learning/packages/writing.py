"""What is written into a library: whole lines, one process at a time.

Whoever dies leaves what was there before, or what was to be; whose disk is full is told so, and nothing has changed.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mhfd.errors import LibraryUnwritable


def append_line(path: Path, document: Mapping[str, Any]) -> bytes:
    """Append one whole line of JSON, on the disk when this returns; what a dead writer left is ended first."""
    line = json.dumps(document, separators=(",", ":")).encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return line


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Only one process changes a library at a time; the others wait. The system lets go when a process dies."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("ab") as file:
        _wait_for(file.fileno())
        yield


@contextmanager
def writable(home: Path) -> Iterator[None]:
    """What the disk refuses is said; LibraryUnwritable."""
    try:
        yield
    except OSError as error:
        raise LibraryUnwritable(
            f"{error.filename or home}: {error.strerror or error}; who is champion has not changed: make room there, "
            "or let `models.home` be a folder that may be written, and do the same again"
        ) from None


@contextmanager
def changing(home: Path) -> Iterator[None]:
    """`locked`, and what the disk refuses is said; LibraryUnwritable."""
    with writable(home), locked(home):
        yield


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _wait_for(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
else:

    def _wait_for(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
