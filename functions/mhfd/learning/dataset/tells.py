"""How well something that is known of images tells their label, when nobody looks at them.

What tells it without a look is what a learner would learn in place of focus. Reads no image.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAST: Final = 5
"""Images of each label that a number is given for."""


def auc(scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """How often a bad image has the higher score than a good one; ties count half."""
    order = np.argsort(scores, kind="stable")
    values, first, count = np.unique(scores[order], return_index=True, return_counts=True)
    middle = first + (count + 1) / 2
    ranks = middle[np.searchsorted(values, scores)]
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    return float((ranks[bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))


def by_number(values: Sequence[float], bad: Sequence[bool]) -> float | None:
    """AUC of a number, whichever way it points; None where images are too few."""
    labels = np.array(bad, dtype=bool)
    if not _enough(labels):
        return None
    found = auc(np.array(values, dtype=np.float64), labels)
    return max(found, 1 - found)


def by_kind(values: Sequence[Hashable], bad: Sequence[bool]) -> float | None:
    """AUC of what the others of the same kind are: each image is told by those without it; None where too few."""
    labels = np.array(bad, dtype=bool)
    if not _enough(labels) or len(set(values)) < 2:
        return None
    kinds = {value: n for n, value in enumerate(dict.fromkeys(values))}
    of = np.array([kinds[value] for value in values])
    count = np.bincount(of)
    wrong = np.bincount(of, labels)
    usual = float(labels.mean())
    # Drawn towards the usual share, each image left out of both: a kind of one image says nothing.
    told = (wrong[of] - labels + usual_without(usual, labels)) / count[of]
    return auc(told, labels)


def usual_without(usual: float, labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of bad images among all the others, for each."""
    n = len(labels)
    without: NDArray[np.float64] = (usual * n - labels) / (n - 1)
    return without


def by_chance(bad: Sequence[bool]) -> float:
    """Three standard deviations of an AUC that knows nothing."""
    n_bad = sum(bad)
    n_good = len(bad) - n_bad
    return 3 * float(np.sqrt((n_bad + n_good + 1) / (12 * n_bad * n_good)))


def _enough(labels: NDArray[np.bool_]) -> bool:
    return min(int(labels.sum()), int((~labels).sum())) >= LEAST
