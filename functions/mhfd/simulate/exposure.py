"""What the detector makes of the signal: electrons, their noise, and grey values.

Must not know what the picture shows.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mhfd.errors import UsageError
from mhfd.simulate.checks import check_count, check_range, checked_pair
from mhfd.simulate.fields import Plane

_ROUNDED = 1 / 12 + 1 / 18
"""Variance that rounding and the second-order term add."""
_DECAYED = 9.0
"""After so many decay times nothing is left of an electron's signal, to the precision of the sums."""

Grey = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The detector's settings."""

    dose: float = 200.0
    """Electrons a pixel where the signal is 1."""
    read_noise: float = 2.0
    """Standard deviation, electrons."""
    contrast: float = 1.0
    brightness: float = 0.0
    """Added to the grey value, as a part of the full range."""
    bits: int = 8
    lag_px: float = 0.0
    """Of a slow detector: the time in which an electron's signal decays to 1/e, in pixels along the scan line. Picture
    and noise are smeared alike; only what is read later is not."""
    noise_px: tuple[float, float] = (0.0, 0.0)
    """Grain of the noise, the picture not smeared: standard deviation of the Gaussian by which it is filtered, across
    the scan lines and along them. A pixel's noise is as strong as without."""
    frames: int = 1
    """So many are taken, each with its part of the dose and its own read noise and rounding, and averaged."""

    def __post_init__(self) -> None:
        check_range("exposure.dose", self.dose, 0, 1e6, above=True)
        check_range("exposure.read_noise", self.read_noise, 0, 1e4)
        check_range("exposure.contrast", self.contrast, 0, 100)
        check_range("exposure.brightness", self.brightness, -2, 2)
        if self.bits not in (8, 16):
            raise UsageError(f"exposure.bits: {self.bits!r} is not offered; give 8 or 16")
        check_range("exposure.lag_px", self.lag_px, 0, 50)
        for sigma in checked_pair("exposure.noise_px", self.noise_px, "across the lines, along them"):
            check_range("exposure.noise_px", sigma, 0, 50)
        check_count("exposure.frames", self.frames, 1, 1000)


def expose(signal: Plane, exposure: Exposure, rng: np.random.Generator) -> Grey:
    """One take."""
    if exposure.frames == 1:
        return _frame(signal, exposure, rng)
    each = replace(exposure, dose=exposure.dose / exposure.frames, frames=1)
    total = np.zeros(signal.shape, np.uint32)
    for _ in range(exposure.frames):
        total += _frame(signal, each, rng)
    mean = (total + exposure.frames // 2) // exposure.frames
    return mean.astype(np.uint8) if exposure.bits == 8 else mean.astype(np.uint16)


def _frame(signal: Plane, exposure: Exposure, rng: np.random.Generator) -> Grey:
    """What is read of one scan.

    Poisson numbers by Cornish and Fisher's expansion of a normal one: mean, variance and skewness are Poisson's, and
    each pixel uses one random number whatever its signal, so that a change of one pixel leaves the noise of all others.
    """
    before = int(np.ceil(_DECAYED * exposure.lag_px))  # pixels of the line that are still felt in its first one
    if before:
        signal = np.pad(signal, ((0, 0), (before, 0)), mode="symmetric")
    normal = _grained(rng.standard_normal(signal.shape, dtype=np.float32), exposure.noise_px)
    expected = np.maximum(signal, 0)
    expected *= np.float32(exposure.dose)
    electrons = np.sqrt(np.maximum(expected - np.float32(_ROUNDED), 0))
    electrons *= normal
    electrons += expected
    normal *= normal
    normal -= 1
    normal *= np.float32(1 / 6)
    normal *= expected > 0
    electrons += normal
    np.rint(electrons, out=electrons)
    np.maximum(electrons, 0, out=electrons)
    if before:
        electrons = _lagging(electrons, exposure.lag_px)[:, before:].copy()
    if exposure.read_noise > 0:
        read = _grained(rng.standard_normal(electrons.shape, dtype=np.float32), exposure.noise_px)
        read *= np.float32(exposure.read_noise)
        electrons += read
    top = 2**exposure.bits - 1
    electrons *= np.float32(top * exposure.contrast / exposure.dose)
    electrons += np.float32(top * (0.5 - 0.5 * exposure.contrast + exposure.brightness))
    np.rint(electrons, out=electrons)
    np.clip(electrons, 0, top, out=electrons)
    return electrons.astype(np.uint8) if exposure.bits == 8 else electrons.astype(np.uint16)


def _grained(normal: Plane, sigma: tuple[float, float]) -> Plane:
    """White noise given a grain; its variance stays 1."""
    for axis, px in enumerate(sigma):
        if px > 0:
            reach = int(4 * px + 0.5)
            kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / px) ** 2)
            grain = gaussian_filter1d(normal, px, axis=axis, mode="wrap", truncate=4)
            normal = grain * np.float32(kernel.sum() / np.sqrt((kernel**2).sum()))
    return normal


def _lagging(electrons: Plane, lag_px: float) -> Plane:
    """Each pixel's signal felt in those after it on its line, ever less."""
    left = float(np.exp(-1 / lag_px))
    begin = (left * electrons[:, :1]).astype(np.float64)
    from scipy.signal import lfilter  # most detectors are quick, and it takes as long to load as an image to make

    felt, _ = lfilter([1 - left], [1.0, -left], electrons.astype(np.float64), axis=1, zi=begin)
    smeared: Plane = felt.astype(np.float32)
    return smeared
