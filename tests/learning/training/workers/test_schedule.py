"""The learning rate by step, against what the paper prints of its own."""

from itertools import pairwise

import pytest

from mhfd.contract.training import MOST_BATCH
from mhfd.learning.training.examples import steps_in_epoch
from mhfd.learning.training.workers.schedule import LONGEST_WARM_UP, rate_at, scaled

PAPER = 0.001
IMAGES_B = 313_282
"""Of the paper's set B, for training."""


def _rates(batch: int, *, epochs: int = 20, warmup: float = 2.0, images: int = IMAGES_B) -> list[float]:
    each = steps_in_epoch(images, batch)
    steps = epochs * each
    return [
        rate_at(step, steps=steps, steps_per_epoch=each, rate=PAPER, batch=batch, warmup_epochs=warmup)
        for step in range(steps)
    ]


@pytest.mark.parametrize(("batch", "highest"), [(32, 0.001), (64, 0.001), (128, 0.002), (1024, 0.016), (2048, 0.032)])
def test_a_batch_has_the_rate_that_the_paper_scales_it_to(batch: int, highest: float) -> None:
    assert max(_rates(batch, images=20_480)) == pytest.approx(highest)


def test_the_largest_batch_has_the_largest_rate_that_the_paper_bore() -> None:
    assert PAPER * scaled(MOST_BATCH) == pytest.approx(0.032)


def test_it_begins_at_the_rate_itself_is_brought_up_linearly_and_falls_as_a_square() -> None:
    rates = _rates(2048)
    warm = 2 * steps_in_epoch(IMAGES_B, 2048)
    left = len(rates) - warm

    assert rates[0] == PAPER
    assert rates[warm // 2] == pytest.approx((PAPER + 0.032) / 2, rel=1e-3)
    assert rates[warm] == pytest.approx(0.032)
    assert rates[warm + left // 2] == pytest.approx(0.032 / 4, rel=1e-2)
    assert rates[-1] == pytest.approx(0.032 / left**2)
    assert all(one < next_one for one, next_one in pairwise(rates[:warm]))
    assert all(one > next_one for one, next_one in pairwise(rates[warm:]))


def test_no_warm_up_begins_at_the_highest() -> None:
    assert _rates(256, warmup=0)[0] == pytest.approx(0.004)


def test_a_short_training_is_not_all_warm_up() -> None:
    rates = _rates(64 * 4, epochs=1, images=64 * 40)

    assert rates.index(max(rates)) == LONGEST_WARM_UP * len(rates)
    assert rates[-1] < PAPER


def test_an_epoch_shows_every_image_once() -> None:
    assert [steps_in_epoch(images, 32) for images in (1, 32, 33, 64)] == [1, 1, 2, 2]
