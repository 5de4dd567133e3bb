"""ROC and precision over recall, with what 95% of the draws of groups lie between."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation.benchmark import CurvePoint

Floats = NDArray[np.float64]

_DRAWS: Final = 400
_POINTS: Final = 21
_EDGES: Final = 200
"""Thresholds at most."""


def curves(
    scores: Floats, bad: NDArray[np.bool_], groups: NDArray[np.str_], *, prevalence: float, seed: int
) -> tuple[tuple[CurvePoint, ...], tuple[CurvePoint, ...]]:
    """ROC (false alarms, recall), and (recall, precision in a run with this part of bad images)."""
    speaks = np.isfinite(scores)
    scores, bad = scores[speaks], bad[speaks]
    if not bad.any() or bad.all():
        return (), ()
    names, at = np.unique(groups[speaks], return_inverse=True)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _EDGES), method="lower"))
    recalled = _above(scores[bad], at[bad], edges, len(names))
    alarmed = _above(scores[~bad], at[~bad], edges, len(names))
    rng = np.random.default_rng(seed)
    weights = np.concatenate(
        [np.ones((1, len(names))), rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_DRAWS)]
    )
    recall, alarms = _parts(weights, recalled), _parts(weights, alarmed)
    whole = np.isfinite(recall).all(axis=1) & np.isfinite(alarms).all(axis=1)
    recall, alarms = recall[whole], alarms[whole]
    grid = np.linspace(0, 1, _POINTS)
    roc = np.array([np.interp(grid, x[::-1], y[::-1]) for x, y in zip(alarms, recall, strict=True)])
    at_recall = np.array([np.interp(grid, y[::-1], x[::-1]) for x, y in zip(alarms, recall, strict=True)])
    named = prevalence * grid + (1 - prevalence) * at_recall
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(named > 0, prevalence * grid / named, np.nan)
    return _points(grid, roc, len(names)), _points(grid[1:], precision[:, 1:], len(names))


def _above(scores: Floats, at: NDArray[np.intp], edges: Floats, count: int) -> Floats:
    """By group and threshold: how many are named; first all, last none."""
    found = np.zeros((count, len(edges) + 1))
    place = np.searchsorted(edges, scores, side="right")  # named by every threshold up to its own
    np.add.at(found, (at, np.minimum(place, len(edges))), 1)
    return np.concatenate([np.cumsum(found[:, ::-1], axis=1)[:, ::-1], np.zeros((count, 1))], axis=1)


def _parts(weights: Floats, named: Floats) -> Floats:
    of = weights @ named[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((weights @ named) / of[:, None])


def _points(x: Floats, y: Floats, groups: int) -> tuple[CurvePoint, ...]:
    low, high = np.nanquantile(y, [0.025, 0.975], axis=0) if groups > 1 else (None, None)
    return tuple(
        CurvePoint(
            x=round(float(here), 4),
            y=round(float(value), 4),
            low=None if low is None else round(float(low[place]), 4),
            high=None if high is None else round(float(high[place]), 4),
        )
        for place, (here, value) in enumerate(zip(x, y[0], strict=True))
        if np.isfinite(value)
    )
