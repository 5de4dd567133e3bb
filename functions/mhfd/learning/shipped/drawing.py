"""The images that the shipped packages are taught with, and others that they are asked about: the simulator's alone.

Everything that is drawn follows from the specimen's number. Those to learn from and those to ask of are other
specimens, and no other program draws these numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import simulate
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.dataset.simulated import drawn
from mhfd.simulate.exposure import expose

SIDE: Final = 512
"""Pixels along a side of an image whose blur is known."""
SIDES: Final = (384, 512, 512, 768)
"""... and of one that something else is wrong with: drawn of these."""
PIXELS_NM: Final = (3.0, 20.0)
DOSES: Final = (30.0, 1000.0)
CONTRASTS: Final = (0.4, 1.0)
MOST_PX: Final = 30.0
"""The largest radius of a blur."""
_FIELDS: Final = 4
"""Sections of a specimen, each seen in focus once."""
_BLURS: Final = 3
"""... and so many times blurred."""
_MORE_SHARP: Final = 3
_FIRST: Final = 7_000_000
"""Number of the first specimen."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One image, and what is true of it."""

    pixels: NDArray[Any]
    specimen: str
    section: int
    pixel_nm: float
    radius_px: float | None
    """Of the disc; None where the blur is no disc, or nobody asks."""
    cause: ImageCause


def radius_images(numbers: range) -> Iterator[Drawn]:
    """Of each specimen a few sections in focus and blurred by up to 30 px, evenly by logarithm.

    Pixel, probe and the noise's colour are the specimen's, dose and contrast the image's: what an instrument keeps over
    a run, and what it doesn't. A section is drawn once, without noise, and taken several times.
    """
    for number in numbers:
        seed = _FIRST + number
        rng = np.random.default_rng([seed, 1])
        block = simulate.Specimen(seed=seed, density=float(rng.uniform(0.6, 1.4)), drift=0.1)
        pixel = _between(rng, PIXELS_NM)
        optics = simulate.Optics(pixel_nm=pixel, probe_nm=pixel * float(rng.uniform(0.3, 2.0)))
        lag = float(rng.choice([0.0, 0.0, 0.4, 0.8]))
        grain = float(rng.choice([0.0, 0.0, 0.3, 0.5]))
        parts = rng.permutation(_FIELDS * _BLURS).reshape(_FIELDS, _BLURS)
        for section in range(_FIELDS):
            steps = (parts[section] + rng.random(_BLURS)) / (_FIELDS * _BLURS)
            radii = [0.0, *np.expm1(steps * np.log1p(MOST_PX)).tolist()]
            um = pixel / optics.half_angle_mrad  # of defocus, for a disc of one pixel
            series = block.focus_series(
                (SIDE, SIDE), defocus_um=[r * um for r in radii], z=float(section), optics=optics, exposure=_STILL
            )
            for picture, radius in zip(series, radii, strict=True):
                exposure = simulate.Exposure(
                    dose=_between(rng, DOSES),
                    contrast=float(rng.uniform(*CONTRASTS)),
                    lag_px=lag,
                    noise_px=(grain, grain),
                )
                pixels = expose(picture.astype(np.float32) / np.float32(65535), exposure, rng)
                cause = ImageCause.DEFOCUS if radius else ImageCause.IN_FOCUS
                yield Drawn(pixels, f"simulated specimen {seed}", section, pixel, radius, cause)


def cause_images(numbers: range) -> Iterator[Drawn]:
    """Of each specimen one image of each cause, as strong as `mhfd dataset build --simulate` draws them.

    And some more in focus, that all have something to be compared with.
    """
    for number in numbers:
        seed = _FIRST + number
        rng = np.random.default_rng([seed, 2])
        density = float(rng.uniform(0.7, 1.3))
        for section, cause in enumerate((*ImageCause, *(ImageCause.IN_FOCUS,) * _MORE_SHARP)):
            one = drawn(
                cause,
                specimen=seed,
                section=section,
                size=int(rng.choice(SIDES)),
                rng=rng,
                dose=_between(rng, (60.0, 600.0)),
                contrast=float(rng.uniform(0.5, 1)),
                density=density,
            )
            yield Drawn(one.pixels, f"simulated specimen {seed}", section, one.pixel_nm, one.target.radius_px, cause)


_STILL: Final = simulate.Exposure(dose=1e6, read_noise=0, bits=16)


def _between(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Evenly by logarithm."""
    return float(np.exp(rng.uniform(*np.log(ends))))
