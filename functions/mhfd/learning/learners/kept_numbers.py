"""What was measured once, on the disk for the next time: a row of numbers a file. Knows nothing of what they mean."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def kept(place: Path, count: int) -> NDArray[np.float64] | None:
    """So many numbers that were kept; None where there is nothing, or what is there is damaged."""
    try:
        found = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if isinstance(found, np.ndarray) and found.shape == (count,) and found.dtype == np.float64 else None


def keep(place: Path, found: NDArray[np.float64]) -> None:
    """Whole or not at all; a disk that is full costs the next time, not this one."""
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        part.replace(place)
