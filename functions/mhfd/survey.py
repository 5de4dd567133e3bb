"""The first look at a picture: what must be known of all of it before any of it can be measured. One pass.

It counts and samples; what the numbers mean is decided elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import native
from mhfd.cells import BLOCK
from mhfd.native import BlockStats
from mhfd.rows import InMemory, Pixels, Rows, ordered_bits, spans
from mhfd.team import ALONE, Team, block_rows, own_rows

SAMPLE: Final = 65_536
"""Pixels of a sample, about."""
_AT_ONCE: Final = 2 << 20
"""Bytes of rows that are looked at together: they stay in the cache from one count to the next."""
_BLOCKS_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was seen. Of a picture with values that are not finite, only `low`, `high` and `bad` mean anything."""

    low: float
    high: float
    bad: int
    """Pixels that are NaN or infinite."""
    counts: NDArray[np.int64]
    """Of each grey value; of floating point, of the upper halves of `rows.ordered_bits`."""
    stats: BlockStats
    """Of all blocks to the first of a team, of those in its own rows to another; so are the next two."""
    at_low: NDArray[np.float32]
    """The part of each block at the lowest value that any block has."""
    at_high: NDArray[np.float32]
    grid: Pixels
    """Every so manieth pixel of every so manieth row."""
    line: NDArray[Any]
    """Every so manieth pixel, row after row."""
    spans: tuple[tuple[int, int], ...]
    """The rows that were read together: a member's own."""
    team: Team = ALONE


def survey(rows: Rows, *, threads: int = 1, team: Team = ALONE) -> Survey:
    """Look once through a picture; of a team, each through its own rows."""
    return _Surveyor(rows, threads, team).seen()


def samples(pixels: Pixels) -> tuple[Pixels, NDArray[Any]]:
    """`Survey.grid` and `Survey.line` of a whole picture in memory."""
    step, every = _steps(*pixels.shape)
    return pixels[::step, ::step].copy(), pixels.reshape(-1)[::every].copy()


