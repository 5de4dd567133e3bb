"""The power spectra of an image's blocks, folded into the few numbers a block that everything else is read from.

One Hann-windowed transform of 128x128 pixels a block, in the middle of each cell; cross-spectrum, texture, noise and
profile share it. Nothing here knows what is noise and what is scene.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd.contract.profile import WAYS, WHOLE_EDGES
from mhfd.detector.bands import Band
from mhfd.measure.noise import BLOCK
from mhfd.measure.tissue import Tissue
from mhfd.team import Team

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
_FAR = int(np.ceil(BEYOND * SIDE))
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


class Reader:
    """Takes the blocks of an image out of its bands, and their spectra.

    Args:
        shape: Of the image.
        tissue: Its tissue.
        rows: Where its cells begin and end: one more than there are cells.
        cols: The same across.
        bands: Flat indices of frequencies, as `rfft2` orders them, and what each counts in each band.
        since: The first row that this process looks at: blocks that begin above are another's.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        tissue: Tissue,
        rows: NDArray[np.intp],
        cols: NDArray[np.intp],
        bands: tuple[NDArray[np.intp], NDArray[np.float32]],
        *,
        since: int = 0,
    ) -> None:
        self._bands = bands
        self._refined = (len(rows) - 1) * (len(cols) - 1) < _FEW
        self._where = np.zeros((len(rows) - 1, len(cols) - 1), np.bool_)
        self._tops = self._lefts = np.empty(0, np.intp)
        if min(shape) >= SIDE:
            tops, lefts = (_corners(e, size, self._refined) for e, size in zip((rows, cols), shape, strict=True))
            grid_y, grid_x = np.meshgrid(tops, lefts, indexing="ij")
            self._where = _tissue_share(tissue, grid_y, grid_x) >= LEAST_TISSUE
            self._tops, self._lefts = grid_y[self._where], grid_x[self._where]
        window = np.hanning(SIDE + 1)[:-1].astype(np.float32)
        self._window = window[:, None] * window
        self._stack = np.empty((_AT_ONCE, SIDE, SIDE), np.float32)
        self._powers = np.empty((len(self._stack), SIDE, SIDE // 2 + 1), np.float32)
        self._filled, self._done = 0, int(np.count_nonzero(self._tops < since))
        self._found: list[tuple[NDArray[np.float32], ...]] = []

    def take(self, band: Band) -> None:
        """The blocks that begin in the band's own rows; it must have `SIDE` rows beyond them."""
        while self._done < len(self._tops) and self._tops[self._done] < band.bottom:
            y, x = self._tops[self._done] - band.first, self._lefts[self._done]
            block = self._stack[self._filled]
            block[:] = band.pixels[y : y + SIDE, x : x + SIDE]
            block -= block.mean()
            block *= self._window
            self._filled += 1
            self._done += 1
            if self._filled == len(self._stack) or self._done == len(self._tops):
                self._transform()

    def join(self, team: Team) -> None:
        """With what the others found in their bands: to the first."""
        if self._filled:
            self._transform()
        self._found = [batch for one in team.collected(self._found) for batch in one]

    def spectra(self) -> Spectra | None:
        """Once all bands were taken. None where no block of tissue fits."""
        if not self._found:
            return None
        power, seen, along, across = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        lines = along.astype(np.float64)
        return Spectra(
            where=self._where,
            refined=self._refined,
            power=_means(power),
            along=lines,
            across=across.astype(np.float64),
            corner=lines[:, _FAR:].mean(axis=1),
            bands=seen,
        )

    def _transform(self) -> None:
        """Of some blocks at a time, in arrays that the next ones overwrite."""
        self._stack[self._filled :] = 0  # as many blocks each time, or the order of sums would differ with the batch
        stack, power = self._stack, self._powers
        parts = scipy.fft.rfft2(stack, workers=1).view(np.float32)
        np.square(parts, out=parts)
        np.add(parts[..., ::2], parts[..., 1::2], out=power)
        order, starts, _ = _atoms()
        wanted, weights = self._bands
        flat = power.reshape(len(power), -1)
        half = SIDE // 2
        edge = power[:, :, _FAR:].mean(axis=2)
        edge[:, 1:half] += edge[:, :half:-1]
        edge[:, 1:half] *= 0.5
        self._found.append(
            (
                np.add.reduceat(flat[:, order], starts, axis=1)[: self._filled],
                (flat[:, wanted] @ weights)[: self._filled],
                power[: self._filled, _FAR : SIDE - _FAR + 1].mean(axis=1),
                edge[: self._filled, : half + 1],
            )
        )
        self._filled = 0


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
