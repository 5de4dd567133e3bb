"""How a measure falls with the distance from focus: four laws, fitted to its logarithm, and which of them fits.

Each has three numbers to fit: what the measure is in focus, how fast it falls, and where focus is. Where that is known
there are two. Knows nothing of images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

LAWS: Final[Mapping[str, Callable[[Series], Series]]] = {
    "log-linear": lambda d: -d,
    "log-quadratic": lambda d: -(d**2),
    "quadratic": lambda d: 2 * np.log(np.maximum(1 - d, 1e-9)),
    "inverse square": lambda d: -2 * np.log1p(d),
}
"""log of the measure over its value in focus, by the distance over the law's own length."""
FORMULAS: Final = {
    "log-linear": "a exp(-d/b)",
    "log-quadratic": "a exp(-(d/b)^2)",
    "quadratic": "a (1 - d/b)^2",
    "inverse square": "a / (1 + d/b)^2",
}
_STEPS = 40  # of the length, from which the search for the best one starts


@dataclass(frozen=True, slots=True)
class Fit:
    """A law with its numbers."""

    law: str
    level: float  # log of the measure in focus
    length: float
    focus: float
    rss: float

    def at(self, z: Series) -> Series:
        """The logarithm that it expects."""
        return self.level + LAWS[self.law](np.abs(z - self.focus) / self.length)


def fit(law: str, z: Series, logs: Series, *, focus: float | None = None) -> Fit:
    """By least squares of the logarithm. Without a `focus` it is sought within the series."""
    from scipy import optimize

    def rss(length: float, at: float) -> tuple[float, float]:
        shape = LAWS[law](np.abs(z - at) / length)
        level = float(np.mean(logs - shape))
        return float(np.sum((logs - level - shape) ** 2)), level

    places = np.linspace(z.min(), z.max(), 31) if focus is None else np.array([focus])
    lengths = np.geomspace(np.ptp(z) / 10, np.ptp(z) * 100, _STEPS)
    shapes = LAWS[law](np.abs(z - places[:, None])[:, None, :] / lengths[:, None])
    where, which = np.unravel_index(np.argmin((logs - shapes).var(axis=2)), (len(places), len(lengths)))
    at, length = float(places[where]), float(lengths[which])

    def cost(x: NDArray[np.float64]) -> float:
        return rss(float(np.exp(x[0])), float(x[1]) if focus is None else focus)[0]

    first = [np.log(length), at] if focus is None else [np.log(length)]
    best = optimize.minimize(cost, first, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-10})
    length, at = float(np.exp(best.x[0])), float(best.x[1]) if focus is None else focus
    least, level = rss(length, at)
    return Fit(law, level, length, at, least)


def left_out(law: str, z: Series, logs: Series, *, focus: float | None = None) -> float:
    """Root mean square of what the law, fitted to all others, is off by at each place: leave-one-out."""
    missed = []
    for i in range(len(z)):
        others = np.arange(len(z)) != i
        missed.append(float(logs[i] - fit(law, z[others], logs[others], focus=focus).at(z[i : i + 1])[0]))
    return float(np.sqrt(np.mean(np.square(missed))))


def aic(found: Fit, count: int, *, focus_known: bool) -> float:
    """Akaike's criterion for normal errors of the logarithm: the smaller the better."""
    numbers = 3 if focus_known else 4  # with the errors' own variance
    return float(count * np.log(max(found.rss, 1e-300) / count) + 2 * numbers)
