"""Which parts of an image are clipped: a detector or a display that ran out of range shows no detail there.

Only the image's own lowest and highest grey values can be clipped. Nothing here judges the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.noise import BLOCK, BlockStats
from mhfd.stretch import Pixels

__all__ = ["CLIPPED", "Saturation", "measure"]

CLIPPED = 0.25
"""Part of a block's pixels at the lowest or highest grey value from which on the block is not measured."""
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Saturation:
    """The part of each block at the image's lowest or highest grey value."""

    share: NDArray[np.float32]

    @property
    def clipped(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.share > CLIPPED
        return mask


def measure(pixels: Pixels, stats: BlockStats) -> Saturation:
    """Looks only at blocks that reach the image's lowest or highest value."""
    low, high = stats.minimum.min(), stats.maximum.max()
    share = np.zeros(stats.mean.shape, np.float32)
    rows, cols = np.nonzero((stats.minimum <= low) | (stats.maximum >= high))
    height, width = share.shape
    tiles = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK)
    for first in range(0, len(rows), _AT_ONCE):
        y, x = rows[first : first + _AT_ONCE], cols[first : first + _AT_ONCE]
        tile = tiles[y, :, x]
        at_end = np.count_nonzero((tile <= low) | (tile >= high), axis=(1, 2))
        share[y, x] = at_end / BLOCK**2
    return Saturation(share)
