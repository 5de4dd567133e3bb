"""Simulated sections with what was done to them: images for the thirteen causes, with radii, specimen by specimen.

A specimen is a group, with a dose and a contrast of its own. Nothing here writes a file or knows of a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.dataset.rows import Beside, ImageCause, SourceGroup, Target

if TYPE_CHECKING:
    from mhfd.simulate import Artefacts, Exposure, Optics

SIMULATOR: Final = "simulator"
"""In place of a microscope."""
FIRST_SPECIMEN: Final = 20_000
"""Seed of the first specimen of seed 0; the specimens of different seeds do not meet."""
EACH: Final = 10
"""Sections of one specimen: four in focus, so that the others have something to be compared with."""
SIZE: Final = 512
RADII: Final = (1.5, 16.0)
"""Pixels of blur, drawn so that each factor of two has as many images."""
_PIXEL_NM: Final = 8.0
_WITHOUT_NOISE: Final = 1e6
"""Electrons a pixel that leave a quarter of a grey value of noise."""
_APART: Final = 100_000  # specimens of one seed
_OFTEN: Final = 0.25
"""How often each thing that covers tissue is in an image that is to have a mask."""
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
    beside: Mapping[Beside, NDArray[Any]] = field(default_factory=dict)
    """What lies beside it, where that was asked for."""


def simulated(
    count: int, *, size: int = SIZE, seed: int = 0, takes: bool = False, masks: bool = False
) -> Iterator[SimulatedImage]:
    """So many sections, `EACH` of a specimen: in focus, out of focus, and with each other cause in its turn.

    `takes`: another take of each field beside it, and the field without noise. `masks`: what its pixels show; and as
    images of this kind are for learning that, resin, wrinkles, particles and charging are in more of them, and such a
    one has no cause.
    """
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
                take=takes,
                mask=masks,
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
    take: bool = False,
    mask: bool = False,
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
        take: Another take beside it, and the field without noise.
        mask: What its pixels show beside it, of which there is more to see.
    """
    from mhfd.simulate import Exposure, Specimen, shown

    exposure = Exposure(dose=dose, contrast=contrast)
    optics, exposure, artefacts = _set(cause, rng, exposure, radius_px)
    alone: ImageCause | None = cause
    if mask:
        more = _more(artefacts, np.random.default_rng([specimen, section, 44]))
        alone, artefacts = cause if more == artefacts else None, more
    of, origin = Specimen(seed=specimen, density=density), (section * size, 0)
    # Another field each: what recurs in a specimen is its kind of tissue.
    scene = of.scene((size, size), section, origin, _PIXEL_NM, artefacts)
    pixels = of.recorded(scene, section, 0, optics, exposure, artefacts)
    beside: dict[Beside, NDArray[Any]] = {}
    if take:
        beside["take"] = of.recorded(scene, section, 1, optics, exposure, artefacts)
        clean = replace(exposure, dose=_WITHOUT_NOISE, read_noise=0.0)
        beside["truth"] = of.recorded(scene, section, 2, optics, clean, artefacts)
    if mask:
        beside["mask"] = shown((size, size), of, z=section, origin=origin, pixel_nm=_PIXEL_NM, artefacts=artefacts)
    known = {ImageCause.DEFOCUS: optics.radius_px, ImageCause.ASTIGMATISM: None, ImageCause.TILT: None}
    bad = None if cause is ImageCause.SATURATED else cause in _OUT_OF_FOCUS
    return SimulatedImage(
        pixels,
        SourceGroup(instrument=SIMULATOR, specimen=f"specimen {specimen}", session="1"),
        section,
        Target(bad=bad, radius_px=known.get(cause, None if bad is not False else 0.0), cause=alone),
        _PIXEL_NM,
        {"dose": round(exposure.dose, 3)},
        beside,
    )


def _more(artefacts: Artefacts, rng: np.random.Generator) -> Artefacts:
    """The same, and by chance something else that covers tissue, or the end of it."""
    much, often = rng.uniform(0.15, 0.7), rng.random(4)
    return replace(
        artefacts,
        resin=artefacts.resin or (round(float(much), 3) if often[0] < _OFTEN else 0.0),
        wrinkles=artefacts.wrinkles or int(often[1] < _OFTEN),
        particles=artefacts.particles or (int(rng.integers(4, 17)) if often[2] < _OFTEN else 0),
        charging=artefacts.charging or int(often[3] < _OFTEN),
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
