"""A file of lines that many processes append to, that never grows without bound, and that no death leaves a gap in.

A writer holds the system's lock on the file while it appends, once it has seen that the file is still the one of that
name; so whoever renames a full file to NAME.1 (and NAME.1 to NAME.2, ...) loses nobody's line. Work whose line is still
to come has a file of its own in NAME.open, locked by the process that does it: when that process is gone, the next one
finds the file without a lock and appends what stands in it. This module must not know what a line says.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OPEN: Final = ".open"
"""The ending of the folder of lines that are still to come."""

_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFE
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
LOCKLESS: Final = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""What a file system without locks answers."""
WAIT_S: Final = 5.0
_PAUSE_S: Final = 0.002
_LONGEST: Final = 1 << 16


class NoLock(OSError):
    """Somebody holds the lock for too long, or this file system has none."""


@contextmanager
def locked(fd: int, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the system's lock on an open file; it ends with the process at the latest."""
    until = time.monotonic() + wait_s
    while not _lock(fd):
        if time.monotonic() >= until:
            raise NoLock(errno.EAGAIN, "another process holds its lock")
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as e:
        if e.errno in LOCKLESS:
            raise NoLock(e.errno, "this file system has no locks") from None
        raise
    return True


class LineFile:
    """One such file.

    Args:
        path: Its name.
        most_bytes: A file that this line would make larger is put aside first.
        kept: How many are kept aside.
        ours: Whether it must belong to this process's account: others may add files to its folder.
    """

    def __init__(self, path: Path, *, most_bytes: int, kept: int, ours: bool = False) -> None:
        self._path, self._most, self._kept, self._ours = path, most_bytes, kept, ours

    def append(self, line: bytes) -> None:
        """One line, whole, after those of others."""
        while not self._appended(line):
            pass

    def _appended(self, line: bytes) -> bool:
        fd = os.open(self._path, _APPEND, 0o640)
        with contextlib.closing(os.fdopen(fd, "wb", buffering=0)) as file:
            if self._ours:
                _must_be_ours(fd)
            try:
                with locked(fd):
                    if not self._is(fd):
                        return False  # it was put aside while we waited
                    if self._full(fd, len(line)) and self._put_aside():
                        return False
                    file.write(line)
            except NoLock:
                file.write(line)  # in one write, which is whole on a local disk; only, nothing is put aside
        return True

    def _is(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self._path, follow_symlinks=False))  # noqa: PTH116
        except FileNotFoundError:
            return False

    def _full(self, fd: int, more: int) -> bool:
        size = os.fstat(fd).st_size
        return size > 0 and size + more > self._most

    def _put_aside(self) -> bool:
        """NAME.1 becomes NAME.2, and so on; NAME last. Whether it could be done: a line counts for more."""
        try:
            for number in range(self._kept - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    aside(self._path, number).replace(aside(self._path, number + 1))
            self._path.replace(aside(self._path, 1))
        except OSError:
            return False
        return True

    # -- lines that are still to come

    def begin(self, line: bytes) -> "Begun":
        """What is to be said of a piece of work if this process does not live to say it."""
        folder = self._open_folder()
        name, fd = f"{os.getpid()}-{secrets.token_hex(8)}", -1
        try:
            fd = os.open(f".{name}", _NEW, 0o600, dir_fd=folder)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, line)
            os.rename(f".{name}", name, src_dir_fd=folder, dst_dir_fd=folder)  # seen from now on, and locked
        except BaseException:
            for one in (fd, folder):
                if one >= 0:
                    os.close(one)
            raise
        return Begun(self, folder, name, fd)

    def say_for_the_dead(self) -> None:
        """Append the lines of processes that are gone."""
        folder = self._open_folder()
        try:
            for name in os.listdir(folder):  # noqa: PTH208 - the open folder, whatever its name is now
                if name.startswith("."):
                    continue
                with contextlib.suppress(FileNotFoundError, BlockingIOError):
                    self._say_for(name, folder)
        finally:
            os.close(folder)

    def _say_for(self, name: str, folder: int) -> None:
        with os.fdopen(os.open(name, os.O_RDWR | _SAFE, dir_fd=folder), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_nlink and (line := file.read(_LONGEST)).endswith(b"\n"):
                self.append(line)
            os.unlink(name, dir_fd=folder)

    def _open_folder(self) -> int:
        path = f"{self._path}{OPEN}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)  # noqa: PTH102
        fd = os.open(path, _FOLDER)
        try:
            _must_be_ours(fd)
        except OSError:
            os.close(fd)
            raise
        return fd


class Begun:
    """A piece of work whose line is still to come. `end` says it, once."""

    def __init__(self, lines: LineFile, folder: int, name: str, fd: int) -> None:
        self._lines, self._folder, self._name, self._fd = lines, folder, name, fd

    def end(self, line: bytes) -> None:
        """The line itself. Said twice rather than never, should the process die just here."""
        try:
            self._lines.append(line)
        finally:
            self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)
        os.close(self._fd)
        os.close(self._folder)


def aside(path: Path, number: int) -> Path:
    """What a full file is called: 1 is the newest."""
    return path.with_name(f"{path.name}.{number}")


def lost(path: Path) -> Iterator[bytes]:
    """The lines of processes that are gone and that nobody has said yet. Changes nothing."""
    try:
        names = sorted(Path(f"{path}{OPEN}").iterdir())
    except OSError:  # none was begun, or not ours to read
        return
    for name in names:
        with contextlib.suppress(OSError), os.fdopen(os.open(name, os.O_RDONLY | _SAFE), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield file.read(_LONGEST)


def _must_be_ours(fd: int) -> None:
    status = os.fstat(fd)
    if status.st_uid != os.geteuid():
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
        raise PermissionError(errno.EPERM, f"the {kind} belongs to another account")
