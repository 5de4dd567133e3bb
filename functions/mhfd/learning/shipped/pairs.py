"""The pairs that the shipped package of the task `adjust` is taught with, and others that it is asked about: simulated.

Everything that is drawn follows from the specimen's number. Wide on purpose: an instrument's half-angle, pixel, dose
and astigmatism are not known to who ships a sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mhfd import simulate
from mhfd.learning.manifold.pair import ImagePair
from mhfd.simulate.exposure import expose
from mhfd.simulate.optics import blur

PIXELS_NM: Final = (3.0, 20.0)
PX_A_UM: Final = (0.12, 4.0)
"""By how much the disc's radius grows with a um of defocus: half-angle over pixel."""
PERTURBATIONS_UM: Final = (1.0, 10.0)
DOSES: Final = (20.0, 2000.0)
_SIDES: Final = (256, 384)
_FIRST: Final = 8_000_000
"""Number of the first specimen."""
_POINTS: Final = 0.2  # of specimens: bright points on black, as fluorescence shows
_FARTHEST_PX: Final = 12.0
_HALF_ANGLES: Final = 90.0  # mrad


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPair:
    """A pair, and what is true of it."""

    pair: ImagePair
    specimen: str
    move_um: float
    """What is to be added to the working distance."""
    px_a_um: float
    points: bool

    @property
    def farthest_px(self) -> float:
        """Radius of the disc in the blurrier of the two."""
        return (abs(self.move_um) + self.pair.perturbation_um) * self.px_a_um

    @property
    def apart_px2(self) -> float:
        """How far the squares of the two radii are apart: so much differs between the images."""
        return 4 * abs(self.move_um) * self.pair.perturbation_um * self.px_a_um**2


def drawn_pairs(numbers: range, each: int) -> Iterator[DrawnPair]:
    """Of each specimen so many pairs, at other perturbations and other ways from the focus."""
    for number in numbers:
        seed = _FIRST + number
        rng = np.random.default_rng([seed, 3])
        pixel, slope = _between(rng, PIXELS_NM), _between(rng, PX_A_UM)
        slope = min(slope, _HALF_ANGLES / pixel)
        points = bool(rng.random() < _POINTS)
        scene = _scene(seed, rng, pixel, points=points)
        optics = simulate.Optics(
            pixel_nm=pixel,
            half_angle_mrad=slope * pixel,
            probe_nm=pixel * float(rng.uniform(0.3, 2.0)),
            astigmatism_deg=float(rng.uniform(0, 180)),
        )
        astigmatism = float(rng.choice([0.0, 0.1, 0.5]))  # of the perturbation
        lag, grain = float(rng.choice([0.0, 0.0, 0.5])), float(rng.choice([0.0, 0.0, 0.5]))
        for _ in range(each):
            perturbation = _between(rng, PERTURBATIONS_UM)
            reach = max(1.2 * perturbation, min(20.0, _FARTHEST_PX / slope))
            defocus = float(rng.uniform(-reach, reach))
            exposure = simulate.Exposure(
                dose=_between(rng, DOSES),
                contrast=float(rng.uniform(0.4, 1.0)),
                lag_px=lag,
                noise_px=(grain, grain),
            )
            images = [
                _taken(scene, optics, defocus + side * perturbation, astigmatism * perturbation, exposure, rng)
                for side in (1, -1)
            ]
            pair = ImagePair(images[0], images[1], perturbation, pixel_nm=pixel)
            yield DrawnPair(pair, f"simulated specimen {seed}", -defocus, slope, points)


def _taken(
    scene: NDArray[np.float32],
    optics: simulate.Optics,
    defocus_um: float,
    astigmatism_um: float,
    exposure: simulate.Exposure,
    rng: np.random.Generator,
) -> NDArray[Any]:
    at = replace(optics, defocus_um=defocus_um, astigmatism_um=astigmatism_um)
    return expose(blur(scene, at), exposure, rng)


def _scene(seed: int, rng: np.random.Generator, pixel_nm: float, *, points: bool) -> NDArray[np.float32]:
    side = int(rng.choice(_SIDES))
    if not points:
        return simulate.Specimen(seed=seed, density=float(rng.uniform(0.5, 1.5))).scene((side, side), pixel_nm=pixel_nm)
    scene = np.zeros((side, side), np.float32)
    number = int(_between(rng, (100.0, 2000.0)))
    scene[rng.integers(0, side, number), rng.integers(0, side, number)] = rng.uniform(0.3, 1.0, number)
    spread: NDArray[np.float32] = gaussian_filter(scene, _between(rng, (0.7, 3.0)))
    return spread * np.float32(0.9 / np.quantile(spread, 0.9995)) + np.float32(0.02)


def _between(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Evenly by logarithm."""
    return float(np.exp(rng.uniform(*np.log(ends))))
