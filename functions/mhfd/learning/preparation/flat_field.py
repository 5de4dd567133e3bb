"""Even light: what all images of the training side have in common, their pictures being different, is the instrument's.

A bowl is fitted to each image's brightness, relative to its mean; the median of the bowls is divided out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.preparation.step import Pixels, checked_numbers

_TERMS: Final = 5
_PARTS: Final = 16
"""Parts along a side of an image, whose means the bowl goes through."""
_LEAST: Final = 0.2
"""Of the mean: light that is divided by is no weaker."""


@dataclass(frozen=True)
class FlatField:
    """The bowl: down, along, down^2, along^2, down*along; places from -.5 to .5, light relative to its mean."""

    bowl: tuple[float, ...]
    name: ClassVar[str] = "flat_field"

    @property
    def numbers(self) -> tuple[float, ...]:
        """See `PreparationStep`."""
        return self.bowl

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """See `PreparationStep`."""
        return cls(checked_numbers(cls.name, numbers, _TERMS, 100))

    @classmethod
    def fit(cls, images: Sequence[Pixels]) -> Self:
        """See `PreparationStep`."""
        bowls = np.median([_bowl(image) for image in images], axis=0)
        return cls(checked_numbers(cls.name, np.clip(bowls, -100, 100).tolist(), _TERMS, 100))

    def apply(self, pixels: Pixels) -> Pixels:
        """See `PreparationStep`."""
        rows, cols = pixels.shape
        light = 1 + sum(
            (number * term for number, term in zip(self.bowl, _terms(rows, cols), strict=True)), np.zeros((rows, cols))
        )
        return np.asarray(pixels / np.maximum(light, _LEAST), np.float32)


def _bowl(image: Pixels) -> NDArray[np.float64]:
    rows, cols = (min(_PARTS, size) for size in image.shape)
    down, along = (np.arange(count) * size // count for count, size in zip((rows, cols), image.shape, strict=True))
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float64), down, axis=0), along, axis=1)
    areas = np.outer(np.diff([*down, image.shape[0]]), np.diff([*along, image.shape[1]]))
    means = sums / areas
    middle = float(means.mean())
    if middle == 0:
        return np.zeros(_TERMS)
    design = np.stack([np.ones((rows, cols)), *_terms(rows, cols)], axis=2).reshape(-1, 1 + _TERMS)
    found, *_ = np.linalg.lstsq(design, means.ravel() / middle - 1, rcond=None)
    bowl: NDArray[np.float64] = found[1:]
    return bowl


def _terms(rows: int, cols: int) -> list[NDArray[np.float64]]:
    """With a mean of 0 each, so that none changes an image's own."""
    y, x = (np.linspace(-0.5, 0.5, size) if size > 1 else np.zeros(1) for size in (rows, cols))
    down, along = np.broadcast_to(y[:, None], (rows, cols)), np.broadcast_to(x[None, :], (rows, cols))
    return [term - term.mean() for term in (down, along, down**2, along**2, down * along)]
