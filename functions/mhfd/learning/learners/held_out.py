"""How well a learner does on rows that it has not seen, by how they were held back: by group, by specimen, at random.

A random split has images of one specimen on both sides and flatters; it is measured to show by how much.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.learners.folds import grouped_folds
from mhfd.learning.learners.quality import auc, balanced_accuracy

FOLDS: Final = 5
_DRAWS: Final = 400
Predict = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]
"""Learn from some rows, say something of others."""
Figure = Callable[[NDArray[Any], NDArray[Any]], float]
"""Of what was said, and of the truth."""


@dataclass(frozen=True, slots=True)
class Held:
    """A figure on rows held back, with its interval of 95% over groups."""

    value: float | None
    low: float | None
    high: float | None
    rows: int
    groups: int


def said_of_unseen(predict: Predict, groups: Sequence[str], *, seed: int, parts: int = FOLDS) -> NDArray[np.float64]:
    """What is said of each row by who had not seen its group; NaN where the others could not teach."""
    said: NDArray[np.float64] | None = None
    for taught, asked in grouped_folds(groups, seed=seed, parts=parts):
        answers = predict(taught, asked)
        if said is None:
            said = np.full((len(groups), *answers.shape[1:]), np.nan)
        said[asked] = answers
    return np.full(len(groups), np.nan) if said is None else said


def figure_of(said: NDArray[Any], target: NDArray[Any], *, classes: int) -> float:
    """AUC of good and bad; of more classes the mean of the parts that are named rightly; of a radius how far it is off.

    That is the median of |log((said + 1/2) / (true + 1/2))|, of the first of its two columns.
    """
    if classes == 2:
        return auc(said, target)
    known = np.isfinite(said).all(axis=1) & np.isfinite(target)
    if not known.any():
        return float("nan")
    if classes:
        return balanced_accuracy(said[known], target[known])
    return float(np.median(np.abs(np.log((said[known, 0] + 0.5) / (target[known] + 0.5)))))


def held(said: NDArray[Any], target: NDArray[Any], groups: Sequence[str], *, classes: int, seed: int) -> Held:
    """The figure of what was said, and how it scatters over draws of groups."""
    known = np.isfinite(said.reshape(len(said), -1)).all(axis=1) & np.isfinite(target)
    said, target = said[known], target[known]
    named = np.asarray(groups, object)[known]
    members = [np.flatnonzero(named == group) for group in dict.fromkeys(named)]
    value = figure_of(said, target, classes=classes) if len(said) else float("nan")
    drawn = [one for one in _drawn(said, target, members, classes=classes, seed=seed) if np.isfinite(one)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(members) > 1 and len(drawn) > _DRAWS // 2 else (None, None)
    return Held(
        value if np.isfinite(value) else None,
        None if low is None else float(low),
        None if high is None else float(high),
        len(said),
        len(members),
    )


def _drawn(
    said: NDArray[Any], target: NDArray[Any], members: list[NDArray[np.intp]], *, classes: int, seed: int
) -> Iterator[float]:
    """The figure of so many draws of as many groups, with putting back."""
    if len(members) < 2:
        return
    chance = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        rows = np.concatenate([members[at] for at in chance.integers(0, len(members), len(members))])
        yield figure_of(said[rows], target[rows], classes=classes)
