"""The manifold of well-focused images: what sharp images of recorded moves have in common, and how far others lie off.

An image is a row of `LEVEL_NAMES`. Sharp images differ along a few directions, as tissue does; blur, blank resin or
another kind of specimen leads away from them. Must not know which way the focus lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.learners.folds import grouped_folds
from mhfd.learning.learners.graph import Graph

Floats = NDArray[np.float64]

_SHARP: Final = 0.5
"""Of the images, so many are taken for well-focused: those that were nearest to where the focus was found."""
_FEWEST: Final = 6
_DIRECTIONS: Final = 4
_ROWS_A_DIRECTION: Final = 3
_LEAST: Final = 0.05
"""Spread, in logarithms of power, below which nothing is told apart."""
_BEYOND: Final = 2.0
"""Times the largest distance that was met where it had to be held back: new specimens lie somewhat further out."""


@dataclass(frozen=True, eq=False)
class SharpManifold:
    """A mean, the directions along which sharp images differ, and how far they lie off what these explain."""

    mean: Floats
    off: Floats
    """(levels, levels): what is left of a level when the directions are taken out, over its spread."""
    directions: int
    far: float = np.inf
    """Distances beyond are of nothing that was taught."""

    @classmethod
    def of(cls, levels: Floats, off_um: Floats) -> SharpManifold:
        """Of images, one a row, and how far each was from the focus."""
        count = min(len(levels), max(_FEWEST, round(_SHARP * len(levels))))
        sharp = levels[np.argsort(off_um, kind="stable")[:count]]
        mean = sharp.mean(axis=0)
        directions = max(1, min(_DIRECTIONS, count // _ROWS_A_DIRECTION))
        found = np.linalg.svd(sharp - mean, full_matrices=False)[2][:directions]
        rest = np.eye(levels.shape[1]) - found.T @ found
        free = max(1, count - 1 - len(found))
        spread = np.sqrt(np.square((sharp - mean) @ rest).sum(axis=0) / free) + _LEAST
        return cls(mean, rest / spread, len(found))

    def distance(self, levels: NDArray[Any]) -> Floats:
        """Of each row: the root of the mean square of what the directions do not explain, in spreads."""
        left = (np.asarray(levels, np.float32) - self.mean.astype(np.float32)) @ self.off.astype(np.float32)
        return np.asarray(np.sqrt(np.square(left).mean(axis=1)), np.float64)

    def draw(self, graph: Graph, levels: str) -> str:
        """The same as steps of a graph: a column."""
        left = graph.step("Sub", levels, graph.constant(self.mean.astype(np.float32)[None]))
        left = graph.step("MatMul", left, graph.constant(self.off.astype(np.float32)))
        mean = graph.step("ReduceMean", graph.step("Mul", left, left), axes=[1], keepdims=1)
        return graph.step("Sqrt", mean)


def manifold_of(
    levels: Floats, move_um: Floats, perturbation_um: Floats, together: Floats, specimen: Sequence[str], *, seed: int
) -> SharpManifold:
    """Of pairs: of each, the image nearer to the focus may teach; how far is far is seen in specimens held back.

    Args:
        levels: (rows, 2, levels), of A and of B.
        move_um: Of each pair.
        perturbation_um: Of each pair: A was off by this less the move, B by this and the move.
        together: (rows, levels), of both images: what is asked about later.
        specimen: Of each row.
        seed: Of the folds.
    """
    off = np.abs(np.stack([perturbation_um - move_um, perturbation_um + move_um], axis=1))
    near = off.argmin(axis=1)
    every = np.arange(len(levels))
    sharp, off_um = levels[every, near], off[every, near]
    met = np.zeros(len(levels))
    for taught, asked in grouped_folds(specimen, seed=seed, parts=10):
        met[asked] = SharpManifold.of(sharp[taught], off_um[taught]).distance(together[asked])
    whole = SharpManifold.of(sharp, off_um)
    farthest = max(float(met.max()), float(whole.distance(together).max()))
    return SharpManifold(whole.mean, whole.off, whole.directions, far=round(_BEYOND * farthest, 4))
