"""Whether the cross-spectrum tells r = 0 from 2 px where the detector is slow and its noise falls along the scan line.

Any field against any other, at any dose: no neighbours, no baseline.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from benchmarks._taken import CLASSICAL
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

import mhfd
from mhfd.simulate import Exposure, Optics, Specimen
from mhfd.simulate.fields import Plane

SHAPE: Final = (512, 512)
LAGS: Final = {"white": (1.0,), "over 3 pixels": (0.25, 0.5, 0.25), "over 7 pixels": (1 / 7,) * 7}
"""How the noise is spread along the line."""
_STILL: Final = Exposure(dose=1e6, read_noise=0, bits=16)
Values = dict[str, list[float]]


def sharpness(seed: int) -> dict[tuple[str, float], Values]:
    """Of one field, blurred and not, at a dose of its own, with each noise: every measure."""
    rng = np.random.default_rng([seed, 23])
    dose = float(np.exp(rng.uniform(np.log(40), np.log(400))))
    found: dict[tuple[str, float], Values] = {}
    for radius in (0.0, 2.0):
        scene = Specimen(seed=seed).section(SHAPE, z=0, optics=Optics(blur_px=radius), exposure=_STILL)
        signal = scene.astype(np.float32) / np.float32(65535)
        for name, lag in LAGS.items():
            pixels = _exposed(signal, dose, lag, rng)
            ratio = mhfd.score(pixels, threads=1).cross_spectrum
            values = {"cross_spectrum": [float("nan") if ratio is None else ratio]}
            found[name, radius] = values | {k: [m(pixels.astype(np.float32))] for k, m in CLASSICAL.items()}
    return found


def _exposed(signal: Plane, dose: float, lag: tuple[float, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    expected = np.maximum(signal, 0) * dose
    noise = rng.poisson(expected) - expected + rng.normal(0, 2, SHAPE)
    spread = convolve1d(noise, np.array(lag), axis=1, mode="reflect") / np.sqrt(np.sum(np.square(lag)))
    picture: NDArray[np.uint8] = np.clip(np.rint((expected + spread) * (255 / dose)), 0, 255).astype(np.uint8)
    return picture


def rows(found: list[dict[tuple[str, float], Values]]) -> list[list[object]]:
    """A row a measure, a column a noise: AUC of sharp above blurred; what cannot be told counts as half."""
    measures = list(found[0][next(iter(LAGS)), 0.0])
    return [[measure, *(f"{_auc_of(found, noise, measure):.3f}" for noise in LAGS)] for measure in measures]


def _auc_of(found: list[dict[tuple[str, float], Values]], noise: str, measure: str) -> float:
    sharp, blurred = ([one[noise, radius][measure][0] for one in found] for radius in (0.0, 2.0))
    return auc(sharp, blurred)


def auc(sharp: list[float], blurred: list[float]) -> float:
    """Of pairs of a sharp and a blurred one, the part in which the sharp one has more."""
    difference = np.subtract.outer(np.array(sharp), np.array(blurred))
    known = np.where(np.isnan(difference), 0.5, (difference > 0) + 0.5 * (difference == 0))
    return float(known.mean())
