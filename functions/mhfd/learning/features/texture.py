"""Texture: which grey values lie beside which (co-occurrence), and at which sizes there are grains (granularity).

On patches of full resolution, in eight grey values between the image's own ends.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.look import Look, Plane

_LEVELS: Final = 8
_APART: Final = (1, 4, 12)
"""Pixels between two whose grey values are counted together."""
_GRAINS: Final = (3, 7, 15)
"""Sides of the squares that dark and bright grains are closed by, pixels."""
_GRAINED: Final = 128
"""Side of the part of a patch in which grains are looked for, pixels: this costs most of all."""
_HALVINGS: Final = 5
NAMES: Final = (
    *(f"{what}_{apart}" for apart in _APART for what in ("unlike", "same", "entropy", "alike")),
    *(f"dark_grains_{side}" for side in _GRAINS),
    *(f"bright_grains_{side}" for side in _GRAINS),
    *(f"octave_{2**number}" for number in range(_HALVINGS)),
    "peaked",
)


def measure(look: Look) -> NDArray[np.float64]:
    """In the order of the names; all 0 of an image that is flat."""
    if look.flat:
        return np.zeros(len(NAMES))
    patches = look.patches
    levels = np.minimum((patches * _LEVELS).astype(np.int16), _LEVELS - 1)
    together = [value for apart in _APART for value in _together(levels, min(apart, levels.shape[1] - 1))]
    return np.array([*together, *_grains(patches), *_octaves(patches), _peaked(patches)])


def _together(levels: NDArray[np.int16], apart: int) -> list[float]:
    """Of pixels so far apart, along both axes: mean square difference, part alike, entropy, correlation."""
    size = _LEVELS
    pairs = [
        size * levels[:, :-apart].ravel() + levels[:, apart:].ravel(),
        size * levels[:, :, :-apart].ravel() + levels[:, :, apart:].ravel(),
    ]
    counts = np.sum([np.bincount(pair, minlength=size * size) for pair in pairs], axis=0).reshape(size, size)
    share = (counts + counts.T) / (2 * counts.sum())
    i, j = np.indices(share.shape)
    rows = share.sum(axis=1)
    mean = float(rows @ np.arange(size))
    variance = float(rows @ (np.arange(size) - mean) ** 2)
    some = share[share > 0]
    return [
        float((share * (i - j) ** 2).sum()),
        float(np.trace(share)),
        float(-(some * np.log(some)).sum()),
        float((share * (i - mean) * (j - mean)).sum()) / variance if variance > 0 else 0.0,
    ]


def _grains(patches: NDArray[np.float32]) -> list[float]:
    """How much darker a patch is than with its dark grains closed, and brighter than with its bright ones opened."""
    from scipy import ndimage

    parts = patches[::3, :_GRAINED, :_GRAINED]
    some: Plane = np.concatenate(ndimage.uniform_filter(parts, (0, 3, 3), mode="nearest"), axis=0)
    spread = max(float(some.std()), 1e-3)
    found = []
    for first, then, sign in (
        (ndimage.maximum_filter, ndimage.minimum_filter, 1),
        (ndimage.minimum_filter, ndimage.maximum_filter, -1),
    ):
        for side in _GRAINS:
            closed = then(first(some, side, mode="nearest"), side, mode="nearest")
            found.append(sign * float(np.mean(closed - some)) / spread)
    return found


def _octaves(patches: NDArray[np.float32]) -> list[float]:
    """The logarithm of the spread that goes with each halving of the picture, over all of it."""
    spread, before = [], patches
    for _ in range(_HALVINGS):
        rows, cols = (size // 2 for size in before.shape[1:])
        after = before[:, : 2 * rows, : 2 * cols].reshape(len(before), rows, 2, cols, 2).mean(axis=(2, 4))
        spread.append(float(before.var()) - float(after.var()))
        before = after
    total = max(float(patches.var()), 1e-9)
    return [float(np.log(max(part / total, 1e-4))) for part in spread]


def _peaked(patches: NDArray[np.float32]) -> float:
    """How much heavier the ends of the differences of neighbours are than noise's."""
    step = np.diff(patches, axis=2)
    square = step * step
    variance = max(float(square.mean()), 1e-12)
    return float(np.log(float(np.mean(square * square)) / variance**2 + 1e-3))
