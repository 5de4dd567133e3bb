"""Simulated sections with what was done to them: images for the thirteen causes, with radii, specimen by specimen.

A specimen is a group, with a dose and a contrast of its own. Nothing here writes a file or knows of a split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.dataset.rows import ImageCause, SourceGroup, Target

if TYPE_CHECKING:
    from mhfd.simulate import Artefacts, Exposure, Optics

FIRST_SPECIMEN: Final = 20_000
"""Seed of the first specimen of seed 0; the specimens of different seeds do not meet."""
EACH: Final = 10
"""Sections of one specimen: four in focus, so that the others have something to be compared with."""
SIZE: Final = 512
RADII: Final = (1.5, 16.0)
"""Pixels of blur, drawn so that each factor of two has as many images."""
_PIXEL_NM: Final = 8.0
_APART: Final = 100_000  # specimens of one seed
_OUT_OF_FOCUS: Final = (ImageCause.DEFOCUS, ImageCause.ASTIGMATISM, ImageCause.TILT, ImageCause.JITTER)
_OTHERS: Final = tuple(cause for cause in ImageCause if cause not in (ImageCause.IN_FOCUS, ImageCause.DEFOCUS))


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedImage:
    """Pixels, and what is known of them."""

    pixels: NDArray[Any]
    group: SourceGroup
    section: int
    target: Target
    pixel_nm: float
    covariates: dict[str, float | str]


def simulated(count: int, *, size: int = SIZE, seed: int = 0) -> Iterator[SimulatedImage]:
    """So many sections, `EACH` of a specimen: in focus, out of focus, and with each other cause in its turn."""
    turn = 0
    for first in range(0, count, EACH):
        specimen = FIRST_SPECIMEN + _APART * seed + first // EACH
        rng = np.random.default_rng([seed, specimen, 41])
        causes = [ImageCause.IN_FOCUS] * 4 + [ImageCause.DEFOCUS] * 2
        causes += [_OTHERS[(turn + n) % len(_OTHERS)] for n in range(EACH - len(causes))]
        turn += EACH - 6
        order = [causes[n] for n in rng.permutation(EACH)]
        usual = float(np.exp(rng.uniform(np.log(40), np.log(600)))), float(rng.uniform(0.5, 0.95))
        density = float(rng.uniform(0.7, 1.3))
        for section in range(min(EACH, count - first)):
            dose, contrast = (value * float(rng.uniform(0.9, 1.1)) for value in usual)
            yield drawn(
                order[section],
                specimen=specimen,
                section=section,
                size=size,
                dose=dose,
                contrast=contrast,
                density=density,
                rng=rng,
            )


def drawn(
    cause: ImageCause,
    *,
    specimen: int,
    section: int,
    size: int,
    rng: np.random.Generator,
    dose: float = 200.0,
    contrast: float = 1.0,
    density: float = 1.0,
    radius_px: float | None = None,
) -> SimulatedImage:
    """One section with one thing wrong, as much of it as comes.

    Args:
        cause: What is wrong.
        specimen: Seed of the specimen.
        section: Its number there.
        size: Pixels a side.
        rng: How much is wrong with it.
        dose: Electrons a pixel.
        contrast: Of the detector.
        density: Of the specimen.
        radius_px: Of a defocus; drawn where nothing is said.
    """
    from mhfd.simulate import Exposure, Specimen

    exposure = Exposure(dose=dose, contrast=contrast)
    optics, exposure, artefacts = _set(cause, rng, exposure, radius_px)
    pixels = Specimen(seed=specimen, density=density).section(
        (size, size),
        z=section,
        origin=(section * size, 0),  # another field each: what recurs in a specimen is its kind of tissue
        optics=optics,
        exposure=exposure,
        artefacts=artefacts,
    )
    known = {ImageCause.DEFOCUS: optics.radius_px, ImageCause.ASTIGMATISM: None, ImageCause.TILT: None}
    bad = None if cause is ImageCause.SATURATED else cause in _OUT_OF_FOCUS
    return SimulatedImage(
        pixels,
        SourceGroup(instrument="simulator", specimen=f"specimen {specimen}", session="1"),
        section,
        Target(bad=bad, radius_px=known.get(cause, None if bad is not False else 0.0), cause=cause),
        _PIXEL_NM,
        {"dose": round(exposure.dose, 3)},
    )


def _set(
    cause: ImageCause, rng: np.random.Generator, exposure: Exposure, radius_px: float | None
) -> tuple[Optics, Exposure, Artefacts]:
    from mhfd.simulate import Artefacts, Exposure, Optics

    much = rng.uniform
    optics, artefacts = Optics(pixel_nm=_PIXEL_NM), Artefacts()
    match cause:
        case ImageCause.DEFOCUS:
            radius = float(np.exp(much(*np.log(RADII)))) if radius_px is None else radius_px
            optics = Optics(pixel_nm=_PIXEL_NM, defocus_um=radius * _PIXEL_NM / optics.half_angle_mrad)
        case ImageCause.ASTIGMATISM:
            longer = float(much(2.5, 6))
            optics = Optics.ellipse(longer, longer * float(much(0, 0.35)), float(much(0, 180)), pixel_nm=_PIXEL_NM)
        case ImageCause.TILT:
            change = float(much(4, 12)) * float(rng.choice([-1, 1]))
            optics = Optics(pixel_nm=_PIXEL_NM, tilt_um=(change, 0.0) if rng.random() < 0.5 else (0.0, change))
        case ImageCause.WRINKLE:
            artefacts = Artefacts(wrinkles=int(rng.integers(1, 4)))
        case ImageCause.CHARGING:
            artefacts = Artefacts(charging=int(rng.integers(1, 5)))
        case ImageCause.PARTICLES:
            artefacts = Artefacts(particles=int(rng.integers(4, 17)))
        case ImageCause.SHADING:
            artefacts = Artefacts(shading=float(much(0.5, 1.2)))
        case ImageCause.BANDING:
            artefacts = Artefacts(banding=float(much(0.03, 0.1)))
        case ImageCause.JITTER:
            artefacts = Artefacts(jitter=float(much(1.2, 4)))
        case ImageCause.RESIN:
            artefacts = Artefacts(resin=float(much(0.4, 0.9)))
        case ImageCause.LOW_DOSE:
            exposure = Exposure(dose=float(much(5, 20)), contrast=exposure.contrast)
        case ImageCause.SATURATED:
            exposure = Exposure(dose=exposure.dose, contrast=float(much(2, 3)), brightness=float(much(0.2, 0.4)))
        case ImageCause.IN_FOCUS:
            pass
    return optics, exposure, artefacts
