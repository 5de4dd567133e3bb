"""What an example is, and a set of them: the seam between whatever keeps images and whoever trains on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.training.examples.altering import Copy


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One image as a network sees it, and what it is to say of it."""

    x: NDArray[np.float32]
    """(channels, height, width), normalised, its sides multiples of what the network takes."""
    y: NDArray[np.float32]
    """Of focus: whether it is bad, and log(1 + radius in px), NaN what nobody knows. Of a cause: its number."""


class Examples(Protocol):
    """Images of the training groups with what is known of them; pixels are read when they are asked for."""

    @property
    def channels(self) -> int:
        """Of each image."""
        ...

    @property
    def says(self) -> tuple[str, ...]:
        """What a network that learns from them says: a name each."""
        ...

    @property
    def groups(self) -> Sequence[str]:
        """The group of each."""
        ...

    @property
    def classes(self) -> NDArray[np.float64]:
        """The class of each, for a balance between them; NaN: none."""
        ...

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of every `x` that is not turned by a quarter."""
        ...

    @property
    def paths(self) -> Sequence[str]:
        """The file of each, for a person; of several channels the first one's."""
        ...

    @property
    def pixel_nm(self) -> tuple[float, float] | None:
        """The smallest and the largest pixel, where any is known."""
        ...

    @property
    def digest(self) -> str:
        """Of all that decides what they are: a training of others does not go on with these."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of them, in sentences."""
        ...

    def __len__(self) -> int: ...

    def load(self, index: int, copy: Copy | None) -> Example:
        """One of them, read, altered as a copy is or as validation shows it. UsageError that names the file."""
        ...


def float32(*values: float | None) -> NDArray[Any]:
    """Numbers; NaN for what nobody knows."""
    return np.array([np.nan if value is None else value for value in values], np.float32)
