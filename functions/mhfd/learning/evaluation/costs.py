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

THRESHOLDS: Final = 1000
"""At most so many are tried; of more different scores, their quantiles."""


@dataclass(frozen=True, eq=False)
class Counts:
    """By group: what there is, what was missed, what was a false alarm."""

    bad: Floats
    sharp: Floats
    missed: Floats
    false_alarms: Floats
    abstained_bad: Floats
    abstained_sharp: Floats

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

    def confusion(self) -> Confusion:
        """The counts."""
        bad, sharp, missed, false = (int(each.sum()) for each in (self.bad, self.sharp, self.missed, self.false_alarms))
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
    scores: Floats, bad: Bools, at: NDArray[np.intp], count: int, *, weight_missed: float, weight_false: float
) -> Counts:
    """Each group at the threshold that costs least on all others.

    Args:
        at: The group of each row, 0 to count - 1.
        weight_missed: What it costs to miss all bad images: their cost times their part of a run.
        weight_false: ... to name all sharp ones.
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
    unsure_sharp = np.bincount(at[~bad & ~speaks], minlength=count).astype(float)
    false = (has_sharp - unsure_sharp)[:, None] - passed
    chosen = _cheapest(missed, false, has_bad, has_sharp, weight_missed, weight_false)
    rows = np.arange(count)
    return Counts(
        bad=has_bad,
        sharp=has_sharp,
        missed=missed[rows, chosen],
        false_alarms=false[rows, chosen] + unsure_sharp,
        abstained_bad=np.bincount(at[bad & ~speaks], minlength=count).astype(float),
        abstained_sharp=unsure_sharp,
    )


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


def _cheapest(
    missed: Floats, false: Floats, has_bad: Floats, has_sharp: Floats, weight_missed: float, weight_false: float
) -> NDArray[np.intp]:
    """For each group the edge that costs least on the others; the middle one of those that cost the same.

    A group that is alone, or without which a kind is missing, has no others to ask: there it is chosen on all.
    """
    others_bad, others_sharp = has_bad.sum() - has_bad, has_sharp.sum() - has_sharp
    alone = ((others_bad == 0) | (others_sharp == 0))[:, None]
    elsewhere_missed = np.where(alone, missed.sum(axis=0), missed.sum(axis=0) - missed)
    elsewhere_false = np.where(alone, false.sum(axis=0), false.sum(axis=0) - false)
    per_bad = np.where(alone[:, 0], has_bad.sum(), others_bad)
    per_sharp = np.where(alone[:, 0], has_sharp.sum(), others_sharp)
    cost = weight_missed * elsewhere_missed / np.maximum(per_bad, 1)[:, None]
    cost = cost + weight_false * elsewhere_false / np.maximum(per_sharp, 1)[:, None]
    least = cost <= cost.min(axis=1, keepdims=True) + 1e-12
    rank = np.cumsum(least, axis=1)
    return np.asarray(np.argmax(rank >= (least.sum(axis=1, keepdims=True) + 1) // 2, axis=1))
