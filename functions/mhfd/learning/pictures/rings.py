"""How well a picture foretells another take of its field, ring by ring of their Fourier transforms.

The noise of the other take is independent of the picture, whatever made it: so it adds to each way of making one the
same, and what a way gains here it gains on the clean picture that nobody has. The plain correlation of a ring does not
see how strong a ring is, so a filter that is the same all around (a Gaussian) has that of the image as it came: it is
shown, and `agreement` decides. Knows no package and no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError

RINGS: Final = 24
"""From next to nothing up to half a cycle a pixel, all as wide."""
LEAST: Final = 64
_LARGEST: Final = 2048
"""Pixels along a side: of a larger picture the middle."""


@dataclass(frozen=True, eq=False)
class RingAgreement:
    """Two pictures of one field, ring by ring from coarse to fine."""

    correlation: NDArray[np.float64]
    """Of each ring: 1 is the same, 0 has nothing to do with it."""
    foretold: NDArray[np.float64]
    """Of each ring: the part of the other take that is in the picture, its strength with it. Below 0: without the
    picture less would be wrong."""

    @property
    def mean_correlation(self) -> float:
        """Over the rings."""
        return float(self.correlation.mean())

    @property
    def agreement(self) -> float:
        """The mean over the rings of what is foretold: at most 1, and less the more noise the other take has."""
        return float(self.foretold.mean())


def rings_of(picture: NDArray[Any], other: NDArray[Any]) -> RingAgreement:
    """A picture of a field beside another take of it, pixel upon pixel.

    Args:
        picture: As it was made of one take.
        other: The other take as it came.
    """
    if picture.shape != other.shape or picture.ndim != 2 or min(picture.shape) < LEAST:
        raise UsageError(
            f"pictures: expected two of one field, {LEAST} pixels a side at least, got {picture.shape} and "
            f"{other.shape} pixels"
        )
    made, seen = _spectrum(picture), _spectrum(other)
    at = _ring_of(seen.shape, _middle(picture).shape)
    inside = at < RINGS
    ring = at[inside]

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(ring, values[inside], RINGS), np.float64)

    both, of_made, of_seen = summed((made * seen.conj()).real), summed(np.abs(made) ** 2), summed(np.abs(seen) ** 2)
    wrong = summed(np.abs(seen - made) ** 2)
    length = np.sqrt(of_made * of_seen)
    correlation = np.divide(both, length, out=np.zeros(RINGS), where=length > 0)
    foretold = 1 - np.divide(wrong, of_seen, out=np.ones(RINGS), where=of_seen > 0)
    return RingAgreement(correlation, foretold)


def psnr(picture: NDArray[Any], truth: NDArray[Any]) -> float:
    """Decibels of a picture over what it lacks of the clean one: the range of the clean picture's grey values."""
    clean = np.asarray(truth, np.float64)
    spread = float(clean.max() - clean.min())
    lacks = float(np.mean((np.asarray(picture, np.float64) - clean) ** 2))
    return float(10 * np.log10(max(spread, 1e-12) ** 2 / max(lacks, 1e-12)))


def _middle(picture: NDArray[Any]) -> NDArray[Any]:
    top, left = (max(0, (side - _LARGEST) // 2) for side in picture.shape)
    return picture[top : top + _LARGEST, left : left + _LARGEST]


def _spectrum(picture: NDArray[Any]) -> NDArray[np.complex128]:
    """Of the middle, faded out towards its edges: what lies on two sides of an edge is no detail."""
    some = np.asarray(_middle(picture), np.float64)
    window = np.hanning(some.shape[0] + 2)[1:-1, None] * np.hanning(some.shape[1] + 2)[1:-1]
    level = float((some * window).sum() / window.sum())
    return np.fft.rfft2((some - level) * window)


def _ring_of(spectrum: tuple[int, ...], picture: tuple[int, ...]) -> NDArray[np.intp]:
    """The ring of each place of a half spectrum; `RINGS` and more lie outside."""
    down, right = np.fft.fftfreq(picture[0]), np.fft.rfftfreq(picture[1])
    radius = np.hypot(down[:, None], right[None, : spectrum[1]])
    return np.asarray((radius * (2 * RINGS)).astype(np.intp))
