"""What the detector makes of the signal: electrons, their noise, and grey values.

Must not know what the picture shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.simulate.checks import check_range
from mhfd.simulate.fields import Plane

_ROUNDED = 1 / 12 + 1 / 18
"""Variance that rounding and the second-order term add."""

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

    def __post_init__(self) -> None:
        check_range("exposure.dose", self.dose, 0, 1e6, above=True)
        check_range("exposure.read_noise", self.read_noise, 0, 1e4)
        check_range("exposure.contrast", self.contrast, 0, 100)
        check_range("exposure.brightness", self.brightness, -2, 2)
        if self.bits not in (8, 16):
            raise UsageError(f"exposure.bits: {self.bits!r} is not offered; give 8 or 16")


def expose(signal: Plane, exposure: Exposure, rng: np.random.Generator) -> Grey:
    """One take.

    Poisson numbers by Cornish and Fisher's expansion of a normal one: mean, variance and skewness are Poisson's, and
    each pixel uses one random number whatever its signal, so that a change of one pixel leaves the noise of all others.
    """
    normal = rng.standard_normal(signal.shape, dtype=np.float32)
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
    if exposure.read_noise > 0:
        rng.standard_normal(signal.shape, dtype=np.float32, out=normal)
        normal *= np.float32(exposure.read_noise)
        electrons += normal
    top = 2**exposure.bits - 1
    electrons *= np.float32(top * exposure.contrast / exposure.dose)
    electrons += np.float32(top * (0.5 - 0.5 * exposure.contrast + exposure.brightness))
    np.rint(electrons, out=electrons)
    np.clip(electrons, 0, top, out=electrons)
    return electrons.astype(np.uint8) if exposure.bits == 8 else electrons.astype(np.uint16)
