"""The pyramid of the GPU kernel: which scale lives on which grid, and the filters between them. Plain numbers.

Scales with t < 3.4 live on the image's own grid. A scale with 1.7 s <= t < 3.4 s (s = 2, 4, 8, ...) lives on a grid of
s x s cells, which has been blurred by a Gaussian of s pixels on its way down and is brought up again by one of 0.9 s;
what is left of its own Gaussian is applied there. The three add up to t: only the tails are approximated.

Cells are anchored at the first row and column. Where a side is no multiple of s, the mirror at its end falls inside a
cell: the level then continues over a margin of mirrored image, as far as anything that is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import scales

if TYPE_CHECKING:
    from mhfd.contract.params import Params

REACH: Final = 28  # the widest radius a tile has room for, in pixels of its grid
HALF: Final = 10  # half the taps of the even Gaussian between two levels
TAILS: Final = 4.65  # a Gaussian ends here, in sigmas
COARSEST: Final = 1.7  # cells: a scale moves to the coarsest grid on which it is no smaller than this
RISE_SIGMA: Final = 0.9  # of the Gaussian that brings a level up, in its cells
BEFORE: Final = 4  # cells beyond each end of the image that bringing a level up reads


@dataclass(frozen=True, slots=True)
class PyramidLevel:
    """A grid of s x s cells, and the scales that live on it."""

    s: int
    base: tuple[int, int]  # rows and columns of the blurred, decimated image
    plane: tuple[int, int]  # rows and columns of a scale's responses, those before and after the image included
    offset: int  # of the base in the pyramid, elements
    first: int  # scale
    count: int  # of scales: one less than of Gaussians
    place: int  # of its first Gaussian in the filters

    @property
    def plane_size(self) -> int:
        """Elements of the responses of one scale."""
        return self.plane[0] * pitch_of(self.plane[1])


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """All Gaussians of all levels, level by level."""

    taps: NDArray[np.float32]
    chain: NDArray[np.int32]  # (radius, offset of the taps) of each Gaussian
    factors: NDArray[np.float32]  # of the difference that starts at each Gaussian


def computes(params: Params) -> bool:
    """Whether the pyramid computes these parameters: half-sample reflect, untruncated, not resized.

    Neighbouring Gaussians must be near enough to share a grid, too: at most 6 cells for the wider one.
    """
    if params.border != "reflect" or params.truncate is not None or params.resize is not None:
        return False
    sigmas = scales.ladder(params)
    return all(_radius(_left(b, _cell(a))) <= REACH for a, b in pairwise(sigmas))


def levels(shape: tuple[int, int], params: Params) -> list[PyramidLevel]:
    """The levels from the image's own grid to the coarsest that a scale lives on."""
    sigmas = scales.ladder(params)
    cells = [_cell(t) for t in sigmas[:-1]]
    grids = [1 << k for k in range(max(cells).bit_length())]
    widest = {c: float(sigmas[i + 1]) for i, c in enumerate(cells)}
    reach = {s: _radius(_left(t, s)) for s, t in widest.items()}
    rows, columns = _extents(shape[0], grids, reach), _extents(shape[1], grids, reach)
    found, offset, first, place = [], 0, 0, 0
    for s in grids:
        count = cells.count(s)
        base, plane = zip(rows[s], columns[s], strict=True)
        found.append(PyramidLevel(s, base, plane, offset, first, count, place))
        offset += base[0] * pitch_of(base[1]) if s > 1 else 0
        first += count
        place += count + 1 if count else 0
    return found


def filters(found: Sequence[PyramidLevel], params: Params) -> Filters:
    """The Gaussians of these levels. A radius is even and its taps end in three zeros: whole groups of four."""
    sigmas = scales.ladder(params)
    sign = 1.0 if params.polarity == "bright" else -1.0
    taps: list[NDArray[np.float64]] = []
    chain: list[tuple[int, int]] = []
    factors: list[float] = []
    used = 0
    for level in found:
        for i in range(level.first, level.first + level.count + 1) if level.count else ():
            sigma = _left(sigmas[i], level.s)
            radius = _radius(sigma)
            x = np.arange(-radius, radius + 1)
            kernel = np.exp(-0.5 * (x / sigma) ** 2)
            taps.append(np.concatenate([kernel / kernel.sum(), np.zeros(3)]))
            chain.append((radius, used))
            factors.append(sign * float(sigmas[i]))
            used += len(taps[-1])
    return Filters(
        taps=np.concatenate(taps).astype(np.float32),
        chain=np.array(chain, np.int32),
        factors=np.array(factors, np.float32),
    )


def halving() -> NDArray[np.float32]:
    """Half the taps of the two even Gaussians: image to level 2, and any level to the next."""
    x = np.arange(HALF) + 0.5
    kernels = np.exp(-0.5 * (x / np.array([[2.0], [math.sqrt(3.0)]])) ** 2)
    half: NDArray[np.float64] = kernels / (2 * kernels.sum(axis=1, keepdims=True))
    return half.astype(np.float32)


def rise(highest: int) -> NDArray[np.float32]:
    """Row s + k: the eight taps that make pixel k of a cell of s pixels, from three or four cells before it on."""
    table = np.zeros((2 * highest, 8))
    s = 2
    while s <= highest:
        for k in range(s):
            where = (k + 0.5) / s - 0.5
            start = -3 if 2 * k + 1 >= s else -4
            weights = np.exp(-0.5 * ((np.arange(start, start + 8) - where) / RISE_SIGMA) ** 2)
            table[s + k] = weights / weights.sum()
        s *= 2
    return table.astype(np.float32)


def pitch_of(width: int) -> int:
    """Elements of a row in memory: whole groups of four."""
    return -(-width // 4) * 4


def _cell(t: float) -> int:
    """The cell that scale t lives on."""
    s = 1
    while t >= 2 * COARSEST * s:
        s *= 2
    return s


def _left(t: float, s: int) -> float:
    """The sigma that is left to apply on the grid, in its cells."""
    return float(t) if s == 1 else math.sqrt((t / s) ** 2 - 1 - RISE_SIGMA**2)


def _radius(sigma: float) -> int:
    return 2 * math.ceil(TAILS * sigma / 2)


def _extents(size: int, grids: Sequence[int], reach: dict[int, int]) -> dict[int, tuple[int, int]]:
    """For each grid, the length of its base and of its planes along a side of `size` pixels."""
    found: dict[int, tuple[int, int]] = {}
    coarser = 0
    for s in reversed(grids):
        cells = -(-size // s)
        base = cells
        if size % s:
            base = max(cells + BEFORE + reach.get(s, 0), 2 * coarser + HALF if coarser else 0)
        found[s] = (base, cells + 2 * BEFORE)
        coarser = found[s][0]
    return found
