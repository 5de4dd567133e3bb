"""Which of a family of blurs turns sharp images' profile into this one: weighted least squares.

The coarse part that profiles are related to may itself stray: a constant is free, and held near 0. It knows no kind of
blur but by its models, and decides nothing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_COARSE_SD: Final = 0.2  # how far the coarse part strays, as a logarithm
_MODEL_SD: Final = 0.03  # how well any model is known, in each ring
_SEEN: Final = 3  # rings that must be seen


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """How one profile differs from another, where both are seen."""

    value: Values
    variance: Values

    @classmethod
    def of(cls, value: Values, variance: Values) -> "Difference":
        """With what no model can explain."""
        return cls(value, variance + _MODEL_SD**2)

    def part(self, rings: slice) -> "Difference":
        """Some rings of it."""
        return Difference(self.value[rings], self.variance[rings])


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The best of a family."""

    best: int
    """Its row among the models."""
    misfit: float
    """Chi squared."""
    rings: int
    """How many were seen."""
    curve: Values
    """Chi squared of each model."""

    @property
    def reduced(self) -> float:
        """Chi squared a degree of freedom."""
        return self.misfit / max(self.rings - 2, 1)


def fit(difference: Difference, models: Values) -> Fit | None:
    """None where too little is seen."""
    seen = np.isfinite(difference.value) & np.isfinite(difference.variance)
    rings = int(seen.sum())
    if rings < _SEEN:
        return None
    weight = 1 / difference.variance[seen]
    left = difference.value[seen] - models[:, seen]
    constant = left @ weight / (weight.sum() + _COARSE_SD**-2)
    curve = ((left - constant[:, None]) ** 2) @ weight + (constant / _COARSE_SD) ** 2
    best = int(curve.argmin())
    return Fit(best, float(curve[best]), rings, curve)


def finest(found: Fit, sizes: Values) -> float:
    """The size of the best, between the models: where the parabola through three of them is lowest."""
    i = found.best
    if not 0 < i < len(sizes) - 1:
        return float(sizes[i])
    (x0, x1, x2), (a, b, c) = sizes[i - 1 : i + 2], found.curve[i - 1 : i + 2]
    below, above = (b - a) / (x1 - x0), (c - b) / (x2 - x1)
    bend = (above - below) / (x2 - x0)
    if bend <= 0:
        return float(sizes[i])
    return float(np.clip((x0 + x1) / 2 - below / (2 * bend), x0, x2))


def doubt(found: Fit, sizes: Values) -> float:
    """Half the range of sizes that fit nearly as well: their chi squared is not more than 1 above the best."""
    limit = found.misfit + 1
    inside = found.curve <= limit
    ends = []
    for step in (-1, 1):
        i = found.best
        while 0 <= i + step < len(sizes) and inside[i + step]:
            i += step
        if not 0 <= i + step < len(sizes):
            ends.append(float(sizes[i]))
            continue
        here, there = found.curve[i], found.curve[i + step]
        ends.append(float(sizes[i] + (sizes[i + step] - sizes[i]) * (limit - here) / (there - here)))
    return (ends[1] - ends[0]) / 2
