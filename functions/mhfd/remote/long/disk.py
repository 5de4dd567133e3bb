"""The folder of one piece of work: how its files are read, written and timed. Must not know what is in them.

Made for folders that many machines share (NFS, Lustre), where neither a lock nor what was read a moment ago is to be
relied on: a file is whole or not there, of many who put the same name the first one wins, a file is opened before its
time is read (which asks the file server again), and times are compared with a time that the same server gave.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from mhfd.contract.request import Code
from mhfd.remote import placing
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots

_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE
_CLOCK: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE
_WHAT: Final = "what is kept of the work"
_OLD_NS: Final = 600 * 10**9
"""So old is what a dead process was about to write, and nobody's any more."""


class WorkDisk:
    """The open folder."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    @contextmanager
    def opened(cls, roots: Roots, path: str) -> Iterator[Self]:
        """The folder of that path; made where it is missing. A `Refusal` where it is not for us."""
        with roots.folder(path, make=True) as found:
            with _said():
                fd = os.open(".", _FOLDER, dir_fd=found)
            try:
                disk = cls(fd)
                disk._must_be_ours(path)
                yield disk
            finally:
                os.close(fd)

    def _must_be_ours(self, path: str) -> None:
        """Another account could put anything there. Whose it is, the file server says by a file that we make."""
        with _said(), self._clock() as fd:
            if os.fstat(fd).st_uid == os.fstat(self.fd).st_uid:
                return
        why = "the folder of that work belongs to another account"
        raise Refusal(problem(Code.REFUSED_WRITE, why, "name another `into`, or another key", path=path))

    # -- what is there

    def names(self) -> list[str]:
        """Of what is there now: opened anew, or a client of NFS would say what it knew."""
        with _said():
            fd = os.open(".", _FOLDER, dir_fd=self.fd)
            try:
                return os.listdir(fd)  # noqa: PTH208 - the open folder
            finally:
                os.close(fd)

    def read(self, name: str) -> bytes | None:
        """All of a file; b"" of what is no file; None where there is nothing of that name."""
        with _said(), self._found(name) as fd:
            if fd is None or not stat.S_ISREG(os.fstat(fd).st_mode):
                return b"" if self._is_there(name) else None
            with os.fdopen(os.dup(fd), "rb") as file:
                return file.read()

    def time_of(self, name: str) -> int | None:
        """When a file was touched last, by the file server's clock, in ns; None where there is none."""
        with _said(), self._found(name) as fd:
            if fd is not None:
                return os.fstat(fd).st_mtime_ns
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mtime_ns if self._is_there(name) else None

    @contextmanager
    def _found(self, name: str) -> Iterator[int | None]:
        """Open, which asks the file server anew; None where there is no file of that name."""
        try:
            fd = os.open(name, _READ, dir_fd=self.fd)
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)

    def _is_there(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def now(self) -> int:
        """The file server's time, in ns."""
        with _said(), self._clock() as fd:
            return os.fstat(fd).st_mtime_ns

    @contextmanager
    def _clock(self) -> Iterator[int]:
        name = f".clock.{secrets.token_hex(8)}{placing.TEMPORARY}"
        fd = os.open(name, _CLOCK, 0o600, dir_fd=self.fd)
        try:
            os.utime(fd)
            yield fd
        finally:
            os.close(fd)
            os.unlink(name, dir_fd=self.fd)

    # -- what is done to it

    def put(self, name: str, data: bytes, *, lasting: bool = True) -> None:
        """A file, whole, in place of any of that name."""
        placing.put(self.fd, name, data, what=_WHAT, lasting=lasting)

    def put_first(self, name: str, data: bytes) -> bool:
        """A file, whole, unless there is one of that name: whether it is ours."""
        return placing.put_first(self.fd, name, data, what=_WHAT)

    def touch(self, name: str, at_ns: int | None = None) -> None:
        """A file is of now, by the file server's clock, or of that time. What is not there is left so."""
        times = {} if at_ns is None else {"ns": (at_ns, at_ns)}
        with _said(), contextlib.suppress(FileNotFoundError):
            os.utime(name, **times, dir_fd=self.fd, follow_symlinks=False)

    def drop(self, name: str) -> None:
        """A file is there no more. What cannot be, stays: it is in nobody's way."""
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.fd)

    def tidy(self) -> None:
        """Without what dead processes were about to write."""
        now = self.now()
        for name in self.names():
            if name.endswith(placing.TEMPORARY) and now - (self.time_of(name) or now) > _OLD_NS:
                self.drop(name)
                self.drop_folder(name)

    # -- folders in it

    @contextmanager
    def folder(self, name: str) -> Iterator[int]:
        """A folder in it, open; made where it is missing."""
        with _said():
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=self.fd)
            fd = os.open(name, _FOLDER, dir_fd=self.fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def move(self, name: str, to: str) -> None:
        """A folder has another name."""
        with _said():
            os.rename(name, to, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def copy(self, name: str, to: str) -> None:
        """A folder is there twice: whoever has the first open doesn't touch the second."""
        half = f".{to}.{secrets.token_hex(8)}{placing.TEMPORARY}"
        here = f"/proc/self/fd/{self.fd}"
        try:
            with _said():
                shutil.copytree(f"{here}/{name}", f"{here}/{half}", symlinks=True)
        except BaseException:
            self.drop_folder(half)
            raise
        self.move(half, to)

    def drop_folder(self, name: str) -> None:
        """A folder and all in it is there no more, as far as that can be."""
        shutil.rmtree(name, ignore_errors=True, dir_fd=self.fd)

    def size(self, name: str) -> int:
        """Bytes of the files in a folder."""
        with _said():
            return sum(
                os.stat(file, dir_fd=fd, follow_symlinks=False).st_size
                for _, _, files, fd in os.fwalk(name, dir_fd=self.fd)
                for file in files
            )


@contextmanager
def _said() -> Iterator[None]:
    """Errors of the system as a `Refusal`."""
    try:
        yield
    except OSError as e:
        why = f"the folder of the work cannot be used: {e.strerror or e}"
        raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk or correct the folder's rights")) from None
