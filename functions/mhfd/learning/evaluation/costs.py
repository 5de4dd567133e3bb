"""What misses and false alarms cost, at a threshold that was chosen without the group that it is tried on.

Where an entry abstains a person has to look: nothing is missed there, and a sharp image is a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation.benchmark import Confusion, RatesAt

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THRESHOLDS: Final = 200
"""At most so many are tried; of more different scores, their quantiles."""
HALVES: Final = 200
"""Of the groups, on which thresholds are chosen."""


@dataclass(frozen=True, eq=False)
class Counts:
    """By group: what there is, what was missed, what was a false alarm; parts of images, over several thresholds."""

    bad: Floats
    sharp: Floats
    missed: Floats
    false_alarms: Floats
    abstained_bad: Floats
    abstained_sharp: Floats
    missed_at: Floats
    """By group and threshold."""
    false_at: Floats

    def shares(self, weight_missed: float, weight_false: float) -> Floats:
        """What each group adds to the cost; their mean is the cost."""
        count = len(self.bad)
        return np.asarray(
            count
            * (
                weight_missed * self.missed / max(self.bad.sum(), 1)
                + weight_false * self.false_alarms / max(self.sharp.sum(), 1)
            )
        )

    def cost(self, weight_missed: float, weight_false: float) -> float:
        """Over all groups."""
        return float(self.shares(weight_missed, weight_false).mean())

    def costs(self, weights: Floats, weight_missed: float, weight_false: float) -> Floats:
        """Of each draw of groups; NaN where a draw lacks a kind."""
        with np.errstate(divide="ignore", invalid="ignore"):
            missed = (weights @ self.missed) / (weights @ self.bad)
            false = (weights @ self.false_alarms) / (weights @ self.sharp)
        return np.asarray(weight_missed * missed + weight_false * false)

    def chosen_anew(self, weights: Floats, weight_missed: float, weight_false: float) -> Floats:
        """The cost of each draw of groups at the threshold that is cheapest in it: the choice is drawn, too."""
        found = _cost_at(weights, self.missed_at, self.false_at, self.bad, self.sharp, weight_missed, weight_false)
        return np.asarray(found.min(axis=1))

    def confusion(self) -> Confusion:
        """The counts."""
        bad, sharp, missed, false = (
            round(float(each.sum())) for each in (self.bad, self.sharp, self.missed, self.false_alarms)
        )
        unsure_bad, unsure_sharp = int(self.abstained_bad.sum()), int(self.abstained_sharp.sum())
        return Confusion(
            found=bad - missed - unsure_bad,
            missed=missed,
            false_alarms=false - unsure_sharp,
            passed=sharp - false,
            abstained_bad=unsure_bad,
            abstained_sharp=unsure_sharp,
        )

    def rates(self, prevalence: float, miss_cost: float) -> RatesAt:
        """In a run with this part of bad images."""
        bad, sharp = self.bad.sum(), self.sharp.sum()
        if not bad or not sharp:
            return RatesAt(prevalence=prevalence)
        missed, false = float(self.missed.sum() / bad), float(self.false_alarms.sum() / sharp)
        recall = 1 - missed
        named = prevalence * recall + (1 - prevalence) * false
        precision = prevalence * recall / named if named else None
        both = None if precision is None else precision + recall
        return RatesAt(
            prevalence=prevalence,
            recall=recall,
            false_alarms=false,
            precision=precision,
            f=None if precision is None or not both else 2 * precision * recall / both,
            total_error=prevalence * missed + (1 - prevalence) * false,
            cost=miss_cost * prevalence * missed + (1 - prevalence) * false,
        )


def tally(
    scores: Floats,
    bad: Bools,
    at: NDArray[np.intp],
    count: int,
    *,
    weight_missed: float,
    weight_false: float,
    seed: int = 0,
) -> Counts:
    """Each group at thresholds that cost least on random halves of the others, on average.

    One threshold, chosen on all others, hangs on a few images, and all groups with it: averaging over halves takes most
    of that chance out.

    Args:
        scores: Higher is worse; NaN abstains.
        bad: What is true of each row.
        at: The group of each row, 0 to count - 1.
        count: Of groups.
        weight_missed: What it costs to miss all bad images: their cost times their part of a run.
        weight_false: ... to name all sharp ones.
        seed: Of the halves.
    """
    speaks = np.isfinite(scores)
    worse, sharp = bad & speaks, ~bad & speaks
    edges = _edges(scores[speaks])
    # a row is named where its score is above the edge; edge 0 is below all
    place = np.searchsorted(edges, scores, side="left")
    missed = _running(at[worse], place[worse], count, len(edges))
    passed = _running(at[sharp], place[sharp], count, len(edges))
    has_bad = np.bincount(at[bad], minlength=count).astype(float)
    has_sharp = np.bincount(at[~bad], minlength=count).astype(float)
    false = has_sharp[:, None] - passed  # who abstains on a sharp image makes a person look
    halves = _halves(has_bad, has_sharp, seed)
    chosen = np.argmin(_cost_at(halves, missed, false, has_bad, has_sharp, weight_missed, weight_false), axis=1)
    tried = np.where(halves.all(axis=1), 1.0, 1.0 - halves.T)  # by group and half; all, where no half can choose
    times = np.maximum(tried.sum(axis=1), 1)
    return Counts(
        bad=has_bad,
        sharp=has_sharp,
        missed=(missed[:, chosen] * tried).sum(axis=1) / times,
        false_alarms=(false[:, chosen] * tried).sum(axis=1) / times,
        abstained_bad=np.bincount(at[bad & ~speaks], minlength=count).astype(float),
        abstained_sharp=np.bincount(at[~bad & ~speaks], minlength=count).astype(float),
        missed_at=missed,
        false_at=false,
    )


def _halves(has_bad: Floats, has_sharp: Floats, seed: int) -> Floats:
    """Random halves of the groups, (halves, groups), 1 where a group is in; each with both kinds.

    Every group is outside of some. Where there are no such halves, one row with all groups: then a threshold is chosen
    on what it is tried on.
    """
    count = len(has_bad)
    rng = np.random.default_rng((seed, 2))
    order = np.argsort(rng.random((HALVES, count)), axis=1)
    halves = (np.argsort(order, axis=1) < (count + 1) // 2).astype(np.float64)
    usable = halves[(halves @ has_bad > 0) & (halves @ has_sharp > 0)]
    if count < 2 or not len(usable) or usable.all(axis=0).any():
        return np.ones((1, count))
    return usable


def _cost_at(
    weights: Floats,
    missed: Floats,
    false: Floats,
    has_bad: Floats,
    has_sharp: Floats,
    weight_missed: float,
    weight_false: float,
) -> Floats:
    """By draw of groups and threshold; NaN where a draw lacks a kind."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = weight_missed * (weights @ missed) / (weights @ has_bad)[:, None]
        return np.asarray(found + weight_false * (weights @ false) / (weights @ has_sharp)[:, None])


def _edges(scores: Floats) -> Floats:
    """Thresholds: below all, between neighbours, above all."""
    distinct = np.unique(scores)
    if len(distinct) > THRESHOLDS:
        distinct = np.unique(np.quantile(scores, np.linspace(0, 1, THRESHOLDS), method="lower"))
    if not len(distinct):
        return np.zeros(1)
    middle = distinct[:-1] + (distinct[1:] - distinct[:-1]) / 2
    return np.concatenate([[distinct[0] - 1], middle, [distinct[-1] + 1]])


def _running(at: NDArray[np.intp], place: NDArray[np.intp], count: int, edges: int) -> Floats:
    """By group and edge: how many rows lie at or below it."""
    counts = np.zeros((count, edges))
    np.add.at(counts, (at, np.minimum(place, edges - 1)), 1)
    return np.cumsum(counts, axis=1)
