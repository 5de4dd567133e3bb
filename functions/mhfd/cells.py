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
"""Cells along one side of an image whose pixel size is unknown. Above 2048 pixels its cells grow."""
MOST_SIZED: Final = 32
"""... and of one whose pixel size is known: a report of 1,024 cells has some 25 kB."""
CELL_UM: Final = 2.0
"""What a cell of an image above 2048 pixels grows to before there are more of them than `MOST_CELLS`."""


def edges(size: int, pixel_nm: float | None = None) -> tuple[int, ...]:
    """Where the cells along one side begin, and where the last ends."""
    count = min(max(round(size / CELL), 1), MOST_CELLS)
    if pixel_nm is not None:
        by_size = min(size * pixel_nm / 1e3 / CELL_UM, MOST_SIZED, size // CELL)
        count = max(count, round(by_size))
    return edges_of(size, count)


def edges_of(size: int, count: int) -> tuple[int, ...]:
    """The same for so many cells."""
    return tuple(i * size // count for i in range(count + 1))


def blocks_of(size: int, count: int) -> tuple[int, ...]:
    """How many blocks have their middle in each of so many cells along a side."""
    first = [min(-((BLOCK // 2 - edge) // BLOCK), size // BLOCK) for edge in edges_of(size, count)]
    return tuple(end - start for start, end in pairwise(first))
