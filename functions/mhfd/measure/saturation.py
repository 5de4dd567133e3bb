"""Which parts of an image are clipped: a detector or a display that ran out of range shows no detail there.

Only the image's own lowest and highest grey values can be clipped. Black is told from white: dark ground is black in
many a good image, so black alone loses nothing. Nothing here judges the whole image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.survey import Survey

CLIPPED = 0.25
"""Part of a block's pixels at the lowest or highest grey value from which on the block is not measured."""


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


def measure(seen: Survey) -> Saturation:
    """Of a picture that was surveyed."""
    return Saturation(seen.at_low, seen.at_high)
