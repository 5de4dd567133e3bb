"""A sharp image -> the same field out of focus, with noise as strong as before at every frequency that shows noise.

Who blurs an image that was taken blurs its noise too, and a learner then learns to tell smooth noise from rough: .997
in training, .525 on images that were really out of focus. `mhfd.simulate.planting` puts back what blurring took of the
noise, by a model; what is left of a difference above `_FROM` is measured here and evened out. Must not know of rows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError

Plane = NDArray[np.float32]
FINE: Final = 0.45
"""Cycles a pixel: above this, sharp and blurred are to have the same power."""
EQUAL: Final = 0.05
"""How far the two may be apart, as a part of it."""
_FROM: Final = 0.38  # cycles a pixel; from here to `FINE` the correction sets in
_BLOCK: Final = 64  # pixels: powers are measured in blocks of this side
_SMOOTH: Final = ((100, 3), (25, 5), (0, 9))  # frequencies over which is averaged, down and along, from so many blocks
_PLACE: Final = 96  # pixels around a place, whose fine power is to stay
_PASSES: Final = 3  # rounding to grey values and cutting off answer to each correction
_MOST: Final = 4.0  # of a correction of the power
_BLOCKS_AT_ONCE: Final = 256


def blurred(pixels: NDArray[Any], radius_px: float, *, seed: int = 0) -> NDArray[Any]:
    """The image behind a disc of this radius; of the same type.

    Args:
        pixels: A sharp image, grey, of at least 64 pixels a side.
        radius_px: Of the disc.
        seed: Of the noise that is put back.
    """
    from mhfd.simulate.planting import LEAST, FaultKind, PlantedFault, plant  # brings SciPy

    if pixels.ndim != 2 or min(pixels.shape) < LEAST:
        raise UsageError(f"pixels: expected a grey image of at least {LEAST} x {LEAST}, got {pixels.shape}")
    fault = PlantedFault(kind=FaultKind.DEFOCUS, size=float(radius_px))
    plane: Plane = plant(pixels.astype(np.float32), fault, seed=seed)
    power, place = _power(pixels), _by_place(pixels)
    done = _as_stored(plane, pixels.dtype)
    for _ in range(_PASSES):
        plane = _evened(plane, np.sqrt(_ratio(power, _power(done))))
        done = _as_stored(plane, pixels.dtype)
        fine = _fine(plane)
        fine *= np.sqrt(_ratio(place, _by_place(done))) - 1
        plane += fine
        done = _as_stored(plane, pixels.dtype)
    return done


def _power(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Of the image's blocks, at each frequency of one, averaged over those near it."""
    window = np.hanning(_BLOCK + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window
    step = _BLOCK // 2
    corners = [
        (y, x)
        for y in range(0, pixels.shape[0] - _BLOCK + 1, step)
        for x in range(0, pixels.shape[1] - _BLOCK + 1, step)
    ]
    total = np.zeros((_BLOCK, _BLOCK))
    for first in range(0, len(corners), _BLOCKS_AT_ONCE):
        some = corners[first : first + _BLOCKS_AT_ONCE]
        blocks = np.stack([pixels[y : y + _BLOCK, x : x + _BLOCK] for y, x in some]).astype(np.float32)
        blocks -= blocks.mean(axis=(1, 2), keepdims=True)
        blocks *= window
        spectra = np.fft.fft2(blocks)
        total += (spectra.real**2 + spectra.imag**2).sum(axis=0, dtype=np.float64)
    total /= len(corners)
    half = next(over for least, over in _SMOOTH if len(corners) >= least) // 2
    lines = [np.roll(total, shift, axis=0) for shift in range(-half, half + 1)]
    down: NDArray[np.float64] = np.mean(lines, axis=0)
    both: NDArray[np.float64] = np.mean([np.roll(down, shift, axis=1) for shift in range(-half, half + 1)], axis=0)
    return both


def _ratio(wanted: NDArray[Any], have: NDArray[Any]) -> NDArray[Any]:
    """Of two powers, within `_MOST`; 1 where there is none."""
    least = 1e-9 * max(float(wanted.max()), float(have.max()), 1e-30)
    return np.clip((wanted + least) / (have + least), 1 / _MOST, _MOST)


def _fine(plane: NDArray[Any]) -> Plane:
    """What of an image is above `_FROM`, wholly from `FINE` on."""
    down, along = np.fft.fftfreq(plane.shape[0]), np.fft.rfftfreq(plane.shape[1])
    spectrum = np.fft.rfft2(plane.astype(np.float32)) * _share(down, along)
    return np.fft.irfft2(spectrum, s=plane.shape).astype(np.float32)


def _by_place(pixels: NDArray[Any]) -> Plane:
    """The power of what is fine, around each place."""
    from scipy.ndimage import uniform_filter

    power: Plane = uniform_filter(_fine(pixels) ** 2, _PLACE, mode="reflect")
    return np.maximum(power, 0)


def _share(down: NDArray[Any], along: NDArray[Any]) -> Plane:
    radius = np.hypot(down[:, None], along[None, :]).astype(np.float32)
    share: Plane = np.clip((radius - np.float32(_FROM)) / np.float32(FINE - _FROM), 0, 1)
    return share


def _evened(plane: Plane, factor: NDArray[np.float64]) -> Plane:
    """Each frequency above `_FROM` times the factor of the block's frequency that is nearest."""
    side = len(factor)
    down, along = np.fft.fftfreq(plane.shape[0]), np.fft.rfftfreq(plane.shape[1])
    rows, columns = (np.rint(frequency * side).astype(int) % side for frequency in (down, along))
    gain = 1 + _share(down, along) * (factor.astype(np.float32)[rows[:, None], columns[None, :]] - 1)
    return np.fft.irfft2(np.fft.rfft2(plane) * gain, s=plane.shape).astype(np.float32)


def _as_stored(plane: Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return plane.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(plane), limits.min, limits.max).astype(dtype)
