"""How much contrast is left at each frequency: what tells how much blur one image has more than another."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from mhfd.contract.base import Wire

WHOLE_EDGES: Final = (
    *(0.024, 0.032, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.115),
    *(0.13, 0.145, 0.16, 0.18, 0.2, 0.225, 0.25, 0.28, 0.31),
)
"""Of the rings of the whole image, cycles a pixel."""
HALF_EDGES: Final = (0.024, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.31)
"""Of the rings of each half."""
WAY_EDGES: Final = (0.05, 0.07, 0.09, 0.115, 0.145, 0.18, 0.225, 0.28)
"""Of the rings in each direction."""
WAYS: Final = 8
"""Directions of change: along x, then every 22.5 degrees towards y (down), each 22.5 degrees wide."""
HALVES: Final = ("left", "right", "top", "bottom")
LINE_EDGES: Final = (0.0225, 0.04, 0.06, 0.085, 0.115, 0.15, 0.2, 0.26, 0.33)
"""Along the scan lines, of what one line does not share with the next."""

Hundredths = tuple[int | None, ...]


class Profile(Wire):
    """Contrast that is left from coarse to fine: power, noise taken off, over the coarse part (.016 to .06).

    Natural logarithms in hundredths, each with its standard deviation from this image's noise and blocks; null where
    noise hides everything. Contrast, brightness and dose move nothing here.
    """

    whole: Hundredths = Field(min_length=18, max_length=18)
    whole_sd: Hundredths = Field(min_length=18, max_length=18)
    halves: Hundredths = Field(min_length=36, max_length=36, description="left, right, top, bottom: 9 rings each")
    halves_sd: Hundredths = Field(min_length=36, max_length=36)
    ways: Hundredths = Field(min_length=56, max_length=56, description="8 directions, 7 rings each")
    ways_sd: Hundredths = Field(min_length=56, max_length=56)
    lines: Hundredths = Field(
        min_length=8,
        max_length=8,
        description="power that changes from one scan line to the next (.4 and more across them), by frequency along "
        "them, over the same where it is .4 and more: lines that are displaced raise it",
    )
