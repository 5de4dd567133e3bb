"""A path of a request -> an open file or folder below one of the administrator's folders, or a `Refusal`.

A path that does not lie below one of them as it is written is refused without asking the system anything: touching it
could mount something, or hang. The others are walked from that folder on, each part opened from the one before and
never through a link; where a link leads is read from the link that was opened, and held against the folders in the
same way before anything there is touched. So nothing outside is ever looked at, whatever is swapped in meanwhile, and
what is read later is what was opened here. Nothing that is refused tells whether it exists. This module must not read
what it opens.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from mhfd.contract.request import Code
from mhfd.remote import patience
from mhfd.remote.refusal import Refusal, problem
from mhfd.site import Site

_LONGEST: Final = 4096
_MOST_LINKS: Final = 40
# Linux has them all; elsewhere this module imports, and refuses.
_PATH: Final = getattr(os, "O_PATH", 0)
_LOOK: Final = _PATH | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_ROOT: Final = _PATH | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_READ: Final = os.O_RDONLY | (_LOOK & ~_PATH) | getattr(os, "O_NONBLOCK", 0)
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


class _LedAway(Exception):
    """A function's own folder is a link out of the endpoint's."""


class _Root:
    """One of the folders. Where its own links lead is asked once, when it is first needed.

    `within`: the folders that it has to lie below, wherever links lead: who may write there may have put one.
    """

    def __init__(self, named: str, within: "Sequence[_Root]" = ()) -> None:
        self.named, self.parts, self._within = named, _parts(named), within
        self._real: str | None = None
        self._real_parts: list[str] = []

    def real(self) -> str:
        """Without links. `Silent`: it does not answer. `_LedAway`: it lies where it must not."""
        if self._real is None:
            real = patience.asked(self.named, lambda: _resolved(self.named))
            parts = _parts(real)
            if self._within and not any(parts[: len(own)] == own for own in (one.real_parts() for one in self._within)):
                raise _LedAway
            self._real, self._real_parts = real, parts
        return self._real

    def real_parts(self) -> list[str]:
        """The names in it."""
        self.real()
        return self._real_parts


def _resolved(named: str) -> str:
    real = os.path.realpath(named)
    with contextlib.suppress(OSError):  # a mount that is gone hangs here and not later
        os.stat(real)  # noqa: PTH116 - as text
    return real


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _collapsed(parts: Sequence[str]) -> list[str]:
    """Without '..', as if none of them was a link."""
    found: list[str] = []
    for part in parts:
        if part != "..":
            found.append(part)
        elif found:
            found.pop()
    return found


class Roots:
    """Folders of the administrator's configuration, for one use of them ("read" or "write")."""

    def __init__(self, folders: Sequence[Path], *, use: str, within: Sequence[Path] = ()) -> None:
        self._roots = tuple(
            _Root(str(folder), [_Root(str(own)) for own in within if folder.is_relative_to(own)]) for folder in folders
        )
        self._use = use
        self._code = Code.REFUSED_WRITE if use == "write" else Code.REFUSED_PATH

    @classmethod
    def of(cls, site: Site, use: Literal["read", "write"]) -> Self:
        """Those of a site, or of what a function may have of it."""
        own = site if site.whole is None else site.whole
        folders, within = (one.read_roots if use == "read" else one.write_roots for one in (site, own))
        return cls(folders, use=use, within=() if folders == within else within)

    @contextmanager
    def file(self, path: str) -> Iterator[RootedFile]:
        """The file of that path, open."""
        with ExitStack() as stack:
            with self._translated(path):
                walk = _Walk(self, path, stack)
                parent = walk.go(to_file=True)
                if not walk.names:
                    raise self._refused(path, "it is the folder itself")
                fd = walk.fds[-1] if parent is None else self._leaf(walk.names[-1], parent, path, stack)
                self._still_below(fd, walk.root, path)
                found = RootedFile(fd, "/".join((walk.root, *walk.names)), os.fstat(fd))
            yield found

    @contextmanager
    def folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """The folder of that path, open for what is done relative to it; made where it is missing, if so wanted."""
        with ExitStack() as stack:
            with self._translated(path):
                walk = _Walk(self, path, stack)
                walk.go(make=make)
                self._still_below(walk.fds[-1], walk.root, path)
            yield walk.fds[-1]

    def outside(self, path: str) -> bool:
        """Whether a path lies below none of the folders as it is written. The system is asked of the folders only."""
        try:
            return self._held(self.checked(path)) is None
        except (Refusal, _LedAway):
            return True
        except patience.Silent:
            return False

    def checked(self, path: str) -> list[str]:
        """The names in a path that may be one."""
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
        return _parts(path)

    def entered(self, parts: list[str], path: str, *, led: bool = False) -> tuple[str, list[str]]:
        """The folder, without links, that these names lead into, and the names from there on.

        `led`: a link led there, whose '..' count; of the folders themselves links are followed, of nothing else.
        """
        try:
            for known in (parts, _collapsed(parts)) if led else (parts,):
                found = self._held(known)
                if found is not None:
                    return found[0], list(known[found[1] :])
        except patience.Silent:
            raise self._silent(path) from None
        except _LedAway:
            raise self._refused(path, "the folder that this function may use leads out of the endpoint's") from None
        how = "with its links followed" if led else "as it is written"
        raise self._refused(path, f"{how}, it lies below none of the folders that this endpoint may use")

    def _held(self, parts: list[str]) -> tuple[str, int] | None:
        """The folder that holds what these names lead to, as it is named or without links; how many names it takes."""
        below = [root for root in self._roots if parts[: len(root.parts)] == root.parts]
        if below:
            root = max(below, key=lambda one: len(one.parts))
            return root.real(), len(root.parts)
        for root in self._roots:
            with contextlib.suppress(patience.Silent, _LedAway):
                real = root.real_parts()
                if parts[: len(real)] == real:
                    return root.real(), len(real)
        return None

    def swapped(self, path: str) -> Refusal:
        """It is not what it was a moment ago, or a link leads in a circle."""
        return self._refused(path, "a link leads out of the folder, or was put there while it was opened")

    def _leaf(self, name: str, parent: int, path: str, stack: ExitStack) -> int:
        fd = os.open(name, _READ, dir_fd=parent)
        stack.callback(os.close, fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise self.swapped(path)
        return fd

    def _still_below(self, fd: int, root: str, path: str) -> None:
        """What is open must lie there by the kernel's own account too: a folder may have been moved away."""
        try:
            real = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - names that are no UTF-8
        except OSError:  # no /proc: the walk is what counts
            return
        if real != root and not real.startswith(root + "/"):
            raise self.swapped(path)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Errors of the system as a `Refusal`."""
        try:
            yield
        except OSError as e:
            if e.errno == errno.ELOOP:
                raise self.swapped(path) from None
            code = Code.CANNOT_WRITE if self._use == "write" else Code.UNAVAILABLE
            why, remedy = _GONE.get(
                e.errno or 0, (f"the system says: {e.strerror or e}", "check the disk; send it again")
            )
            raise Refusal(problem(code, why, remedy, path=path)) from None

    def _refused(self, path: str, why: str) -> Refusal:
        if not self._roots:
            remedy = f"the endpoint's administrator must name a folder to {self._use} first"
        else:
            named = [root.named for root in self._roots]
            more = "" if len(named) <= 5 else f" and {len(named) - 5} more"
            remedy = f"this endpoint may {self._use} below {', '.join(named[:5])}{more}; on the endpoint's paths"
        return Refusal(problem(self._code, why, remedy, path=path))

    def _silent(self, path: str) -> Refusal:
        code = Code.CANNOT_WRITE if self._use == "write" else Code.UNAVAILABLE
        why = "the folder that it lies in does not answer: its disk or file server may be away"
        return Refusal(problem(code, why, "tell the endpoint's administrator; send it again later", path=path))


class _Walk:
    """From a folder down to what a path names. `fds` are open from `root` on; `names` are the steps between them."""

    def __init__(self, roots: Roots, path: str, stack: ExitStack) -> None:
        self._roots, self._path, self._stack = roots, path, stack
        self.root, self.names, self.fds = "", [], []
        self._todo: list[str] = []  # the next one is the last
        self._enter(roots.checked(path))

    names: list[str]
    fds: list[int]

    def go(self, *, to_file: bool = False, make: bool = False) -> int | None:
        """All the way. Where it ends in a regular file, gives the folder that holds it; what was opened is that too."""
        links = 0
        while self._todo:
            part = self._todo.pop()
            if part == "..":
                self._up()
                continue
            fd = self._opened(part, make=make)
            mode = os.fstat(fd).st_mode
            if stat.S_ISLNK(mode):
                links += 1
                if links > _MOST_LINKS:
                    raise self._roots.swapped(self._path)
                self._follow(os.readlink("", dir_fd=fd))
            elif stat.S_ISDIR(mode):
                self.names.append(part)
                self.fds.append(fd)
            elif self._todo or not to_file:
                raise NotADirectoryError(errno.ENOTDIR, "a part of the path is not a folder")
            else:
                parent = self.fds[-1]
                self.names.append(part)
                self.fds.append(fd)
                return parent if stat.S_ISREG(mode) else None  # opening a device or a pipe does things: it is not
        return None

    def _opened(self, part: str, *, make: bool) -> int:
        try:
            fd = os.open(part, _LOOK, dir_fd=self.fds[-1])
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=self.fds[-1])
            fd = os.open(part, _LOOK, dir_fd=self.fds[-1])
        self._stack.callback(os.close, fd)
        return fd

    def _follow(self, target: str) -> None:
        if target.startswith("/"):
            self._enter([*_parts(target), *reversed(self._todo)], led=True)
        else:
            self._todo += reversed(_parts(target))

    def _up(self) -> None:
        if self.names:
            self.names.pop()
            self.fds.pop()
        else:
            self._enter([*_parts(self.root)[:-1], *reversed(self._todo)], led=True)

    def _enter(self, parts: list[str], *, led: bool = False) -> None:
        self.root, todo = self._roots.entered(parts, self._path, led=led)
        fd = os.open(self.root, _ROOT)
        self._stack.callback(os.close, fd)
        self.names, self.fds, self._todo = [], [fd], todo[::-1]
