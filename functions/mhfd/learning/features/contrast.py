"""Power without noise over the coarse part, block by block: what rings and directions are read from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.look import BlockSpectra
from mhfd.measure import spectra
from mhfd.measure.noise_spectrum import COARSE
from mhfd.measure.spectra import INDEPENDENT

NOTHING: Final = -9.0
"""The logarithm that stands for no contrast."""
_CLIPPED: Final = 2.5
"""Standard deviations from the mean beyond which a block is an outlier."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Of the blocks that show a coarse part, a row each: means over frequencies, over the block's coarse mean."""

    signal: Values  # (blocks, RINGS, WAYS): sums over frequencies
    hiding: Values  # the same of the noise
    weight: Values  # (blocks)
    known: float  # standard deviation of the logarithm of the noise

    @classmethod
    def of(cls, found: BlockSpectra) -> Contrast | None:
        """None where noise hides the coarse part of every block."""
        seen, noise = found.seen, found.noise
        number = spectra.counts()
        expected = noise.level[:, None, None] * noise.shape * number
        signal = seen.power * number - expected
        inside = _between(*COARSE)
        coarse, hidden = (values[:, inside].sum(axis=(1, 2)) for values in (signal, expected))
        clear = (coarse > hidden) & (coarse > 0)
        if not clear.any():
            return None
        related = coarse[clear, None, None] / number[inside].sum()
        weight = np.minimum(coarse[clear], np.median(coarse[clear]))
        return cls(signal[clear] / related, expected[clear] / related, weight / weight.sum(), noise.known)

    @property
    def noise(self) -> float:
        """The logarithm of its mean power over the coarse part's."""
        level = self.weight @ self.hiding.sum(axis=(1, 2)) / spectra.counts().sum()
        return float(np.log(max(float(level), np.exp(NOTHING))))

    def rings(self, edges: tuple[float, ...]) -> list[float]:
        """The logarithm in each ring from one edge to the next."""
        return [self._pooled(_between(low, high), slice(None)) for low, high in pairwise(edges)]

    def ways(self, low: float, high: float) -> Values:
        """The same in each direction, of one ring."""
        return np.array([self._pooled(_between(low, high), slice(way, way + 1)) for way in range(self.signal.shape[2])])

    def each(self, low: float, high: float) -> Values:
        """The logarithm of each block in one ring."""
        inside = _between(low, high)
        number = spectra.counts()[inside].sum()
        signal, hiding = (values[:, inside].sum(axis=(1, 2)) / number for values in (self.signal, self.hiding))
        logarithms: Values = np.log(_positive(signal, self._chance(signal, hiding, number)))
        return logarithms

    def _pooled(self, rings: slice, ways: slice) -> float:
        number = spectra.counts()[rings, ways].sum()
        signal, hiding = (v[:, rings, ways].sum(axis=(1, 2)) / number for v in (self.signal, self.hiding))
        mean = self.weight @ signal
        spread = np.sqrt(self.weight @ (signal - mean) ** 2)
        mean = self.weight @ np.clip(signal, mean - _CLIPPED * spread, mean + _CLIPPED * spread)
        blocks = 1 / float((self.weight**2).sum())
        chance = self._chance(np.array([mean]), np.array([self.weight @ hiding]), number * blocks)
        return float(np.log(_positive(np.array([mean]), chance))[0])

    def _chance(self, signal: Values, hiding: Values, number: float) -> Values:
        """Standard deviation that noise gives a mean over so many frequencies."""
        power = np.maximum(signal, 0) + hiding
        chance: Values = np.sqrt((self.known * hiding) ** 2 + power**2 * INDEPENDENT / number)
        return chance


def _positive(values: Values, chance: Values) -> Values:
    """The value where it is far above chance; half of chance at 0, and less below."""
    above: Values = (values + np.sqrt(values**2 + chance**2)) / 2
    return np.maximum(above, np.exp(NOTHING))


def _between(low: float, high: float) -> slice:
    """The rings of the spectra from one edge to another."""
    return slice(spectra.EDGES.index(low), spectra.EDGES.index(high))
