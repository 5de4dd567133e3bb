"""How much contrast an image leaves at each frequency, in each half and in each direction: `FocusReport.profile`.

Signal is power without noise, over the block's own coarse part: so contrast and dose cancel block by block. Blocks are
pooled robustly, and each number has the standard deviation that the blocks' scatter and the noise give it. Nothing here
says what is sharp: that is fitted against an image's neighbours, elsewhere.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.profile import HALF_EDGES, HALVES, LINE_EDGES, WAY_EDGES, WHOLE_EDGES, Hundredths, Profile
from mhfd.measure import spectra
from mhfd.measure.noise_spectrum import COARSE, NoiseSpectrum
from mhfd.measure.spectra import BEYOND, EDGES, SIDE, Spectra

LEAST_BLOCKS: Final = 4
"""Below which their scatter says nothing."""
_MOST = 999  # hundredths: e^10 more or less than the coarse part
_MOST_SD = 1.0  # a logarithm known no better says nothing
_CLIPPED = 2.5  # standard deviations from the mean beyond which a block is an outlier
_OVERLAP = 2.2  # blocks that overlap half-way count as so many for one


@dataclass(frozen=True, slots=True, eq=False)
class _Logarithms:
    """Natural logarithms with their standard deviations; NaN where noise hides everything."""

    value: NDArray[np.float64]
    sd: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Blocks that have a coarse part: power over it, without noise, and the noise over it."""

    signal: NDArray[np.float64]  # (blocks, rings, ways): sums over frequencies
    noise: NDArray[np.float64]
    weight: NDArray[np.float64]  # (blocks)
    known: float
    overlap: float

    def chosen(self, which: NDArray[np.bool_]) -> "_Blocks":
        """Some of them."""
        return _Blocks(self.signal[which], self.noise[which], self.weight[which], self.known, self.overlap)

    def pooled(self, edges: tuple[float, ...], *, by_way: bool) -> _Logarithms:
        """In each ring, or in each way its rings."""
        number = _numbers(edges, by_way)
        value, sd = np.full(len(number), np.nan), np.full(len(number), np.nan)
        if len(self.weight) >= LEAST_BLOCKS:
            there = number > 0
            signal, noise = (_regrouped(v, edges, by_way)[:, there] / number[there] for v in (self.signal, self.noise))
            value[there], sd[there] = self._logarithm(signal, noise)
        return _Logarithms(value, sd)

    def _logarithm(
        self, signal: NDArray[np.float64], noise: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        share = self.weight / self.weight.sum()
        mean = share @ signal
        spread = np.sqrt(share @ (signal - mean) ** 2)
        clipped = np.clip(signal, mean - _CLIPPED * spread, mean + _CLIPPED * spread)
        mean = share @ clipped
        effective = max(1.0 / float((share**2).sum()) / self.overlap, 1.0)
        variance = share @ (clipped - mean) ** 2 / effective
        variance += (self.known * (share @ noise)) ** 2
        seen = mean > 0
        safe = np.where(seen, mean, 1.0)
        sd = np.sqrt(variance) / safe
        seen &= sd <= _MOST_SD
        return np.where(seen, np.log(safe), np.nan), np.where(seen, sd, np.nan)


def measure(seen: Spectra, noise: NoiseSpectrum) -> Profile | None:
    """The profile of an image; None where too few blocks show anything above noise."""
    number = spectra.counts()
    expected = noise.level[:, None, None] * noise.shape * number
    signal = seen.power * number - expected
    coarse, hiding = (_between(v, *COARSE).sum(axis=(1, 2)) for v in (signal, expected))
    clear = (coarse > hiding) & (coarse > 0)
    if np.count_nonzero(clear) < LEAST_BLOCKS:
        return None
    related = coarse[clear, None, None] / _between(number[None], *COARSE).sum()
    weight = np.minimum(coarse[clear], np.median(coarse[clear]))
    overlap = _OVERLAP if seen.refined else 1.0
    blocks = _Blocks(signal[clear] / related, expected[clear] / related, weight, noise.known, overlap)
    sides = [blocks.chosen(_half(seen.where, name)[clear]).pooled(HALF_EDGES, by_way=False) for name in HALVES]
    whole, ways = blocks.pooled(WHOLE_EDGES, by_way=False), blocks.pooled(WAY_EDGES, by_way=True)
    return Profile(
        whole=_hundredths(whole.value),
        whole_sd=_deviations(whole.sd),
        halves=_hundredths(np.concatenate([side.value for side in sides])),
        halves_sd=_deviations(np.concatenate([side.sd for side in sides])),
        ways=_hundredths(ways.value),
        ways_sd=_deviations(ways.sd),
        lines=_lines(noise.along),
    )


def _between(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The rings from one edge to another."""
    return values[:, EDGES.index(low) : EDGES.index(high)]


def _regrouped(values: NDArray[np.float64], edges: tuple[float, ...], by_way: bool) -> NDArray[np.float64]:
    """Sums in wider rings, of all ways together or way by way: (blocks, rings) or (blocks, ways * rings)."""
    at = [EDGES.index(edge) for edge in edges]
    inside = values[:, at[0] : at[-1]] if by_way else values[:, at[0] : at[-1]].sum(axis=2, keepdims=True)
    rings: NDArray[np.float64] = np.add.reduceat(inside, [start - at[0] for start in at[:-1]], axis=1)
    wider: NDArray[np.float64] = rings.transpose(0, 2, 1).reshape(len(values), -1)
    return wider


@cache
def _numbers(edges: tuple[float, ...], by_way: bool) -> NDArray[np.float64]:
    """How many frequencies there are in each of those."""
    numbers: NDArray[np.float64] = _regrouped(spectra.counts()[None], edges, by_way)[0]
    return numbers


def _half(where: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """Which of the blocks lie in that half of the grid; those in the middle of an odd number lie in none."""
    inside = np.zeros(where.shape, np.bool_)
    rows, cols = (size // 2 for size in where.shape)
    if name in ("left", "right"):
        inside[:, slice(None, cols) if name == "left" else slice(-cols or where.shape[1], None)] = True
    else:
        inside[slice(None, rows) if name == "top" else slice(-rows or where.shape[0], None)] = True
    return inside[where]


def _lines(along: NDArray[np.float64]) -> Hundredths:
    """What changes from one scan line to the next, by frequency along them, over its far part."""
    at = np.arange(len(along)) / SIDE
    far = along[at >= BEYOND].mean()
    means = [along[(at >= low) & (at < high)].mean() / far for low, high in pairwise(LINE_EDGES)]
    return _hundredths(np.array([np.log(mean) if mean > 0 else np.nan for mean in means]))


def _hundredths(values: NDArray[np.float64], least: int = -_MOST) -> Hundredths:
    """Whole hundredths; null for NaN."""
    rounded = np.clip(np.rint(100 * np.nan_to_num(values)), least, _MOST).astype(int).tolist()
    return tuple(None if lost else v for v, lost in zip(rounded, np.isnan(values).tolist(), strict=True))


def _deviations(values: NDArray[np.float64]) -> Hundredths:
    """The same of standard deviations: nothing is known to less than a hundredth."""
    return _hundredths(values, 1)
