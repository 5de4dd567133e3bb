"""What a reader that somebody else wrote gets and gives: the public face of the entry point `mhfd.readers`.

docs/how-to/write-a-reader.md says how one is written. Nothing here knows how readers are found or called.
"""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Box
from mhfd.images.source import Source


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file that none of our own readers takes, as a reader gets it."""

    name: str
    """What it is called, without its folder."""
    path: str
    """Opens it, for a library that takes nothing but a path. On an endpoint this is not the path that was asked for."""
    file: BinaryIO
    """Exactly the bytes whose hash is in the report; can seek."""
    beside: Callable[[str], bytes]
    """What a small file of that name in the same folder begins with (256 KiB); nothing where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadImage:
    """One image, as a reader gives it. Unknown is None: a guess would be believed."""

    pixels: NDArray[Any]
    """Rows and columns of grey values; or, in a third axis, red, green and blue (and alpha). The top row first."""
    pixel_nm: float | None = None
    """The side of a pixel, in nm."""
    focus_m: float | None = None
    """The working distance, in m."""
    dwell_ns: float | None = None
    """The time at each pixel, or the exposure of a camera, in ns."""
    stage_um: tuple[float, float] | None = None
    """Where the stage was, x and y in um."""
    box: Box | None = None
    """The part that is image, where there is a data bar or a border. Half-open."""
    notes: tuple[str, ...] = ()
    """What people should know of it; they go into the report."""


class NotWhole(Exception):
    """A reader raises it where the file is not all there yet: the finding is `incomplete`, with its words."""


class SourceFile(io.RawIOBase):
    """The bytes of a source as a file."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As files do it."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        if at < 0:
            raise OSError(f"seek to {at}, before the beginning of the file")
        self._at = at
        return at

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As files do it."""
        into = np.frombuffer(buffer, np.uint8)
        got = self._source.read(self._at, len(into))
        into[: len(got)] = got
        self._at += len(got)
        return len(got)
