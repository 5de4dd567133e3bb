"""A path -> the file's bytes, read once, with the hash of exactly these bytes.

Regular files only: a pipe or a device would block or never end. The file is read, not mapped: a mapped file that
shrinks kills the process. It must not interpret what it reads.
"""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.flaw import incomplete, unreadable

_CHUNK: Final = 1 << 20
MOST_BESIDE: Final = 256 << 10
"""Bytes that are read of a file beside the image."""
_REMEDY: Final[dict[type[OSError], str]] = {
    FileNotFoundError: "no such file (moved or deleted?); check the path",
    PermissionError: "no permission to read it; ask its owner for read access",
    NotADirectoryError: "no such file: a part of the path is not a folder; check the path",
}
_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """All bytes of one revision of a file."""

    data: NDArray[np.uint8]
    sha256: str

    @property
    def size(self) -> int:
        """The length of the file."""
        return len(self.data)

    def read(self, at: int, length: int) -> NDArray[np.uint8]:
        """Some of its bytes; fewer where the file ends before."""
        return self.data[at : at + length]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that the caller opened, and closes: it is read from there, and `path` is only what it is called.

    A file that is not a regular one needs no right to be read: a descriptor opened with O_PATH will do.
    """

    path: str
    fd: int
    beside: Callable[[str], int | None] | None = None
    """Opens the file of this name in the same folder: what an instrument wrote of the image. None: not there."""


def read(path: str | OpenFile, *, max_bytes: int) -> Source:
    """Read a whole regular file, or raise the `Flaw` that keeps it from being read."""
    try:
        where = path.fd if isinstance(path, OpenFile) else path
        _refuse_special(where, os.stat(where).st_mode)  # noqa: PTH116  a Path would drop a trailing slash
        with open(where, "rb", buffering=0, closefd=where is path, opener=_open) as file:
            return _read(where, file, max_bytes)
    except OSError as e:
        words = f"the system cannot read it: {e.strerror or type(e).__name__}; check the disk and the path"
        raise unreadable(_REMEDY.get(type(e), words)) from e


def beside(image: str | OpenFile) -> Callable[[str], bytes]:
    """What reads a small file, by its name, that lies in the same folder as an image; nothing where there is none."""

    def opened(name: str) -> int | None:
        if isinstance(image, OpenFile):
            return None if image.beside is None else image.beside(name)
        return _open(os.path.join(os.path.dirname(image), name), os.O_RDONLY)  # noqa: PTH118, PTH120  see above

    def text(name: str) -> bytes:
        try:
            if (fd := opened(name)) is None:
                return b""
            try:
                return _beginning(fd) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
            finally:
                os.close(fd)
        except OSError:  # none, or not for us: what it would have said is unknown
            return b""

    return text


def _beginning(fd: int) -> bytes:
    content = b""
    while len(content) < MOST_BESIDE and (more := os.read(fd, MOST_BESIDE - len(content))):
        content += more
    return content


def printable(path: str) -> str:
    """A path as text that any JSON takes: bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _open(path: str, flags: int) -> int:
    # Non-blocking: were the file replaced by a pipe since it was looked at, this would wait for the pipe's writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read(path: str | int, file: FileIO, max_bytes: int) -> Source:
    before = os.fstat(file.fileno())
    _refuse_special(path, before.st_mode)
    size = before.st_size
    if size == 0:
        raise unreadable("the file is empty; copy or export it again")
    if size > max_bytes:
        raise unreadable(f"the file has {size} bytes, more than max_bytes = {max_bytes}; raise the limit")
    data = np.empty(size, np.uint8)
    view = data.data
    digest = hashlib.sha256()
    done = 0
    while done < size:
        # In pieces that stay in the cache, so that hashing does not fetch them from memory again.
        got = file.readinto(view[done : done + _CHUNK])
        if not got:
            break
        digest.update(view[done : done + got])
        done += got
    after = os.fstat(file.fileno())
    if done < size or (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
        raise incomplete("the file changed while it was read: still being written; score it again later")
    return Source(data, digest.hexdigest())


def _refuse_special(path: str | int, mode: int) -> None:
    if stat.S_ISDIR(mode):
        marks = (".zarray", ".zgroup", "zarr.json")
        if isinstance(path, str) and any(os.path.exists(os.path.join(path, name)) for name in marks):  # noqa: PTH110, PTH118
            raise unreadable("Zarr stores are not read; export TIFF or PNG")
        raise unreadable("it is a folder; name the images in it")
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise unreadable(f"it is {what}, not a file; only regular files are read")
    if not stat.S_ISREG(mode):
        raise unreadable("it is not a regular file")
