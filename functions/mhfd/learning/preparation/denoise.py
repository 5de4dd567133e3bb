"""Less noise: each pixel towards the mean around it, by how much of the variance there is noise (Lee's filter).

How wide "around" is, is fitted: the width whose mean, the pixel itself left out, foretells that pixel best. No clean
image is needed for that, since the noise of one pixel says nothing of its neighbour's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from mhfd.errors import UsageError
from mhfd.learning.preparation.step import Pixels, checked_numbers

_WIDTHS: Final = (3, 5, 7)
_BLOCK: Final = 16
_QUIET: Final = 20
"""Percentile of the blocks' variance that is noise and little else."""


@dataclass(frozen=True)
class Denoise:
    """The side of the square around a pixel."""

    width: int
    name: ClassVar[str] = "denoise"

    @property
    def numbers(self) -> tuple[float, ...]:
        """See `PreparationStep`."""
        return (float(self.width),)

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """See `PreparationStep`."""
        (width,) = checked_numbers(cls.name, numbers, 1)
        if width not in _WIDTHS:
            raise UsageError(f"preparation: denoise has a width of {', '.join(map(str, _WIDTHS))}, got {width:g}")
        return cls(int(width))

    @classmethod
    def fit(cls, images: Sequence[Pixels]) -> Self:
        """See `PreparationStep`."""
        return cls(min(_WIDTHS, key=lambda width: sum(_error(image, width) for image in images)))

    def apply(self, pixels: Pixels) -> Pixels:
        """See `PreparationStep`."""
        mean = _mean(pixels, self.width)
        variance = np.maximum(_mean(pixels * pixels, self.width) - mean * mean, 0)
        kept = np.maximum(variance - _noise(pixels), 0)
        share = np.divide(kept, variance, out=np.zeros_like(variance), where=variance > 0)
        return np.asarray(mean + share * (pixels - mean), np.float32)


def _mean(pixels: Pixels, width: int) -> Pixels:
    from scipy import ndimage

    mean: Pixels = ndimage.uniform_filter(pixels, width, mode="reflect")
    return mean


def _error(image: Pixels, width: int) -> float:
    """How far a pixel is from the mean of those around it, over how far it is from the mean of all."""
    spread = float(image.var())
    if spread <= 0:
        return 0.0
    around = (_mean(image, width) * np.float32(width**2) - image) / np.float32(width**2 - 1)
    return float(np.mean((around - image) ** 2)) / spread


def _noise(pixels: Pixels) -> np.float32:
    """Its variance: of differences that no plane changes, in the quietest parts."""
    rows, cols = (size // _BLOCK * _BLOCK for size in pixels.shape)
    if not rows or not cols:
        return np.float32(0)
    cut = pixels[:rows, :cols]
    diagonal = np.zeros(cut.shape, np.float32)
    diagonal[:-1, :-1] = (cut[:-1, :-1] - cut[:-1, 1:] - cut[1:, :-1] + cut[1:, 1:]) / 2
    blocks = (diagonal**2).reshape(rows // _BLOCK, _BLOCK, cols // _BLOCK, _BLOCK).mean(axis=(1, 3))
    return np.float32(np.percentile(blocks, _QUIET))
