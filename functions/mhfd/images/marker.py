"""A scale bar and text drawn over the image itself, without paper, by an instrument that tells the bar's length.

A run of one grey level, of just that many pixels, in the same columns of a few rows, is no micrograph: below it all is
taken to be written over. Where the instrument told a length and drew nothing, nothing is found.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_LOOK: Final = 0.25
"""Part of the height, at the bottom, in which there can be one."""
_THICK: Final = (2, 1 / 64)
"""Rows of the thinnest bar, and part of the height of the thickest."""
_SHORTEST: Final = 16
"""Pixels of a bar that no chance makes."""
_TEXT: Final = 1 / 16
"""Part of the height above the bar in which there can be text too."""
_SHADOWED: Final = 3
"""Pixels of a row that are white with black below and to the right, as the text is drawn."""


def rows(pixels: NDArray[Any], length: float) -> int:
    """How many rows at the bottom are written over; 0: none are."""
    height, width = pixels.shape
    look = int(height * _LOOK)
    if not _SHORTEST <= length < width or look < 8:
        return 0
    block = pixels[height - look :]
    level = block.max()
    drawn = block == level
    ends = np.diff(np.pad(drawn, ((0, 0), (1, 1))).view(np.int8), axis=1)
    run_rows, starts = np.nonzero(ends == 1)
    lengths = np.nonzero(ends == -1)[1] - starts
    fits = np.abs(lengths - length) <= max(1.0, 0.01 * length)
    columns = set(zip(starts[fits].tolist(), lengths[fits].tolist(), strict=True))
    for start, run in sorted(columns):
        of_bar = run_rows[(starts == start) & (lengths == run)]
        thick = int(of_bar[-1]) - int(of_bar[0]) + 1
        if _THICK[0] <= thick == len(of_bar) <= max(_THICK[0], height * _THICK[1]):
            return look - _top(block, drawn, int(of_bar[0]), int(height * _TEXT))
    return 0


def _top(block: NDArray[Any], drawn: NDArray[np.bool_], bar: int, reach: int) -> int:
    """The first row written over: that of the bar, or of text above it."""
    shadow = block[1:, 1:] == block.min()
    shadowed = (drawn[:-1, :-1] & shadow).sum(axis=1) >= _SHADOWED
    return next((row for row in range(max(0, bar - reach), bar) if shadowed[row]), bar)
