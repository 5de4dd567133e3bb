"""The spectrum of an image's noise: a level a block, and one shape an image, read from the image itself.

The noise of a scanned image is a product: a spectrum along the lines (a slow detector, averaging, compression) times
one across them. Each is read where the other coordinate is beyond what optics leave of a scene. Noise grows with
brightness and falls where frames are averaged: so the level is the block's own.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.measure import spectra
from mhfd.measure.spectra import BEYOND, SIDE, Spectra

LAGS: Final = 12
"""Pixels over which noise may be shared: its spectrum is a sum of so many cosines."""
_OUTLIER = 2.0  # times the median over blocks: a scene that reaches this far, a block's edge of JPEG
_FAR = int(np.ceil(BEYOND * SIDE))


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSpectrum:
    """Noise power. `level * shape` is that of each block."""

    level: NDArray[np.float64]  # (blocks)
    shape: NDArray[np.float64]  # (RINGS, WAYS); 1 for white noise
    along: NDArray[np.float64]  # (65): along the lines, as found, over the corner
    across: NDArray[np.float64]  # (65)
    plane: NDArray[np.float64]  # (128, 65): the shape at each frequency
    known: float  # standard deviation of the logarithm of the shape


def find(seen: Spectra) -> NoiseSpectrum:
    """The noise of an image's blocks."""
    level = np.maximum(seen.corner, np.finfo(np.float64).tiny)
    along, across = _typical(seen.along / level[:, None]), _typical(seen.across / level[:, None])
    plane = _whole(_smooth(across))[:, None] * _smooth(along)[None, :]
    return NoiseSpectrum(
        level, spectra.folded(plane), along, across, plane, float(np.hypot(0.005, 0.13 / len(seen) ** 0.5))
    )


def _typical(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over blocks, without what only a few of them have; its far part has a mean of 1."""
    middle = np.median(ratios, axis=0)
    mean: NDArray[np.float64] = np.minimum(ratios, _OUTLIER * middle).mean(axis=0)
    far = float(mean[_FAR:].mean())
    return mean / far if far > 0 else np.ones_like(mean)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What noise shared over `LAGS` pixels can look like; the axis itself has no say (lines of unequal brightness)."""
    smooth = np.maximum(_projection() @ values, 0.0)
    far = float(smooth[_FAR:].mean())
    return smooth / far if far > 0 else np.ones_like(smooth)


@cache
def _projection() -> NDArray[np.float64]:
    at = np.arange(SIDE // 2 + 1)
    cosines = np.cos(2 * np.pi / SIDE * at[:, None] * np.arange(LAGS)[None, :])
    weight = np.where((at == 0) | (at == SIDE // 2), 0.5, 1.0) * (at > 1)
    fitted: NDArray[np.float64] = cosines @ np.linalg.pinv(cosines * weight[:, None]) * weight
    return fitted


def _whole(half: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from frequency 0 to 64 and, mirrored, on to -1, as `rfft2` orders rows."""
    return np.concatenate([half, half[-2:0:-1]])
