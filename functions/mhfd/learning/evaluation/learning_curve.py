"""What more labels would bring, in words: AUC on groups held out, as a learner is given more groups to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation import ranking
from mhfd.learning.evaluation.benchmark import LearningCurve, LearningPoint, Range
from mhfd.learning.evaluation.splits import by_group

PARTS: Final = (0.4, 0.7, 1.0)
"""Of the groups that may be learned from."""
MORE: Final = 40
"""Images that a person labels in an hour."""
_LEAST: Final = 6
"""Groups."""

Predict = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]
"""Learn from some rows, score others."""


def learning_curve(
    name: str,
    predict: Predict,
    bad: NDArray[np.bool_],
    groups: Sequence[str],
    *,
    asked: NDArray[np.bool_] | None = None,
    seed: int = 0,
    folds: int = 4,
) -> LearningCurve:
    """How AUC rises with groups, and what `MORE` more images would bring, with its doubt over the folds.

    Args:
        name: Of the learner.
        predict: Learns from some rows and scores others.
        bad: What is true of each row.
        groups: Of each row.
        asked: The rows that may be asked about; nothing: all.
        seed: Of the order in which groups are added.
        folds: Parts that are held out in turn.
    """
    named = np.asarray(groups, dtype=str)
    may = np.ones(len(named), bool) if asked is None else asked
    count = len(np.unique(named))
    if count < _LEAST:
        return LearningCurve(
            learner=name,
            points=(),
            words=f"what more labels would bring cannot be said: {count} groups, {_LEAST} needed",
        )
    dealt = by_group(groups, bad, folds=folds, seed=seed)
    rng = np.random.default_rng(seed)
    seen: list[tuple[int, float, float, float]] = []
    for fold in range(int(dealt.max()) + 1):
        held = np.flatnonzero((dealt == fold) & may)
        order = rng.permutation(np.unique(named[dealt != fold]))
        for part in PARTS:
            chosen = order[: max(2, round(part * len(order)))]
            taught = np.flatnonzero(np.isin(named, chosen) & (dealt != fold))
            if bad[taught].all() or not bad[taught].any():
                continue
            value = ranking.auc(predict(taught, held), bad[held])
            if value is not None:
                seen.append((fold, float(len(chosen)), float(len(taught)), value))
    return _told(name, seen)


def _told(name: str, seen: Sequence[tuple[int, float, float, float]]) -> LearningCurve:
    points = []
    for size in sorted({round(groups) for _, groups, _, _ in seen}):
        rows = [one for one in seen if round(one[1]) == size]
        points.append(
            LearningPoint(
                groups=size,
                images=round(float(np.mean([one[2] for one in rows])), 1),
                auc=round(float(np.mean([one[3] for one in rows])), 4),
            )
        )
    gains = []
    for fold in sorted({one[0] for one in seen}):
        rows = [one for one in seen if one[0] == fold]
        sizes, values = np.log([one[2] for one in rows]), np.array([one[3] for one in rows])
        if len(rows) < 2 or np.ptp(sizes) == 0:
            continue
        slope = float(np.polyfit(sizes, values, 1)[0])
        most = max(one[2] for one in rows)
        gains.append(slope * float(np.log((most + MORE) / most)))
    if len(gains) < 3:
        return LearningCurve(
            learner=name, points=tuple(points), words="what more labels would bring cannot be said: too few folds speak"
        )
    from scipy.special import stdtrit

    gain = float(np.mean(gains))
    doubt = float(stdtrit(len(gains) - 1, 0.975)) * float(np.std(gains, ddof=1)) / float(np.sqrt(len(gains)))
    low, high = gain - doubt, gain + doubt
    if low <= 0 <= high:
        words = (
            f"what {MORE} more labelled images would bring {name} cannot be said: {gain:+.3f} of AUC, "
            f"95% [{low:+.3f}, {high:+.3f}] holds 0"
        )
    else:
        words = (
            f"{MORE} more labelled images would be worth {gain:+.3f} of AUC to {name}, 95% [{low:+.3f}, {high:+.3f}]"
        )
    return LearningCurve(
        learner=name,
        points=tuple(points),
        words=words,
        images_more=MORE,
        gain=round(gain, 4),
        gain_range=Range(low=round(low, 4), high=round(high, 4)),
    )
