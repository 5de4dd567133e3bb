"""Where there is something to be in focus: tissue, told from blank resin, vessel lumen, tears and dark background.

Judged by contrast between neighbouring 16x16 blocks, which defocus hardly touches: the area must not shrink while the
picture gets worse, or the density of features would stay up. Fine detail therefore never votes. Diagonal differences of
block means are blind to shading and to horizontal or vertical bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.measure.noise import BLOCK, NoiseMap, bands
from mhfd.native import BlockStats

NOISE_FACTOR = 1.6
"""Contrast must exceed this many times what noise alone makes: one in a thousand windows of noise does."""
SHARE = 0.1
"""... and this part of the strongest contrast in the image (95th percentile): haze around cells is not tissue."""
_REACH = 2  # blocks to each side that a block speaks for
_WINDOW = 2 * _REACH + 1


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
    if min(stats.mean.shape) < 2:
        return Tissue(np.zeros(stats.mean.shape, np.bool_), 0.0)
    contrast = _contrast(stats.mean)
    least = SHARE * np.percentile(contrast, 95)
    mask = np.empty(contrast.shape, np.bool_)
    for top, bottom in bands(contrast.shape):
        by_noise = NOISE_FACTOR * noise.sigma[top:bottom] / BLOCK
        mask[top:bottom] = contrast[top:bottom] > np.maximum(by_noise, least)
    # Gaps that chance made are closed. Then, as every block spoke for the window around it, what that adds at the
    # edges is taken back, and with it what chance made in noise.
    mask = ~grown(~grown(mask, 1), 1 + _REACH)
    if unusable is not None:
        mask &= ~unusable
    typical = float(np.median(contrast[mask], overwrite_input=True)) if mask.any() else 0.0
    return Tissue(mask, typical)


def grown(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Everything up to so many blocks from what is set, diagonally too. What lies outside is not set."""
    result = mask
    for axis in (0, 1):
        before = np.moveaxis(result, axis, 0)
        after = before.copy()
        for step in range(1, min(reach, len(before) - 1) + 1):
            after[step:] |= before[:-step]
            after[:-step] |= before[step:]
        result = np.moveaxis(after, 0, axis)
    return result


def _contrast(mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """Root of the mean square difference in the window around each block, some rows at a time.

    Windows are summed as they slide, down and then across: the sum before, plus what comes in, less what goes out.
    """
    height = len(mean)
    contrast = np.empty(mean.shape)
    sums = np.empty((0, mean.shape[1]))  # of the row above
    for top, bottom in bands(mean.shape):
        first, last = max(0, top - _WINDOW), min(height, bottom + _WINDOW)
        squares = _differences(mean[first:last].astype(np.float64))
        rows = np.arange(top - _REACH - 1, bottom + _REACH).clip(0, height - 1) - first
        sums = _slid(squares[rows[1:] if top == 0 else rows], sums[-1:])
        down = np.pad(sums / _WINDOW, ((0, 0), (_REACH, _REACH)), mode="edge")
        across = _slid(down.T, np.empty((0, 0))).T / _WINDOW
        # A running sum may end a little below 0.
        contrast[top:bottom] = np.sqrt(np.maximum(across, 0))
    return contrast


def _slid(values: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over windows that slide down; `before`: that of the window above the first, if there is one."""
    first = before if len(before) else np.add.accumulate(values[:_WINDOW])[-1:]
    sums: NDArray[np.float64] = np.add.accumulate(np.concatenate([first, values[_WINDOW:] - values[:-_WINDOW]]))
    return sums[len(before) :]


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
