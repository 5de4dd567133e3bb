"""Histogram stretch: the limits are exact order statistics, the map to [0, 1] is affine and clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mhfd import native
from mhfd.rows import Pixels, Rows, ordered_bits, unordered_bits
from mhfd.survey import Survey

if TYPE_CHECKING:
    from mhfd.contract.params import Params


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


def limits_of(rows: Rows, seen: Survey, params: Params) -> tuple[float, float]:
    """The same of a picture that was surveyed."""
    return order_statistics(rows, seen, ranks(rows.shape[0] * rows.shape[1], params))


def order_statistics(rows: Rows, seen: Survey, wanted: tuple[int, int]) -> tuple[float, float]:
    """The values of these ranks, counted from 0. A picture in floating point is read once more."""
    cumulative = np.cumsum(seen.counts)
    first, last = (int(np.searchsorted(cumulative, rank, side="right")) for rank in wanted)
    if rows.dtype != np.float32:
        return float(first), float(last)
    # What was counted are the upper halves of ordered bits: of these two the lower halves are needed.
    lower = {upper: np.zeros(1 << 16, np.int64) for upper in (first, last)}
    for span in seen.spans:
        bits = ordered_bits(rows.read(*span)).ravel()
        for upper, counts in lower.items():
            inside = bits[bits >> np.uint32(16) == upper].astype(np.uint16)
            counts += np.bincount(inside, minlength=1 << 16)
    lower = {upper: seen.team.total(counts) for upper, counts in lower.items()}
    found = []
    for rank, upper in zip(wanted, (first, last), strict=True):
        before = int(cumulative[upper] - seen.counts[upper])
        found.append(upper << 16 | int(np.searchsorted(np.cumsum(lower[upper]), rank - before, side="right")))
    low, high = unordered_bits(np.array(found, np.uint32)).tolist()
    return low, high


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
