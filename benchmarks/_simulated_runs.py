"""Long simulated runs in which dose, contrast and density change, and some sections are also taken badly.

The bad takings are judged by what was seen until then, and leave no trace. Good are those with an artefact too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from benchmarks._taken import Run, Section, Taken

from mhfd.simulate import Artefacts, Exposure, Optics, Specimen
from mhfd.simulate.artefacts import on_recording
from mhfd.simulate.exposure import expose
from mhfd.simulate.fields import Plane
from mhfd.simulate.planting import FaultKind, PlantedFault, through

SHAPE: Final = (512, 512)
HARMLESS: Final = ("wrinkle", "particles", "charging", "resin", "banding", "shading", "jitter", "glitch")
FAULTS: Final[dict[str, tuple[FaultKind, float | None]]] = {
    "r = 1": (FaultKind.DEFOCUS, 1.0),
    "r = 1.5": (FaultKind.DEFOCUS, 1.5),
    "r = 2": (FaultKind.DEFOCUS, 2.0),
    "r = 3": (FaultKind.DEFOCUS, 3.0),
    "half": (FaultKind.HALF, 3.0),
    "tilt": (FaultKind.TILT, None),
    "motion along": (FaultKind.MOTION_ALONG, None),
    "motion across": (FaultKind.MOTION_ACROSS, None),
    "vibration": (FaultKind.VIBRATION, None),
    "astigmatism": (FaultKind.ASTIGMATISM, None),
}
"""Name to kind and radius; without one, sizes as they come."""
_STILL: Final = Exposure(dose=1e6, read_noise=0, bits=16)
_PROBE: Final = Optics(blur_px=0)


@dataclass(frozen=True, slots=True)
class Beam:
    """How an image is exposed, and how far the focus is off where nothing is wrong with it."""

    dose: float
    contrast: float
    blur_px: float


def simulated(seed: int, sections: int, every: int, shape: tuple[int, int] = SHAPE) -> Run:
    """A run: its tissue strays by .06 or .15; dose (40 to 400) and contrast (.5 to 1) change in steps."""
    rng = np.random.default_rng([seed, 9])
    specimen = Specimen(seed=seed, drift=0.15 if seed % 2 else 0.06)
    found: list[Section] = []
    dose, contrast = 200.0, 1.0
    other_dose, other_contrast = int(rng.integers(50, 100)), int(rng.integers(60, 140))
    for z in range(1, sections + 1):
        if z == other_dose:
            dose = float(np.exp(rng.uniform(np.log(40), np.log(400))))
            other_dose += int(rng.integers(50, 110))
        if z == other_contrast:
            contrast = float(rng.uniform(0.5, 1))
            other_contrast += int(rng.integers(60, 140))
        chance, kind = rng.random(), "sharp"
        if z > 12 and chance < 0.22:
            kinds = HARMLESS if chance < 0.16 else tuple(FAULTS)[1:]  # r = 1 px is neither good nor bad
            kind = kinds[int(rng.integers(len(kinds)))]
        jitter = float(np.exp(rng.normal(0, 0.05))) * (0.4 if kind == "glitch" else 1.0)
        beam = Beam(dose * jitter, contrast, float(abs(rng.normal(0, 0.2))))
        artefacts = _artefacts(kind, rng)
        scene = specimen.section(shape, z=z, optics=_PROBE, exposure=_STILL, artefacts=artefacts[0])
        signal = scene.astype(np.float32) / np.float32(65535)
        otherwise: tuple[Taken, ...] = ()
        if z > 20 and z % every == 0 and artefacts[0] == Artefacts():
            otherwise = tuple(_bad(signal, name, beam, rng) for name in FAULTS)
        taken = _bad(signal, kind, beam, rng) if kind in FAULTS else _good(signal, kind, artefacts[1], beam, z, rng)
        found.append(Section(z, taken, otherwise))
    return tuple(found)


def _good(signal: Plane, kind: str, artefacts: Artefacts, beam: Beam, z: int, rng: np.random.Generator) -> Taken:
    soft = through(signal, PlantedFault(kind=FaultKind.DEFOCUS, size=beam.blur_px))
    seed = int(rng.integers(1 << 30))
    recorded = on_recording(soft, artefacts, (seed, z))
    return Taken.of(kind, 0.0, beam.dose, expose(recorded, Exposure(dose=beam.dose, contrast=beam.contrast), rng))


def _bad(signal: Plane, name: str, beam: Beam, rng: np.random.Generator) -> Taken:
    kind, size = FAULTS[name]
    fault = PlantedFault.drawn(kind, rng, size)
    faulty = through(signal, fault, seed=int(rng.integers(1 << 30)))
    exposure = Exposure(dose=beam.dose, contrast=beam.contrast)
    return Taken.of(name, fault.seen_px, beam.dose, expose(faulty, exposure, rng))


def _artefacts(kind: str, rng: np.random.Generator) -> tuple[Artefacts, Artefacts]:
    """Of the section, and of its recording."""
    none = Artefacts()
    match kind:
        case "wrinkle":
            return Artefacts(wrinkles=int(rng.integers(1, 4))), none
        case "particles":
            return Artefacts(particles=int(rng.integers(3, 21))), none
        case "resin":
            return Artefacts(resin=float(rng.uniform(0.2, 0.6))), none
        case "charging":
            return none, Artefacts(charging=1)
        case "banding":
            return none, Artefacts(banding=float(rng.uniform(0.02, 0.08)))
        case "shading":
            return none, Artefacts(shading=float(rng.uniform(0.3, 0.7)))
        case "jitter":
            return none, Artefacts(jitter=0.3)
        case _:
            return none, none
