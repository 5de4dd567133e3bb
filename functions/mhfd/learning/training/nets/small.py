"""A small network of the same kind, quick enough to be asked of every image: says what it says for each place as well.

Its last layers are the same for the mean of all places and for each of them: a map costs next to nothing.
"""

from __future__ import annotations

from typing import Final

from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps, T

MULTIPLE: Final = 64
PATHWAYS: Final = 7
WIDTH: Final = 16
"""Of all pathways: processors take 8 or 16 channels at once, and 12 cost as much as 16."""
CONVOLUTIONS: Final = 3
MIXED: Final = 96
DENSE: Final = 48
_FAINT: Final = 0.1


def _draw(steps: Steps[T], given: T, outputs: int) -> NetDrawn[T]:
    ends = []
    for number in range(PATHWAYS):
        if number:
            given = steps.average_pool(given, 2)
        ends.append(_pathway(steps, given, number))
    mixed = steps.relu(steps.conv(steps.concat(ends), "mixed", MIXED))

    def last(places: T) -> T:
        return steps.conv(steps.relu(steps.conv(places, "dense", DENSE)), "said", outputs, gain=_FAINT)

    return NetDrawn(steps.flat(last(steps.mean(mixed))), last(steps.smooth(mixed)))


def _pathway(steps: Steps[T], inside: T, number: int) -> T:
    """From 1 / 2**number of the full resolution to 1 / 64 of it."""
    left = MULTIPLE >> number
    for convolution in range(CONVOLUTIONS):
        # Full resolution is where the time goes: its first convolution steps over every other pixel.
        stride = 2 if number == convolution == 0 else 1
        inside = steps.conv(inside, f"path{number}.{convolution}", WIDTH, 3 if convolution else 5, stride=stride)
        left //= stride
        if left >= 4 and convolution < CONVOLUTIONS - 1:
            inside, left = steps.max_pool(inside, 2), left // 2
        inside = steps.relu(inside)
    return steps.average_pool(inside, left) if left > 1 else inside


SMALL: Final = Net("small", ("focus", "cause"), MULTIPLE, 0.05, _draw)
