"""Which part of an image features are taken of: the same for who learns from a file and for a station that sees rows.

All of a small image; of a larger one the square in its middle. It measures nothing.
"""

from typing import Any, Final

from numpy.typing import NDArray

from mhfd.rows import Rows

LARGEST: Final = 2048
"""Pixels along a side: features are of blocks, and more of them say little more."""


def part_of(rows: Rows) -> NDArray[Any]:
    """That part of an image that is read by rows; nothing else of it is read."""
    (top, bottom), (left, right) = (_middle(size) for size in rows.shape)
    return rows.read(top, bottom)[:, left:right].copy()


def part_of_array(pixels: NDArray[Any]) -> NDArray[Any]:
    """That part of an array: a view."""
    (top, bottom), (left, right) = (_middle(size) for size in pixels.shape)
    return pixels[top:bottom, left:right]


def _middle(size: int) -> tuple[int, int]:
    """[begin, end) of so many pixels in the middle."""
    begin = max(0, (size - LARGEST) // 2)
    return begin, min(size, begin + LARGEST)
