"""A scale bar and text drawn over the image itself, without paper, by an instrument that tells the bar's length.

A run of one grey level, of just that many pixels, in the same columns of a few rows, is no micrograph: below it all is
taken to be written over. Where the instrument told a length and drew nothing, nothing is found.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.grey import Planes

_LOOK: Final = 0.25
"""Part of the height, at the bottom, in which there can be one."""
_THICK: Final = (2, 1 / 64)
"""Rows of the thinnest bar, and part of the height of the thickest."""
_SHORTEST: Final = (16, 1 / 32)
"""Pixels, and part of the width, of the shortest bar."""
_EDGE: Final = (0.9, 0.5)
"""Part of the row above the bar, and of the one below, where its shadow is, that may be as white."""
_TEXT: Final = 1 / 16
"""Part of the height above the bar in which there can be text too."""
_SMEAR: Final = 24
"""Levels that JPEG, which has 8 bits, takes from white."""
_MOST_RUNS: Final = 64
_SHADOWED: Final = 3
"""Pixels of a row that are white with black below and to the right, as the text is drawn."""


def rows(planes: Planes, length: float) -> int:
    """How many rows at the bottom are written over; 0: none are."""
    height, width = planes.shape
    look = int(height * _LOOK)
    if not max(_SHORTEST[0], width * _SHORTEST[1]) <= length < width or look < 8:
        return 0
    block = planes.read(height - look, height).pixels
    for smear in (0, _SMEAR) if block.dtype == np.uint8 else (0,):
        drawn = block >= (int(block.max()) - smear if smear else block.max())
        bar = _bar(drawn, length, int(max(_THICK[0], height * _THICK[1])), 1 if smear else 0)
        if bar is not None:
            return look - _top(block, drawn, bar, int(height * _TEXT))
    return 0


def _bar(drawn: NDArray[np.bool_], length: float, thickest: int, rough: int) -> int | None:
    """The first row of the runs of that length which lie below each other, to within `rough` pixels at their ends."""
    ends = np.diff(np.pad(drawn, ((0, 0), (1, 1))).view(np.int8), axis=1)
    at, starts = np.nonzero(ends == 1)
    stops = np.nonzero(ends == -1)[1]
    fits = np.abs(stops - starts - length) <= max(1.0, 0.01 * length) + rough
    groups: list[list[tuple[int, int, int]]] = []
    for row, start, stop in zip(at[fits].tolist(), starts[fits].tolist(), stops[fits].tolist(), strict=True):
        for group in groups:
            last = group[-1]
            if last[0] == row - 1 and max(abs(start - last[1]), abs(stop - last[2])) <= rough:
                group.append((row, start, stop))
                break
        else:
            groups.append([(row, start, stop)])
        if len(groups) > _MOST_RUNS:  # no bar has so many of its kind around it
            return None
    for group in groups:
        (first, start, stop), below = group[0], group[-1][0] + 1
        around = drawn[max(0, first - 1) : below + 1, start:stop].mean(axis=1)
        edged = below < len(drawn) and around[-1] < _EDGE[1] and (first == 0 or around[0] < _EDGE[0])
        if _THICK[0] <= len(group) <= thickest and edged:
            return first
    return None


def _top(block: NDArray[Any], drawn: NDArray[np.bool_], bar: int, reach: int) -> int:
    """The first row written over: that of the bar, or of text above it."""
    shadow = block[1:, 1:] == block.min()  # JPEG leaves none: what it has above the bar stays
    shadowed = (drawn[:-1, :-1] & shadow).sum(axis=1) >= _SHADOWED
    return next((row for row in range(max(0, bar - reach), bar) if shadowed[row]), bar)
