"""A path -> `Source`: the open file, of which what is needed is read, with the hash of all its bytes.

Regular files only: a pipe or a device would block or never end. The file is read, not mapped: a mapped file that
shrinks kills the process. A small file is read once, a large one never held whole. It must not interpret what it reads.
"""

import glob
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.bounds import too_large
from mhfd.images.flaw import Flaw, incomplete, unavailable, unreadable
from mhfd.limits import Limits

_PIECE: Final = 256 << 10
"""Bytes that are hashed at a time."""
_SMALL: Final = 16 << 10
"""Reads up to this are served from a block that is read ahead: tags and small strips cost no system call each."""
_BLOCK: Final = 64 << 10
HELD: Final = 8 << 20
"""A file of up to so many bytes is read once and held; of a larger one no more is than what is asked for."""
_MOST_AT_ONCE: Final = 1 << 30
"""Bytes that one call of the system is asked for: above 2 GiB it may give fewer."""
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


class Source:
    """One revision of a file, open: its length, the hash of its bytes, and any part of them. For one thread."""

    def __init__(self, file: FileIO, before: os.stat_result, *, hashed: bool = True, held: bool = True) -> None:
        self.size = before.st_size
        self._file, self._before = file, before
        self._block = (0, np.empty(0, np.uint8))  # small reads are served from it
        self._doubtful = _is_fresh(before)
        self._held: NDArray[np.uint8] | None = None
        self._running, self._hashed = hashlib.sha256(), 0 if hashed else self.size  # of the bytes before
        self._is_hashed = hashed
        if held and self.size <= HELD:
            self._held = self._own(0, self.size)

    @property
    def revision(self) -> tuple[int, int]:
        """Its length and time of change when it was opened."""
        return self.size, self._before.st_mtime_ns

    @property
    def sha256(self) -> str:
        """Of all its bytes: those that were read in order are hashed already, the others are read now."""
        if self._hashed < self.size:
            piece = np.empty(min(_PIECE, self.size - self._hashed), np.uint8)
            while self._hashed < self.size:
                self._fill(piece[: self.size - self._hashed], self._hashed)
        return self._running.hexdigest()

    def read(self, at: int, length: int) -> NDArray[np.uint8]:
        """Some of its bytes, which must not be changed; fewer where the file ends before."""
        if self._held is not None:
            return self._held[at : at + length]
        length = max(0, min(length, self.size - at))
        if length > _SMALL:
            return self._own(at, length)
        start, block = self._block
        if not start <= at <= at + length <= start + len(block):
            start, block = at, self._own(at, min(_BLOCK, self.size - at))
            block.flags.writeable = False
            self._block = (start, block)
        return block[at - start : at - start + length]

    def must_be_unchanged(self) -> None:
        """Raise `Changed` unless every byte that was read is of the revision that was hashed."""
        now, before = os.fstat(self._file.fileno()), self._before
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise Changed
        if self._held is not None or not self._is_hashed:
            return
        # A clock that has not ticked, or a time that was set back, hides a change; renaming and linking only look so.
        if self._doubtful or now.st_ctime_ns != before.st_ctime_ns:
            hashed = self.sha256
            self._running, self._hashed = hashlib.sha256(), 0
            if self.sha256 != hashed:
                raise Changed

    def release(self) -> None:
        """Hold no bytes any more: what was decoded from them goes on alone."""
        self._held, self._block = None, (0, np.empty(0, np.uint8))

    def _own(self, at: int, length: int) -> NDArray[np.uint8]:
        data = np.empty(max(0, length), np.uint8)
        self._fill(data, at)
        return data

    def _fill(self, data: NDArray[np.uint8], at: int) -> None:
        view, done = data.data, 0
        try:
            self._file.seek(at)
            while done < len(view):
                # What is to be hashed comes in pieces that are still in the cache when they are.
                piece = _PIECE if at + done <= self._hashed < at + len(view) else _MOST_AT_ONCE
                got = self._file.readinto(view[done : done + piece])
                if not got:
                    raise Changed
                if at + done <= self._hashed < at + done + got:
                    self._running.update(view[self._hashed - at : done + got])
                    self._hashed = at + done + got
                done += got
        except OSError as e:
            raise _of_system(e) from e


class Changed(Flaw):
    """The flaw of a file that was written to while it was read."""

    def __init__(self) -> None:
        flaw = incomplete("the file changed while it was read: still being written; score it again later")
        super().__init__(flaw.finding, flaw.detail)

    def __reduce__(self) -> tuple[type["Changed"], tuple[()]]:
        """It pickles like any error of ours."""
        return type(self), ()


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that the caller opened, and closes: it is read from there, and `path` is only what it is called.

    A file that is not a regular one needs no right to be read: a descriptor opened with O_PATH will do.
    """

    path: str
    fd: int
    beside: Callable[[str], int | None] | None = None
    """Opens the file of this name in the same folder: what an instrument wrote of the image. None: not there."""


@contextmanager
def opened(path: str | OpenFile, *, limits: Limits, hashed: bool = True, held: bool = True) -> Iterator[Source]:
    """A regular file to read from, or the `Flaw` that keeps it from being read.

    `Changed` at the end, whatever else was found, unless it is the same revision from its first byte to then. Not
    `hashed`: somebody else who reads it all that time hashes it, and sees a change that leaves the same times.
    """
    where = path.fd if isinstance(path, OpenFile) else path
    try:
        _refuse_special(where, os.stat(where).st_mode)  # noqa: PTH116  a Path would drop a trailing slash
        file = open(where, "rb", buffering=0, closefd=where is path, opener=_open)  # noqa: SIM115  closed below
    except OSError as e:
        raise _of_system(e) from e
    with file:
        try:
            before = os.fstat(file.fileno())
        except OSError as e:
            raise _of_system(e) from e
        _refuse_special(where, before.st_mode)
        if before.st_size == 0:
            raise unreadable("the file is empty; copy or export it again")
        if before.st_size > limits.max_bytes:
            raise too_large(before.st_size, limits)
        source = Source(file, before, hashed=hashed, held=held)
        try:
            yield source
        finally:
            source.must_be_unchanged()
            source.release()


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


def _of_system(error: OSError) -> Flaw:
    if isinstance(error, FileNotFoundError) and glob.has_magic(os.fsdecode(error.filename or "")):
        return unavailable("no file fits this pattern; check the path, and the folder that you are in")
    words = f"the system cannot read it: {error.strerror or type(error).__name__}; check the disk and the path"
    return unavailable(_REMEDY.get(type(error), words))


def _is_fresh(status: os.stat_result) -> bool:
    """Whether a change right after this one might leave the same times: the clock of files ticks, some in seconds."""
    tick = 2_000_000_000 if status.st_mtime_ns % 1_000_000_000 == 0 else 20_000_000
    return abs(time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)) < tick


def _refuse_special(path: str | int, mode: int) -> None:
    if stat.S_ISDIR(mode):
        marks = (".zarray", ".zgroup", "zarr.json")
        if isinstance(path, str) and any(os.path.exists(os.path.join(path, name)) for name in marks):  # noqa: PTH110, PTH118
            raise unreadable("Zarr stores are not read; export TIFF or PNG")
        raise unavailable("it is a folder; name the images in it")
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise unavailable(f"it is {what}, not a file; only regular files are read")
    if not stat.S_ISREG(mode):
        raise unavailable("it is not a regular file")
