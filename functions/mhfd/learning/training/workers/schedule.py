"""How large a step is: the learning rate as a pure function of the step. Knows no worker, no clock and no torch.

It begins at the network's rate, is brought up linearly to k times that while the training is young, and then falls as
a polynomial to nothing. k is what the batch is to 64 images, and never below 1: so a batch of 2048, the largest that
the paper's training bore, has 32 times .001, which is the .032 that it prints.
"""

from typing import Final

REFERENCE_BATCH: Final = 64
"""A batch that is taught at the rate itself: the only one of which 2048 has 32 times as much."""

MOMENTUM: Final = 0.9
"""The paper's."""

DECAY_POWER: Final = 2.0
"""The paper says that the decay is polynomial, and not of which power."""

FURTHER: Final = 0.5
"""Of a network's usual rate, where it begins with the numbers of a package: it has less to learn, and more to lose."""

LONGEST_WARM_UP: Final = 0.5
"""Part of a training that may be warm-up, however short it is: what never decays never settles."""


def scaled(batch: int) -> float:
    """How many times its rate a batch is taught at."""
    return max(1.0, batch / REFERENCE_BATCH)


def rate_at(step: int, *, steps: int, steps_per_epoch: int, rate: float, batch: int, warmup_epochs: float) -> float:
    """The learning rate of a step, the first being 0, in a training of so many steps."""
    highest = rate * scaled(batch)
    warm = min(warmup_epochs * steps_per_epoch, LONGEST_WARM_UP * steps)
    if step < warm:
        return rate + (highest - rate) * (step / warm)
    return float(highest * (1.0 - (step - warm) / (steps - warm)) ** DECAY_POWER)
