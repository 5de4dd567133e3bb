"""Whether two images differ as other magnifications do and not as other focus does: for files without a pixel size.

Defocus takes the finest bands of a spectrum first, more and more steeply, and leaves the coarse ones; another
magnification moves the whole curve along. So one image's curve is fitted with the other's, blurred by a disc of any
size, and with the other's, moved along: they are unlike only where the second fits and the first does not. Where both
have a profile, whose rings are narrower, that is asked first whether a disc is all. What blurs
in one direction, or a part of the image, may fit no disc either, but no magnification does that: such images are
alike. So are images that show as much as each other, whatever their curves: no verdict would be another one.
It must not ask which image came first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd_client.verdicts.blur.excess import only_blur
from mhfd_client.verdicts.blur.spectrum import Spectrum
from mhfd_client.verdicts.measured import DENSITY, RATIO, SIDES, WHOLE, Curve, Levels, Measured

Models = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Curves that one image's may have become, a row each, and where they are known."""

_BANDS: Final = 8
_FLOOR, _UNEVEN, _DIRECTIONS = 8, 9, slice(10, 14)
_EDGES: Final = 0.022 * 2 ** (np.arange(_BANDS + 1) / 2)  # of the bands, cycles a pixel
_COARSE: Final = 3  # bands that the others are related to
_SPREAD: Final = np.array([0.05, 0.03, 0.05, 0.07, 0.08, 0.1, 0.12, 0.15])  # of sharp images of one tissue, by band
_NO_BLUR: Final = 1.6  # in these spreads: a disc does not fit
_RATHER: Final = 1.4  # ... and another magnification fits so many times better
_ONE_WAY: Final = 0.55  # directions that differ by more: motion, astigmatism
_PATCHY: Final = 0.45  # unevenness of an image that is sharp in one part and not in another
_SPARED: Final = 0.6  # each side has lost at least this part of what the whole image has lost
_LESS: Final = -0.22  # of the density, as a logarithm: a verdict could be another one
_LESS_OF_BOTH: Final = (-0.12, -0.33)  # ... or of density and cross-spectrum together
_VISIBLE: Final = 0.7  # above the floor: not hidden in noise
_LEAST: Final = 5  # bands
_RADII: Final = np.append(np.arange(0, 8.1, 0.25), [9, 10, 12])  # pixels
_STEPS: Final = np.arange(0.75, 4.1, 0.25)  # of magnification, in bands: factors of 1.3 to 4


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What an image shows, or several of them do."""

    levels: Levels
    curve: Curve
    meaning: int
    """Of the cross-spectrum: see `Measured`."""
    profile: Spectrum | None

    @classmethod
    def of(cls, measured: Measured, curve: Curve) -> Looks:
        """Of one image with its curve."""
        profile = None if measured.profile is None else Spectrum.of(measured.profile)
        return cls(measured.levels, curve, measured.meaning, profile)


def unlike(one: Looks, other: Looks) -> bool:
    """Whether two are of unlike magnification. False where that cannot be told."""
    poor, rich = sorted((one, other), key=lambda looks: float(looks.levels[DENSITY, WHOLE]))
    away = poor.levels - rich.levels
    lost, ratio = away[DENSITY, WHOLE], away[RATIO, WHOLE] if poor.meaning == rich.meaning else np.nan
    if not (lost < _LESS or (lost < _LESS_OF_BOTH[0] and ratio < _LESS_OF_BOTH[1])):
        return False
    if (away[DENSITY, SIDES] > _SPARED * lost).any() or max(poor.curve[_UNEVEN], rich.curve[_UNEVEN]) > _PATCHY:
        return False
    if np.ptp(poor.curve[_DIRECTIONS] - rich.curve[_DIRECTIONS]) > _ONE_WAY:
        return False
    if poor.profile is not None and rich.profile is not None and only_blur(poor.profile, rich.profile):
        return False
    blurred = min(_misfit(poor, _blurred(rich.curve)), _misfit(rich, _blurred(poor.curve)))
    moved = min(_misfit(poor, _moved(rich.curve)), _misfit(rich, _moved(poor.curve)))
    return bool(_NO_BLUR < blurred < np.inf and blurred > _RATHER * moved)


def _misfit(image: Looks, models: Models) -> float:
    """How far an image's curve is from the nearest of the models, in spreads; infinite where there is none."""
    curves, known = models
    usable = known.sum(axis=1) >= _LEAST
    if not usable.any():
        return np.inf
    curves, known = curves[usable], known[usable]
    curves = np.maximum(curves, image.curve[_FLOOR])  # what is hidden in the image's noise is anything below
    square = np.where(known, ((image.curve[:_BANDS] - curves) / _SPREAD) ** 2, 0).sum(axis=1) / known.sum(axis=1)
    return float(np.sqrt(square.min()))


def _blurred(curve: Curve) -> Models:
    """A curve through discs of any size."""
    seen = _seen(curve)
    curves = curve[:_BANDS] + _discs()
    return curves - curves[:, :_COARSE].mean(axis=1, keepdims=True), np.broadcast_to(seen, curves.shape)


def _moved(curve: Curve) -> Models:
    """A curve at greater magnifications: what was in a fine band is in a coarser one."""
    at = np.arange(_BANDS) + _STEPS[:, None]
    left = np.minimum(at.astype(np.intp), _BANDS - 1)
    right = np.minimum(left + 1, _BANDS - 1)
    part = at - left
    seen = _seen(curve)
    known = (at <= _BANDS - 1) & seen[left] & (seen[right] | (part == 0))
    curves = curve[left] * (1 - part) + curve[right] * part
    curves = curves - curves[:, :_COARSE].mean(axis=1, keepdims=True)
    return curves, known & known[:, :_COARSE].all(axis=1, keepdims=True)


def _seen(curve: Curve) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = curve[:_BANDS] > curve[_FLOOR] + _VISIBLE
    return seen


@cache
def _discs() -> NDArray[np.float64]:
    """What discs of all radii leave of the power in each band, as logarithms."""
    across = np.sin((np.arange(64) + 0.5) / 64 * np.pi / 2)  # of a disc's profile, so that its chords fall evenly
    weight = 1 - across**2
    rows = []
    for low, high in pairwise(_EDGES):
        frequency = np.linspace(low, high, 9)
        argument = 2 * np.pi * _RADII[:, None, None] * frequency[:, None] * across
        transfer = (np.cos(argument) * weight).sum(axis=2) / weight.sum()
        rows.append(np.log((transfer**2).mean(axis=1)))
    return np.stack(rows, axis=1)
