"""Scores of pictures by specimen -> differences with their doubt, and who is better beyond it. Opens no image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation.benchmark import Range
from mhfd.learning.evaluation.entry import Terms
from mhfd.learning.evaluation.interval import doubt_of, draws_of, range_of
from mhfd.learning.pictures.benchmark import PicturesDuel

Floats = NDArray[np.float64]

_NO_DOUBT: Final = 1e6


@dataclass(frozen=True, eq=False)
class GroupMeans:
    """Mean scores by specimen."""

    groups: tuple[str, ...]
    means: Mapping[str, Floats]

    def duel(self, name: str, against: str, terms: Terms, seed: int) -> PicturesDuel:
        """One against another, specimen by specimen."""
        shares = self.means[name] - self.means[against]
        doubt = doubt_of(
            shares,
            (lambda weights: weights @ shares / weights.sum(axis=1),),
            alpha=terms.alpha,
            draws=terms.draws,
            seed=seed,
        )
        return PicturesDuel(
            challenger=name,
            against=against,
            gained=float(shares.mean()),
            range=Range(low=max(doubt.low, -_NO_DOUBT), high=min(doubt.high, _NO_DOUBT)),
            p=doubt.p,
        )

    def spread(self, name: str, terms: Terms, seed: int) -> tuple[float, float] | None:
        """Of one's mean."""
        count = len(self.groups)
        weights = draws_of(count, terms.draws, seed)
        return range_of(weights @ self.means[name] / weights.sum(axis=1), count)


@dataclass(frozen=True)
class PicturesVerdict:
    """What a comparison came to, and by which difference."""

    promoted: bool
    reason: str
    challenger: str | None
    duel: PicturesDuel | None


def verdict_of(duels: Sequence[PicturesDuel], standing: Sequence[str], terms: Terms, groups: int) -> PicturesVerdict:
    """The best of those that are beyond doubt against all in their way; several share the doubt among them."""
    hardest = {
        name: max((duel for duel in duels if duel.challenger == name), key=lambda duel: (duel.p, -duel.gained))
        for name in standing
    }
    alpha = terms.alpha / len(standing)
    passed = [name for name in standing if hardest[name].p <= alpha and hardest[name].range.low > 0]
    best = max(passed or standing, key=lambda name: hardest[name].gained)
    duel = hardest[best]
    low, high = duel.range.low, duel.range.high
    why = (
        f"difference {duel.gained:+.3f} to {duel.against}, 95% [{low:+.3f}, {high:+.3f}], {groups} {terms.unit}, "
        f"p {duel.p:.2g}, at most {alpha:.2g} in test {terms.test}"
    )
    if len(standing) > 1 and not passed:
        why += f"; best of {len(standing)}: {best}"
    return PicturesVerdict(bool(passed), why, best, duel)


def by_group(scores: Floats, at: NDArray[np.intp], count: int, known: NDArray[np.bool_]) -> Floats:
    """Mean of each specimen; NaN where nothing is known of it.

    Args:
        scores: One an image.
        at: The number of each image's specimen.
        count: Of specimens.
        known: Images that count.
    """
    kept = known & np.isfinite(scores)
    total = np.bincount(at[kept], scores[kept], count)
    images = np.bincount(at[kept], minlength=count)
    mean: Floats = np.divide(total, images, out=np.full(count, np.nan), where=images > 0)
    return mean


def mean_of(values: Floats) -> float | None:
    """Over what is known; None: nothing is."""
    sure = values[np.isfinite(values)]
    return round(float(sure.mean()), 5) if len(sure) else None
