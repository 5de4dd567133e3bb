"""Which part of an image features are taken of: the same for who learns from a file and for a station that sees rows.

All of a small image; of a larger one the square in its middle. It measures nothing.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.rows import Rows

LARGEST: Final = 2048
"""Pixels along a side: features are of blocks, and more of them say little more."""
_BAND: Final = 256  # rows


def part_of(rows: Rows, largest: int = LARGEST) -> NDArray[Any]:
    """That part of an image that is read by rows, some at a time: they may be as wide as an image can be."""
    (top, bottom), (left, right) = (_middle(size, largest) for size in rows.shape)
    part = np.empty((bottom - top, right - left), rows.dtype)
    for start in range(top, bottom, _BAND):
        end = min(start + _BAND, bottom)
        part[start - top : end - top] = rows.read(start, end)[:, left:right]
    return part


def part_of_array(pixels: NDArray[Any], largest: int = LARGEST) -> NDArray[Any]:
    """That part of an array, (height, width) or (channels, height, width): a view."""
    (top, bottom), (left, right) = (_middle(size, largest) for size in pixels.shape[-2:])
    return pixels[..., top:bottom, left:right]


def _middle(size: int, largest: int) -> tuple[int, int]:
    """[begin, end) of so many pixels in the middle."""
    begin = max(0, (size - largest) // 2)
    return begin, min(size, begin + largest)
