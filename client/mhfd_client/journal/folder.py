"""The station's own folder: that it lies on a local disk, that one station has it, that files in it are whole.

Knows nothing of images or of SQL. The folder that is watched is never written; everything is written here.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from mhfd_client import mounts
from mhfd_client.errors import StateError, StateFull, StateLocked, StateOnNetwork

__all__ = [
    "Lock",
    "on_network",
    "picture_of",
    "prepare",
    "text_of",
    "thumbnails",
    "waiting",
    "write_all_whole",
    "write_whole",
]

_OWN_ROOT: Final = {"9p", "virtiofs"}  # as `/` they are a virtual machine's own disk
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def prepare(folder: Path, *, table: Path = mounts.MOUNTINFO) -> Path:
    """Make the folder, for its owner only; refuse it where locks cannot be trusted."""
    folder = folder.absolute()
    network = on_network(folder, table=table)
    if network is not None:
        raise StateOnNetwork(
            f"state folder {text_of(folder)} lies on a network file system ({network}): SQLite's locks do "
            "not hold there and the journal can be damaged; give a folder on a local disk with --state"
        )
    with _named(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def on_network(folder: Path, *, table: Path = mounts.MOUNTINFO) -> str | None:
    """The network file system that a folder lies on, in words; None: a local disk."""
    mount = mounts.of(folder, table=table)
    local = mount is None or not mount.network or (mount.point == "/" and mount.fstype in _OWN_ROOT)
    return None if local else text_of(str(mount))


def thumbnails(state_dir: Path) -> Path:
    """Where the small pictures are."""
    return state_dir / "thumbs"


def picture_of(folder: Path, image: int) -> Path:
    """The small picture of an image of the journal; a thousand lie in one folder."""
    return folder / f"{image // 1000:04d}" / f"{image}.jpg"


class Lock:
    """One station a folder. The system lets go of it when the process dies, however it dies."""

    def __init__(self, folder: Path, *, root: str) -> None:
        self._path = folder / "lock"
        with _named(folder):
            self._file: IO[bytes] = self._path.open("a+b")
            try:
                _lock(self._file)
            except OSError:
                holder = self._holder()
                self._file.close()
                raise StateLocked(
                    f"state folder {text_of(folder)} is in use by {holder}; stop that station first, or give this one "
                    "its own folder with --state"
                ) from None
            about = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "root": text_of(root)}
            try:
                self._file.truncate(0)
                self._file.write(json.dumps(about).encode())
                self._file.flush()
            except OSError:
                self._file.close()
                raise

    def close(self) -> None:
        self._file.close()

    def _holder(self) -> str:
        try:
            about = json.loads(self._path.read_bytes())
            return f"process {about['pid']} on {about['host']}, watching {about['root']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process (it has not said which)"


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold the lock of a small file that several processes write, when they are through with it."""
    with path.open("a+b") as file:
        _lock(file, wait=True)
        yield


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is complete or not there, whenever the process or the power dies."""
    write_all_whole([(path, data)])


def write_all_whole(files: Sequence[tuple[Path, bytes]]) -> None:
    """The same for many: all are written before the first is synced, which costs the disk little more than one.

    The temporary names are fixed: what a killed writer left is overwritten by whoever repeats the step.
    """
    parts: list[tuple[Path, Path]] = []
    for path, data in files:
        part = path.with_name(f".{path.name}.part")
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
        parts.append((part, path))
    for part, path in parts:
        with _named(path), part.open("rb+") as f:
            os.fsync(f.fileno())
    for part, path in parts:
        with _named(path):
            part.replace(path)


def text_of(path: str | os.PathLike[str]) -> str:
    """The name as text that can be printed and encoded, whatever bytes it has."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        why = e.strerror or str(e)
        if e.errno in _FULL:
            raise StateFull(f"cannot write {text_of(path)}: {why}; free some space, nothing is lost meanwhile") from e
        raise StateError(f"cannot use {text_of(path)}: {why}; check that it may be written, or give --state") from e


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], *, wait: bool = False) -> None:
        file.seek(1 << 20)  # beyond what is written: on Windows a locked range cannot be read
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        with suppress(OSError):
            file.seek(0)
else:
    import fcntl

    def _lock(file: IO[bytes], *, wait: bool = False) -> None:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
