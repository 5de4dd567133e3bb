"""How well a picture or a map comes out, of the groups that a training held back: for the card of its package.

Of two takes no clean picture is needed: their noise is independent, so half of the mean square by which they differ is
noise, and what a picture made of the one differs from the other by, beyond that, is what it still lacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.training.examples import Examples

MOST: Final = 256
"""Examples that are asked about; more of them change the figures little."""

Asked = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A map (batch, what it says, rows, columns) of images (batch, channels, rows, columns)."""


def restored_figures(examples: Examples, validated: NDArray[np.intp], asked: Asked) -> Iterator[tuple[str, float, int]]:
    """What is measured, the figure, and of how many examples."""
    some = validated[:: max(1, -(-len(validated) // MOST))]
    pairs = []
    for index in some:
        example = examples.load(int(index), None)
        pairs.append((example, asked(example.x[None])[0]))
    if len(examples.says) > 1:
        yield from _overlaps(examples.says, [(example.y, made) for example, made in pairs])
    elif all(np.isfinite(example.y).all() for example, _ in pairs):
        noise = float(np.mean([np.mean(np.square(example.x - example.y)) for example, _ in pairs])) / 2
        lacking = float(np.mean([np.mean(np.square(made - example.y)) for example, made in pairs])) - noise
        if noise > 0 and lacking > 0:
            yield (
                "dB gained over the image, by its other take, validation groups",
                10 * math.log10(noise / lacking),
                len(some),
            )


def _overlaps(
    says: tuple[str, ...], pairs: list[tuple[NDArray[Any], NDArray[Any]]]
) -> Iterator[tuple[str, float, int]]:
    """Of each class: the places that both call so, as a part of those that either does."""
    for number, name in enumerate(says):
        both = either = 0
        for truth, scores in pairs:
            known = np.isfinite(truth)
            said, true = (scores.argmax(axis=0) == number) & known, (truth == number) & known
            both, either = both + int((said & true).sum()), either + int((said | true).sum())
        if either:
            yield f"intersection over union of {name}, validation groups", both / either, len(pairs)
