"""What each place shows, on a grid of 8 pixels: resin, tissue or artefact.

Three poolings, then convolutions that reach ever further, since an even bright place is resin or the inside of a cell
by what lies around it.
"""

from __future__ import annotations

from typing import Final

from mhfd.learning.training.nets.drawing import Net, NetDrawn, Steps, T

GRID: Final = 8
WIDTHS: Final = (8, 16, 32)
"""Channels at 1, 1/2 and 1/4 of the size; the last at 1/8 too."""
REACHES: Final = (1, 2, 4, 8)
"""Places from one to the next of a kernel, on the grid: 31 places together, 248 pixels."""
_FAINT: Final = 0.1


def _draw(steps: Steps[T], given: T, outputs: int) -> NetDrawn[T]:
    inside = given
    for number, width in enumerate(WIDTHS):
        inside = steps.max_pool(steps.relu(steps.conv(inside, f"down{number}", width, 3)), 2)
    for number, reach in enumerate(REACHES):
        within = steps.relu(steps.conv(inside, f"reach{number}.0", WIDTHS[-1], 3, dilation=reach))
        inside = steps.add(inside, steps.conv(within, f"reach{number}.1", WIDTHS[-1]))
    return NetDrawn(None, steps.conv(steps.relu(inside), "map", outputs, gain=_FAINT))


REGIONS: Final = Net("regions", ("segment",), 64, 0.03, _draw, grid=GRID)
