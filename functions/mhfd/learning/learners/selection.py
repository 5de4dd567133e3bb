"""Which columns are worth having, from the rows of a fold alone; and how well a learner does with how many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.learners.folds import grouped_folds, teachable
from mhfd.learning.learners.learner import Learner
from mhfd.learning.learners.quality import auc, balanced_accuracy, ranks

_SAME: Final = 0.95
"""Two columns whose ranks correlate more say the same: the weaker goes behind all others."""
_CURVE: Final = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Point:
    """How well a learner does with so many columns, chosen anew in every fold."""

    columns: int
    quality: float
    """AUC of good and bad; of more classes the mean of the parts that are named rightly."""
    least: float
    most: float
    """Of the folds."""


def varying(values: NDArray[Any]) -> NDArray[np.intp]:
    """The columns that tell rows apart at all."""
    return np.flatnonzero(np.ptp(values, axis=0) > 0) if len(values) else np.zeros(0, np.intp)


def ranked(values: NDArray[Any], target: NDArray[Any], *, classes: int) -> NDArray[np.intp]:
    """The varying columns, the most telling first. `classes` 0: the target is a number, not a class.

    By ranks, so that a column's unit and a few wild values decide nothing: the part of their variance that lies between
    classes, or the square of their correlation with the target. A column that says what a stronger one says comes last.
    """
    columns = varying(values)
    if not len(columns):
        return columns
    ordered = np.stack([ranks(values[:, column]) for column in columns])
    ordered -= ordered.mean(axis=1, keepdims=True)
    ordered /= np.sqrt((ordered**2).sum(axis=1, keepdims=True))
    if classes:
        known, sizes = np.unique(target, return_counts=True)
        sums = np.stack([ordered[:, target == one].sum(axis=1) for one in known])
        telling = (sums**2 / sizes[:, None]).sum(axis=0)
    else:
        wanted = ranks(target) - (len(target) - 1) / 2
        telling = (ordered @ wanted) ** 2 / max(float(wanted @ wanted), 1e-12)
    first: list[int] = []
    again: list[int] = []
    for at in np.argsort(-telling, kind="stable"):
        repeats = first and np.abs(ordered[first] @ ordered[at]).max() > _SAME
        (again if repeats else first).append(int(at))
    return columns[np.array(first + again, np.intp)]


def curve(
    learner: Learner,
    values: NDArray[Any],
    target: NDArray[Any],
    *,
    groups: Sequence[str],
    seed: int,
    classes: int = 2,
    counts: Sequence[int] = _CURVE,
) -> tuple[Point, ...]:
    """The learner with the most telling 1, 2, 4, ... columns and with all, in folds grouped by source.

    Rows with NaN are left out.
    """
    known = np.isfinite(values).all(axis=1) & np.isfinite(np.asarray(target, np.float64))
    values, target = values[known], target[known]
    named = [group for group, is_known in zip(groups, known, strict=True) if is_known]
    folds = [fold for fold in grouped_folds(named, seed=seed) if teachable(target, fold[0])]
    orders = [ranked(values[taught], target[taught], classes=classes) for taught, _ in folds]
    most = min((len(order) for order in orders), default=0)
    points = []
    for count in dict.fromkeys([*(one for one in counts if one < most), *([most] if most else [])]):
        found = []
        for (taught, asked), order in zip(folds, orders, strict=True):
            fitted = learner.fit(
                values[np.ix_(taught, order[:count])],
                target[taught],
                groups=[named[row] for row in taught],
                seed=seed,
                classes=classes,
            )
            said = fitted.predict(values[np.ix_(asked, order[:count])])
            found.append(auc(said, target[asked]) if classes == 2 else balanced_accuracy(said, target[asked]))
        if usable := [one for one in found if np.isfinite(one)]:
            points.append(Point(count, float(np.mean(usable)), min(usable), max(usable)))
    return tuple(points)
