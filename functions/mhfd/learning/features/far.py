"""The coarsest part of the spectrum, of the image in squares of 4x4 pixels: what is left when blur is wider than 10 px.

A disc of 10 px takes all that the rings of full resolution show; these reach down to .004 cycles a pixel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.contrast import NOTHING
from mhfd.learning.features.look import Look
from mhfd.measure import spectra

EDGES: Final = (0.016, 0.032, 0.05, 0.08, 0.115, 0.16, 0.225, 0.31)
"""Cycles a pixel of the smaller picture."""
NAMES: Final = tuple(f"far_{low / 4:g}" for low in EDGES[1:-1])


def measure(look: Look) -> NDArray[np.float64]:
    """The logarithm of each ring's mean power over that of the coarsest."""
    if look.far is None:
        return np.full(len(NAMES), NOTHING)
    seen, noise = look.far.seen, look.far.noise
    number = spectra.counts()
    hiding = noise.level[:, None, None] * noise.shape * number
    total = seen.power * number
    means = []
    for low, high in pairwise(EDGES):
        rings = slice(spectra.EDGES.index(low), spectra.EDGES.index(high))
        power, hidden = (values[:, rings].sum(axis=(1, 2)) / number[rings].sum() for values in (total, hiding))
        means.append(np.maximum(power - hidden, 0.02 * power))
    levels = np.array(means)
    clear = levels[0] > 0
    if not clear.any():
        return np.full(len(NAMES), NOTHING)
    weight = np.minimum(levels[0, clear], np.median(levels[0, clear]))
    ratios = (levels[1:, clear] / levels[0, clear]) @ (weight / weight.sum())
    logarithms: NDArray[np.float64] = np.log(np.maximum(ratios, np.exp(NOTHING)))
    return logarithms
