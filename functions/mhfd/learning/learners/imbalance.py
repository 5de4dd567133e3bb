"""What to do where bad images are rare: let them count more, or leave out some of the others, group by group."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Balance = Literal["weights", "sampling", "none"]
BALANCES: Final[tuple[Balance, ...]] = ("weights", "sampling", "none")


def equal_classes(target: NDArray[Any]) -> NDArray[np.float64]:
    """A weight for each row, of mean 1, by which all classes together weigh the same."""
    _, which, counts = np.unique(target, return_inverse=True, return_counts=True)
    return np.asarray(len(target) / (len(counts) * counts[which]), np.float64)


def sampled(target: NDArray[Any], groups: Sequence[str], *, seed: int, most: float = 3.0) -> NDArray[np.intp]:
    """Rows to learn from: in each group, of a class at most `most` times as many as of its rarest.

    Where a group has one class alone, the rarest class of all stands for its rarest. No group is left out, and the
    order of rows is kept.
    """
    drawn = np.random.default_rng(seed)
    named = np.asarray(groups, object)
    kept: list[NDArray[np.intp]] = []
    overall = np.unique(target, return_counts=True)[1].min(initial=len(target))
    for group in dict.fromkeys(groups):
        rows = np.flatnonzero(named == group)
        classes, counts = np.unique(target[rows], return_counts=True)
        rarest = counts.min() if len(classes) > 1 else min(counts.min(), overall)
        room = max(1, round(most * rarest))
        for one in classes:
            own = rows[target[rows] == one]
            kept.append(own if len(own) <= room else drawn.choice(own, room, replace=False))
    return np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.intp)
