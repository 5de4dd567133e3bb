"""The noise of an image, place by place, from the statistics of its 16x16 blocks.

The mean square of 2x2 diagonal differences is the variance of white noise plus what structure adds: never less. So the
noise is the lower envelope of that over blocks of the same brightness (variance = read_var + gain * grey value, shot
noise; the gain is negative in a contrast-inverted image) and never below the quietest blocks near by (charging,
vignetting, a display curve). Nothing here looks at pixels: the same statistics come from the CPU and from the GPU.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd import cells
from mhfd.contract.focus_report import Noise
from mhfd.native import BlockStats

BLOCK = cells.BLOCK

BLOCK_SPREAD = 0.14
"""Relative standard deviation of one block's variance for white noise: 225 overlapping differences."""

_QUANTILE = 0.2
_QUANTILE_BIAS = 1 - 0.84 * BLOCK_SPREAD  # the expected 20th percentile of blocks that are noise and nothing else
_BINS = 16
_BLOCKS_A_BIN = 32
_LEAST_USABLE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class NoiseMap:
    """The noise of one image, in grey values."""

    model: Noise
    sigma: NDArray[np.float32]  # standard deviation, one value a block


def estimate(stats: BlockStats, *, step: float = 0.0) -> NoiseMap:
    """The noise model and map. `step` is the distance of neighbouring grey values: quantisation is noise too."""
    mean, var = stats.mean.astype(np.float64), stats.diag_var.astype(np.float64)
    rounding = float(np.finfo(np.float32).eps) * float(np.abs(mean).max())
    least = max(step * step / 12, rounding * rounding, 1e-30)
    usable = _usable(stats)
    if usable.any():
        read_var, gain, lowest, highest = _envelope(mean[usable], var[usable], least)
    else:  # flat or clipped everywhere
        read_var, gain, lowest, highest = least, 0.0, least, least
    by_brightness = np.clip(read_var + gain * mean, lowest, highest)
    variance = np.maximum(np.maximum(by_brightness, _near_by(np.where(usable, stats.diag_var, 0))), least)
    typical = read_var + gain * float(np.median(mean[usable] if usable.any() else mean))
    model = Noise(sigma=float(np.sqrt(np.clip(typical, lowest, highest))), read_var=float(read_var), gain=float(gain))
    return NoiseMap(model, np.sqrt(variance).astype(np.float32))


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


def _near_by(var: NDArray[np.float32]) -> NDArray[np.float32]:
    """The low quantile of the variance over the 5x5 blocks around each, as noise alone would have it."""
    padded = np.pad(var, 2, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).reshape(-1, 25)
    rank = round(25 * _QUANTILE)
    quiet: NDArray[np.float32] = np.partition(around, rank, axis=1)[:, rank].reshape(var.shape)
    return quiet / np.float32(_QUANTILE_BIAS)


def _usable(stats: BlockStats) -> NDArray[np.bool_]:
    """Blocks whose variance is that of the noise: not constant and, where enough others are left, not clipped."""
    varied = stats.diag_var > 0
    clipped = (stats.minimum <= stats.minimum.min()) | (stats.maximum >= stats.maximum.max())
    inside = varied & ~clipped
    return inside if np.count_nonzero(inside) >= max(4, _LEAST_USABLE * np.count_nonzero(varied)) else varied


def _envelope(mean: NDArray[np.float64], var: NDArray[np.float64], least: float) -> tuple[float, float, float, float]:
    """(read_var, gain, lowest, highest): the lower envelope of variance over brightness, and the range it was seen in.

    Low quantiles of equally filled brightness bins, then a line by weighted least squares in which a bin above the
    line counts less: structure lifts bins, nothing but chance lowers them.
    """
    order = np.argsort(mean)
    bins = np.array_split(order, int(np.clip(len(order) // _BLOCKS_A_BIN, 1, _BINS)))
    x = np.array([mean[b].mean() for b in bins])
    y = np.array([max(float(np.quantile(var[b], _QUANTILE)) / _QUANTILE_BIAS, least) for b in bins])
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
