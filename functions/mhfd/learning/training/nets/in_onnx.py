"""A network as an ONNX graph: plain operators, any batch and any size, the same bytes every time. Needs `onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mhfd.learning.learners.graph import OUTPUT, OnnxDrawing
from mhfd.learning.training.nets.drawing import Net, Steps
from mhfd.learning.training.nets.heads import Head
from mhfd.learning.training.nets.weights import Weights

IMAGE: Final = "image"
"""The input: (batch, channels, height, width), prepared as the card of the package says."""
MAP: Final = "map"
"""The output for the places of an image; that for the image is `said`."""


def onnx_of(net: Net, weights: Weights, *, channels: int, head: Head) -> bytes:
    """The network with its head.

    Args:
        net: What it is.
        weights: What it has learned.
        channels: Of an image.
        head: What its outputs mean.
    """
    steps = OnnxSteps(weights)
    drawn = net.draw(steps, IMAGE, head.outputs)
    ends: dict[str, tuple[str, Sequence[int | str]]] = {}
    if drawn.said is not None:
        ends[OUTPUT] = head.links(steps, drawn.said), ("batch", len(head.says))
    if drawn.map is not None:
        ends[MAP] = head.links(steps, drawn.map), ("batch", len(head.says), "rows", "columns")
    return steps.drawing.written({IMAGE: ("batch", channels, "height", "width")}, ends)


class OnnxSteps(Steps[str]):
    """Steps of which a tensor is its name in the graph."""

    def __init__(self, weights: Weights) -> None:
        self.drawing = OnnxDrawing()
        self._constants = {name: self.drawing.constant(weights[name]) for name in sorted(weights)}

    def conv(
        self,
        given: str,
        name: str,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> str:
        weight, bias = self._constants[f"{name}.weight"], self._constants[f"{name}.bias"]
        return self.drawing.step(
            "Conv",
            given,
            weight,
            bias,
            kernel_shape=[kernel, kernel],
            pads=[dilation * (kernel // 2)] * 4,
            strides=[stride, stride],
            dilations=[dilation, dilation],
        )

    def relu(self, given: str) -> str:
        return self.drawing.step("Relu", given)

    def max_pool(self, given: str, size: int) -> str:
        return self.drawing.step("MaxPool", given, kernel_shape=[size, size], strides=[size, size])

    def average_pool(self, given: str, size: int) -> str:
        return self.drawing.step("AveragePool", given, kernel_shape=[size, size], strides=[size, size])

    def smooth(self, given: str) -> str:
        return self.drawing.step("AveragePool", given, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)

    def mean(self, given: str) -> str:
        return self.drawing.step("ReduceMean", given, axes=[2, 3], keepdims=1)

    def flat(self, given: str) -> str:
        return self.drawing.step("Flatten", given, axis=1)

    def concat(self, parts: Sequence[str]) -> str:
        return self.drawing.step("Concat", *parts, axis=1)

    def part(self, given: str, first: int, count: int) -> str:
        ends = (self.drawing.constant(np.array([one], np.int64)) for one in (first, first + count, 1))
        return self.drawing.step("Slice", given, *ends)

    def add(self, one: str, other: str) -> str:
        return self.drawing.step("Add", one, other)

    def multiply(self, one: str, other: str) -> str:
        return self.drawing.step("Mul", one, other)

    def affine(self, given: str, factor: float, shift: float) -> str:
        grown = self.drawing.step("Mul", given, self._number(factor))
        return self.drawing.step("Add", grown, self._number(shift))

    def clip(self, given: str, low: float, high: float) -> str:
        return self.drawing.step("Clip", given, self._number(low), self._number(high))

    def exp(self, given: str) -> str:
        return self.drawing.step("Exp", given)

    def sigmoid(self, given: str) -> str:
        return self.drawing.step("Sigmoid", given)

    def softmax(self, given: str) -> str:
        return self.drawing.step("Softmax", given, axis=1)

    def _number(self, value: float) -> str:
        return self.drawing.constant(np.array(value, np.float32))
