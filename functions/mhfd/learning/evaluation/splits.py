"""Which images a learner may see, and which it is asked about. By group; a random split is only ever shown beside.

Images of one group are alike in everything but what is asked: tissue, stain, dose, lens. Whoever has seen one of them
has seen the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError

Folds = NDArray[np.intp]

FOLDS: Final = 5
TRAIN, VALIDATE, TEST = 0, 1, 2


def specimen_of(group: str) -> str:
    """Of a group `instrument/specimen/session` the specimen; of any other text the text itself.

    Two sessions of one specimen show the same tissue. A group that names no specimen stands for itself.
    """
    parts = group.split("/")
    return parts[1] if len(parts) == 3 and parts[1] else group


def by_group(groups: Sequence[str], bad: NDArray[np.bool_], *, folds: int = FOLDS, seed: int = 0) -> Folds:
    """The fold of each row. No group lies in two; bad images are spread over the folds as evenly as groups allow."""
    names, at = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise UsageError(f"groups: all images are of {names[0] if len(names) else 'none'}; a split needs at least 2")
    shares = np.full(min(folds, len(names)), 1.0)
    return _dealt(at, bad, shares / shares.sum(), seed)[at]


def held_out(groups: Sequence[str], bad: NDArray[np.bool_], *, part: float = 0.2, seed: int = 0) -> Folds:
    """TRAIN or TEST for each row, about `part` of the images in TEST, whole groups."""
    return np.where(_parts(groups, bad, (1 - part, part), seed) == 1, TEST, TRAIN)


def three_way(groups: Sequence[str], bad: NDArray[np.bool_], *, seed: int = 0) -> Folds:
    """TRAIN, VALIDATE or TEST for each row, about 60, 20 and 20% of the images, whole groups."""
    return _parts(groups, bad, (0.6, 0.2, 0.2), seed)


def at_random(bad: NDArray[np.bool_], *, folds: int = FOLDS, seed: int = 0) -> Folds:
    """The fold of each row, without regard to groups: what nearly everybody reports, and what decides nothing here."""
    rng = np.random.default_rng(seed)
    dealt = np.empty(len(bad), np.intp)
    for kind in (False, True):
        rows = np.flatnonzero(bad == kind)
        dealt[rng.permutation(rows)] = np.arange(len(rows)) % folds
    return dealt


def _parts(groups: Sequence[str], bad: NDArray[np.bool_], shares: Sequence[float], seed: int) -> Folds:
    names, at = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < len(shares):
        raise UsageError(f"groups: {len(names)} cannot be split in {len(shares)}; label images of more of them")
    return _dealt(at, bad, np.asarray(shares), seed)[at]


def _dealt(at: NDArray[np.intp], bad: NDArray[np.bool_], shares: NDArray[np.float64], seed: int) -> Folds:
    """A part for each group: the largest first, each to the part that lacks most of what the group has."""
    count = int(at.max()) + 1
    has = np.stack([np.bincount(at[bad], minlength=count), np.bincount(at[~bad], minlength=count)], axis=1).astype(
        float
    )
    has /= np.maximum(has.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(count)
    order = order[np.argsort(-has[order].sum(axis=1), kind="stable")]
    given = np.zeros((len(shares), 2))
    part = np.empty(count, np.intp)
    empty = set(range(len(shares)))
    for place, group in enumerate(order):
        lacks = ((shares[:, None] - given) * has[group]).sum(axis=1)
        if count - place <= len(empty):  # none may stay without a group
            lacks[[one for one in range(len(shares)) if one not in empty]] = -np.inf
        part[group] = chosen = int(np.argmax(lacks))
        given[chosen] += has[group]
        empty.discard(chosen)
    return part
