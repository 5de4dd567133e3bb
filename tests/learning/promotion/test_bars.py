"""How often what is no better is promoted, and what is better: a few trials each; the whole is `make soak`.

The trials are drawn by their seeds: the same each time.
"""

from __future__ import annotations

import pytest
from benchmarks._promotions import Specimens, ever_promoted, outcome, promoted

AUC = 0.9


@pytest.mark.parametrize(("specimens", "trials", "most"), [(6, 60, 4), (12, 60, 4)])
def test_what_is_no_better_is_hardly_ever_promoted(specimens: int, trials: int, most: int) -> None:
    found = [outcome(Specimens(specimens), AUC, seed) for seed in range(trials)]
    assert sum(one.promoted for one in found) <= most
    assert sum(one.plain for one in found) >= sum(one.promoted for one in found)


def test_what_is_clearly_better_is_promoted() -> None:
    assert sum(promoted(Specimens(80), AUC, AUC + 0.05, seed) for seed in range(5)) >= 4


def test_a_life_of_tests_spends_less_each_time() -> None:
    assert not ever_promoted(Specimens(12), AUC, 25, 1, spend=True, same_images=False)


@pytest.mark.soak
@pytest.mark.parametrize("specimens", [6, 8, 12, 22, 80])
@pytest.mark.parametrize("skewed", [False, True])
def test_at_most_35_of_1000_are_promoted_that_are_no_better(specimens: int, skewed: bool) -> None:
    chosen = Specimens(specimens, skewed=skewed)
    assert sum(outcome(chosen, AUC, seed).promoted for seed in range(1000)) <= 35


@pytest.mark.soak
def test_at_least_four_of_five_are_promoted_that_are_better() -> None:
    assert sum(promoted(Specimens(80), AUC, AUC + 0.05, seed) for seed in range(200)) >= 160


@pytest.mark.soak
def test_fifty_tests_in_a_life_are_hardly_ever_wrong() -> None:
    lives = [ever_promoted(Specimens(22), AUC, 50, seed, spend=True, same_images=True) for seed in range(100)]
    assert sum(lives) <= 10  # 5% of 100, and its chance
