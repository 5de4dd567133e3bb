"""When a training is none any more, by its loss alone."""

import numpy as np
import pytest

from mhfd.learning.training.workers.divergence import PATIENCE, LossWatch

EPOCH = 30


def _ends(losses: "np.ndarray[tuple[int], np.dtype[np.float64]]", *, epoch: int = EPOCH) -> int | None:
    """The step in which it is said to diverge."""
    watch = LossWatch()
    for step, loss in enumerate(losses.tolist()):
        watch = watch.seen(loss)
        if watch.diverging(epoch):
            return step
    return None


def _falling(steps: int, *, to: float = 0.2, noise: float = 0.1) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    drawn = np.random.default_rng(0)
    at = np.arange(steps)
    return np.asarray(to + (1.4 - to) * np.exp(-at / 60) + noise * drawn.standard_normal(steps))


def test_a_noisy_training_that_learns_goes_on() -> None:
    assert _ends(_falling(2000, noise=0.3)) is None


def test_one_that_learns_nothing_goes_on() -> None:
    assert _ends(_falling(2000, to=1.4)) is None


def test_a_loss_below_nothing_is_no_trouble() -> None:
    assert _ends(_falling(2000) - 1.0) is None


def test_a_jump_that_comes_down_again_goes_on() -> None:
    losses = _falling(600)
    losses[200 : 200 + PATIENCE // 4] += 30

    assert _ends(losses) is None


@pytest.mark.parametrize("epoch", [1, EPOCH, 120])
def test_a_loss_that_grows_and_stays_is_one_that_diverges(epoch: int) -> None:
    losses = _falling(600)
    losses[200:] += 30

    ended = _ends(losses, epoch=epoch)

    assert ended is not None
    assert 200 + max(PATIENCE, epoch) <= ended + 1 < 200 + max(PATIENCE, epoch) + 20


def test_one_that_goes_astray_at_once_is_no_less_one() -> None:
    losses = np.concatenate(([1.9], 10.0 ** np.linspace(1, 20, 200)))

    assert _ends(losses) is not None


def test_one_that_had_learned_and_only_guesses_again_diverges() -> None:
    losses = _falling(800, noise=0.02)
    losses[400:] = 1.4

    assert _ends(losses) is not None
