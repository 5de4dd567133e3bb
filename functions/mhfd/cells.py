"""Where the cells of a focus map lie: a rule on whole numbers, the same for whoever measures them or shows them.

`n` cells along a side of `size` pixels begin at `i * size // n`, so they differ by one pixel at most. What is counted
is counted in blocks of 16 pixels, and a block belongs to the cell that holds its middle.
"""

from itertools import pairwise
from typing import Final

BLOCK: Final = 16
"""Side of a block, pixels."""
CELL: Final = 128
"""Side of a cell, pixels: one block of the cross-spectrum."""
MOST_CELLS: Final = 16
"""Cells along one side. Above 2048 pixels the cells grow, each with one block in its middle: an even sample."""


def edges(size: int) -> tuple[int, ...]:
    """Where the cells along one side begin, and where the last ends."""
    return edges_of(size, min(max(round(size / CELL), 1), MOST_CELLS))


def edges_of(size: int, count: int) -> tuple[int, ...]:
    """The same for so many cells."""
    return tuple(i * size // count for i in range(count + 1))


def blocks_of(size: int, count: int) -> tuple[int, ...]:
    """How many blocks have their middle in each of so many cells along a side."""
    first = [min(-((BLOCK // 2 - edge) // BLOCK), size // BLOCK) for edge in edges_of(size, count)]
    return tuple(end - start for start, end in pairwise(first))
