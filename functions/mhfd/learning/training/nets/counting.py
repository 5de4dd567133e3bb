"""A network, counted: its parameters, and the numbers that it makes on the way. Computes nothing of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mhfd.learning.training.nets.drawing import Net, Steps

Shape = tuple[int, ...]
_FLOAT_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """The kernel of one convolution."""

    shape: tuple[int, int, int, int]
    """Outputs, inputs, rows, columns."""
    gain: float

    @property
    def parameters(self) -> int:
        """With its biases."""
        return math.prod(self.shape) + self.shape[0]


@dataclass(frozen=True, slots=True)
class NetSize:
    """How large a network is with a batch of images."""

    parameters: int
    activation_bytes: int
    """Of all that it makes on the way forward, which a training keeps for the way back. What is cut at 0 takes the
    place of what it was; the images themselves are not in it, nor what a library needs besides."""
    said_shape: Shape | None
    map_shape: Shape | None


def count(net: Net, *, channels: int, outputs: int, side: tuple[int, int], batch: int) -> NetSize:
    """How large it is.

    Args:
        net: The network.
        channels: Of an image.
        outputs: That it has.
        side: Rows and columns of an image, which are padded as the network wants them.
        batch: Images at once.
    """
    rows, columns = (-(-one // net.multiple) * net.multiple for one in side)
    counting = Counting()
    drawn = net.draw(counting, (batch, channels, rows, columns), outputs)
    parameters = sum(layer.parameters for layer in counting.layers.values())
    return NetSize(parameters, counting.numbers * _FLOAT_BYTES, drawn.said, drawn.map)


def layers_of(net: Net, *, channels: int, outputs: int) -> dict[str, Layer]:
    """Its convolutions by name, which are the same for an image of any size."""
    counting = Counting()
    net.draw(counting, (1, channels, net.multiple, net.multiple), outputs)
    return counting.layers


class Counting(Steps[Shape]):
    """Steps of which a tensor is its shape."""

    def __init__(self) -> None:
        self.layers: dict[str, Layer] = {}
        self.numbers = 0
        """That were made."""

    def _made(self, shape: Shape) -> Shape:
        self.numbers += math.prod(shape)
        return shape

    def conv(
        self,
        given: Shape,
        name: str,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> Shape:
        batch, inputs, rows, columns = given
        if kernel % 2 == 0:
            raise ValueError(f"{name}: a kernel of {kernel} has no middle")
        layer = Layer((outputs, inputs, kernel, kernel), gain)
        if self.layers.setdefault(name, layer) != layer:
            raise ValueError(f"{name}: drawn as {self.layers[name].shape} and as {layer.shape}")
        return self._made((batch, outputs, -(-rows // stride), -(-columns // stride)))

    def _smaller(self, given: Shape, size: int) -> Shape:
        batch, channels, rows, columns = given
        if rows % size or columns % size:
            raise ValueError(f"{rows} x {columns} places cannot be pooled by {size}")
        return self._made((batch, channels, rows // size, columns // size))

    def relu(self, given: Shape) -> Shape:
        return given

    def max_pool(self, given: Shape, size: int) -> Shape:
        return self._smaller(given, size)

    def average_pool(self, given: Shape, size: int) -> Shape:
        return self._smaller(given, size)

    def smooth(self, given: Shape) -> Shape:
        return self._made(given)

    def mean(self, given: Shape) -> Shape:
        return self._made((*given[:2], 1, 1))

    def flat(self, given: Shape) -> Shape:
        return (given[0], math.prod(given[1:]))

    def concat(self, parts: Sequence[Shape]) -> Shape:
        if len({(one[0], one[2:]) for one in parts}) != 1:
            raise ValueError(f"shapes that do not go together: {', '.join(map(str, parts))}")
        return self._made((parts[0][0], sum(one[1] for one in parts), *parts[0][2:]))

    def part(self, given: Shape, first: int, count: int) -> Shape:
        if not 0 <= first < first + count <= given[1]:
            raise ValueError(f"no channels {first} to {first + count} of {given[1]}")
        return (given[0], count, *given[2:])

    def add(self, one: Shape, other: Shape) -> Shape:
        if one != other:
            raise ValueError(f"shapes that do not go together: {one}, {other}")
        return self._made(one)

    def multiply(self, one: Shape, other: Shape) -> Shape:
        return self.add(one, other)

    def affine(self, given: Shape, factor: float, shift: float) -> Shape:
        return self._made(given)

    def clip(self, given: Shape, low: float, high: float) -> Shape:
        return self._made(given)

    def exp(self, given: Shape) -> Shape:
        return self._made(given)

    def sigmoid(self, given: Shape) -> Shape:
        return self._made(given)

    def softmax(self, given: Shape) -> Shape:
        return self._made(given)
