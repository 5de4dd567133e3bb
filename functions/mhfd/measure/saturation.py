"""Which parts of an image are clipped: a detector or a display that ran out of range shows no detail there.

Only the image's own lowest and highest grey values can be clipped. Black is told from white: dark ground is black in
many a good image, so black alone loses nothing. Nothing here judges the whole image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.measure.noise import BLOCK
from mhfd.native import BlockStats
from mhfd.stretch import Pixels

CLIPPED = 0.25
"""Part of a block's pixels at the lowest or highest grey value from which on the block is not measured."""
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Saturation:
    """The part of each block at the image's lowest and highest grey value."""

    black: NDArray[np.float32]
    white: NDArray[np.float32]

    @property
    def burnt(self) -> NDArray[np.bool_]:
        """Blocks that are not to be measured: white."""
        mask: NDArray[np.bool_] = self.white > CLIPPED
        return mask

    @property
    def crushed(self) -> NDArray[np.bool_]:
        """Blocks that lack their dark part, but show something."""
        mask: NDArray[np.bool_] = (self.black > CLIPPED) & (self.black < 1)
        return mask


def measure(pixels: Pixels, stats: BlockStats) -> Saturation:
    """Looks only at blocks that reach the image's lowest or highest value."""
    low, high = stats.minimum.min(), stats.maximum.max()
    if low == high:
        return Saturation(np.ones_like(stats.mean), np.zeros_like(stats.mean))
    return Saturation(
        _share(pixels, stats.minimum <= low, low),
        _share(pixels, stats.maximum >= high, high),
    )


def _share(pixels: Pixels, reached: NDArray[np.bool_], value: np.float32) -> NDArray[np.float32]:
    share = np.zeros(reached.shape, np.float32)
    height, width = reached.shape
    rows, cols = np.divmod(np.flatnonzero(reached), width)
    tiles = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK)
    for first in range(0, len(rows), _AT_ONCE):
        y, x = rows[first : first + _AT_ONCE], cols[first : first + _AT_ONCE]
        share[y, x] = np.count_nonzero(tiles[y, :, x] == value, axis=(1, 2)) / BLOCK**2
    return share
