"""Inner splits, for choosing inside a fold: the rows of a group are never on two sides. It decides on no learner."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

INNER: Final = 4
"""Parts into which the groups are dealt, where there are so many."""


def grouped_folds(
    groups: Sequence[str], *, seed: int, parts: int = INNER
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(rows to learn from, rows to ask of), part by part; nothing where all rows are of one group.

    Groups are dealt largest first, each to the part that has the fewest rows; among equal ones the seed decides.
    """
    names, which, counts = np.unique(np.asarray(groups, str), return_inverse=True, return_counts=True)
    parts = min(parts, len(names))
    if parts < 2:
        return
    shuffled = np.random.default_rng(seed).permutation(len(names))
    part_of = np.zeros(len(names), np.intp)
    held = np.zeros(parts)
    for group in sorted(shuffled, key=lambda at: -counts[at]):
        part_of[group] = int(np.argmin(held))
        held[part_of[group]] += counts[group]
    for part in range(parts):
        asked = part_of[which] == part
        yield np.flatnonzero(~asked), np.flatnonzero(asked)


def teachable(target: NDArray[Any], rows: NDArray[np.intp]) -> bool:
    """Whether these rows are of more than one class."""
    return len(np.unique(target[rows])) > 1
