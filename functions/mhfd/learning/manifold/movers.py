"""Three ways to learn from recorded moves: PCA with ridge regression, locally-linear embedding, diffusion maps.

All numbers of a pair change their signs when its images are exchanged, and so does what is to be learned: nothing here
has an intercept, and what is said of a pair is what is said of the exchanged one with the other sign. One column is
learned at a time; an image is never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra
from mhfd.learning.learners.folds import grouped_folds
from mhfd.learning.manifold.diffusion import DiffusionMap

Floats = NDArray[np.float64]

_FLOOR: Final = 0.05
"""Added to the size of each number: one that hardly varies is noise, and stays small."""
_COMPONENTS: Final = (1, 2, 3, 4, 6, 8)
_RIDGES: Final = (0.01, 0.1, 1.0)
_MOST_FOLDS: Final = 12
_USUAL: Final = 1.5
"""Rows whose target is more than so many times the usual one count half, and less beyond: who is far out looks again
after the first step, and where the focus is found at last is decided near it."""
_TURNS: Final = 4
"""Of the weighing of rows."""
_OUTLYING: Final = 1.5
"""Residuals beyond so many standard deviations count less: a hand errs."""
_NEIGHBOURS: Final = 5
_LLE_NEIGHBOURS: Final = 12
_LLE_COORDINATES: Final = 3
_DIFFUSION_COORDINATES: Final = 4
_TINY: Final = 1e-9


class FittedMover(Protocol):
    """What a learner became."""

    @property
    def chosen(self) -> dict[str, float]:
        """What was chosen inside the fold."""
        ...

    def predict(self, values: NDArray[Any]) -> Floats:
        """What is said of each row."""
        ...


class MoveLearner(Protocol):
    """One way to learn."""

    @property
    def name(self) -> str:
        """As people type it."""
        ...

    @property
    def why_not_exported(self) -> str | None:
        """Why what it becomes cannot be a package; None: it can."""
        ...

    def fit(self, values: Floats, target: Floats, *, specimens: Sequence[str], seed: int) -> FittedMover:
        """Learn from rows; the same rows and seed give the same."""
        ...


@dataclass(frozen=True, eq=False)
class LinearMover:
    """A weight for each number."""

    weights: Floats
    chosen: dict[str, float]
    held: float = np.inf
    """How far it was off in specimens held back, when that was chosen."""

    def predict(self, values: NDArray[Any]) -> Floats:
        """See `FittedMover`."""
        said = np.asarray(values, np.float32) @ self.weights.astype(np.float32)  # as a graph calculates
        return said.astype(np.float64)


@dataclass(frozen=True)
class PcaRidge:
    """Principal components, and a ridge regression on them in which outlying rows count less."""

    name: str = "pca"
    why_not_exported: str | None = None

    def fit(self, values: Floats, target: Floats, *, specimens: Sequence[str], seed: int) -> LinearMover:
        """How many components and how strong the ridge are chosen by specimens held back."""
        scale = np.sqrt(np.square(values).mean(axis=0) + _FLOOR**2)
        scaled = values / scale
        directions = np.linalg.svd(scaled, full_matrices=False)[2]
        usual = max(_USUAL * float(np.median(np.abs(target))), _TINY)
        count = 1 / (1 + (target / usual) ** 2)
        folds = list(grouped_folds(specimens, seed=seed, parts=_MOST_FOLDS))
        best = (np.inf, 1, _RIDGES[-1])
        for number in [number for number in _COMPONENTS if number <= len(directions)]:
            parts = scaled @ directions[:number].T
            for ridge in _RIDGES:
                off = [
                    np.sqrt(count[asked])
                    * np.abs(
                        parts[asked] @ _weighed(parts[taught], target[taught], count[taught], ridge) - target[asked]
                    )
                    for taught, asked in folds
                ]
                if off:
                    best = min(best, (float(np.concatenate(off).mean()), number, ridge))
        held, number, ridge = best
        kept = directions[:number]
        weights = kept.T @ _weighed(scaled @ kept.T, target, count, ridge) / scale
        return LinearMover(weights, {"components": float(number), "ridge": ridge}, held)


def _weighed(values: Floats, target: Floats, count: Floats, ridge: float) -> Floats:
    """Ridge regression through 0 of rows that count so much; what lies far off counts less (Huber)."""
    now, found = count, np.zeros(values.shape[1])
    for _ in range(_TURNS):
        weighed = values * now[:, None]
        found = np.asarray(
            np.linalg.solve(weighed.T @ values + ridge * np.eye(values.shape[1]), weighed.T @ target), np.float64
        )
        off = np.abs(target - values @ found) * np.sqrt(count)
        spread = 1.4826 * float(np.median(off)) + _TINY
        now = count * np.minimum(1.0, _OUTLYING * spread / np.maximum(off, _TINY))
    return found


class _Embedding(Protocol):
    """Rows -> coordinates."""

    def place(self, rows: Floats) -> Floats:
        """Where rows lie."""
        ...


@dataclass(frozen=True, eq=False)
class PlacedMover:
    """Coordinates of what was taught, and the mean of the nearest there."""

    scale: Floats
    embedding: _Embedding
    at: Floats
    target: Floats
    chosen: dict[str, float] = field(default_factory=dict)

    def predict(self, values: NDArray[Any]) -> Floats:
        """See `FittedMover`."""
        rows = np.asarray(values, np.float64) / self.scale
        if not len(rows):
            return np.empty(0)
        said: Floats = (self._near(rows) - self._near(-rows)) / 2
        return said

    def _near(self, rows: Floats) -> Floats:
        from scipy.spatial import cKDTree

        near = min(_NEIGHBOURS, len(self.at))
        apart, which = cKDTree(self.at).query(self.embedding.place(rows), k=list(range(1, near + 1)))
        weight = 1.0 / np.maximum(apart, _TINY)
        mean: Floats = (weight * self.target[which]).sum(axis=1) / weight.sum(axis=1)
        return mean


def _both_ways(values: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
    """Scale, and the rows with what they are when A and B are exchanged."""
    scale = np.sqrt(np.square(values).mean(axis=0) + _FLOOR**2)
    scaled = values / scale
    return scale, np.concatenate([scaled, -scaled]), np.concatenate([target, -target])


@dataclass(frozen=True)
class LleNeighbours:
    """Locally-linear embedding, and the nearest neighbours in it."""

    name: str = "lle"
    why_not_exported: str | None = "a package holds plain arithmetic, and neighbours in an embedding are looked up"

    def fit(self, values: Floats, target: Floats, *, specimens: Sequence[str], seed: int) -> PlacedMover:
        """Nothing is chosen."""
        with needing_extra("learn", "locally-linear embedding is scikit-learn's"):
            from sklearn.manifold import LocallyLinearEmbedding

        scale, rows, both = _both_ways(values, target)
        made = LocallyLinearEmbedding(
            n_neighbors=min(_LLE_NEIGHBOURS, len(rows) - 1),
            n_components=min(_LLE_COORDINATES, rows.shape[1]),
            reg=1e-2,
            eigen_solver="dense",
            random_state=seed,
        ).fit(rows)
        spread = np.maximum(made.embedding_.std(axis=0), _TINY)
        return PlacedMover(scale, _LleEmbedding(made, spread), made.embedding_ / spread, both)


@dataclass(frozen=True, eq=False)
class _LleEmbedding:
    made: Any
    spread: Floats

    def place(self, rows: Floats) -> Floats:
        """See `_Embedding`."""
        placed: Floats = self.made.transform(rows) / self.spread
        return placed


@dataclass(frozen=True)
class DiffusionNeighbours:
    """Diffusion maps, and the nearest neighbours in them."""

    name: str = "diffusion"
    why_not_exported: str | None = "a package holds plain arithmetic, and neighbours in an embedding are looked up"

    def fit(self, values: Floats, target: Floats, *, specimens: Sequence[str], seed: int) -> PlacedMover:
        """Nothing is chosen."""
        scale, rows, both = _both_ways(values, target)
        made = DiffusionMap.of(rows, min(_DIFFUSION_COORDINATES, len(rows) - 1))
        return PlacedMover(scale, made, made.place(rows), both)


MOVE_LEARNERS: Final[dict[str, MoveLearner]] = {
    one.name: one for one in (PcaRidge(), LleNeighbours(), DiffusionNeighbours())
}
"""By the names that people type; the first is the usual one."""


def folds_of(specimens: Sequence[str], *, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each specimen held back in its turn; several together where there are many."""
    yield from grouped_folds(specimens, seed=seed, parts=_MOST_FOLDS)
