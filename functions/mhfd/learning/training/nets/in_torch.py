"""A network in torch: for training, and to be compared with its ONNX. The one module of this room that imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mhfd.learning.training.nets.counting import layers_of
from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps
from mhfd.learning.training.nets.weights import Weights


class TorchNet:
    """A network with weights that can be learned.

    Args:
        net: What it is.
        weights: What it begins with.
        channels: Of an image.
        outputs: That it has.
        device: Where it is computed: `cpu`, `cuda:0`.
    """

    def __init__(self, net: Net, weights: Weights, *, channels: int, outputs: int, device: Any = "cpu") -> None:
        layers = layers_of(net, channels=channels, outputs=outputs)
        wanted: dict[str, tuple[int, ...]] = {f"{name}.weight": layer.shape for name, layer in layers.items()}
        wanted |= {f"{name}.bias": layer.shape[:1] for name, layer in layers.items()}
        if (given := {name: value.shape for name, value in weights.items()}) != wanted:
            odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
            raise ValueError(f"weights: not those of {net.name} for {channels} channels and {outputs} outputs: {odd}")
        self._net, self._outputs = net, outputs
        self._tensors = {
            name: torch.nn.Parameter(torch.tensor(weights[name], dtype=torch.float32, device=device))
            for name in sorted(weights)
        }
        self._steps = TorchSteps(self._tensors)

    def parameters(self) -> list[Any]:
        """What is learned, by name."""
        return list(self._tensors.values())

    def __call__(self, images: Any) -> NetDrawn[Any]:
        """The raw numbers of a batch (batch, channels, rows, columns) of prepared images."""
        return self._net.draw(self._steps, images.to(memory_format=torch.channels_last), self._outputs)

    def weights(self) -> Weights:
        """A copy of what is learned so far."""
        return {name: np.array(one.detach().cpu().numpy(), np.float32) for name, one in self._tensors.items()}


class TorchSteps(Steps[Any]):
    """Steps that torch computes; without weights for what has none, as heads."""

    def __init__(self, tensors: dict[str, Any] | None = None) -> None:
        self._tensors = tensors or {}

    def conv(
        self,
        given: Any,
        name: str,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> Any:
        # Channels beside each other: the same numbers, and on a processor a step takes two thirds of the time.
        weight = self._tensors[f"{name}.weight"].to(memory_format=torch.channels_last)
        bias = self._tensors[f"{name}.bias"]
        return functional.conv2d(
            given, weight, bias, stride=stride, padding=dilation * (kernel // 2), dilation=dilation
        )

    def relu(self, given: Any) -> Any:
        return functional.relu(given)

    def max_pool(self, given: Any, size: int) -> Any:
        return functional.max_pool2d(given, size)

    def average_pool(self, given: Any, size: int) -> Any:
        return functional.avg_pool2d(given, size)

    def smooth(self, given: Any) -> Any:
        return functional.avg_pool2d(given, 3, stride=1, padding=1, count_include_pad=False)

    def mean(self, given: Any) -> Any:
        return given.mean((2, 3), keepdim=True)

    def flat(self, given: Any) -> Any:
        return given.flatten(1)

    def concat(self, parts: Sequence[Any]) -> Any:
        return torch.cat(list(parts), 1)

    def part(self, given: Any, first: int, count: int) -> Any:
        return given[:, first : first + count]

    def add(self, one: Any, other: Any) -> Any:
        return one + other

    def multiply(self, one: Any, other: Any) -> Any:
        return one * other

    def affine(self, given: Any, factor: float, shift: float) -> Any:
        return given * factor + shift

    def clip(self, given: Any, low: float, high: float) -> Any:
        return given.clamp(low, high)

    def exp(self, given: Any) -> Any:
        return given.exp()

    def sigmoid(self, given: Any) -> Any:
        return given.sigmoid()

    def softmax(self, given: Any) -> Any:
        return given.softmax(1)
