"""What a network says of images that it is not taught with, shared by the workers. Needs torch; changes no weight."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mhfd.learning.training.examples import DecodedAhead
from mhfd.learning.training.nets.in_torch import TorchSteps
from mhfd.learning.training.workers.exchange import FLAGS, Exchange
from mhfd.learning.training.workers.feeding import Copying
from mhfd.learning.training.workers.flat import FlatNet
from mhfd.learning.training.workers.losses import FIVE, LOSSES, MARKS, TRUTHS
from mhfd.learning.training.workers.prepared import PreparedTraining
from mhfd.learning.training.workers.trouble import TrainingTrouble, words_of

_SUMS: Final = 5  # loss, labels, right, right of five, known; behind them how often each answer is the truth

Rows = dict[int, NDArray[np.float32]]
"""By the place among all that are validated on: what was said, and the truth."""


@dataclass(frozen=True)
class ValidatedNet:
    """Of all images that are held back."""

    loss: float
    top1: float | None
    top5: float | None
    guess: float | None
    """Top-1 of saying always what is the commonest."""
    answers: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """`index` of each example, what is `said` of it after the head, its truth `y`; of a net that says nothing none."""


class Validation:
    """Of one training, by one worker among others.

    Args:
        prepared: The training.
        exchange: With the others.
        device: Where the network is.
        threads: That decode.
    """

    def __init__(self, prepared: PreparedTraining, exchange: Exchange, *, device: Any, threads: int) -> None:
        self._prepared, self._exchange, self._device, self._threads = prepared, exchange, device, threads
        self._at_once = max(1, -(-prepared.plan.batch // exchange.workers))
        self._mine: Final = np.arange(len(prepared.validated))[exchange.rank :: exchange.workers]

    def of(self, net: FlatNet, trouble: TrainingTrouble | None) -> ValidatedNet:
        """All workers ask their part, and all know the whole. Each raises the trouble of any."""
        answers = max(2, self._prepared.head.outputs)
        sums = self._exchange.room(_SUMS + answers)
        said: Rows = {}
        try:
            with torch.no_grad():
                self._ask(net, sums, said)
        except Exception as error:
            if (trouble := trouble or words_of(error, self._at_once)) is None:
                raise
        self._exchange.add_up(sums, trouble=trouble)
        loss, labels, right, five, known = sums[:_SUMS].tolist()
        commonest = float(sums[_SUMS:-FLAGS].max())
        return ValidatedNet(
            loss / max(labels, 1.0),
            right / known if known else None,
            five / known if known and self._prepared.plan.lesson in FIVE else None,
            commonest / known if known else None,
            self._gathered(said),
        )

    def _ask(self, net: FlatNet, sums: Any, said: Rows) -> None:
        prepared, copying = self._prepared, Copying(self._device)
        lesson = prepared.plan.lesson
        requests = ((int(prepared.validated[place]), None) for place in self._mine.tolist())
        with closing(DecodedAhead(prepared.examples, requests, threads=self._threads, ahead=self._at_once)) as decoded:
            for begin in range(0, len(self._mine), self._at_once):
                places = self._mine[begin : begin + self._at_once].tolist()
                some = [next(decoded) for _ in places]
                images, truth = copying.of(some)
                drawn = net(images)
                loss, labels = LOSSES[lesson](drawn.said, drawn.map, truth)
                marks = MARKS[lesson](drawn.said, drawn.map, truth)
                for at, one in enumerate((loss, labels, marks.right, marks.right_of_five, marks.known)):
                    sums[at] += one
                sums[_SUMS : _SUMS + len(marks.by_answer)] += marks.by_answer
                if lesson in TRUTHS:
                    rows = torch.cat((prepared.head.links(TorchSteps(), drawn.said), truth), 1).cpu().numpy()
                    said.update(zip(places, rows, strict=True))

    def _gathered(self, said: Rows) -> dict[str, NDArray[np.float32]]:
        """What all workers were told, each of its own images."""
        lesson, width = self._prepared.plan.lesson, len(self._prepared.head.says)
        if lesson not in TRUTHS:
            return {}
        whole = np.zeros((len(self._prepared.validated), width + TRUTHS[lesson]), np.float32)
        for place, row in said.items():
            whole[place] = row
        summed = self._exchange.room(whole.size)
        summed[: whole.size] = torch.from_numpy(whole.ravel())
        self._exchange.add_up(summed)
        rows = summed[: whole.size].cpu().numpy().reshape(whole.shape)
        index = self._prepared.validated.astype(np.float32)[:, None]
        return {"index": index, "said": rows[:, :width], "y": rows[:, width:]}
