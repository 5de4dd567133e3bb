"""How brightness lies over the image and over the grey values: shading, its contrast, clipping.

From means of 16x16 blocks and a thin sample of pixels; detail has no say.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.look import Look

_QUANTILES: Final = (2, 10, 25, 50, 75, 90, 98)
_PART: Final = 4
"""Blocks along the side of a part whose contrast is taken."""
NAMES: Final = (
    "shading_down",
    "shading_along",
    "shading",
    "bowl",
    "contrast_slope",
    "contrast_spread",
    "brightest_part",
    "darkest_part",
    "at_lowest",
    "at_highest",
    *(f"grey_{q}" for q in _QUANTILES),
)


def measure(look: Look) -> NDArray[np.float64]:
    """Slopes and shares; all 0 of an image that is flat."""
    if look.flat:
        return np.zeros(len(NAMES))
    mean = look.scaled(look.blocks.mean).astype(np.float64)
    spread = max(float(mean.std()), 1e-6)
    plane, bowl = _fitted(mean)
    down, along = plane
    local = _contrast(mean)
    logs = np.log(local + 0.02)
    slopes, _ = _fitted(logs)
    parts = _parts(mean).mean(axis=2)
    grid = look.grid
    raw = look.pixels[:: max(1, look.pixels.shape[0] // 256)]
    lowest, highest = raw.min(), raw.max()
    return np.array(
        [
            abs(down),
            abs(along),
            float(np.hypot(down, along)) / spread,
            bowl,
            float(np.hypot(*slopes)),
            float(logs.std()),
            float(parts.max() - np.median(parts)),
            float(np.median(parts) - parts.min()),
            float(np.mean(raw == lowest)),
            float(np.mean(raw == highest)),
            *np.percentile(grid, _QUANTILES).tolist(),
        ]
    )


def _fitted(values: NDArray[np.float64]) -> tuple[tuple[float, float], float]:
    """The slopes of a plane from edge to edge, and the part of the variance that a bowl explains beyond it."""
    rows, cols = values.shape
    y, x = np.linspace(-0.5, 0.5, rows)[:, None], np.linspace(-0.5, 0.5, cols)[None, :]
    parts = [np.ones_like(values), y + 0 * x, x + 0 * y, y**2 + 0 * x, x**2 + 0 * y, y * x]
    design = np.stack([part.ravel() for part in parts], axis=1)
    flat = values.ravel()
    plane, *_ = np.linalg.lstsq(design[:, :3], flat, rcond=None)
    whole, *_ = np.linalg.lstsq(design, flat, rcond=None)
    variance = float(flat.var())
    left, less = (float(np.var(flat - part @ fit)) for part, fit in ((design[:, :3], plane), (design, whole)))
    return (float(plane[1]), float(plane[2])), (left - less) / variance if variance > 0 else 0.0


def _parts(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The blocks of each part: (rows, columns, blocks)."""
    side = min(_PART, *mean.shape)
    rows, cols = (size // side for size in mean.shape)
    cut = mean[: rows * side, : cols * side].reshape(rows, side, cols, side)
    parts: NDArray[np.float64] = cut.transpose(0, 2, 1, 3).reshape(rows, cols, -1)
    return parts


def _contrast(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The spread of the blocks of each part."""
    spread: NDArray[np.float64] = _parts(mean).std(axis=2)
    return spread
