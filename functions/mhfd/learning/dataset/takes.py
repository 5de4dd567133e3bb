"""Which images are the same take: saved again in another form, mirrored, turned, or with other grey values.

Two images of one place have noise of their own, so the finest detail of two takes is unlike, and that of one take
alike, whatever was done to it since. Compared is a patch in the middle of each. Must know nothing of labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 48
"""Pixels of the patch."""
ALIKE: Final = 0.85
"""Correlation of the finest detail from which two are one take: of two takes it is about 0 in micrographs, .74 at a
dose of 200 in the simulator, and more where there is next to no noise."""
_AT_ONCE: Final = 512  # images


def patch_of(pixels: NDArray[Any]) -> NDArray[np.float32] | None:
    """The finest detail in the middle, of mean 0 and length 1; None where there is none."""
    middle = [(size - SIDE) // 2 for size in pixels.shape]
    if min(middle) < 1:
        return None
    top, left = middle
    some = pixels[top - 1 : top + SIDE + 1, left - 1 : left + SIDE + 1].astype(np.float64)
    around = sum(some[1 + y : 1 + y + SIDE, 1 + x : 1 + x + SIDE] for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
    fine: NDArray[np.float64] = some[1:-1, 1:-1] - around
    fine -= fine.mean()
    length = float(np.sqrt((fine**2).sum()))
    return None if length <= 1e-9 * SIDE * max(float(np.abs(some).max()), 1e-30) else (fine / length).astype(np.float32)


def same_takes(patches: Sequence[NDArray[np.float32] | None]) -> Iterator[tuple[int, int]]:
    """Pairs of indices, the smaller first, of those that are one take."""
    known = [n for n, patch in enumerate(patches) if patch is not None]
    if len(known) < 2:
        return
    each = np.stack([patch for patch in patches if patch is not None])
    flat = each.reshape(len(each), -1)
    for start in range(0, len(each), _AT_ONCE):
        some = each[start : start + _AT_ONCE]
        best = np.full((len(some), len(each)), -1.0, np.float32)
        for quarter in range(4):
            for turned in (np.rot90(some, quarter, axes=(1, 2)), np.rot90(some[:, ::-1], quarter, axes=(1, 2))):
                np.maximum(best, turned.reshape(len(some), -1) @ flat.T, out=best)
        for one, other in np.argwhere(best >= ALIKE).tolist():
            if start + one < other:
                yield known[start + one], known[other]
