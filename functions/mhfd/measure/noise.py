"""The noise of an image, place by place, from the statistics of its 16x16 blocks.

The mean square of 2x2 diagonal differences is the variance of white noise plus what structure adds: never less. So the
noise is the lower envelope of that over blocks of the same brightness (variance = read_var + gain * grey value, shot
noise; the gain is negative in a contrast-inverted image) and never below the quietest blocks near by (charging,
vignetting, a display curve). Nothing here looks at pixels: the same statistics come from the CPU and from the GPU.
What is wide or many times the map is only ever made of some rows of it: a large image has millions of blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd import cells
from mhfd.contract.focus_report import Noise
from mhfd.native import BlockStats
from mhfd.rows import spans

BLOCK = cells.BLOCK

BLOCK_SPREAD = 0.14
"""Relative standard deviation of one block's variance for white noise: 225 overlapping differences."""

_QUANTILE = 0.2
_QUANTILE_BIAS = 1 - 0.84 * BLOCK_SPREAD  # the expected 20th percentile of blocks that are noise and nothing else
_BINS = 16
_BLOCKS_A_BIN = 32
_LEAST_USABLE = 0.25
_AROUND: Final = 2  # blocks to each side that are near by
_SIDE: Final = 2 * _AROUND + 1
_AT_ONCE: Final = 1 << 15  # blocks


@dataclass(frozen=True, slots=True, eq=False)
class NoiseMap:
    """The noise of one image, in grey values."""

    model: Noise
    sigma: NDArray[np.float32]  # standard deviation, one value a block


def estimate(stats: BlockStats, *, step: float = 0.0) -> NoiseMap:
    """The noise model and map. `step` is the distance of neighbouring grey values: quantisation is noise too."""
    mean = stats.mean
    rounding = float(np.finfo(np.float32).eps) * max(abs(float(mean.min())), abs(float(mean.max())))
    least = max(step * step / 12, rounding * rounding, 1e-30)
    usable = _usable(stats)
    if usable.any():
        read_var, gain, lowest, highest = _envelope(mean[usable], stats.diag_var[usable], least)
    else:  # flat or clipped everywhere
        read_var, gain, lowest, highest = least, 0.0, least, least
    sigma = np.empty(mean.shape, np.float32)
    for top, bottom in bands(mean.shape):
        by_brightness = np.clip(read_var + gain * mean[top:bottom].astype(np.float64), lowest, highest)
        variance = np.maximum(np.maximum(by_brightness, _near_by(stats.diag_var, usable, top, bottom)), least)
        sigma[top:bottom] = np.sqrt(variance)
    some = (mean[usable] if usable.any() else mean.ravel()).astype(np.float64)
    typical = read_var + gain * float(np.median(some, overwrite_input=True))
    model = Noise(sigma=float(np.sqrt(np.clip(typical, lowest, highest))), read_var=float(read_var), gain=float(gain))
    return NoiseMap(model, sigma)


def bands(blocks: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Rows of a block map that are worked on together: they stay in the cache."""
    return spans(blocks[0], max(16, _AT_ONCE // blocks[1]))


def grey_step(some: NDArray[np.generic]) -> float:
    """The distance of neighbouring grey values: 257 in an 8-bit image stored as 16 bits, 1/255 in one stored as float.

    From some pixels of an image; 0 where the values have no common step.
    """
    sample = np.unique(some)
    if len(sample) < 2:
        return 0.0
    if sample.dtype.kind in "ui":
        return float(np.gcd.reduce(np.diff(sample)))
    gaps = np.diff(sample.astype(np.float64))
    least = float(gaps.min())
    whole = gaps / least
    return least if bool((np.abs(whole - np.rint(whole)) < 0.05).all()) and len(sample) < 4096 else 0.0


def _near_by(var: NDArray[np.float32], usable: NDArray[np.bool_], top: int, bottom: int) -> NDArray[np.float32]:
    """The low quantile of the variance over the 5x5 blocks around each of some rows, as noise alone would have it."""
    rows = np.arange(top - _AROUND, bottom + _AROUND).clip(0, len(var) - 1)
    around = np.pad(np.where(usable[rows], var[rows], np.float32(0)), ((0, 0), (_AROUND, _AROUND)), mode="edge")
    return _ranked(around, round(_SIDE**2 * _QUANTILE)) / np.float32(_QUANTILE_BIAS)


def _ranked(values: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """Of the window that begins at each place the value of this rank, counted from 0.

    Whole rows are compared at a time: nothing is copied for each place, and it is faster than to sort each window.
    """
    height, width = (size - _SIDE + 1 for size in values.shape)
    least: list[NDArray[np.float32]] = []  # of what was seen, in order
    for down in range(_SIDE):
        for right in range(_SIDE):
            more = values[down : down + height, right : right + width]
            for place, smaller in enumerate(least):
                least[place], more = np.minimum(smaller, more), np.maximum(smaller, more)
            if len(least) <= rank:
                least.append(more)
    return least[rank]


def _usable(stats: BlockStats) -> NDArray[np.bool_]:
    """Blocks whose variance is that of the noise: not constant and, where enough others are left, not clipped."""
    varied = stats.diag_var > 0
    clipped = (stats.minimum <= stats.minimum.min()) | (stats.maximum >= stats.maximum.max())
    inside = varied & ~clipped
    return inside if np.count_nonzero(inside) >= max(4, _LEAST_USABLE * np.count_nonzero(varied)) else varied


def _envelope(mean: NDArray[np.float32], var: NDArray[np.float32], least: float) -> tuple[float, float, float, float]:
    """(read_var, gain, lowest, highest): the lower envelope of variance over brightness, and the range it was seen in.

    Low quantiles of equally filled brightness bins, then a line by weighted least squares in which a bin above the
    line counts less: structure lifts bins, nothing but chance lowers them.
    """
    order = np.argsort(mean.astype(np.float64))
    bins = np.array_split(order, int(np.clip(len(order) // _BLOCKS_A_BIN, 1, _BINS)))
    x = np.array([mean[b].astype(np.float64).mean() for b in bins])
    y = np.array([max(float(np.quantile(var[b].astype(np.float64), _QUANTILE)) / _QUANTILE_BIAS, least) for b in bins])
    lowest, highest = float(y.min()), float(y.max())
    centre, spread = float(x.mean()), float(x.std())
    if len(bins) < 3 or spread == 0:
        return float(np.median(y)), 0.0, lowest, highest
    design = np.stack([np.ones_like(x), (x - centre) / spread], axis=1)
    weight = 1 / y
    for _ in range(10):
        (level, slope), *_ = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)
        line = design @ np.array([level, slope])
        weight = np.where(y > line, 0.3, 1.0) / np.maximum(line, lowest)
    gain = float(slope) / spread
    return float(level) - gain * centre, gain, lowest, highest
