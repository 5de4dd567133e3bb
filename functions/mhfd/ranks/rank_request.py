"""What a worker that is no rank hands to the ranks it starts: a file that it has opened, and how to score it.

The file is opened anew by every rank, without following links, and must be the one that the worker has open: whoever
can change its folder in between gets nothing read. It must not be made from what a caller sent, but from what was
opened for it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Literal

from mhfd.contract.base import Wire
from mhfd.contract.params import Params
from mhfd.images import OpenFile

OTHER_FILE = 3
"""The exit code of a rank that does not find the file which was opened."""


class RankRequest(Wire):
    """One image for ranks."""

    path: str
    """What it is called."""
    real: str
    """Where it is, without links."""
    size: int
    mtime_ns: int
    inode: int
    params: Params
    device: Literal["auto", "cpu", "gpu"]
    max_bytes: int
    max_pixels: int

    @contextmanager
    def opened(self) -> Iterator[OpenFile]:
        """The file. `OSError` where it is not there, or another one."""
        parent = os.path.dirname(self.real)  # noqa: PTH120  bytes that are no UTF-8
        folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fd = _beside(folder, PurePath(self.real).name)
            try:
                now = os.fstat(fd)
                if (now.st_size, now.st_mtime_ns, now.st_ino) != (self.size, self.mtime_ns, self.inode):
                    raise FileNotFoundError(self.real)
                where = os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH115
                yield OpenFile(self.path, fd, lambda name: _text(folder, name) if where == parent else None)
            finally:
                os.close(fd)
        finally:
            os.close(folder)


def _beside(folder: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)


def _text(folder: int, name: str) -> int | None:
    """What an instrument wrote beside an image; no link, and nowhere else."""
    if "/" in name:
        return None
    try:
        return _beside(folder, name)
    except OSError:
        return None
