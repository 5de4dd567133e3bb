"""Rows to learn from, made up: groups that differ more from each other than good images from bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """What a learner is given."""

    values: NDArray[np.float32]
    bad: NDArray[np.float64]
    cause: NDArray[np.float64]
    radius_px: NDArray[np.float64]
    groups: list[str]

    @property
    def halves(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The first groups, and the others."""
        first = np.isin(self.groups, sorted(set(self.groups))[::2])
        return np.flatnonzero(first), np.flatnonzero(~first)


def rows(*, groups: int = 6, each: int = 20, columns: int = 12, seed: int = 0, **_: Any) -> Rows:
    """The first two columns tell, the others do not; one never varies. Columns differ in size by a factor of 10,000."""
    drawn = np.random.default_rng(seed)
    count = groups * each
    radius = np.where(drawn.random(count) < 0.5, 0.0, drawn.uniform(1.0, 12.0, count))
    cause = drawn.integers(0, 3, count).astype(float) * 2  # 0, 2 and 4 of more: the others were never seen
    values = drawn.standard_normal((count, columns))
    values[:, 0] = np.log(radius + 0.5) + 0.3 * drawn.standard_normal(count)
    values[:, 1] = cause + 0.5 * drawn.standard_normal(count)
    values[:, 2] = 7.0
    values *= np.geomspace(0.01, 100, columns)
    values += 3.0
    named = [f"scope/{number % groups}/monday" for number in range(count)]
    return Rows(values.astype(np.float32), (radius > 0).astype(float), cause, radius, named)
