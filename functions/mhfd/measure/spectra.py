"""The power spectra of an image's blocks, folded into the few numbers a block that everything else is read from.

One Hann-windowed transform of 128x128 pixels a block; cross-spectrum, texture, noise and profile share it. Which blocks
is decided here: all of the tissue of an image of up to 2048 pixels a side, a quarter at least of a larger one's, evenly
spread, and more where tissue is little. Nothing here knows what is noise and what is scene.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import WAYS, WHOLE_EDGES
from mhfd.detector.bands import Band
from mhfd.measure import texture
from mhfd.measure.noise import BLOCK
from mhfd.measure.tissue import Tissue
from mhfd.native import spectra as native
from mhfd.native.spectra import SIDE as SIDE
from mhfd.team import Team

EDGES: Final = (0.016, *WHOLE_EDGES)
"""Of the rings, cycles a pixel: the profile's, with a coarser one."""
RINGS: Final = len(EDGES) - 1
BEYOND: Final = 0.4
"""Cycles a pixel along one axis from which on hardly any optics leaves a scene: what is there is noise."""
INDEPENDENT: Final = 2.25
"""Neighbouring frequencies that a Hann window makes one."""
LEAST_TISSUE: Final = 0.25
"""Part of a block that must be tissue."""
SPARSE: Final = 256
"""Pixels from one block to the next, at most: a quarter of the tissue is looked at, however large the image."""
ENOUGH: Final = 64
"""Places for blocks. Where there are fewer, they lie side by side; if that is not enough, half-way between them too."""
ENOUGH_TISSUE: Final = 32
"""... and so many of them must be tissue."""
_FAR = int(np.ceil(BEYOND * SIDE))


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where blocks may be: so many along each side of each cell, and `refined` those half-way between them too."""

    tops: NDArray[np.intp]
    lefts: NDArray[np.intp]
    cells: tuple[int, int]
    refined: bool = False

    @classmethod
    def of(cls, edges: tuple[NDArray[np.intp], NDArray[np.intp]], shape: tuple[int, int], *, apart: int) -> "Grid":
        """In the middle of equal parts of each cell, of which one is `apart` pixels wide at most, or a block."""
        sides = []
        for along, size in zip(edges, shape, strict=True):
            cells = len(along) - 1
            parts = cells * max(1, min(-(-size // (cells * apart)), size // (cells * SIDE)))
            middles = (np.arange(parts + 1) * size // parts).astype(np.intp)
            sides.append(((middles[:-1] + middles[1:]) // 2 - SIDE // 2).clip(0, size - SIDE))
        tops, lefts = sides
        return cls(tops, lefts, (len(edges[0]) - 1, len(edges[1]) - 1))

    def finer(self) -> "Grid":
        """With those half-way between."""
        tops, lefts = (np.insert(at, np.arange(1, len(at)), (at[:-1] + at[1:]) // 2) for at in (self.tops, self.lefts))
        return Grid(tops, lefts, self.cells, refined=True)

    def on_cells(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a block, NaN where there is none -> the mean in each cell, without those half-way."""
        whole = values[::2, ::2] if self.refined else values
        rows, cols = self.cells
        parts = whole.reshape(rows, len(whole) // rows, cols, whole.shape[1] // cols)
        number = np.isfinite(parts).sum(axis=(1, 3))
        found: NDArray[np.float64] = np.full(self.cells, np.nan)
        np.divide(np.nansum(parts, axis=(1, 3)), number, out=found, where=number > 0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Of each block in tissue, a row each: mean power where it is looked at."""

    grid: Grid
    where: NDArray[np.bool_]  # (rows, columns): which blocks of the grid these are
    power: NDArray[np.float64]  # (blocks, RINGS, WAYS)
    along: NDArray[np.float64]  # (blocks, 65): by frequency along the lines, BEYOND across them
    across: NDArray[np.float64]  # (blocks, 65): by frequency across the lines, BEYOND along them
    corner: NDArray[np.float64]  # (blocks): BEYOND along both
    bands: NDArray[np.float32]  # (blocks, bands): what `texture` asked for

    def __len__(self) -> int:
        return len(self.corner)

    @property
    def refined(self) -> bool:
        """Whether blocks overlap half-way."""
        return self.grid.refined

    def on_cells(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a block -> one value a cell; NaN where there is no block."""
        whole = np.full(self.where.shape, np.nan)
        whole[self.where] = values
        return self.grid.on_cells(whole)


class Reader:
    """Takes the blocks of an image out of its bands, and their spectra.

    Args:
        shape: Of the image.
        tissue: Its tissue.
        rows: Where its cells begin and end: one more than there are cells.
        cols: The same across.
        since: The first row that this process looks at: blocks that begin above are another's.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        tissue: Tissue,
        rows: NDArray[np.intp],
        cols: NDArray[np.intp],
        *,
        since: int = 0,
    ) -> None:
        self._by = _summing()
        self._tops = self._lefts = np.empty(0, np.intp)
        if min(shape) >= SIDE:
            self._grid, self._where = chosen((rows, cols), shape, tissue)
            row, col = np.nonzero(self._where)
            self._tops, self._lefts = self._grid.tops[row], self._grid.lefts[col]
        self._done = int(np.searchsorted(self._tops, since))
        self._found: list[native.Sums] = []

    @property
    def blocks(self) -> int:
        """How many there are in tissue."""
        return len(self._tops)

    def take(self, band: Band) -> None:
        """The blocks that begin in the band's own rows; it must have `SIDE` rows beyond them."""
        first, self._done = self._done, int(np.searchsorted(self._tops, band.bottom))
        if first == self._done:
            return
        own = slice(first, self._done)
        self._found.append(
            native.of_blocks(band.pixels, self._tops[own] - band.first, self._lefts[own], self._by.groups)
        )

    def join(self, team: Team) -> None:
        """With what the others found in their bands: to the first."""
        self._found = [native.Sums(*batch) for one in team.collected(self._found) for batch in one]

    def spectra(self) -> Spectra | None:
        """Once all bands were taken. None where no block of tissue fits."""
        if not self._found:
            return None
        # All blocks together, however they came: the order of sums would differ with their number.
        groups, along, across = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        power = np.add.reduceat(groups[:, : self._by.used], self._by.starts, axis=1)
        lines = along.astype(np.float64)
        return Spectra(
            grid=self._grid,
            where=self._where,
            power=_means(power),
            along=lines,
            across=across.astype(np.float64),
            corner=lines[:, _FAR:].mean(axis=1),
            bands=groups @ self._by.bands,
        )


def chosen(
    edges: tuple[NDArray[np.intp], NDArray[np.intp]], shape: tuple[int, int], tissue: Tissue
) -> tuple[Grid, NDArray[np.bool_]]:
    """The first grid, from the widest on, that has enough blocks of tissue, and which of its blocks are."""
    sparse, dense = (Grid.of(edges, shape, apart=apart) for apart in (SPARSE, SIDE))
    for grid in (sparse, dense, dense.finer()):
        where = tissue_share(tissue, grid.tops[:, None], grid.lefts[None, :]) >= LEAST_TISSUE
        if where.size >= ENOUGH and np.count_nonzero(where) >= ENOUGH_TISSUE:
            break
    return grid, where


@dataclass(frozen=True, slots=True, eq=False)
class _Summing:
    """What is summed of a spectrum, and what the sums add up to."""

    groups: native.Groups
    used: int  # the first groups: those that lie in a ring and way
    starts: NDArray[np.intp]  # where among them each ring and way begins
    bands: NDArray[np.float32]  # (groups, bands)


@cache
def _summing() -> _Summing:
    """Frequencies that no ring, way or band of the texture tells apart are one group."""
    order, starts, number = _atoms()
    atom = np.full(SIDE * native.LINE, len(starts))
    atom[order] = np.repeat(np.arange(len(starts)), number[number > 0])
    band, columns = texture.groups()
    pairs, label = np.unique(atom * len(columns) + band, return_inverse=True)
    atoms, bands = np.divmod(pairs, len(columns))
    return _Summing(
        groups=native.Groups(label.reshape(SIDE, native.LINE), _FAR),
        used=int(np.searchsorted(atoms, len(starts))),
        starts=np.searchsorted(atoms, np.arange(len(starts))),
        bands=columns[bands],
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


def tissue_share(tissue: Tissue, tops: NDArray[np.intp], lefts: NDArray[np.intp]) -> NDArray[np.float64]:
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
    return np.rint(np.fft.fftfreq(SIDE) * SIDE)[:, None], np.arange(SIDE // 2 + 1)[None, :]
