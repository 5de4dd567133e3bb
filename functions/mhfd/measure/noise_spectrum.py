"""The spectrum of an image's noise: a level a block, and one shape an image, read from the image itself.

The noise of a scanned image is a product: a spectrum along the lines (a slow detector, averaging, compression) times
one across them. Each is read where the other coordinate is beyond what optics leave of most scenes. Of a sharp scene
something is left there: it is taken off as edges behind a small blur have it, fitted to what the image shows at
frequencies that noise does not hide. Noise grows with brightness and falls where frames are averaged: so the level is
the block's own.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.measure import spectra
from mhfd.measure.spectra import BEYOND, EDGES, INDEPENDENT, RINGS, SIDE, Spectra

LAGS: Final = 20
"""Pixels over which noise may be shared: its spectrum is a sum of so many cosines."""
COARSE: Final = (0.016, 0.06)
"""What each block's power is related to, cycles a pixel."""
_OUTLIER = 4.0  # times the median over blocks: a scene that reaches this far, a block's edge of JPEG
_FALL = 3.0  # the power of edges falls with this power of the frequency
_FITTED = slice(EDGES.index(COARSE[1]), RINGS)  # rings that say how strong the edges are and how blurred
_LEAST_FITTED = 3
_TRACE = (0.25, 0.5)  # colour below the first may be the rest of a scene, above the second it is the noise's
_MOST_JOINTLY = 6.0  # colour both ways above this is the scene's, or no instrument's
_FIT_ERROR = 0.06  # of a logarithm: scenes are not made of edges only
_MOST_ERROR = 0.5
_PASSES = 3  # each finds more of the scene in the corner; a fourth would change it by a thousandth
_LEAST_NOISE = 0.02  # of the power in the corner: so much is noise, whatever the scene
_MIDDLES = np.sqrt(np.array(EDGES[:-1]) * np.array(EDGES[1:]))
_RINGED = spectra.counts().sum(axis=1)
_FAR = int(np.ceil(BEYOND * SIDE))


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSpectrum:
    """Noise power. `level * shape` is that of each block."""

    level: NDArray[np.float64]  # (blocks)
    shape: NDArray[np.float64]  # (RINGS, WAYS); 1 for white noise
    along: NDArray[np.float64]  # (65): power along the lines, scene and all, over that in the corner
    known: float  # standard deviation of the logarithm of the noise


def find(seen: Spectra) -> NoiseSpectrum:
    """The noise of an image's blocks."""
    corner = np.maximum(seen.corner, np.finfo(np.float64).tiny)
    along, across = _typical(seen.along / corner[:, None]), _typical(seen.across / corner[:, None])
    known = float(np.hypot(0.03, 0.13 / len(seen) ** 0.5))
    level, shape = corner, _shape(along, across)
    rings = (seen.power * spectra.counts()).sum(axis=2) / _RINGED
    for number in range(_PASSES):
        scene = _scene(rings, level, shape, known)
        if scene is None:
            break
        typical = scene.typical(corner)
        last = number == _PASSES - 1
        level = np.maximum(corner - scene.coarse * scene.corner, _LEAST_NOISE * corner)
        left = scene.axis / typical
        shape = _shape(along - left, across - left, jointly=last)
    return NoiseSpectrum(level, shape, along, known)


