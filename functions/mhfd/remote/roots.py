"""A path of a request -> an open file or folder below one of the administrator's folders, or a `Refusal`.

The path is resolved with its links, compared with the resolved folder, and then walked from that folder on, each part
opened from the one before and never through a link: what was a folder when it was compared and is a link when it is
opened is refused. What is read later is what was opened here, whatever happens to the name in the meantime. Nothing
that is refused tells whether it exists. This module must not read what it opens.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.contract.request import Code
from mhfd.remote.refusal import Refusal, problem

_LONGEST: Final = 4096
# Linux has them all; elsewhere this module imports, and refuses.
_PATH: Final = getattr(os, "O_PATH", 0)
_FOLDER: Final = _PATH | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_LEAF: Final = _PATH | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ: Final = os.O_RDONLY | (_LEAF & ~_PATH) | getattr(os, "O_NONBLOCK", 0)
_GONE: Final = {
    errno.ENOENT: ("there is no such file", "check the path; a file that was just written may need a moment to show"),
    errno.ENOTDIR: ("a part of the path is not a folder", "check the path"),
    errno.EACCES: ("the endpoint's account may not read it", "ask the file's owner for read access"),
    errno.EPERM: ("the endpoint's account may not read it", "ask the file's owner for read access"),
}


@dataclass(frozen=True, slots=True)
class RootedFile:
    """A file below a root. `fd` can be read if it is a regular file."""

    fd: int
    real: str
    status: os.stat_result


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


class Roots:
    """Folders of the administrator's configuration, for one use of them ("read" or "write")."""

    def __init__(self, folders: Sequence[Path], *, use: str) -> None:
        self._named = tuple(str(folder) for folder in folders)
        self._real = tuple(os.path.realpath(folder) for folder in folders)
        self._use = use
        self._code = Code.REFUSED_WRITE if use == "write" else Code.REFUSED_PATH

    @contextmanager
    def file(self, path: str) -> Iterator[RootedFile]:
        """The file of that path, open."""
        root, parts = self._below(path)
        if not parts:
            raise self._refused(path, "it is the folder itself")
        with self._translated(path), _closing(self._walk(root, parts[:-1], path)) as parent:
            fd = self._leaf(parts[-1], parent, path)
        with _closing(fd):
            self._still_below(fd, root, path)
            yield RootedFile(fd, os.path.join(root, *parts), os.fstat(fd))  # noqa: PTH118 - names that are no UTF-8

    @contextmanager
    def folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """The folder of that path, open for what is done relative to it; made where it is missing, if so wanted."""
        root, parts = self._below(path)
        with self._translated(path):
            fd = self._walk(root, parts, path, make=make)
        with _closing(fd):
            self._still_below(fd, root, path)
            yield fd

    def _below(self, path: str) -> tuple[str, list[str]]:
        """The root that holds a path when its links are followed, and the names from there on."""
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            raise self._refused(path, "it holds characters that no name of a file has") from None
        if not path.startswith("/"):
            raise self._refused(path, "it does not begin with /")
        if b"\0" in raw or len(raw) > _LONGEST:
            raise self._refused(path, f"it holds a zero byte or is longer than {_LONGEST} bytes")
        if ".." in path.split("/"):
            raise self._refused(path, "it has '..' in it: write it without")
        if not _PATH:
            raise self._refused(path, "this system lacks what it takes to open files safely; use Linux")
        try:
            real = os.path.realpath(path)
        except OSError:  # a link was replaced while it was followed
            raise self._swapped(path) from None
        for root in self._real:
            if real == root or real.startswith(root + "/"):
                return root, [part for part in real[len(root) :].split("/") if part]
        raise self._refused(
            path, "with its links followed, it lies below none of the folders that this endpoint may use"
        )

    def _walk(self, root: str, parts: Sequence[str], path: str, *, make: bool = False) -> int:
        fd = os.open(root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
        for part in parts:
            with _closing(fd):
                fd = self._step(part, fd, path, make=make)
        return fd

    def _step(self, part: str, parent: int, path: str, *, make: bool) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        except NotADirectoryError:
            if stat.S_ISLNK(os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode):
                raise self._swapped(path) from None
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=parent)
        return os.open(part, _FOLDER, dir_fd=parent)

    def _leaf(self, name: str, parent: int, path: str) -> int:
        with _closing(os.open(name, _LEAF, dir_fd=parent)) as looked:
            mode = os.fstat(looked).st_mode
            if stat.S_ISLNK(mode):
                raise self._swapped(path)
            if not stat.S_ISREG(mode):  # opening a device or a pipe does things: it is refused without
                return os.dup(looked)
        return os.open(name, _READ, dir_fd=parent)

    def _still_below(self, fd: int, root: str, path: str) -> None:
        """What is open must lie there by the kernel's own account too: a folder may have been moved away."""
        try:
            real = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - names that are no UTF-8
        except OSError:  # no /proc: the walk above is what counts
            return
        if real != root and not real.startswith(root + "/"):
            raise self._swapped(path)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Errors of the system as a `Refusal`."""
        try:
            yield
        except OSError as e:
            if e.errno == errno.ELOOP:
                raise self._swapped(path) from None
            code = Code.CANNOT_WRITE if self._use == "write" else Code.UNAVAILABLE
            why, remedy = _GONE.get(
                e.errno or 0, (f"the system says: {e.strerror or e}", "check the disk; send it again")
            )
            raise Refusal(problem(code, why, remedy, path=path)) from None

    def _refused(self, path: str, why: str) -> Refusal:
        if not self._named:
            remedy = f"the endpoint's administrator must name a folder to {self._use} first"
        else:
            more = "" if len(self._named) <= 5 else f" and {len(self._named) - 5} more"
            remedy = f"this endpoint may {self._use} below {', '.join(self._named[:5])}{more}; on the endpoint's paths"
        return Refusal(problem(self._code, why, remedy, path=path))

    def _swapped(self, path: str) -> Refusal:
        return self._refused(path, "a link leads out of the folder, or was put there while it was opened")
