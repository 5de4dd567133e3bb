"""The spectrum in rings, its noise taken off: how much contrast is left from coarse to fine, and how evenly.

Power over the coarse part of the same block, so that neither contrast nor dose moves it; where noise hides a ring, its
number falls towards what chance makes of nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.contrast import NOTHING, Contrast
from mhfd.learning.features.look import Look

EDGES: Final = (0.016, 0.032, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.13, 0.16, 0.2, 0.225, 0.25, 0.28, 0.31)
"""Of the fourteen rings, cycles a pixel."""
NAMES: Final = (*(f"ring_{low:g}" for low in EDGES[:-1]), "noise", "uneven")
_FINE: Final = (0.1, 0.2)
"""The rings whose share of a block is compared from block to block."""


def measure(look: Look) -> NDArray[np.float64]:
    """Logarithms: of each ring, and of the noise, over the coarse part; how much the blocks differ in the fine one."""
    if look.fine is None or (contrast := Contrast.of(look.fine)) is None:
        return np.array([NOTHING] * (len(EDGES) - 1) + [-NOTHING, 0.0])
    fine = contrast.each(*_FINE)
    uneven = float(np.std(fine)) if len(fine) > 1 else 0.0
    return np.array([*contrast.rings(EDGES), contrast.noise, uneven])
