"""What each kind of blur leaves of an image's profile: the models that a fit chooses from.

A blur multiplies power by the square of its transfer, whatever the tissue. So the logarithms of two profiles differ by
that of the transfer alone, averaged over each ring and direction as a profile is, and related to the coarse part.
The zeros of a real blur are filled (thickness, tilt, energies): sizes are averaged over a sixth on both sides.
Knows no image and judges nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import HALF_EDGES, WAY_EDGES, WAYS, WHOLE_EDGES

Plane = NDArray[np.float64]
Power = Callable[[float], Plane]
"""What is left of the power at each frequency, by size."""

_SIDE: Final = 128  # of the blocks that a profile is made from, pixels
_COARSE: Final = (0.016, 0.06)  # cycles a pixel
_STEEP: Final = -3.0  # how tissue's power falls with frequency: what weighs the coarse part
_SPREAD: Final = np.linspace(0.85, 1.15, 7)
_LEAST: Final = 1e-3  # of the power: below it other things are seen
RADII: Final = np.concatenate([np.arange(0, 6.01, 0.125), np.arange(6.25, 12.01, 0.25)])
"""Of discs, pixels."""
_SHARPER: Final = 3.0  # px: an image may be sharper than its neighbours by this much
WAY_DEG: Final = 180 / WAYS


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Blurs of one family: their sizes, and what each leaves, as natural logarithms, a row each."""

    sizes: Plane
    """Pixels; of an ellipse: half-axes and direction (radians) in columns."""
    ways: Plane
    """In each direction and its rings, one direction after the other."""
    whole: Plane
    halves: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The frequencies of a block that a profile uses, and what each counts in its rings."""

    along: Plane
    across: Plane
    whole: Plane
    halves: Plane
    ways: Plane
    coarse: Plane

    def models(self, sizes: Plane, powers: Sequence[Plane]) -> Models:
        power = np.stack(powers, axis=1)
        coarse = np.log(self.coarse @ power)

        def left(rings: Plane) -> Plane:
            logs: Plane = (np.log(np.maximum(rings @ power, _LEAST)) - coarse).T
            return logs

        return Models(sizes, left(self.ways), left(self.whole), left(self.halves))


@cache
def _grid() -> _Grid:
    ky, kx = np.fft.fftfreq(_SIDE)[:, None], np.arange(_SIDE // 2 + 1)[None, :] / _SIDE
    radius = np.hypot(ky, kx).ravel()
    way = (np.rint(np.degrees(np.arctan2(ky, kx)) / WAY_DEG) % WAYS).ravel()
    off_axes = ((np.abs(np.rint(ky * _SIDE)) > 1) & (np.rint(kx * _SIDE) > 1)).ravel()

    def rings(edges: Sequence[float], chosen: NDArray[np.bool_]) -> list[Plane]:
        found = [chosen & (radius >= low) & (radius < high) for low, high in pairwise(edges)]
        return [ring / max(1, np.count_nonzero(ring)) for ring in found]

    whole = np.array(rings(WHOLE_EDGES, off_axes))
    halves = np.array(rings(HALF_EDGES, off_axes))
    ways = np.array([ring for number in range(WAYS) for ring in rings(WAY_EDGES, off_axes & (way == number))])
    coarse = np.where(off_axes & (radius >= _COARSE[0]) & (radius < _COARSE[1]), radius.clip(1e-3) ** _STEEP, 0)
    used = np.flatnonzero(whole.any(axis=0) | halves.any(axis=0) | ways.any(axis=0) | (coarse > 0))
    down, right = (np.broadcast_to(k, (_SIDE, _SIDE // 2 + 1)).ravel()[used] for k in (ky, kx))
    coarse = coarse[used] / coarse.sum()
    return _Grid(right, down, whole[:, used], halves[:, used], ways[:, used], coarse)


def _disc(argument: Plane) -> Plane:
    """The transfer of a disc, 2 J1(x) / x at x = 2 pi radius x frequency."""
    at, value = _disc_table()
    transfer: Plane = np.interp(argument, at, value)
    return transfer


@cache
def _disc_table() -> tuple[Plane, Plane]:
    # A disc seen from its side: chords of 2 sqrt(1 - u^2), summed where their angles are evenly spread.
    angle = (np.arange(96) + 0.5) / 96 * np.pi / 2
    across, weight = np.sin(angle), np.cos(angle) ** 2
    at = np.arange(0, 64, 0.02)
    return at, (np.cos(at[:, None] * across) * weight).sum(axis=1) / weight.sum()


def _filled(power: Power, size: float) -> Plane:
    mean: Plane = np.mean([power(size * part) for part in _SPREAD], axis=0)
    return mean


@cache
def discs() -> Models:
    """Discs by radius x |radius|: an image sharper than its neighbours lacks what a disc of so many pixels takes."""
    grid = _grid()
    frequency = 2 * np.pi * np.hypot(grid.along, grid.across)
    more = grid.models(RADII * RADII, [_filled(lambda r: _disc(frequency * r) ** 2, float(r)) for r in RADII])
    back = np.flatnonzero((RADII > 0) & (RADII <= _SHARPER))[::-1]

    def signed(logs: Plane) -> Plane:
        both: Plane = np.concatenate([-logs[back], logs])
        return both

    return Models(signed(more.sizes), signed(more.ways), signed(more.whole), signed(more.halves))


@cache
def motions(*, along: bool) -> Models:
    """Boxes by length: a way at even speed, along the scan lines or across them."""
    grid = _grid()
    frequency = grid.along if along else grid.across
    lengths = np.arange(1, 12.01, 0.25)
    return grid.models(lengths, [_filled(lambda s: np.sinc(s * frequency) ** 2, float(s)) for s in lengths])


@cache
def vibrations() -> Models:
    """Lines displaced along themselves, by standard deviation. What they scatter across is taken for noise."""
    grid = _grid()
    sizes = np.arange(0.5, 5.01, 0.125)
    return grid.models(sizes, [np.exp(-((2 * np.pi * grid.along * s) ** 2)) for s in sizes])


@cache
def ellipses() -> Models:
    """Elongated discs, by half-axes and the direction of the longer one."""
    grid = _grid()
    axes = [(a, a * part) for a in np.arange(1.5, 9.01, 0.5) for part in (0.0, 0.2, 0.4, 0.6)]
    sizes = [(a, b, turn * np.pi / 16) for a, b in axes for turn in range(16)]

    def power(a: float, b: float, angle: float) -> Plane:
        long = grid.along * np.cos(angle) + grid.across * np.sin(angle)
        short = grid.across * np.cos(angle) - grid.along * np.sin(angle)
        return _filled(lambda part: _disc(2 * np.pi * part * np.hypot(a * long, b * short)) ** 2, 1.0)

    return grid.models(np.array(sizes), [power(*size) for size in sizes])
