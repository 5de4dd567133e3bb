"""Simulated scores of simulated specimens, and how often a challenger of theirs is promoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mhfd.learning.evaluation import Entry, Terms, compare
from mhfd.learning.evaluation.costs import tally
from mhfd.learning.evaluation.interval import draws_of
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
    """Of one comparison: what it decided, and what two other ways would have."""

    promoted: bool
    plain: bool
    """The lower end of a percentile bootstrap as it stands in textbooks."""
    covered: bool
    """The interval holds no difference at all."""


def outcome(specimens: Specimens, auc: float, seed: int) -> Outcome:
    """Of a challenger that is as good as mhfd."""
    rng = np.random.default_rng(seed)
    made = drawn(specimens, rng)
    both = {name: scores(made, auc, specimens, rng) for name in ("mhfd", "challenger")}
    names = [f"specimen {number:03}" for number in made.at]
    entries = [Entry(name, each) for name, each in both.items()]
    found = compare(entries, made.bad, names, prevalence=PREVALENCE)
    counted = {
        name: tally(
            each,
            made.bad,
            made.at,
            specimens.count,
            weight_missed=Terms().miss_cost * PREVALENCE,
            weight_false=1 - PREVALENCE,
        )
        for name, each in both.items()
    }
    weights = draws_of(specimens.count, Terms().draws, 0)
    costs = [counted[name].costs(weights, Terms().miss_cost * PREVALENCE, 1 - PREVALENCE) for name in counted]
    plain = bool(np.quantile(costs[0] - costs[1], 0.025) > 0)
    (duel,) = found.duels
    return Outcome(found.decision == "promoted", plain, duel.range.low <= 0 <= duel.range.high)


def promoted(
    specimens: Specimens, mhfd: float, challenger: float, seed: int, *, alpha: float = 0.025, made: Drawn | None = None
) -> bool:
    """Whether a challenger with this AUC is promoted over an mhfd with that one."""
    rng = np.random.default_rng(seed)
    labelled = made or drawn(specimens, rng)
    entries = [
        Entry("mhfd", scores(labelled, mhfd, specimens, rng)),
        Entry("challenger", scores(labelled, challenger, specimens, rng)),
    ]
    found = compare(
        entries,
        labelled.bad,
        [f"specimen {number:03}" for number in labelled.at],
        prevalence=PREVALENCE,
        settings=Terms(alpha=alpha, unit="specimens"),
    )
    return found.decision == "promoted"


def ever_promoted(
    specimens: Specimens, auc: float, tests: int, seed: int, *, spend: bool = True, same_images: bool = True
) -> bool:
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
    mhfd = Entry("mhfd", scores(made, auc, specimens, rng))
    names = [f"specimen {number:03}" for number in made.at]
    for test in range(1, tests + 1):
        if not same_images:
            made = drawn(specimens, rng)
            mhfd = Entry("mhfd", scores(made, auc, specimens, rng))
        terms = Terms(alpha=LIFE * share_of(test) if spend else LIFE / 2, test=test)
        entries = [mhfd, Entry("challenger", scores(made, auc, specimens, rng))]
        found = compare(entries, made.bad, names, prevalence=PREVALENCE, settings=terms)
        if found.decision == "promoted":
            return True
    return False
