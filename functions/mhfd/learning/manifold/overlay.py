"""Do two images show the same field, and how far is one shifted against the other? Blur of either does not matter.

By correlation of what both show from coarse to middling fine: a blur takes the fine part and leaves the coarse one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Plane = NDArray[np.float32]
_LONGEST: Final = 512  # pixels of the longer side that are correlated: means of blocks of larger images
_LEAST_CYCLES: Final = 3.0  # over the shorter side: what is coarser is light and shade
_FINEST: Final = (0.12, 0.05, 0.028)  # cycles a pixel: what is finer may be upside down in one that is far out of focus
_NEAR: Final = 0.05  # of the shorter side, pixels: so far a field strays by itself
_LEAST_NEAR: Final = 16  # pixels
_OWN: Final = 4  # pixels around a peak that are its own
_FADED: Final = 0.1  # of each side: its ends do not meet
_BETTER: Final = 1.25  # times another: less is chance
_TINY: Final = 1e-30


@dataclass(frozen=True, slots=True)
class Match:
    """How two images lie on each other."""

    shift_px: tuple[int, int]
    """So many rows and columns further down and right lies in the second what the first shows."""
    agreement: float
    """Correlation at this shift: 1 the same, 0 another field, or nothing but noise."""
    stands_out: float
    """The same in standard deviations of that at other shifts: above 8 it is no chance, near no shift above 6."""


def strays_px(shape: tuple[int, ...]) -> int:
    """How far one image may be shifted without a word, along each side."""
    return max(_LEAST_NEAR, int(_NEAR * min(shape)))


def matched(a: Plane, b: Plane) -> Match:
    """The shift at which they agree best; one that is small is taken if it is hardly worse than another."""
    factor = max(1, -(-max(a.shape) // _LONGEST))
    small = [_faded(_reduced(plane, factor)) for plane in (a, b)]
    height, width = small[0].shape
    first, second = (scipy.fft.rfft2(plane) for plane in small)
    down, along = scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width)[None, :]
    radius = np.hypot(down, along)
    off = (np.abs(down) * height > 0.5) & (along * width > 0.5)  # rows of unequal brightness lie on the axes
    power = [spectrum.real**2 + spectrum.imag**2 for spectrum in (first, second)]
    # Half-way from plain to phase correlation, so that neither the coarsest nor noise has all the say.
    weight = off / np.maximum((power[0] * power[1]) ** 0.25, _TINY)
    cross = np.conj(first) * second * weight
    best: Match | None = None
    for finest in _FINEST:
        band = (radius * min(height, width) >= _LEAST_CYCLES) & (radius <= finest)
        surface = scipy.fft.irfft2(cross * band, s=(height, width))
        scale = [float(scipy.fft.irfft2(one * weight * band, s=(height, width))[0, 0]) for one in power]
        surface /= max((scale[0] * scale[1]) ** 0.5, _TINY)
        found = _peak(surface, factor, _OWN if finest > 0.1 else 2 * _OWN, strays_px(a.shape) // factor)
        if best is None or found.stands_out > _BETTER * best.stands_out:
            best = found
    assert best is not None  # noqa: S101  there are bands
    return best


def _peak(surface: NDArray[Any], factor: int, own: int, near: int) -> Match:
    """The best place, or one near no shift that is nearly as good."""
    centred = np.roll(surface, (near, near), axis=(0, 1))[: 2 * near + 1, : 2 * near + 1]
    row, column = (int(at) - near for at in np.unravel_index(int(centred.argmax()), centred.shape))
    far = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[far] > _BETTER * centred.max():
        row, column = (int(at if 2 * at <= side else at - side) for at, side in zip(far, surface.shape, strict=True))
    value = float(surface[row, column])
    around = np.roll(surface, (own - row, own - column), axis=(0, 1))
    around[: 2 * own + 1, : 2 * own + 1] = 0
    return Match((row * factor, column * factor), value, value / max(float(around.std()), _TINY))


def _reduced(plane: Plane, factor: int) -> Plane:
    if factor == 1:
        return plane
    height, width = (side // factor * factor for side in plane.shape)
    blocks = plane[:height, :width].reshape(height // factor, factor, width // factor, factor)
    mean: Plane = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def _faded(plane: Plane) -> Plane:
    """Towards its mean at the ends."""
    faded: Plane = plane - plane.mean()
    for axis, side in enumerate(plane.shape):
        ramp = np.ones(side, np.float32)
        part = max(1, int(side * _FADED))
        ramp[:part] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(part) + 0.5) / part)
        ramp[-part:] = ramp[:part][::-1]
        faded *= ramp[:, None] if axis == 0 else ramp[None, :]
    return faded
