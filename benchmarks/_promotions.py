"""Simulated scores of simulated specimens, and how often a challenger of theirs is promoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mhfd.learning.evaluation import Entry, Terms, compare
from mhfd.learning.evaluation.costs import tally
from mhfd.learning.evaluation.interval import doubt_of, draws_of
from mhfd.learning.promotion.life import LIFE, share_of

PREVALENCE: Final = 0.03


@dataclass(frozen=True, slots=True)
class Specimens:
    """How many, with how many labelled images each, and how they differ."""

    count: int
    images: int = 10
    part_bad: float = 0.5
    uneven: float = 0.5
    """Standard deviation of how far bad and sharp lie apart, from specimen to specimen; half of it shared by all."""
    skewed: bool = False
    """Most specimens are alike, and one of five is a failure of one entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Labels, and what the entries have in common."""

    at: NDArray[np.intp]
    bad: NDArray[np.bool_]
    ease: NDArray[np.float64]
    shared: NDArray[np.float64]


def drawn(specimens: Specimens, rng: np.random.Generator) -> Drawn:
    """A set of labelled images."""
    at = np.repeat(np.arange(specimens.count), specimens.images)
    bad = np.tile(np.arange(specimens.images) < round(specimens.images * specimens.part_bad), specimens.count)
    ease = rng.normal(0, specimens.uneven / np.sqrt(2), specimens.count)
    return Drawn(at, bad, ease, rng.normal(size=len(at)))


def scores(made: Drawn, auc: float, specimens: Specimens, rng: np.random.Generator) -> NDArray[np.float64]:
    """Of an entry with this AUC over many specimens; half of its noise is that of all entries."""
    luck = rng.normal(0, specimens.uneven / np.sqrt(2), specimens.count)
    if specimens.skewed:  # the same mean, most of it from a few specimens
        luck = np.where(rng.random(specimens.count) < 0.2, -2 * specimens.uneven, 0.5 * specimens.uneven)
    apart = np.sqrt(2 + 1.0 * specimens.uneven**2) * ndtri(auc)
    noise = np.sqrt(0.5) * made.shared + np.sqrt(0.5) * rng.normal(size=len(made.at))
    return np.asarray(np.where(made.bad, (apart + made.ease + luck)[made.at], 0.0) + noise)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one comparison: what it decided, and what the bootstrap of textbooks would have."""

    promoted: bool
    plain: bool


def outcome(specimens: Specimens, auc: float, seed: int) -> Outcome:
    """Of a challenger that is as good as mhfd."""
    rng = np.random.default_rng(seed)
    made = drawn(specimens, rng)
    mhfd, challenger = (scores(made, auc, specimens, rng) for _ in range(2))
    plain, may = _first_look(made, mhfd, challenger, specimens.count, Terms().alpha)
    return Outcome(may and _compared(made, mhfd, challenger, Terms()), plain)


def _first_look(
    made: Drawn, mhfd: NDArray[np.float64], challenger: NDArray[np.float64], count: int, alpha: float
) -> tuple[bool, bool]:
    """What the plain bootstrap says; and whether `compare` might promote.

    Its p is the largest of three: where two of them are too large already, the third, which takes longest, need not be
    known. What might be promoted is compared as `mhfd evaluate` does.
    """
    costs = (Terms().miss_cost * PREVALENCE, 1 - PREVALENCE)
    counted = [
        tally(each, made.bad, made.at, count, weight_missed=costs[0], weight_false=costs[1])
        for each in (mhfd, challenger)
    ]

    def saved(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return counted[0].costs(weights, *costs) - counted[1].costs(weights, *costs)

    plain = bool(np.quantile(saved(draws_of(count, Terms().draws, 0)), 0.025) > 0)
    shares = counted[0].shares(*costs) - counted[1].shares(*costs)
    return plain, doubt_of(shares, (saved,), alpha=alpha, draws=Terms().draws, seed=0).p <= alpha


def _compared(made: Drawn, mhfd: NDArray[np.float64], challenger: NDArray[np.float64], terms: Terms) -> bool:
    entries = [Entry("mhfd", mhfd), Entry("challenger", challenger)]
    names = [f"specimen {number:03}" for number in made.at]
    return compare(entries, made.bad, names, prevalence=PREVALENCE, settings=terms).decision == "promoted"


def promoted(specimens: Specimens, mhfd: float, challenger: float, seed: int, *, alpha: float = 0.025) -> bool:
    """Whether a challenger with this AUC is promoted over an mhfd with that one."""
    rng = np.random.default_rng(seed)
    made = drawn(specimens, rng)
    both = [scores(made, auc, specimens, rng) for auc in (mhfd, challenger)]
    return _compared(made, both[0], both[1], Terms(alpha=alpha))


def ever_promoted(specimens: Specimens, auc: float, tests: int, seed: int, *, spend: bool, same_images: bool) -> bool:
    """Whether any of so many challengers that are no better is promoted.

    Args:
        specimens: Of each test.
        auc: Of mhfd and of all challengers.
        tests: In this life.
        seed: Of all that is drawn.
        spend: Each test takes its part of the life's doubt, as a library's do; else 2.5% each time.
        same_images: All are tried on the same images, with the same mhfd; else on new ones.
    """
    rng = np.random.default_rng(seed)
    made = drawn(specimens, rng)
    mhfd = scores(made, auc, specimens, rng)
    for test in range(1, tests + 1):
        if not same_images:
            made = drawn(specimens, rng)
            mhfd = scores(made, auc, specimens, rng)
        challenger = scores(made, auc, specimens, rng)
        terms = Terms(alpha=LIFE * share_of(test) if spend else LIFE / 2, test=test)
        _, may = _first_look(made, mhfd, challenger, specimens.count, terms.alpha)
        if may and _compared(made, mhfd, challenger, terms):
            return True
    return False
