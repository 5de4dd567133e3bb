"""Whether contrast is lost in one direction more than in another, and in which part of the spectrum.

The second harmonic of the logarithm of power around a ring: an ellipse of blur has one, tissue without a grain has
next to none. Its part along the scan lines is told apart, since what the scan does lies along them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import WAYS
from mhfd.learning.features.contrast import Contrast
from mhfd.learning.features.look import Look

BANDS: Final = {"coarse": (0.06, 0.1), "middle": (0.1, 0.13), "fine": (0.13, 0.2), "finest": (0.2, 0.31)}
"""Cycles a pixel. Coarser rings have directions without any frequency."""
NAMES: Final = (
    *(f"angular_{band}" for band in BANDS),
    *(f"along_{band}" for band in BANDS),
    "angular_steep",
    "along_noise",
)


def measure(look: Look) -> NDArray[np.float64]:
    """The harmonic's size in each band, its part along the lines, how it grows, and the noise's along the lines."""
    if look.fine is None or (contrast := Contrast.of(look.fine)) is None:
        return np.zeros(len(NAMES))
    turns = np.exp(2j * np.pi * np.arange(WAYS) / WAYS)  # a direction and its opposite are one
    harmonics = np.array([contrast.ways(*band) @ turns * 2 / WAYS for band in BANDS.values()])
    noise = look.fine.noise.along
    far = max(len(noise) // 4, 1)
    colour = np.log(max(noise[2:far].mean(), 1e-6) / max(noise[-far:].mean(), 1e-6))
    return np.array([*np.abs(harmonics), *harmonics.real, abs(harmonics[2] - harmonics[0]), colour])