def _typical(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over blocks, without what only a few of them have."""
    mean: NDArray[np.float64] = np.minimum(ratios, _OUTLIER * np.median(ratios, axis=0)).mean(axis=0)
    return mean


def _shape(along: NDArray[np.float64], across: NDArray[np.float64], *, jointly: bool = False) -> NDArray[np.float64]:
    """The noise in each ring and way; 1 on average in the corner.

    1 + u + v + uv: colour along the lines (u), across them (v), and what a product has of both.
    """
    v, u = (_smooth(values) - 1 for values in (across, along))
    rows, cols = np.concatenate([v, v[-2:0:-1]])[:, None], u[None, :]
    plane = 1 + rows + cols
    if jointly:
        plane += np.minimum(_trusted(rows) * _trusted(cols), _MOST_JOINTLY)
    return spectra.folded(np.maximum(plane, _LEAST_NOISE))


def _trusted(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same colour where it is clear, 0 where it may be the rest of a scene."""
    return np.maximum(colour, 0) * np.clip((colour - _TRACE[0]) / (_TRACE[1] - _TRACE[0]), 0, 1)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What noise shared over `LAGS` pixels can look like, over its far part.

    The axis itself has no say: lines of unequal brightness lie there.
    """
    smooth = np.maximum(_projection() @ values, _LEAST_NOISE * max(float(values[_FAR:].mean()), 0.0))
    far = float(smooth[_FAR:].mean())
    return smooth / far if far > 0 else np.ones_like(smooth)


@cache
def _projection() -> NDArray[np.float64]:
    at = np.arange(SIDE // 2 + 1)
    cosines = np.cos(2 * np.pi / SIDE * at[:, None] * np.arange(LAGS)[None, :])
    weight = np.where((at == 0) | (at == SIDE // 2), 0.5, 1.0) * (at > 1)
    fitted: NDArray[np.float64] = cosines @ np.linalg.pinv(cosines * weight[:, None]) * weight
    return fitted


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What of the scene is where noise is read, over the coarse part."""

    axis: NDArray[np.float64]  # (65): by frequency along the lines, and as much across them
    corner: float
    coarse: NDArray[np.float64]  # (blocks): power without noise, not below 0
    weight: NDArray[np.float64]  # (blocks)

    def typical(self, corner: NDArray[np.float64]) -> float:
        """The power in the corner over the coarse part, of the blocks that show one."""
        seen = self.weight > 0
        return float(np.average(corner[seen] / self.coarse[seen], weights=self.weight[seen]))


def _scene(
    rings: NDArray[np.float64], level: NDArray[np.float64], shape: NDArray[np.float64], known: float
) -> _Scene | None:
    """Edges behind a blur, k^-3 exp(-b k^2), through the rings that show more than noise; None where too few do."""
    noise = (shape * spectra.counts()).sum(axis=1) / _RINGED
    signal = rings - level[:, None] * noise
    inside = slice(EDGES.index(COARSE[0]), EDGES.index(COARSE[1]))
    coarse = np.maximum(signal[:, inside] @ _RINGED[inside] / _RINGED[inside].sum(), 0.0)
    if not (coarse > 0).any():
        return None
    weight = np.minimum(coarse, np.median(coarse[coarse > 0]))
    share = np.divide(weight, coarse * weight.sum(), out=np.zeros_like(coarse), where=coarse > 0)
    related, hiding = share @ signal, share @ level * noise
    shown, hidden = related[_FITTED], hiding[_FITTED]
    ratio = hidden / np.maximum(shown, hidden / 100 + np.finfo(np.float64).tiny)
    by_chance = (1 + ratio) ** 2 * INDEPENDENT / (_RINGED[_FITTED] * len(rings))
    variance = _FIT_ERROR**2 + (known * ratio) ** 2 + by_chance
    usable = (shown > 0) & (variance < _MOST_ERROR**2)
    if np.count_nonzero(usable) < _LEAST_FITTED:
        return None
    k2 = _MIDDLES[_FITTED][usable] ** 2
    strength, width = _line(k2, np.log(shown[usable]) + _FALL / 2 * np.log(k2), 1 / variance[usable])
    squares, falls = _far()
    blurred = np.exp(-width * squares)
    axis = np.exp(strength) * blurred * (falls @ blurred[_FAR:]) / falls.shape[1]
    return _Scene(axis, float(axis[_FAR:].mean()), coarse, weight)


def _line(x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    """y = a - b x, by least squares; b is not negative."""
    x0, y0 = np.average(x, weights=weight), np.average(y, weights=weight)
    fall = max(-float((weight * (x - x0) * (y - y0)).sum() / (weight * (x - x0) ** 2).sum()), 0.0)
    return float(y0 + fall * x0), fall


@cache
def _far() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared frequencies of an axis, and how edges fall where it meets those of the other from `BEYOND` on."""
    squares = (np.arange(SIDE // 2 + 1) / SIDE) ** 2
    return squares, (squares[:, None] + squares[_FAR:]) ** (-_FALL / 2)
