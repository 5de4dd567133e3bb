"""How much of a score, and of the difference of two, is chance: both drawn from the same images in the same draws.

What is drawn is whole specimens, since images of one are alike. Of fewer than three there would be nothing to draw
from: then it is single images, which flatters, and is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation import ranking
from mhfd.learning.evaluation.compare import signed
from mhfd.learning.evaluation.interval import draws_of, range_of

Floats = NDArray[np.float64]
Interval = tuple[float, float]

LEAST_SPECIMENS: Final = 3
_DRAWS: Final = 2000
_MOST_PARTS: Final = 512
"""Of images, where these are drawn: of more, so many lots of them are."""


@dataclass(frozen=True, eq=False)
class DrawnImages:
    """What is drawn: to which part each image belongs."""

    at: NDArray[np.intp]
    count: int
    words: str
    seed: int

    @classmethod
    def of(cls, specimens: Sequence[str], seed: int) -> DrawnImages:
        """Specimens, where there are enough; else images."""
        names, at = np.unique(np.asarray(specimens, dtype=str), return_inverse=True)
        if len(names) >= LEAST_SPECIMENS:
            return cls(at, len(names), f"{len(names)} specimens", seed)
        images = len(specimens)
        lots = np.random.default_rng((seed, 5)).permutation(images) % _MOST_PARTS
        of = "one specimen" if len(names) == 1 else f"{len(names)} specimens"
        return cls(lots, min(images, _MOST_PARTS), f"{images} images: they are of {of}, too few to draw from", seed)

    @cached_property
    def weights(self) -> Floats:
        """How often each part is in each draw."""
        return draws_of(self.count, _DRAWS, self.seed)

    def sums(self, values: Floats) -> Floats:
        """Of each part."""
        return np.bincount(self.at, values, minlength=self.count).astype(np.float64)


@dataclass(frozen=True, eq=False)
class PackageStanding:
    """A score on all images, and in each draw of them."""

    value: float | None
    draws: Floats
    parts: int
    images: int
    """Of which something was said."""

    @property
    def interval(self) -> Interval | None:
        """Of the score."""
        return range_of(self.draws, self.parts)

    def less(self, other: PackageStanding) -> ScoreDifference:
        """How much higher it is than another's, on the same images."""
        value = None if self.value is None or other.value is None else self.value - other.value
        return ScoreDifference(value, range_of(self.draws - other.draws, self.parts))


@dataclass(frozen=True, slots=True)
class ScoreDifference:
    """Of two scores; the interval is None where so few images give none."""

    value: float | None
    interval: Interval | None

    @property
    def below(self) -> bool:
        """The first is surely lower."""
        return self.interval is not None and self.interval[1] < 0

    @property
    def above(self) -> bool:
        """The first is surely higher."""
        return self.interval is not None and self.interval[0] > 0

    def __str__(self) -> str:
        """As `-.120 [-.200, -.050]`."""
        if self.value is None or self.interval is None:
            return "unknown"
        low, high = self.interval
        return f"{signed(self.value)} [{signed(low)}, {signed(high)}]"


def by_ranking(scores: Floats, bad: NDArray[np.bool_], drawn: DrawnImages) -> PackageStanding:
    """The chance that a bad image scores above a good one. Where an image has no score, that is a coin's."""
    won, worse, sharp = ranking.wins(scores, bad, drawn.at, drawn.count)
    all_worse, all_sharp = drawn.sums(bad.astype(float)), drawn.sums((~bad).astype(float))

    def said(weights: Floats) -> Floats:
        pairs = (weights @ all_worse) * (weights @ all_sharp)
        spoken = (weights @ worse) * (weights @ sharp)
        more = ((weights @ won) * weights).sum(axis=1) - spoken / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(pairs > 0, 0.5 + more / pairs, np.nan)

    images = int(np.isfinite(scores).sum())
    whole = float(said(np.ones((1, drawn.count)))[0])
    return PackageStanding(whole if images else None, said(drawn.weights), drawn.count, images)


def by_mean(scores: Floats, drawn: DrawnImages, otherwise: Floats | None = None) -> PackageStanding:
    """The mean of images' scores. Where an image has none, what is done with it otherwise counts."""
    known = np.isfinite(scores)
    filled = scores if otherwise is None else np.where(known, scores, otherwise)
    counts = np.isfinite(filled)
    sums, of = drawn.sums(np.where(counts, filled, 0.0)), drawn.sums(counts.astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = (drawn.weights @ sums) / (drawn.weights @ of)
        whole = float(sums.sum() / of.sum())
    return PackageStanding(whole if known.any() else None, draws, drawn.count, int(known.sum()))
