"""The same grey values: an image's quantiles are put where those of the training side lie, whatever curve it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.preparation.step import Pixels, checked_numbers

_QUANTILES: Final = (0.2, 2, 10, 25, 50, 75, 90, 98, 99.8)
_SAMPLE: Final = 65_536


@dataclass(frozen=True)
class Stretch:
    """Where the quantiles lie, the first at 0 and the last at 1."""

    places: tuple[float, ...]
    name: ClassVar[str] = "stretch"

    @property
    def numbers(self) -> tuple[float, ...]:
        """See `PreparationStep`."""
        return self.places

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """See `PreparationStep`."""
        places = checked_numbers(cls.name, numbers, len(_QUANTILES))
        if any(later < earlier for earlier, later in pairwise(places)):
            raise UsageError(f"preparation: stretch has numbers that do not fall, got {list(numbers)}")
        return cls(places)

    @classmethod
    def fit(cls, images: Sequence[Pixels]) -> Self:
        """See `PreparationStep`."""
        each = [found for image in images if (found := _quantiles(image))[-1] > found[0]]
        related = [(found - found[0]) / (found[-1] - found[0]) for found in each]
        return cls.of(np.mean(related or [np.linspace(0, 1, len(_QUANTILES))], axis=0).tolist())

    def apply(self, pixels: Pixels) -> Pixels:
        """See `PreparationStep`."""
        found = _quantiles(pixels)
        kept = np.concatenate([[True], np.diff(found) > 0])
        if np.count_nonzero(kept) < 2:
            return np.zeros_like(pixels)
        return np.asarray(np.interp(pixels, found[kept], np.array(self.places)[kept]), np.float32)


def _quantiles(pixels: Pixels) -> NDArray[np.float64]:
    every = max(1, pixels.size // _SAMPLE)
    found: NDArray[np.float64] = np.percentile(pixels.ravel()[::every].astype(np.float64), _QUANTILES)
    return found
