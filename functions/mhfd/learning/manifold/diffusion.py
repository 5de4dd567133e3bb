"""Diffusion maps: coordinates in which rows are near each other that a walk from neighbour to neighbour soon joins.

Coifman and Lafon (2006), with the density of the rows taken out (alpha = 1); rows that are met later are placed by
Nystroem's formula. numpy and scipy alone. Knows nothing of images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NEAR: Final = 0.1
"""Of the rows, so many are a row's neighbours: the median distance to the last of them is the width of the kernel."""
_LEAST_NEAR: Final = 3
_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class DiffusionMap:
    """Rows, and where each is placed."""

    rows: Floats
    width: float
    """Squared distance at which the kernel has fallen to 1/e."""
    density: Floats
    """Of each row."""
    vectors: Floats
    """(rows, coordinates)."""
    values: Floats
    """Of each coordinate: how much of it a step of the walk leaves."""

    @classmethod
    def of(cls, rows: Floats, coordinates: int) -> DiffusionMap:
        """Learn from rows; at least one more than there are coordinates."""
        from scipy.linalg import eigh

        apart = _squared(rows, rows)
        place = min(len(rows) - 1, max(_LEAST_NEAR, round(_NEAR * len(rows))))
        width = max(float(np.median(np.sort(apart, axis=1)[:, place])), _TINY)
        kernel = np.exp(-apart / width)
        density = kernel.sum(axis=1)
        kernel /= np.outer(density, density)
        degree = kernel.sum(axis=1)
        last = len(rows) - 1
        values, vectors = eigh(
            kernel / np.sqrt(np.outer(degree, degree)), subset_by_index=[max(0, last - coordinates), last]
        )
        order = np.argsort(-values)[1 : coordinates + 1]  # the first is the same everywhere
        walked = vectors[:, order] / np.sqrt(degree)[:, None]
        walked *= np.where(walked[np.abs(walked).argmax(axis=0), np.arange(walked.shape[1])] < 0, -1.0, 1.0)
        walked /= np.maximum(walked.std(axis=0), _TINY)
        return cls(rows, width, density, walked, np.maximum(values[order], _TINY))

    def place(self, rows: Floats) -> Floats:
        """Where rows lie, (rows, coordinates). One that is far from all is placed at its nearest."""
        apart = _squared(rows, self.rows)
        apart -= apart.min(axis=1, keepdims=True)  # scales each row of the kernel, which the walk does not see
        kernel = np.exp(-apart / self.width) / self.density
        step = kernel / kernel.sum(axis=1, keepdims=True)
        placed: Floats = step @ self.vectors / self.values
        return placed


def _squared(one: Floats, other: Floats) -> Floats:
    from scipy.spatial.distance import cdist

    apart: Floats = cdist(one, other, "sqeuclidean")
    return apart
