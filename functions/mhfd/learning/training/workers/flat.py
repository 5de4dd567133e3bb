"""A network whose numbers lie in one vector, and the step that is made in it. Needs torch.

Weights and gradients of all layers are views of a vector each: the exchange sums one, and nothing is copied for it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mhfd.learning.training.nets import NetDrawn, Weights
from mhfd.learning.training.nets.in_torch import TorchNet
from mhfd.learning.training.workers.exchange import FLAGS
from mhfd.learning.training.workers.schedule import MOMENTUM

LONGEST: Final = 5.0
"""A gradient longer than it is made as long: one odd batch then throws nothing away. Taken of the whole batch's
gradient, so that it is the same however many workers share it."""

WEIGHT_DECAY: Final = 1e-4
"""So small that it only keeps numbers that nothing asks for from growing."""

_FAINTEST: Final = 1e-12
"""Of a layer that nothing asks for: it stays."""

_LOSS, _LABELS = 0, 1
TAIL: Final = 2
"""Numbers that travel behind the gradients: the loss, summed, and of how many labels."""


class FlatNet:
    """A network that is being taught.

    Args:
        net: With the weights that it begins with.
        device: Where it is.
        even: Each layer's step is as long as the others', whatever its gradient.
    """

    def __init__(self, net: TorchNet, *, device: Any, even: bool = False) -> None:
        self._even = even
        self._net = net
        self._shapes = {name: array.shape for name, array in net.weights().items()}
        parts = net.parameters()
        self.parameters = sum(part.numel() for part in parts)
        self.weights = torch.empty(self.parameters, device=device)
        self.momentum = torch.zeros(self.parameters, device=device)
        self.sums = torch.zeros(self.parameters + TAIL + FLAGS, device=device)
        at = 0
        for part in parts:
            here = slice(at, at + part.numel())
            self.weights[here] = part.detach().flatten()
            part.data = self.weights[here].view(part.shape)
            part.grad = self.sums[here].view(part.shape)
            at = here.stop

    def __call__(self, images: Any) -> NetDrawn[Any]:
        """The raw numbers of a batch."""
        return self._net(images)

    def learn_from(self, loss: Any, labels: Any) -> None:
        """Its gradient, and what it is of, into what is going to be exchanged."""
        loss.backward()
        self.sums[self.parameters + _LOSS] = loss.detach()
        self.sums[self.parameters + _LABELS] = labels

    def forget_sums(self) -> None:
        """Before the next batch."""
        self.sums.zero_()

    def summed(self) -> tuple[float, float]:
        """The loss of the whole batch and its number of labels, once they are exchanged."""
        loss, labels = self.sums[self.parameters : self.parameters + TAIL].tolist()
        return loss, labels

    def step(self, rate: float, labels: float) -> bool:
        """Go down the gradient of the whole batch. False: it is no number, and nothing was done."""
        with torch.no_grad():
            gradient = self.sums[: self.parameters].div_(max(labels, 1.0))
            length = float(torch.linalg.vector_norm(gradient))
            if not np.isfinite(length):
                return False
            if length > LONGEST:
                gradient.mul_(LONGEST / length)
            self.momentum.mul_(MOMENTUM).add_(gradient).add_(self.weights, alpha=WEIGHT_DECAY)
            if self._even:
                self._step_evenly(rate)
            else:
                self.weights.add_(self.momentum, alpha=-rate)
        return True

    def _step_evenly(self, rate: float) -> None:
        """The numbers of each layer move by `rate`, as the root of their mean square."""
        at = 0
        for shape in self._shapes.values():
            here = slice(at, at + int(np.prod(shape)))
            layer = self.momentum[here]
            length = torch.linalg.vector_norm(layer) / layer.numel() ** 0.5
            self.weights[here].add_(layer / length.clamp(min=_FAINTEST), alpha=-rate)
            at = here.stop

    def named(self, vector: Any) -> Weights:
        """A vector as arrays by name."""
        flat = vector.detach().cpu().numpy()
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes.values()])
        parts = np.split(flat, ends[:-1])
        return {name: np.array(p).reshape(self._shapes[name]) for name, p in zip(self._shapes, parts, strict=True)}

    def take(self, vector: Any, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Arrays by name into a vector."""
        flat = np.concatenate([arrays[name].ravel() for name in self._shapes])
        vector.copy_(torch.from_numpy(flat))
