"""Small figures by which a learner chooses inside a fold. It decides on no package: `mhfd.learning.evaluation` does."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SUREST: Final = 0.005
"""No answer counts as surer than this: a tree's 0 that is wrong would outweigh all else."""


def ranks(column: NDArray[Any]) -> NDArray[np.float64]:
    """From 0, equal values sharing the mean of theirs."""
    _, which, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(last[which] - (counts[which] + 1) / 2, np.float64)


def auc(scores: NDArray[Any], bad: NDArray[Any]) -> float:
    """How likely a bad row has a higher score than a good one; NaN where there are not both. No row with NaN counts."""
    known = np.isfinite(scores) & np.isfinite(bad)
    scores, worse = scores[known], np.asarray(bad[known], bool)
    pairs = int(worse.sum()) * int((~worse).sum())
    if not pairs:
        return float("nan")
    below = ranks(scores)[worse].sum() - worse.sum() * (worse.sum() - 1) / 2
    return float(below / pairs)


def loss_of(said: NDArray[np.float64], target: NDArray[Any], weights: NDArray[Any], *, classes: int) -> float:
    """What is wrong with answers: squared (`classes` 0), or the logarithm of what was given to the truth."""
    if not classes:
        return float(np.average((said[:, 0] - target) ** 2, weights=weights))
    if classes == 2:
        given = np.where(target > 0, said[:, 0], 1 - said[:, 0])
    else:
        given = said[np.arange(len(said)), target.astype(np.intp)]
    return float(np.average(-np.log(np.clip(given, _SUREST, 1.0)), weights=weights))


def balanced_accuracy(said: NDArray[np.float64], target: NDArray[Any]) -> float:
    """Of each class the part that is named rightly, and of these the mean. Rows without an answer count as wrong."""
    named = np.where(np.isfinite(said).all(axis=1), np.argmax(np.nan_to_num(said), axis=1), -1)
    return float(np.mean([np.mean(named[target == one] == one) for one in np.unique(target)]))