def spans_of(rows: Rows, team: Team = ALONE) -> tuple[tuple[int, int], ...]:
    """`Survey.spans`."""
    height, width = rows.shape
    step = max(1, _AT_ONCE // (width * rows.dtype.itemsize) // BLOCK) * BLOCK
    first, last = own_rows(team, height)
    return tuple(
        (first + top, first + bottom)
        for top, bottom in spans(last - first, height if isinstance(rows, InMemory) else step)
    )


def _steps(height: int, width: int) -> tuple[int, int]:
    return max(1, math.isqrt(height * width // SAMPLE)), max(1, height * width // SAMPLE)


class _Surveyor:
    """What is known so far."""

    def __init__(self, rows: Rows, threads: int, team: Team) -> None:
        self._rows, self._threads, self._team = rows, threads, team
        height, width = rows.shape
        blocks = (height // BLOCK, width // BLOCK)
        self._float = rows.dtype == np.float32
        self._counts = np.zeros(256 if rows.dtype == np.uint8 else 1 << 16, np.int64)
        self._stats = BlockStats(*np.zeros((4, *blocks), np.float32))
        self._at_low, self._at_high = np.zeros((2, *blocks), np.float32)
        self._lowest, self._highest = math.inf, -math.inf  # of the blocks
        self._step, self._every = _steps(height, width)
        self._grid: list[Pixels] = []
        self._line: list[NDArray[Any]] = []
        self._extremes: list[tuple[float, float]] = []
        self._bad = 0

    def seen(self) -> Survey:
        """Look."""
        parts = spans_of(self._rows, self._team)
        for top, bottom in parts:
            self._look(self._rows.read(top, bottom), top)
        self._join()
        if not self._float:
            found = np.flatnonzero(self._counts)
            self._extremes = [(float(found[0]), float(found[-1]))]
        low, high = (pick([pair[end] for pair in self._extremes]) for end, pick in ((0, np.min), (1, np.max)))
        return Survey(
            low=float(low),
            high=float(high),
            bad=self._bad,
            counts=self._counts,
            stats=self._stats,
            at_low=self._at_low,
            at_high=self._at_high,
            grid=np.concatenate(self._grid),
            line=np.concatenate(self._line),
            spans=parts,
            team=self._team,
        )

    def _join(self) -> None:
        """What the others saw: of blocks, and of the line, the first alone has to know."""
        team = self._team
        few = self._rows.shape[0] * self._rows.shape[1] < 1 << 32  # then half the bytes say as much
        self._counts = team.total(self._counts.astype(np.uint32) if few else self._counts).astype(np.int64)
        seen = team.everyones((self._grid, self._extremes, self._bad, self._lowest, self._highest))
        self._grid = [part for one in seen for part in one[0]]
        self._extremes = [pair for one in seen for pair in one[1]]
        self._bad = sum(one[2] for one in seen)
        self._lowest, self._highest = min(one[3] for one in seen), max(one[4] for one in seen)
        # Of what was counted only what lies at the ends of all blocks is one of them.
        self._at_low[self._stats.minimum > self._lowest] = 0
        self._at_high[self._stats.maximum < self._highest] = 0
        if self._lowest == self._highest:
            self._at_low[:], self._at_high[:] = 1, 0
        if team.size == 1:
            return
        own = block_rows(own_rows(team, self._rows.shape[0]))
        shares = (np.rint(part[own] * BLOCK**2).astype(np.uint16) for part in (self._at_low, self._at_high))
        blocks = team.collected(((*(part[own] for part in self._stats), *shares), self._line))
        if not blocks:
            self._line = [np.empty(0, self._rows.dtype)]
            return
        self._line = [part for _, line in blocks for part in line]
        *stats, low, high = (np.concatenate(parts) for parts in zip(*(arrays for arrays, _ in blocks), strict=True))
        self._stats = BlockStats(*stats)
        self._at_low, self._at_high = (part.astype(np.float32) / np.float32(BLOCK**2) for part in (low, high))

    def _look(self, pixels: Pixels, top: int) -> None:
        self._grid.append(pixels[-top % self._step :: self._step, :: self._step].copy())
        self._line.append(pixels.reshape(-1)[-top * pixels.shape[1] % self._every :: self._every].copy())
        if self._float and not self._finite(pixels):
            return
        self._counts += native.histogram(
            (ordered_bits(pixels) >> np.uint32(16)).astype(np.uint16) if self._float else pixels, threads=self._threads
        )
        stats = native.block_stats(pixels, block=BLOCK, threads=self._threads)
        if not stats.mean.size:
            return
        at = slice(top // BLOCK, top // BLOCK + len(stats.mean))
        for whole, part in zip(self._stats, stats, strict=True):
            whole[at] = part
        # What is counted at an extreme that a later row goes beyond does not count in the end.
        self._lowest = min(self._lowest, float(stats.minimum.min()))
        self._highest = max(self._highest, float(stats.maximum.max()))
        _count(pixels, stats.minimum <= self._lowest, self._lowest, self._at_low[at])
        _count(pixels, stats.maximum >= self._highest, self._highest, self._at_high[at])

    def _finite(self, pixels: Pixels) -> bool:
        """Minimum and maximum are NaN if any value is, and take no memory."""
        low, high = float(pixels.min()), float(pixels.max())
        self._extremes.append((low, high))
        if not (math.isfinite(low) and math.isfinite(high)):
            self._bad += sum(int(np.count_nonzero(~np.isfinite(row))) for row in pixels)
        return not self._bad


def _count(pixels: Pixels, reached: NDArray[np.bool_], value: float, share: NDArray[np.float32]) -> None:
    """The part of each block that has this value, of those that reach it."""
    height, width = reached.shape
    rows, cols = np.divmod(np.flatnonzero(reached), width)
    tiles = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK)
    for first in range(0, len(rows), _BLOCKS_AT_ONCE):
        y, x = rows[first : first + _BLOCKS_AT_ONCE], cols[first : first + _BLOCKS_AT_ONCE]
        share[y, x] = np.count_nonzero(tiles[y, :, x] == pixels.dtype.type(value), axis=(1, 2)) / BLOCK**2
