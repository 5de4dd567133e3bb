"""The power spectra of an image's blocks, folded into the few numbers a block that everything else is read from.

One Hann-windowed transform of 128x128 pixels a block, in the middle of each cell; cross-spectrum, texture, noise and
profile share it. Nothing here knows what is noise and what is scene.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd.contract.profile import WAYS, WHOLE_EDGES
from mhfd.measure.noise import BLOCK
from mhfd.measure.tissue import Tissue
from mhfd.stretch import Pixels

SIDE: Final = 128
"""Side of a block, pixels."""
EDGES: Final = (0.016, *WHOLE_EDGES)
"""Of the rings, cycles a pixel: the profile's, with a coarser one."""
RINGS: Final = len(EDGES) - 1
BEYOND: Final = 0.4
"""Cycles a pixel along one axis from which on hardly any optics leaves a scene: what is there is noise."""
INDEPENDENT: Final = 2.25
"""Neighbouring frequencies that a Hann window makes one."""
LEAST_TISSUE: Final = 0.25
"""Part of a block that must be tissue."""
_AT_ONCE = 16  # blocks a transform: 1 MB, so that nothing leaves the cache
_FEW = 64  # cells, below which the blocks half-way between them are measured too


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Of each block in tissue, a row each: mean power where it is looked at."""

    where: NDArray[np.bool_]  # (rows, columns): which blocks of the grid these are
    refined: bool  # every second row and column of the grid lies half-way between two cells
    power: NDArray[np.float64]  # (blocks, RINGS, WAYS)
    along: NDArray[np.float64]  # (blocks, 65): by frequency along the lines, BEYOND across them
    across: NDArray[np.float64]  # (blocks, 65): by frequency across the lines, BEYOND along them
    corner: NDArray[np.float64]  # (blocks): BEYOND along both
    bands: NDArray[np.float32]  # (blocks, bands): what `texture` asked for

    def __len__(self) -> int:
        return len(self.corner)

    def on_cells(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a block -> one value a cell; NaN where there is no block."""
        grid = np.full(self.where.shape, np.nan)
        grid[self.where] = values
        return grid[::2, ::2] if self.refined else grid


def read(
    pixels: Pixels,
    tissue: Tissue,
    rows: NDArray[np.intp],
    cols: NDArray[np.intp],
    bands: tuple[NDArray[np.intp], NDArray[np.float32]],
) -> Spectra | None:
    """The spectra of an image whose cells begin and end at `rows` and `cols` (one more than there are cells).

    `bands`: flat indices of frequencies, as `rfft2` orders them, and what each counts in each band. None where no block
    of tissue fits.
    """
    if min(pixels.shape) < SIDE:
        return None
    refined = (len(rows) - 1) * (len(cols) - 1) < _FEW
    tops, lefts = (_corners(e, size, refined) for e, size in zip((rows, cols), pixels.shape, strict=True))
    grid_y, grid_x = np.meshgrid(tops, lefts, indexing="ij")
    where = _tissue_share(tissue, grid_y, grid_x) >= LEAST_TISSUE
    if not where.any():
        return None
    order, starts, _ = _atoms()
    wanted, weights = bands
    half = SIDE // 2
    far = int(np.ceil(BEYOND * SIDE))
    power, along, across, seen = [], [], [], []
    for found in _powers(pixels, grid_y[where], grid_x[where]):
        flat = found.reshape(len(found), -1)
        power.append(np.add.reduceat(flat[:, order], starts, axis=1))
        seen.append(flat[:, wanted] @ weights)
        along.append(found[:, far : SIDE - far + 1].mean(axis=1))
        edge = found[:, :, far:].mean(axis=2)
        edge[:, 1:half] += edge[:, :half:-1]
        edge[:, 1:half] *= 0.5
        across.append(edge[:, : half + 1])
    lines = np.concatenate(along).astype(np.float64)
    return Spectra(
        where=where,
        refined=refined,
        power=_means(np.concatenate(power)),
        along=lines,
        across=np.concatenate(across).astype(np.float64),
        corner=lines[:, far:].mean(axis=1),
        bands=np.concatenate(seen),
    )


