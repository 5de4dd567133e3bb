"""A network, drawn once: steps of which torch, ONNX and a count are three implementations.

Knows no weights and no library: what a step is done with is the implementation's. No step looks at more than one image:
what a network says of an image does not depend on the others of its batch, so that workers may share one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mhfd.contract.training import NetLesson

T = TypeVar("T")


class Steps(ABC, Generic[T]):
    """What may be drawn. A tensor is (batch, channels, rows, columns), or (batch, channels) after `flat`."""

    @abstractmethod
    def conv(
        self,
        given: T,
        name: str,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> T:
        """A convolution with a bias, padded by zeros so that a stride of 1 keeps the size.

        Args:
            given: What it is done to.
            name: Of its weights: the same name twice is the same weights twice.
            outputs: Channels that it makes.
            kernel: Its side, odd.
            stride: 1, or as much smaller as the result is.
            dilation: Pixels from one of the kernel's to the next.
            gain: What it begins with, in parts of He's spread: small where a network ends.
        """

    @abstractmethod
    def relu(self, given: T) -> T:
        """What is above 0."""

    @abstractmethod
    def max_pool(self, given: T, size: int) -> T:
        """The largest of each size x size."""

    @abstractmethod
    def average_pool(self, given: T, size: int) -> T:
        """The mean of each size x size."""

    @abstractmethod
    def smooth(self, given: T) -> T:
        """The mean of each place and the eight around it, as far as there are any."""

    @abstractmethod
    def mean(self, given: T) -> T:
        """Over all places: one row and one column."""

    @abstractmethod
    def flat(self, given: T) -> T:
        """(batch, channels) of what has one place."""

    @abstractmethod
    def concat(self, parts: Sequence[T]) -> T:
        """One after the other, along the channels."""

    @abstractmethod
    def part(self, given: T, first: int, count: int) -> T:
        """Some of the channels."""

    @abstractmethod
    def add(self, one: T, other: T) -> T:
        """Each to each."""

    @abstractmethod
    def multiply(self, one: T, other: T) -> T:
        """Each by each."""

    @abstractmethod
    def affine(self, given: T, factor: float, shift: float) -> T:
        """given * factor + shift."""

    @abstractmethod
    def clip(self, given: T, low: float, high: float) -> T:
        """Nothing below or above."""

    @abstractmethod
    def exp(self, given: T) -> T:
        """e to the power of it."""

    @abstractmethod
    def sigmoid(self, given: T) -> T:
        """Between 0 and 1."""

    @abstractmethod
    def softmax(self, given: T) -> T:
        """Along the channels: positive, and 1 together."""


@dataclass(frozen=True, slots=True)
class NetDrawn(Generic[T]):
    """What a network ends with, before its head."""

    said: T | None
    """(batch, outputs): of the image; None: the network says nothing of it."""
    map: T | None
    """(batch, outputs, rows, columns): of its places; None: the network has no map."""


class Draw(Protocol):
    """How a network is drawn."""

    def __call__(self, steps: Steps[T], given: T, outputs: int) -> NetDrawn[T]:
        """From an image whose sides are multiples of the network's."""
        ...


@dataclass(frozen=True, slots=True)
class Net:
    """One network."""

    name: str
    lessons: tuple[NetLesson, ...]
    """What it may be taught."""
    multiple: int
    """Both sides of an image are padded to a multiple of it."""
    rate: float
    """The learning rate that is usual for it."""
    draw: Draw
    grid: int = 64
    """Pixels a side of a place of its map."""
    even: bool = False
    """Each layer's step is as long as the others', whatever its gradient: for a network whose layers begin faint."""
