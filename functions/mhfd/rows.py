"""A picture that is read by its rows: what measuring asks of one, whether it lies in memory or in a file.

Nothing here knows files, formats or what the rows show.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""A 2-D array: uint8, uint16 or float32, finite, C-contiguous. Other types become float32 when they are loaded."""


Progress = Callable[[str, int, int], object]
"""Told a step, how many rows of the image are done, and of how many."""


class Rows(Protocol):
    """A picture of which any rows can be had, again and again."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel: uint8, uint16 or float32."""
        ...

    def read(self, top: int, bottom: int) -> Pixels:
        """Rows [top, bottom), C-contiguous. Not to be written to, and good until the next call."""
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class InMemory:
    """The rows of an array: views, nothing is copied."""

    pixels: Pixels

    @property
    def shape(self) -> tuple[int, int]:
        """See `Rows`."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Rows`."""
        return self.pixels.dtype

    def read(self, top: int, bottom: int) -> Pixels:
        """See `Rows`."""
        return self.pixels[top:bottom]


class OfOthers:
    """Rows that are made of as many others."""

    __slots__ = ()
    rows: Rows

    @property
    def shape(self) -> tuple[int, int]:
        """See `Rows`."""
        return self.rows.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Rows`."""
        return self.rows.dtype


@dataclass(slots=True, weakref_slot=True, eq=False)
class Watched(OfOthers):
    """Rows that say how far they are: those above what is read now are done."""

    rows: Rows
    progress: Progress
    step: str
    done: int = 0

    def begin(self, step: str) -> None:
        """From the top again, for something else."""
        self.step, self.done = step, 0

    def read(self, top: int, bottom: int) -> Pixels:
        """See `Rows`."""
        if top >= self.done:  # some are looked at again
            self.done = top
            self.progress(self.step, top, self.shape[0])
        return self.rows.read(top, bottom)


def spans(size: int, step: int) -> Iterator[tuple[int, int]]:
    """[top, bottom) of one part after the other, each of `step` rows but the last."""
    for top in range(0, size, step):
        yield top, min(top + step, size)


def ordered_bits(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Whole numbers in the order of the values."""
    bits = values.view(np.uint32)
    flipped: NDArray[np.uint32] = bits ^ np.where(bits >> np.uint32(31), np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    return flipped


def unordered_bits(ordered: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The way back."""
    sign = np.where(ordered >> np.uint32(31), np.uint32(0x80000000), np.uint32(0xFFFFFFFF))
    return (ordered ^ sign).view(np.float32)
