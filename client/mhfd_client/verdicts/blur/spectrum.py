"""A profile as numbers to reckon with, and as small whole numbers to keep by the ten thousand."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import HALF_EDGES, HALVES, LINE_EDGES, WAY_EDGES, WAYS, WHOLE_EDGES, Profile

Kept = NDArray[np.int16]
"""Levels, then lines, then standard deviations, in hundredths; `HIDDEN` where there is none."""
HIDDEN: Final = np.iinfo(np.int16).min

_PARTS: Final = (len(WHOLE_EDGES) - 1, len(HALVES) * (len(HALF_EDGES) - 1), WAYS * (len(WAY_EDGES) - 1))
_AT: Final = tuple(int(n) for n in np.cumsum((0, *_PARTS)))
WHOLE, HALF, WAY = (slice(a, b) for a, b in pairwise(_AT))
"""Where they lie among the levels."""
LEVELS: Final = _AT[-1]
_LINES: Final = len(LINE_EDGES) - 1
KEPT: Final = 2 * LEVELS + _LINES
"""Numbers that are kept of an image."""


def kept(profile: Profile) -> Kept:
    """What is kept of a profile."""
    levels = (*profile.whole, *profile.halves, *profile.ways, *profile.lines)
    spread = (*profile.whole_sd, *profile.halves_sd, *profile.ways_sd)
    most = np.iinfo(np.int16).max
    return np.array([HIDDEN if n is None else min(max(n, -most), most) for n in (*levels, *spread)], np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One image's, or with one more axis in front several images'. Natural logarithms; NaN: hidden in noise."""

    levels: NDArray[np.float64]
    sd: NDArray[np.float64]
    lines: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: Kept) -> "Spectrum":
        """From what was kept."""
        values = np.where(numbers == HIDDEN, np.nan, numbers / 100.0)
        return cls(values[..., :LEVELS], values[..., LEVELS + _LINES :], values[..., LEVELS : LEVELS + _LINES])
