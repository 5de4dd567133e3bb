"""How sure a mean over few groups is: a cluster bootstrap, widened for few, and the turning of signs beside it.

The plain percentile bootstrap is too narrow with few groups, and narrower still where it takes thresholds as given that
were chosen on the same groups. So the draws are made with the thresholds as they are and with thresholds chosen anew in
each draw; tails are taken further out, as Student's distribution is wider than the normal one and as a sample varies
less about its own mean; and the turning of signs is exact where a difference is as likely for as against. The most
cautious of these is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation.costs import THRESHOLDS

Floats = NDArray[np.float64]

EXACT: Final = 14
"""Up to so many groups every choice of signs is tried."""
MOST_DRAWS: Final = 200_000
_AT_ONCE: Final = 4_000_000
"""Numbers in memory while drawing."""


@dataclass(frozen=True)
class Doubt:
    """Of a difference: what holds the true one 95 times of a hundred, and how likely one of 0 or less looks so."""

    low: float
    high: float
    p: float


Drawn = Callable[[Floats], Floats]
"""A difference in draws of groups: weights (draws, groups) -> differences; NaN where it cannot be said."""


def doubt_of(shares: Floats, ways: Sequence[Drawn], *, alpha: float, draws: int, seed: int) -> Doubt:
    """The doubt of a difference that is a mean over groups.

    Args:
        shares: What each group adds to it; their mean is the difference.
        ways: In which it is drawn.
        alpha: The level that a decision needs: where it lies far out, more draws are made.
        draws: Of the bootstrap.
        seed: The same gives the same.
    """
    from scipy.special import ndtr, stdtr, stdtrit

    count = len(shares)
    if count < 2:
        return Doubt(-np.inf, np.inf, 1.0)
    said = float(shares.mean())
    rng = np.random.default_rng((seed, 3))
    subsets = _subset_means(shares, draws, rng)
    low, high = min(said, _quantile(subsets, 0.025)), max(said, _quantile(subsets, 0.975, upper=True))
    by_signs, turned = _tail(subsets), draws
    while count > EXACT and _far_out(by_signs, turned, alpha):
        turned = min(10 * turned, MOST_DRAWS, max(2 * turned, round(40 / alpha)))
        by_signs = _tail(_in_parts(lambda part: _subset_means(shares, part, rng), turned, count))
    p = by_signs
    stretch = np.sqrt(count / (count - 1))
    tail = float(ndtr(stretch * stdtrit(count - 1, 0.025)))
    for drawn in ways:
        found = drawn(draws_of(count, draws, seed))
        sure = np.sort(found[np.isfinite(found)])
        if not len(sure):
            return Doubt(-np.inf, np.inf, 1.0)
        low, high = min(low, _quantile(sure, tail)), max(high, _quantile(sure, 1 - tail, upper=True))
        by_draws, wanted = _tail(found), draws
        while _far_out(by_draws, wanted, alpha):
            wanted = min(10 * wanted, MOST_DRAWS, max(2 * wanted, round(40 / alpha)))
            by_draws = _tail(_in_parts(partial(_once_more, drawn, count, rng), wanted, count))
        p = max(p, float(stdtr(count - 1, _normal(by_draws) / stretch)))
    return Doubt(low, high, p)


def _once_more(drawn: Drawn, count: int, rng: np.random.Generator, draws: int) -> Floats:
    return drawn(weights_of(count, draws, rng))


def _far_out(p: float, draws: int, alpha: float) -> bool:
    """More draws are needed to say how far out it lies."""
    return p * draws < 20 and draws < MOST_DRAWS and draws < 40 / alpha


@lru_cache(maxsize=2)
def draws_of(count: int, draws: int, seed: int) -> Floats:
    """How often each group is in each draw: the same draws for all that is compared."""
    weights = weights_of(count, draws, np.random.default_rng((seed, 1)))
    weights.flags.writeable = False
    return weights


def weights_of(count: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each group is in each draw."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def range_of(values: Floats, count: int) -> tuple[float, float] | None:
    """The 95% interval of a figure that was drawn over so many groups, as widely as a difference's."""
    from scipy.special import ndtr, stdtrit

    sure = np.sort(values[np.isfinite(values)])
    if count < 2 or len(sure) < len(values) / 2:
        return None
    tail = float(ndtr(np.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
    return _quantile(sure, tail), _quantile(sure, 1 - tail, upper=True)


def _subset_means(shares: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Sorted means of subsets of the groups, each in or out by a coin.

    Turning the signs of a subset makes a mean at least as large as the one that was seen exactly where the mean of that
    subset, less what is claimed, is not above 0. So these means are the test of signs turned into an interval
    (Hartigan 1969); the empty subset stands for turning none, which is always as large.
    """
    count = len(shares)
    if count <= EXACT:
        chosen = (np.arange(1, 2**count)[:, None] >> np.arange(count)) & 1
    else:
        chosen = rng.integers(0, 2, size=(draws, count), dtype=np.int8)
        chosen = chosen[chosen.any(axis=1)]
    return np.sort((chosen @ shares) / chosen.sum(axis=1))


def _in_parts(draw: Callable[[int], Floats], draws: int, count: int) -> Floats:
    """Many draws, some at a time."""
    part = max(1000, _AT_ONCE // max(count, THRESHOLDS))
    return np.concatenate([draw(min(part, draws - done)) for done in range(0, draws, part)])


def _tail(values: Floats) -> float:
    """How often 0 or less was drawn, the one that was seen counted with them; a draw without an answer counts too."""
    return float((np.count_nonzero(~(values > 0)) + 1) / (len(values) + 1))


def _normal(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def _quantile(ordered: Floats, part: float, *, upper: bool = False) -> float:
    """The value that `part` of them are not above, on the cautious side."""
    last = len(ordered) - 1
    place = np.ceil(part * (last + 2)) - 1 if upper else np.floor(part * (last + 2)) - 1
    return float(ordered[int(np.clip(place, 0, last))])
