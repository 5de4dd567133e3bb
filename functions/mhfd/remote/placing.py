"""Files -> an open folder below one of the administrator's folders.

Each is written under a temporary name in that folder and then put in place: a reader sees the old one or the new one,
whole. Nothing is ever written through a link. This module must not know what is in a file.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mhfd.contract.request import Code
from mhfd.remote.refusal import Refusal, problem

TEMPORARY: Final = ".tmp"
"""The ending of a file that is being written."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_LINKLESS: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def put(folder: int, name: str, data: bytes, *, what: str = "the report", lasting: bool = False) -> None:
    """A file of that name with these bytes in an open folder, in place of any file or link of that name.

    Args:
        folder: Open; to be read, where it is to last.
        name: Of the file.
        data: What is in it.
        what: What it is, to a person.
        lasting: Whether it must outlive the machine's death from when this returns.
    """
    with _written(folder, name, data, what, lasting=lasting) as temporary:
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def put_first(folder: int, name: str, data: bytes, *, what: str) -> bool:
    """The same, lasting, unless there is a file of that name: of many that try it, on any machines, one succeeds."""
    with _written(folder, name, data, what, lasting=True) as temporary:
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:  # also what a file server says of ours, whose first answer was lost
            return _are_one(folder, temporary, name)
        except OSError as e:
            if e.errno not in _LINKLESS:
                raise
            why = f"{what} could not be written: its file system has no hard links, by which one of many is the first"
            raise Refusal(problem(Code.CANNOT_WRITE, why, "name a folder on another file system")) from None
        finally:
            os.unlink(temporary, dir_fd=folder)
    return True


def last(folder: int) -> None:
    """What was put into an open folder outlives the machine's death from here on."""
    try:
        os.fsync(folder)
    except OSError as e:
        if e.errno != errno.EINVAL:  # a file system that has nothing to do for it
            raise


@contextmanager
def _written(folder: int, name: str, data: bytes, what: str, *, lasting: bool) -> Iterator[str]:
    """Under a temporary name."""
    temporary = f".{name}.{secrets.token_hex(8)}{TEMPORARY}"
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o644, dir_fd=folder), "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        yield temporary
        if lasting:
            last(folder)
    except OSError as e:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        why = f"{what} could not be written: {e.strerror or e}"
        raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk or correct the folder's rights")) from None


def _are_one(folder: int, one: str, other: str) -> bool:
    first, second = (os.stat(name, dir_fd=folder, follow_symlinks=False) for name in (one, other))
    return os.path.samestat(first, second)
