"""Small files that are whole or not there, whoever dies while they are written; names of files as text."""

import errno
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Final

from mhfd.errors import UsageError
from mhfd_client.errors import StateError, StateFull, StateTrouble
from mhfd_client.printing import printable

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_A_NAME: Final = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
"""These are a matter of one name, and no trouble that could pass."""
_HELD: Final = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


def opened_lock(path: Path) -> IO[bytes]:
    """The lock of a small file that several processes write: its owner's only, made when it is not there. OSError."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "r+b")


@contextmanager
def held(lock: IO[bytes], *, wait_s: float = math.inf) -> Iterator[None]:
    """Hold it when the others are through, and close it then; TimeoutError when they are not after so long.

    The system lets go of it when a process dies. A file system without locks has none: writes stay whole there.
    """
    with lock:
        until = time.monotonic() + wait_s
        while _is_held(lock):
            if time.monotonic() > until:
                raise TimeoutError(f"another process has held it for {wait_s:.0f} s")
            time.sleep(0.05)
        yield


def _is_held(lock: IO[bytes]) -> bool:
    """By another; else it is ours now."""
    try:
        _lock(lock)
    except OSError as e:
        return e.errno in _HELD
    return False


def make_folder(path: Path) -> None:
    """A folder of the station's own, for its owner only. StateError when it cannot be."""
    with named(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def put_aside(path: Path) -> None:
    """Out of the way, into a folder `aside` beside it. OSError when that cannot be."""
    aside = path.parent / "aside"
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / path.name)


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
        with named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
        parts.append((part, path))
    for part, path in parts:
        with named(path), part.open("rb+") as f:
            os.fsync(f.fileno())
    for part, path in parts:
        with named(path):
            part.replace(path)


def sync_folder(path: Path) -> None:
    """What was made, renamed or removed in a folder is so after a power cut too, where the system can do that."""
    with named(path):
        try:
            folder = os.open(path, os.O_RDONLY)
        except PermissionError:  # Windows opens no folder, and needs none opened
            return
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def json_in(file: Path, option: str = "", *, most: int | None = None) -> Any:
    """The JSON that a person wrote into a file; `-` is what is piped in. UsageError, also above `most` bytes."""
    name = f"{option} {text_of(file)}".strip()
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as stream:
            text = stream.read(-1 if most is None else most + 1)
    except OSError as e:
        raise UsageError(f"{name}: cannot be read: {e.strerror}") from None
    if most is not None and len(text) > most:
        raise UsageError(
            f"{name}: has more than {most / 1e6:.0f} MB, which is too much for one request; put large things into a "
            "file that the endpoint sees, and name that"
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{name}: is no JSON: {e}") from None


def text_of(path: str | os.PathLike[str]) -> str:
    """The name as text that can be printed and encoded, whatever bytes it has."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


def shown(path: str | os.PathLike[str]) -> str:
    """The same for people: it moves no cursor, nothing in it is invisible or turns the words after it around."""
    return printable(text_of(path))


@contextmanager
def named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        why = e.strerror or str(e)
        if e.errno in _FULL:
            raise StateFull(f"cannot write {text_of(path)}: {why}; free some space, nothing is lost meanwhile") from e
        kind = StateError if e.errno in _A_NAME else StateTrouble
        raise kind(f"cannot use {text_of(path)}: {why}; check that it may be written, or give --state") from e


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(1 << 20)  # beyond what is written: on Windows a locked range cannot be read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        with suppress(OSError):
            file.seek(0)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
