"""Histogram stretch: the limits are exact order statistics, the map to [0, 1] is affine and clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mhfd import native

if TYPE_CHECKING:
    from mhfd.contract.params import Params

Pixels = NDArray[Any]
"""A 2-D array: uint8, uint16 or float32, finite, C-contiguous. Other types become float32 when they are loaded."""


def limits_of_counts(counts: NDArray[np.int64], params: Params) -> tuple[float, float]:
    """(lo, hi) from a histogram of whole grey values."""
    cumulative = np.cumsum(counts)
    low, high = ranks(int(cumulative[-1]), params)
    return float(np.searchsorted(cumulative, low, side="right")), float(np.searchsorted(cumulative, high, side="right"))


def limits(pixels: Pixels, params: Params, *, threads: int = 1) -> tuple[float, float]:
    """(lo, hi): the grey values that become 0 and 1. Equal when there is nothing to stretch."""
    if pixels.dtype in (np.uint8, np.uint16):
        return limits_of_counts(native.histogram(pixels, threads=threads), params)
    low, high = ranks(pixels.size, params)
    ordered = np.partition(pixels.ravel(), (low, high))
    return float(ordered[low]), float(ordered[high])


def apply(pixels: Pixels, lo: float, hi: float, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Map [lo, hi] to [0, 1], clipped. All zero when hi <= lo."""
    if hi <= lo:
        return np.zeros(pixels.shape, dtype)
    scaled: NDArray[Any] = (pixels.astype(dtype) - dtype(lo)) * dtype(1 / (hi - lo))
    np.clip(scaled, 0, 1, out=scaled)
    return scaled


def ranks(size: int, params: Params) -> tuple[int, int]:
    """The order statistics, counted from 0, that become 0 and 1."""
    low = round(size * params.low_percent / 100)
    high = size - 1 - round(size * params.high_percent / 100)
    return min(low, size - 1), max(high, 0)
