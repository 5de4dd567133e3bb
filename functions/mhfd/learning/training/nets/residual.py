"""Residual blocks as EDSR has them, without batch statistics: a picture of the same size with less noise in it.

What it draws is added to what it is given, so that it learns the noise and begins as the picture itself.
"""

from __future__ import annotations

from typing import Final

from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps, T

WIDTH: Final = 16
BLOCKS: Final = 4
_FAINT: Final = 0.1
_NEXT_TO_NOTHING: Final = 0.01


def _draw(steps: Steps[T], given: T, outputs: int) -> NetDrawn[T]:
    first = inside = steps.conv(given, "first", WIDTH, 3)
    for number in range(BLOCKS):
        within = steps.relu(steps.conv(inside, f"block{number}.0", WIDTH, 3))
        inside = steps.add(inside, steps.conv(within, f"block{number}.1", WIDTH, 3, gain=_FAINT))
    return NetDrawn(
        None, steps.add(given, steps.conv(steps.add(first, inside), "last", outputs, 3, gain=_NEXT_TO_NOTHING))
    )


RESIDUAL: Final = Net("residual", ("denoise",), 64, 0.003, _draw, grid=1, even=True)
