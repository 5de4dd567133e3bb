"""Power spectra of two images' tiles, the same tiles in both: what is over the noise, by ring and by direction.

Tiles are averaged in a few groups, so that what chance does can be seen from how far the groups are apart. Noise is
read where hardly any scene reaches, along each axis on its own: that holds for a slow detector's, too. Knows nothing
of lenses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

Plane = NDArray[np.float32]
Values = NDArray[np.float64]

EDGES: Final = tuple(float(f"{edge:.3g}") for edge in np.geomspace(0.01, 0.36, 17))
"""Of the rings, cycles a pixel."""
RINGS: Final = len(EDGES) - 1
WAYS: Final = 8
"""Directions of a ring, evenly over half a turn."""
GROUPS: Final = 4
LEAST_SIDE: Final = 128
"""Of a plane."""
_SIDE: Final = 256  # of a tile; less of a small plane
_MOST_A_SIDE: Final = 9  # tiles along a side, evenly spread, however large the planes
_BEYOND: Final = 0.4  # cycles a pixel along one axis, from which on what is there is noise
_SMOOTH: Final = 9  # frequencies over which a line of noise is averaged
_AXIS: Final = 2  # frequencies from an axis on which rows of unequal brightness lie
_SURE: Final = 0.3  # of the noise: less than that is no signal that anything can be related to
_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class TileSpectra:
    """Of the same tiles of two images: the first axis says which."""

    signal: Values
    """(2, groups, rings, ways): power less noise; below 0 where chance has it so."""
    noise: Values
    """(2, groups, rings, ways)."""
    common: Values
    """(rings): what the two have in common, as a part of both; below 0 where one is upside down against the other."""
    modes: Values
    """(rings, ways): how many frequencies of a tile are in each."""
    tiles: int


def of_two(a: Plane, b: Plane) -> TileSpectra:
    """Of two planes of one shape."""
    side = min(_SIDE, max(LEAST_SIDE, min(a.shape) * 3 // 4 // 16 * 16))  # of a small plane too, there are several
    tops, lefts = (_places(length, side) for length in a.shape)
    window = _window(side)
    coarse = _coarse(side)
    powers = np.empty((len(tops) * len(lefts), 2, side, side // 2 + 1), np.float32)
    shared = np.empty_like(powers[:, 0])
    for number, (top, left) in enumerate((top, left) for top in tops for left in lefts):
        tiles = (plane[top : top + side, left : left + side] for plane in (a, b))
        first, second = (scipy.fft.rfft2((tile - tile.mean()) * window) for tile in tiles)
        for which, spectrum in enumerate((first, second)):
            powers[number, which] = spectrum.real**2 + spectrum.imag**2
        shared[number] = first.real * second.real + first.imag * second.imag
    strength = powers[:, :, coarse].mean(axis=2, dtype=np.float64)
    mean = np.maximum(strength.mean(axis=0), _TINY)
    weight = (1 / (1 + (strength / mean).mean(axis=1))).astype(np.float32)  # no tile speaks for all
    group = _groups(len(tops), len(lefts))
    atom, modes = _atoms(side)
    signal, noise = np.empty((2, 2, GROUPS, RINGS, WAYS))
    together = np.empty((2, 2, RINGS, WAYS))  # of each image: power less noise, and noise
    for which in range(2):
        whole = np.tensordot(weight, powers[:, which], 1).astype(np.float64) / float(weight.sum())
        level, shape = _noise(whole)
        together[which] = _by_atom(whole - level * shape, atom, modes), _by_atom(level * shape, atom, modes)
        for number in range(GROUPS):
            mine = group == number
            part = whole
            if mine.any():
                part = np.tensordot(weight[mine], powers[mine, which], 1).astype(np.float64) / float(weight[mine].sum())
            own = _corner(part) if level > 0 else 0.0
            hides = own * shape
            noise[which, number] = _by_atom(hides, atom, modes)
            signal[which, number] = _by_atom(part - hides, atom, modes)
    cross = _by_atom(np.tensordot(weight, shared, 1).astype(np.float64) / float(weight.sum()), atom, modes)
    return TileSpectra(signal, noise, _common(cross, together, modes), modes, len(powers))


def _common(cross: Values, together: Values, modes: Values) -> Values:
    """Of each ring; noise is not shared, so it counts in neither."""
    signal, noise = together[:, 0], together[:, 1]
    level = (np.maximum(signal, _SURE * noise) * modes).sum(axis=2)
    common: Values = (cross * modes).sum(axis=1) / np.sqrt(np.maximum(level[0] * level[1], _TINY))
    return common


def _places(length: int, side: int) -> list[int]:
    """Where tiles begin along one side: half-way over each other, or further apart where there would be too many."""
    number = min(_MOST_A_SIDE, max(1, round((length - side) / (side / 2)) + 1))
    if length > side:
        number = max(number, 2)
    return [int(place) for place in np.linspace(0, length - side, number).round()] if number > 1 else [0]


def _groups(rows: int, columns: int) -> NDArray[np.intp]:
    """The group of each tile: neighbours are in others."""
    down, along = np.divmod(np.arange(rows * columns), columns)
    number: NDArray[np.intp] = (down % 2) * 2 + along % 2
    return number


@cache
def _window(side: int) -> Plane:
    line = np.hanning(side + 1)[:-1].astype(np.float32)
    return line[:, None] * line[None, :]


@cache
def _frequencies(side: int) -> tuple[Values, Values]:
    return scipy.fft.fftfreq(side)[:, None], scipy.fft.rfftfreq(side)[None, :]


@cache
def _coarse(side: int) -> NDArray[np.bool_]:
    down, along = _frequencies(side)
    radius = np.hypot(down, along)
    found: NDArray[np.bool_] = (radius >= EDGES[0]) & (radius < 0.1)
    return found


@cache
def _atoms(side: int) -> tuple[NDArray[np.intp], Values]:
    """Which ring and way each frequency belongs to, and how many belong to each. The axes are left out."""
    down, along = _frequencies(side)
    ring = np.digitize(np.hypot(down, along), EDGES) - 1
    way = np.rint(np.arctan2(down, np.maximum(along, 1e-12)) / np.pi * WAYS).astype(int) % WAYS
    off = (np.abs(down) * side > _AXIS - 0.5) & (np.abs(along) * side > _AXIS - 0.5)
    # The innermost rings have hardly a frequency off the axes: there, only the axes' own lines are left out.
    near = np.hypot(down, along) * side < 8
    off |= near & (np.abs(down) * side > 0.5) & (np.abs(along) * side > 0.5)
    atom = np.where(off & (ring >= 0) & (ring < RINGS), ring * WAYS + way, RINGS * WAYS).ravel()
    return atom, np.bincount(atom, minlength=RINGS * WAYS + 1)[:-1].astype(np.float64).reshape(RINGS, WAYS)


def _by_atom(plane: Values, atom: NDArray[np.intp], modes: Values) -> Values:
    summed = np.bincount(atom, plane.ravel(), minlength=RINGS * WAYS + 1)[:-1]
    return summed.reshape(RINGS, WAYS) / np.maximum(modes, 1)


def _corner(power: Values) -> float:
    down, along = _frequencies(len(power))
    return float(power[np.abs(down[:, 0]) >= _BEYOND][:, along[0] >= _BEYOND].mean())


def _noise(power: Values) -> tuple[float, Values]:
    """The level in the corner, and the shape over all frequencies: 1 there, and a product of one along each axis."""
    down, along = _frequencies(len(power))
    level = _corner(power)
    if level <= 0:
        return 0.0, np.zeros_like(power)
    lines = power[np.abs(down[:, 0]) >= _BEYOND].mean(axis=0)
    columns = power[:, along[0] >= _BEYOND].mean(axis=1)
    lines[:_AXIS] = lines[_AXIS]
    columns[np.abs(down[:, 0]) * len(power) < _AXIS - 0.5] = columns[_AXIS]
    rows = uniform_filter1d(lines, _SMOOTH, mode="nearest") / level
    cols = uniform_filter1d(columns, _SMOOTH, mode="wrap") / level
    return level, cols[:, None] * rows[None, :]
