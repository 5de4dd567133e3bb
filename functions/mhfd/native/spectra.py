"""Power spectra of blocks of an image, summed in groups of frequencies: the compiled way, and its NumPy twin.

Which blocks and which groups is the caller's; nothing here knows what is noise and what is scene.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mhfd import native
from mhfd.errors import UsageError

SIDE: Final = 128
"""Side of a block, pixels."""
LINE: Final = SIDE // 2 + 1
"""Frequencies along one axis, from 0 on."""
_KINDS: Final = {"uint8": 0, "uint16": 1, "float32": 2}
_AT_ONCE: Final = 16  # blocks that NumPy transforms together: 1 MB, so that nothing leaves the cache


class Sums(NamedTuple):
    """Of each block, a row each: power, Hann-windowed, its mean taken off before."""

    groups: NDArray[np.float32]
    """(blocks, groups): sums."""
    along: NDArray[np.float32]
    """(blocks, LINE): by frequency along the lines, the mean over those across them from `far` on."""
    across: NDArray[np.float32]
    """(blocks, LINE): by frequency across the lines, the mean over those along them from `far` on."""


class Groups:
    """Which frequencies are summed together.

    Args:
        label: The group of each frequency, (SIDE, LINE), as `rfft2` orders them.
        far: From which frequency of one axis on `Sums.along` and `Sums.across` are taken.
    """

    def __init__(self, label: NDArray[np.integer[Any]], far: int) -> None:
        self.far = far
        self.count = int(label.max()) + 1
        self.by_column = np.ascontiguousarray(label.T, np.uint16)
        flat = label.ravel()
        self._order = np.argsort(flat, kind="stable")
        self._starts = np.searchsorted(flat[self._order], np.arange(self.count))

    def summed(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """(blocks, SIDE, LINE) -> (blocks, groups)."""
        sums: NDArray[np.float32] = np.add.reduceat(power.reshape(len(power), -1)[:, self._order], self._starts, axis=1)
        return sums


def of_blocks(
    pixels: NDArray[Any], tops: Sequence[int] | NDArray[np.intp], lefts: Sequence[int] | NDArray[np.intp], by: Groups
) -> Sums:
    """The blocks of a uint8, uint16 or float32 image whose upper left pixels these are."""
    native.check_pixels(pixels)
    tops, lefts = np.asarray(tops, np.int64), np.asarray(lefts, np.int64)
    inside = (tops >= 0) & (tops + SIDE <= pixels.shape[0]) & (lefts >= 0) & (lefts + SIDE <= pixels.shape[1])
    if not inside.all():
        raise UsageError(f"blocks: each must have {SIDE}x{SIDE} pixels inside the {pixels.shape} of the image")
    loaded = native.library() if native.kernel_info().available else None
    if loaded is None or not hasattr(loaded, "mhfd_spectra"):  # a clone whose library was not built again
        return _numpy(pixels, tops, lefts, by)
    pixels = np.ascontiguousarray(pixels)
    loaded.mhfd_spectra_room.restype = ctypes.c_int64
    room = np.empty(loaded.mhfd_spectra_room(by.count), np.float32)
    sums = Sums(*(np.empty((len(tops), width), np.float32) for width in (by.count, LINE, LINE)))
    starts = tops * pixels.shape[1] + lefts
    loaded.mhfd_spectra(
        _address(pixels),
        ctypes.c_int64(pixels.shape[1]),
        _KINDS[pixels.dtype.name],
        _address(starts),
        ctypes.c_int64(len(starts)),
        _address(_window()),
        _address(_roots()),
        _address(by.by_column),
        by.count,
        by.far,
        _address(room),
        *(_address(one) for one in sums),
    )
    return sums


def _numpy(pixels: NDArray[Any], tops: NDArray[np.int64], lefts: NDArray[np.int64], by: Groups) -> Sums:
    window = _window()[:, None] * _window()
    found: list[Sums] = []
    for first in range(0, len(tops), _AT_ONCE):
        corners = zip(tops[first : first + _AT_ONCE].tolist(), lefts[first : first + _AT_ONCE].tolist(), strict=True)
        blocks = [pixels[y : y + SIDE, x : x + SIDE] for y, x in corners]
        stack = np.zeros((_AT_ONCE, SIDE, SIDE), np.float32)  # always as many: the order of sums differs with that
        stack[: len(blocks)] = blocks
        stack -= stack.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
        spectrum = np.fft.rfft2(stack * window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
        edge = power[:, :, by.far :].mean(axis=2)
        edge[:, 1 : LINE - 1] += edge[:, : LINE - 1 : -1]
        edge[:, 1 : LINE - 1] *= 0.5
        along = power[:, by.far : SIDE - by.far + 1].mean(axis=1)
        found.append(Sums(*(part[: len(blocks)] for part in (by.summed(power), along, edge[:, :LINE]))))
    nothing = Sums(*(np.empty((0, width), np.float32) for width in (by.count, LINE, LINE)))
    return Sums(*(np.concatenate(parts) for parts in zip(nothing, *found, strict=True)))


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(SIDE + 1)[:-1].astype(np.float32)


@cache
def _roots() -> NDArray[np.float32]:
    """exp(-2 pi i k / SIDE), the parts in turn."""
    at = -2 * np.pi / SIDE * np.arange(SIDE)
    return np.ascontiguousarray(np.stack([np.cos(at), np.sin(at)], axis=1), np.float32)


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