def folded(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of one (128, 65) spectrum the mean in each ring and way."""
    order, starts, _ = _atoms()
    means: NDArray[np.float64] = _means(np.add.reduceat(spectrum.ravel()[order], starts)[None])[0]
    return means


def unfolded(means: NDArray[np.float64], frequencies: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of the ring and way that each of these lies in (the nearest ring): the way back from `folded`."""
    ring, way = _places()
    found: NDArray[np.float64] = means[ring[frequencies].clip(0, RINGS - 1), way[frequencies]]
    return found


@cache
def counts() -> NDArray[np.float64]:
    """How many frequencies there are in each ring and way: the coarsest have none near the axes."""
    _, _, number = _atoms()
    return number.reshape(RINGS, WAYS).astype(np.float64)


def _means(sums: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums over the atoms that are not empty -> means, (blocks, RINGS, WAYS); 0 where there is nothing."""
    _, _, number = _atoms()
    means = np.zeros((len(sums), RINGS * WAYS))
    means[:, number > 0] = sums.astype(np.float64) / number[number > 0]
    return means.reshape(-1, RINGS, WAYS)


def _powers(pixels: Pixels, tops: NDArray[np.intp], lefts: NDArray[np.intp]) -> Iterator[NDArray[np.float32]]:
    """The power of some blocks at a time, (blocks, 128, 65), in one array that the next ones overwrite."""
    window = np.hanning(SIDE + 1)[:-1].astype(np.float32)
    both = window[:, None] * window
    blocks = np.empty((min(_AT_ONCE, len(tops)), SIDE, SIDE), np.float32)
    powers = np.empty((len(blocks), SIDE, SIDE // 2 + 1), np.float32)
    for first in range(0, len(tops), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        stack, power = blocks[: len(tops[some])], powers[: len(tops[some])]
        for block, y, x in zip(stack, tops[some], lefts[some], strict=True):
            block[:] = pixels[y : y + SIDE, x : x + SIDE]
            block -= block.mean()
            block *= both
        parts = scipy.fft.rfft2(stack, workers=1).view(np.float32)
        np.square(parts, out=parts)
        yield np.add(parts[..., ::2], parts[..., 1::2], out=power)


def _corners(edges: NDArray[np.intp], size: int, refined: bool) -> NDArray[np.intp]:
    """Where the block in the middle of each cell begins; `refined`: with those half-way between them."""
    corners: NDArray[np.intp] = (edges[:-1] + edges[1:]) // 2 - SIDE // 2
    corners = corners.clip(0, size - SIDE)
    if not refined:
        return corners
    out = np.empty(2 * len(corners) - 1, np.intp)
    out[::2], out[1::2] = corners, (corners[:-1] + corners[1:]) // 2
    return out


def _tissue_share(tissue: Tissue, tops: NDArray[np.intp], lefts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The part of each block that is tissue, from a summed-area table."""
    table = np.pad(np.cumsum(np.cumsum(tissue.mask, axis=0), axis=1), ((1, 0), (1, 0)))
    top, left = tops // BLOCK, lefts // BLOCK
    bottom = np.minimum((tops + SIDE) // BLOCK, tissue.mask.shape[0])
    right = np.minimum((lefts + SIDE) // BLOCK, tissue.mask.shape[1])
    inside = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    share: NDArray[np.float64] = inside / ((bottom - top) * (right - left))
    return share


@cache
def _atoms() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Flat indices of the frequencies in use, ring by ring and way by way; where each that is not empty begins; counts.

    The axes are left out: that is where scan lines of unequal brightness show.
    """
    ky, kx = _frequencies()
    off_axes = ((np.abs(ky) > 1) & (np.abs(kx) > 1)).ravel()
    ring, way = _places()
    atom = np.where(off_axes & (ring >= 0) & (ring < RINGS), ring * WAYS + way, RINGS * WAYS)
    number = np.bincount(atom, minlength=RINGS * WAYS)[:-1]
    order = np.argsort(atom, kind="stable")[: number.sum()]
    ends = np.cumsum(number)
    return order, (ends - number)[number > 0], number


@cache
def _places() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The ring (-1 or `RINGS` where it lies in none) and the way of each frequency."""
    ky, kx = _frequencies()
    ring = np.digitize(np.hypot(ky, kx) / SIDE, EDGES) - 1
    way = np.rint(np.arctan2(ky, np.maximum(kx, 1e-9)) / np.pi * WAYS).astype(int) % WAYS
    return ring.ravel(), way.ravel()


def _frequencies() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Whole numbers of periods a block, down a column and along a row."""
    return np.rint(scipy.fft.fftfreq(SIDE) * SIDE)[:, None], np.arange(SIDE // 2 + 1)[None, :]
