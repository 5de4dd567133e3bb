"""How the tissue's contrast is spread from coarse to fine: what tells another magnification from another focus.

Contrast, brightness and dose move nothing here, and defocus and magnification each move it in a way of their own:
defocus takes the finest bands first and leaves the coarse ones, magnification moves the whole curve along. What that
says of two images is decided elsewhere. From the power of the blocks of the cross-spectrum, so that it costs next to
nothing.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Texture

SIDE = 128
"""Side of a block, pixels."""
EDGES = 0.022 * 2 ** (np.arange(9) / 2)
"""Of the bands, cycles a pixel: half-octaves from periods of 45 pixels to periods of 3."""
_COARSE = 3  # bands that the others are related to
_FINE = slice(3, 6)  # bands in which directions are compared
_FINEST = 3  # bands in which noise hides what is fine
_DIRECTIONS = 4
_HIDDEN = 0.1  # of the noise: a signal below this is lost in it
_LEAST = 16  # blocks: nine, of 256 x 256 pixels, differ by chance as magnifications do


def measure(bands: NDArray[np.float32], noise: NDArray[np.float64]) -> Texture | None:
    """Of the mean power of blocks (a row each) by `weights`, and of their noise; None where too few show anything.

    Logarithms are averaged over the blocks, so that each has one vote: a blood vessel's rim does not decide.
    """
    signal = bands - noise
    clear = (signal - noise)[:, :_COARSE].mean(axis=1) > 0
    if len(noise) < _LEAST or clear.sum() < _LEAST:
        return None
    count = len(EDGES) - 1
    hidden = np.log(np.maximum(_HIDDEN * noise[clear, count - _FINEST : count].mean(axis=1), 1e-30))
    level = np.log(np.maximum(signal[clear], np.exp(hidden)[:, None]))
    coarse = level[:, :_COARSE].mean(axis=1)
    directions = level[:, count:]
    steepness = level[:, _FINE.stop - 1] - level[:, _FINE.stop - 2]
    return Texture(
        levels=_rounded((level[:, :count] - coarse[:, None]).mean(axis=0)),
        directions=_rounded((directions - directions.mean(axis=1, keepdims=True)).mean(axis=0)),
        floor=round(float((hidden - coarse).mean()), 3),
        uneven=round(float(steepness.std()), 3),
    )


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.round(3).tolist())


@cache
def groups() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The group of each frequency, flat as `rfft2` orders them, and what one of a group counts in each band, direction.

    Group 0 counts nowhere. The axes are left out: that is where scan lines of unequal brightness show.
    """
    ky = np.rint(np.fft.fftfreq(SIDE) * SIDE)[:, None]
    kx = np.arange(SIDE // 2 + 1)[None, :]
    off_axes = (np.abs(ky) > 1) & (np.abs(kx) > 1)
    ring = np.digitize(np.hypot(ky, kx) / SIDE, EDGES) - 1
    way = np.rint(np.arctan2(ky, np.maximum(kx, 1e-9)) / np.pi * _DIRECTIONS).astype(int) % _DIRECTIONS
    rings = len(EDGES) - 1
    used = off_axes & (ring >= 0) & (ring < rings)
    label = np.where(used, 1 + ring * _DIRECTIONS + way, 0).ravel()
    number = np.bincount(label, minlength=1 + rings * _DIRECTIONS)[1:].reshape(rings, _DIRECTIONS)
    columns = np.zeros((rings, _DIRECTIONS, rings + _DIRECTIONS))
    for at in range(rings):
        columns[at, :, at] = 1 / number[at].sum()
    for at in range(_DIRECTIONS):
        columns[_FINE, at, rings + at] = 1 / number[_FINE, at].sum()
    return label, np.concatenate([np.zeros((1, columns.shape[2])), columns.reshape(-1, columns.shape[2])]).astype(
        np.float32
    )


@cache
def weights() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The frequencies in use, flat as `rfft2` orders them, and what each counts in each band and direction."""
    label, columns = groups()
    used = np.flatnonzero(label)
    return used, np.ascontiguousarray(columns[label[used]])
