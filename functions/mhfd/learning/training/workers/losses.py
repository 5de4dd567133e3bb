"""What a network is wrong by, and how often it is right: a table of each for the lessons. Needs torch.

A loss is a sum over what is known of a batch, with the number of it: sums of many workers add up to the one of all,
whoever had which images. Nothing is weighed by class: the order of the images balances them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional

from mhfd.contract.training import NetLesson
from mhfd.learning.training.nets.heads import SPREADS
from mhfd.learning.training.workers.restoring import picture_loss, places_loss, places_right

RADIUS_WEIGHT: Final = 2.0
"""Of the radius beside the verdict: where both are poor, both losses are then about as large."""

ROUND: Final = 0.2
"""Below it (about a fifth of the radius) a radius' error counts squared, above it as it is: a few wrong labels then do
not draw the rest."""

SPREAD_WEIGHT: Final = 0.2
"""Of the spread. It follows the radius and does not move it."""

LossOf = Callable[[Any, Any, Any], tuple[Any, Any]]
"""(said, map, y) -> the sum of the losses of a batch, and of how many."""


@dataclass(frozen=True)
class Marks:
    """How a batch did: sums, which add up."""

    right: Any
    right_of_five: Any
    """The truth was among the five that were thought the likeliest; equal to `known` where there are no more."""
    known: Any
    by_answer: Any
    """How often each answer was the truth: what always the commonest answer would get right."""


MarksOf = Callable[[Any, Any, Any], Marks]
"""(said, map, y) -> its marks."""


def focus_loss(said: Any, _map: Any, y: Any) -> tuple[Any, Any]:
    """Of (bad, log(1 + radius)), each where it is known; an image counts once, whatever is known of it."""
    bad, radius = y[:, 0], y[:, 1]
    labelled, measured = bad.isfinite(), radius.isfinite()
    verdict = functional.binary_cross_entropy_with_logits(said[:, 0], bad.nan_to_num(), reduction="none")
    truth = radius.nan_to_num()
    size = functional.smooth_l1_loss(said[:, 1], truth, reduction="none", beta=ROUND)
    spread = said[:, 2].clamp(*SPREADS)
    doubt = 0.5 * ((said[:, 1].detach() - truth) / spread.exp()) ** 2 + spread
    losses = verdict * labelled + (RADIUS_WEIGHT * size + SPREAD_WEIGHT * doubt) * measured
    return losses.sum(), (labelled | measured).sum()


def focus_marks(said: Any, _map: Any, y: Any) -> Marks:
    """The verdict, with bad at .5."""
    bad = y[:, 0]
    labelled = bad.isfinite()
    known = labelled.sum()
    right = (((said[:, 0] > 0) == (bad > 0.5)) & labelled).sum()
    are_bad = ((bad > 0.5) & labelled).sum()
    return Marks(right, known, known, torch.stack((known - are_bad, are_bad)))


def cause_loss(said: Any, _map: Any, y: Any) -> tuple[Any, Any]:
    """Cross-entropy of the classes."""
    return functional.cross_entropy(said, y[:, 0].long(), reduction="sum"), said.new_tensor(float(len(y)))


def cause_marks(said: Any, _map: Any, y: Any) -> Marks:
    """The cause is the likeliest, or one of the five."""
    truth = y[:, 0].long()
    likeliest = said.topk(min(5, said.shape[1]), dim=1).indices == truth[:, None]
    by_answer = functional.one_hot(truth, said.shape[1]).sum(0)
    return Marks(likeliest[:, 0].sum(), likeliest.any(1).sum(), said.new_tensor(float(len(y))), by_answer)


def picture_marks(_said: Any, _map: Any, y: Any) -> Marks:
    """A picture is not right or wrong."""
    none = y.new_zeros(())
    return Marks(none, none, none, y.new_zeros(2))


def places_marks(_said: Any, drawn: Any, y: Any) -> Marks:
    """Of places, whose largest score is that of what they show."""
    right, known, by_answer = places_right(drawn, y)
    return Marks(right, known, known, by_answer)


LOSSES: Final[Mapping[NetLesson, LossOf]] = {
    "focus": focus_loss,
    "cause": cause_loss,
    "denoise": picture_loss,
    "segment": places_loss,
}

MARKS: Final[Mapping[NetLesson, MarksOf]] = {
    "focus": focus_marks,
    "cause": cause_marks,
    "denoise": picture_marks,
    "segment": places_marks,
}

TRUTHS: Final[Mapping[NetLesson, int]] = {"focus": 2, "cause": 1}
"""Of the lessons whose networks say something of an image: numbers that are known of one."""

FIVE: Final[frozenset[NetLesson]] = frozenset({"cause"})
"""Where the five likeliest mean anything."""
