"""What every step of a preparation is, and what it may rely on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError

Pixels = NDArray[np.float32]
"""A picture, finite."""


class PreparationStep(Protocol):
    """One thing that is done to pixels, with what it learned of the images that it was fitted on."""

    name: ClassVar[str]

    @property
    def numbers(self) -> tuple[float, ...]:
        """What it learned."""
        ...

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """From those numbers."""
        ...

    @classmethod
    def fit(cls, images: Sequence[Pixels]) -> Self:
        """From images; at least one."""
        ...

    def apply(self, pixels: Pixels) -> Pixels:
        """The picture, prepared: of the same shape."""
        ...


def checked_numbers(name: str, numbers: Sequence[float], count: int, most: float = 1e6) -> tuple[float, ...]:
    """So many finite numbers, none larger than the most."""
    if len(numbers) != count or not all(math.isfinite(n) and abs(n) <= most for n in numbers):
        raise UsageError(f"preparation: {name} has {count} numbers of at most {most:g}, got {list(numbers)}")
    return tuple(float(f"{n:.6g}") for n in numbers)


def finite(pixels: NDArray[Any]) -> Pixels:
    """A picture in floating point, nothing in it beyond what can be squared."""
    plane = np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(plane, -1e15, 1e15).astype(np.float32)
