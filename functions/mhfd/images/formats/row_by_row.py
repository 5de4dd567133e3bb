"""Samples that lie in a file as they are, row after row without a gap: any rows of them are read where they lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import grey
from mhfd.images.source import Source

Array = NDArray[Any]
Reducer = Callable[[Array], grey.Plane]

_PIECE: Final = 4 << 20
"""Bytes of samples that are made grey at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Uncompressed:
    """They begin at byte `start`; `reduce` makes one grey value of the samples of a pixel."""

    file: Source
    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, int]
    samples: int = 1
    reduce: Reducer = grey.first

    def read(self, top: int, bottom: int) -> grey.Plane:
        """See `grey.Planes`."""
        width = self.shape[1]
        pixels, size = (bottom - top) * width, self.samples * self.dtype.itemsize
        start = self.start + top * width * size
        if self.samples == 1 and self.reduce is grey.first:
            return grey.Plane(self.file.read(start, pixels * size).view(self.dtype).reshape(bottom - top, width))
        out: Array | None = None
        coloured = False
        step = max(1, _PIECE // size)
        for at in range(0, pixels, step):
            number = min(step, pixels - at)
            piece = self.file.read(start + at * size, number * size).view(self.dtype)
            plane = self.reduce(piece.reshape(1, number, self.samples))
            coloured |= plane.coloured
            if out is None:
                out = np.empty(pixels, plane.pixels.dtype)
            out[at : at + number] = plane.pixels[0]
        assert out is not None  # noqa: S101  some rows were asked for
        return grey.Plane(out.reshape(bottom - top, width), coloured)
