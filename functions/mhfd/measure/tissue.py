"""Where there is something to be in focus: tissue, told from blank resin, vessel lumen, tears and dark background.

Judged by contrast between neighbouring 16x16 blocks, which defocus hardly touches: the area must not shrink while the
picture gets worse, or the density of features would stay up. Fine detail therefore never votes. Diagonal differences of
block means are blind to shading and to horizontal or vertical bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mhfd.measure.noise import BLOCK, NoiseMap
from mhfd.native import BlockStats

NOISE_FACTOR = 1.6
"""Contrast must exceed this many times what noise alone makes: one in a thousand windows of noise does."""
SHARE = 0.1
"""... and this part of the strongest contrast in the image (95th percentile): haze around cells is not tissue."""
_WINDOW = 5


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """The blocks that are tissue, and how strong its contrast is."""

    mask: NDArray[np.bool_]  # one value a block
    contrast: float  # grey values: the median over tissue of the contrast between neighbouring blocks

    @property
    def share(self) -> float:
        """The part of the image that is tissue."""
        return float(self.mask.mean())


def find(stats: BlockStats, noise: NoiseMap, *, unusable: NDArray[np.bool_] | None = None) -> Tissue:
    """The tissue of an image. Blocks that are `unusable` (clipped) are none."""
    mean = stats.mean.astype(np.float64)
    if min(mean.shape) < 2:
        return Tissue(np.zeros(mean.shape, np.bool_), 0.0)
    square = ndimage.uniform_filter(_differences(mean), _WINDOW, mode="nearest")
    contrast = np.sqrt(np.maximum(square, 0))  # a running sum may end a little below 0
    by_noise = NOISE_FACTOR * noise.sigma / BLOCK
    mask = contrast > np.maximum(by_noise, SHARE * np.percentile(contrast, 95))
    # Gaps that chance made are closed. Then, as every block spoke for the window around it, what that adds at the
    # edges is taken back, and with it what chance made in noise.
    near = np.ones((3, 3), np.bool_)
    mask = ndimage.binary_erosion(ndimage.binary_dilation(mask, near), near, 1 + _WINDOW // 2, border_value=1)
    if unusable is not None:
        mask &= ~unusable
    typical = float(np.median(contrast[mask])) if mask.any() else 0.0
    return Tissue(mask, typical)


def _differences(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square diagonal difference of the up to four 2x2 groups that each block belongs to."""
    square = ((mean[:-1, :-1] - mean[:-1, 1:] - mean[1:, :-1] + mean[1:, 1:]) / 2) ** 2
    total, groups = np.zeros(mean.shape), np.zeros(mean.shape)
    rows, cols = square.shape
    for y in (0, 1):
        for x in (0, 1):
            total[y : y + rows, x : x + cols] += square
            groups[y : y + rows, x : x + cols] += 1
    result: NDArray[np.float64] = total / groups
    return result
