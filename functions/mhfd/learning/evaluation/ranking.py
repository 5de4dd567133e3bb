"""How well scores put bad images above sharp ones, whatever the threshold: AUC, and its doubt over groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def auc(scores: Floats, bad: Bools) -> float | None:
    """The chance that a bad image scores above a sharp one; a tie is half. Rows without a score are left out.

    None where one of the two kinds is missing.
    """
    speaks = np.isfinite(scores)
    high, low = scores[speaks & bad], np.sort(scores[speaks & ~bad])
    if not len(high) or not len(low):
        return None
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.sum() / (2 * len(high) * len(low)))


def wins(scores: Floats, bad: Bools, at: NDArray[np.intp], count: int) -> tuple[Floats, Floats, Floats]:
    """Pairs won by the bad images of each group over the sharp ones of each, and how many of both kinds each has.

    From these the AUC of any draw of groups follows: w' won w / (w' bad)(w' sharp).
    """
    speaks = np.isfinite(scores)
    won = np.zeros((count, count))
    high, of = scores[speaks & bad], at[speaks & bad]
    for group in range(count):
        low = np.sort(scores[speaks & ~bad & (at == group)])
        below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
        won[:, group] = np.bincount(of, below / 2, minlength=count)
    worse = np.bincount(of, minlength=count).astype(float)
    sharp = np.bincount(at[speaks & ~bad], minlength=count).astype(float)
    return won, worse, sharp


def drawn(won: Floats, worse: Floats, sharp: Floats, weights: Floats) -> Floats:
    """The AUC of each draw of groups (a row of weights); NaN where a draw lacks a kind."""
    pairs = (weights @ worse) * (weights @ sharp)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs > 0, ((weights @ won) * weights).sum(axis=1) / pairs, np.nan)
