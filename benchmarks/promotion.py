"""How often what is no better is promoted, in one test and over a life of tests; and how often what is better.

Simulated scores of simulated specimens, no images. `--quick` makes a tenth of the trials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final, TypeVar

from benchmarks._promotions import PREVALENCE, Outcome, Specimens, ever_promoted, outcome, promoted
from benchmarks._table import markdown, publish

from mhfd.learning.promotion.life import LIFE as LIFE_DOUBT
from mhfd.learning.promotion.life import share_of

T = TypeVar("T")

NO_BETTER: Final = 1000
MOST: Final = 35
LIVES: Final = 100
TESTS: Final = 50
BETTER: Final = 200
COUNTS: Final = (6, 8, 12, 22, 80)
AUC: Final = 0.90
GAIN: Final = 0.05

INTRODUCTION: Final = (
    "Scores are drawn, no images: 10 labelled images a specimen, half of them bad; bad and sharp lie apart as an AUC "
    f"of {AUC:.2f} says, by more in some specimens and by less in others (standard deviation .5 of the noise's), and "
    "half of the noise is common to both entries. Cost is 20 x misses + false alarms at "
    f"{PREVALENCE:.0%} bad images, thresholds chosen on halves of the other specimens, as in `mhfd evaluate`."
)
NULL: Final = (
    f"Challengers that are as good as mhfd, {{trials}} each. 2.5% may be promoted, which by chance is up to {MOST} of "
    f"{NO_BETTER}. `plain` is the percentile bootstrap of specimens as textbooks have it, with the thresholds as they "
    "are. `uneven`: the same mean, but a fifth of the specimens are failures of one entry or the other, which makes "
    "differences skewed."
)
LIFE: Final = (
    f"{TESTS} challengers that are no better, one after the other, {{lives}} lives. At most 5% may ever promote one. "
    "`2.5% each time` is what happens without a life's account."
)
POWER: Final = (
    "Challengers that are better by so much AUC, {trials} each, in the first test of a library; and in its tenth."
)


def spread(work: Callable[[int], T], count: int, workers: int) -> list[T]:
    """All trials, by their seed."""
    if workers < 2:
        return [work(seed) for seed in range(count)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, range(count), chunksize=8))


def nulls(trials: int, workers: int) -> Iterator[list[object]]:
    """A row a number of specimens."""
    for count in COUNTS:
        row: list[object] = [count]
        for skewed in (False, True):
            specimens = Specimens(count, skewed=skewed)
            made: list[Outcome] = spread(partial(_outcome, specimens), trials, workers)
            row += [f"**{sum(one.promoted for one in made)}**", sum(one.plain for one in made)]
        print(row, file=sys.stderr, flush=True)
        yield row


def _outcome(specimens: Specimens, seed: int) -> Outcome:
    return outcome(specimens, AUC, 100_000 * specimens.count + seed)


def _ever(specimens: Specimens, spend: bool, same: bool, seed: int) -> bool:
    return ever_promoted(specimens, AUC, TESTS, 7_000_000 + seed, spend=spend, same_images=same)


def _better(specimens: Specimens, gain: float, alpha: float, seed: int) -> bool:
    return promoted(specimens, AUC, AUC + gain, 9_000_000 + seed, alpha=alpha)


def lives(count: int, workers: int) -> Iterator[list[object]]:
    """A row a kind of life."""
    for specimens, same in ((Specimens(12), False), (Specimens(22), True)):
        found = [sum(spread(partial(_ever, specimens, spend, same), count, workers)) for spend in (True, False)]
        row: list[object] = [
            specimens.count,
            "the same images" if same else "new images each time",
            f"**{found[0]}** ({found[0] / count:.1%})",
            f"{found[1]} ({found[1] / count:.0%})",
        ]
        print(row, file=sys.stderr, flush=True)
        yield row


def powers(trials: int, workers: int) -> Iterator[list[object]]:
    """A row a number of specimens."""
    for count in (22, 80):
        found = [
            sum(spread(partial(_better, Specimens(count), GAIN, LIFE_DOUBT * share_of(test)), trials, workers))
            for test in (1, 10)
        ]
        row: list[object] = [count, f"+{GAIN:.2f}", *(f"{100 * one / trials:.1f}%" for one in found)]
        print(row, file=sys.stderr, flush=True)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, and nothing is written")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    part = 10 if asked.quick else 1
    trials, ever, better = NO_BETTER // part, LIVES // part, BETTER // part
    body = "\n\n".join(
        [
            INTRODUCTION,
            "## One test",
            NULL.format(trials=trials),
            markdown(
                ("specimens", "promoted", "plain", "promoted, uneven", "plain, uneven"),
                list(nulls(trials, asked.workers)),
            ),
            "## A life",
            LIFE.format(lives=ever),
            markdown(("specimens", "on", "ever promoted", "2.5% each time"), list(lives(ever, asked.workers))),
            "## One that is better",
            POWER.format(trials=better),
            markdown(
                ("specimens", "AUC", "promoted, first test", "promoted, tenth test"),
                list(powers(better, asked.workers)),
            ),
        ]
    )
    if asked.quick:
        print(body)
        return
    publish("promotion", "How often a promotion is wrong, and how often a better model is missed", body)


if __name__ == "__main__":
    main()
