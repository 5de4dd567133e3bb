"""Simulated sections of resin-embedded, heavy-metal-stained brain as a scanning electron microscope sees them.

Dark membranes on bright cytoplasm, as micrographs of tissue are shown. Truth comes with them: the defocus is what the
caller asked for. The same arguments give the same image. Must not know how focus is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mhfd.errors import UsageError
from mhfd.simulate.artefacts import Artefacts, on_recording, on_section
from mhfd.simulate.checks import check_count, check_range, checked_pair
from mhfd.simulate.exposure import Exposure, Grey, expose
from mhfd.simulate.fields import Plane, stream
from mhfd.simulate.optics import Optics, ProbeShape, blur
from mhfd.simulate.shown import shown
from mhfd.simulate.tissue import stain

__all__ = [
    "Artefacts",
    "Exposure",
    "Grey",
    "Optics",
    "ProbeShape",
    "SectionKind",
    "Specimen",
    "focus_series",
    "section",
    "shown",
]

_NOISE, _DRIFT = 10, 11  # streams
_OPTICS: Final = Optics()
_EXPOSURE: Final = Exposure()
_ARTEFACTS: Final = Artefacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionKind:
    """How some sections of a block differ from the rest, as when they are stained or cut in another way."""

    density: float = 1.0
    """Of the specimen's density, this part."""
    granules: float = 1.0
    """Of the fine texture of its cells, this part."""

    def __post_init__(self) -> None:
        check_range("kind.density", self.density, 0, 2, above=True)
        check_range("kind.granules", self.granules, 0, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A block of tissue, to be cut into sections. Neighbouring sections show the same neurites.

    Its plane is unlimited: `origin` chooses the field. Overlapping fields agree but for noise and, of the rest, about
    one pixel in a thousand.
    """

    seed: int = 0
    density: float = 1.0
    """How much is in the tissue and how strongly it is stained; 1 is usual."""
    drift: float = 0.0
    """How far the density strays from section to section, as a part of itself (standard deviation)."""
    section_nm: float = 40.0
    kinds: tuple[SectionKind, ...] = ()
    """Whose turn it is goes with the section's number: with two, every second section is of the other kind."""

    def __post_init__(self) -> None:
        check_count("seed", self.seed, 0, 2**63 - 1)
        check_range("density", self.density, 0, 1.6, above=True)
        check_range("drift", self.drift, 0, 0.5)
        check_range("section_nm", self.section_nm, 1, 1000)
        if not all(isinstance(kind, SectionKind) for kind in self.kinds):
            raise UsageError(f"kinds: expected a tuple of SectionKind, got {self.kinds!r}")

    def density_at(self, z: float) -> float:
        """The density of section z."""
        rng = stream(self.seed, _DRIFT)
        periods, phases = rng.uniform(25, 250, 4), rng.random(4)
        stray = float(np.sqrt(0.5) * np.sin(2 * np.pi * (z / periods + phases)).sum())
        return float(np.clip(self.density * self.kind_at(z).density * (1 + self.drift * stray), 0.05, 1.6))

    def kind_at(self, z: float) -> SectionKind:
        """The kind of section z."""
        return self.kinds[int(np.floor(z)) % len(self.kinds)] if self.kinds else SectionKind()

    def section(
        self,
        shape: tuple[int, int] = (1024, 1024),
        *,
        z: float = 0,
        origin: tuple[int, int] = (0, 0),
        take: int = 0,
        optics: Optics = _OPTICS,
        exposure: Exposure = _EXPOSURE,
        artefacts: Artefacts = _ARTEFACTS,
    ) -> Grey:
        """One image of section `z`; its pixel (0, 0) is pixel `origin` of the section. Another `take`, other noise."""
        scene = self.scene(shape, z, origin, optics.pixel_nm, artefacts)
        return self.recorded(scene, z, take, optics, exposure, artefacts)

    def focus_series(
        self,
        shape: tuple[int, int] = (1024, 1024),
        *,
        defocus_um: Sequence[float],
        z: float = 0,
        origin: tuple[int, int] = (0, 0),
        optics: Optics = _OPTICS,
        exposure: Exposure = _EXPOSURE,
        artefacts: Artefacts = _ARTEFACTS,
    ) -> list[Grey]:
        """The same field at each defocus, every image with noise of its own."""
        steps = [replace(optics, defocus_um=d) for d in defocus_um]
        scene = self.scene(shape, z, origin, optics.pixel_nm, artefacts)
        return [self.recorded(scene, z, i, o, exposure, artefacts) for i, o in enumerate(steps)]

    def scene(
        self,
        shape: tuple[int, int],
        z: float = 0,
        origin: tuple[int, int] = (0, 0),
        pixel_nm: float = _OPTICS.pixel_nm,
        artefacts: Artefacts = _ARTEFACTS,
    ) -> Plane:
        """What lies under the column: nine tenths of an image's time. Whoever takes a field again keeps it."""
        for side in checked_pair("shape", shape, "rows, columns"):
            check_count("shape", side, 16, 16384)
        check_range("z", z, -1e6, 1e6)
        for place in checked_pair("origin", origin, "row, column"):
            check_count("origin", place, -(10**7), 10**7)
        scene = stain(
            shape,
            seed=self.seed,
            depth_nm=z * self.section_nm,
            pixel_nm=pixel_nm,
            density=self.density_at(z),
            origin=origin,
            granules=self.kind_at(z).granules,
        )
        on_section(scene, artefacts, (self.seed, _key(z)), pixel_nm)
        scene *= np.float32(-0.9)
        scene += np.float32(0.93)
        return scene

    def recorded(
        self,
        scene: Plane,
        z: float,
        take: int,
        optics: Optics = _OPTICS,
        exposure: Exposure = _EXPOSURE,
        artefacts: Artefacts = _ARTEFACTS,
    ) -> Grey:
        """A scene through the optics and the detector."""
        check_count("take", take, 0, 2**31)
        signal = on_recording(blur(scene, optics), artefacts, (self.seed, _key(z)))
        return expose(signal, exposure, stream(self.seed, _NOISE, _key(z), take))


def section(
    shape: tuple[int, int] = (1024, 1024),
    *,
    seed: int = 0,
    z: float = 0,
    density: float = 1.0,
    optics: Optics = _OPTICS,
    exposure: Exposure = _EXPOSURE,
    artefacts: Artefacts = _ARTEFACTS,
) -> Grey:
    """One image of section `z` of the specimen `seed`."""
    return Specimen(seed=seed, density=density).section(
        shape, z=z, optics=optics, exposure=exposure, artefacts=artefacts
    )


def focus_series(
    shape: tuple[int, int] = (1024, 1024),
    *,
    defocus_um: Sequence[float],
    seed: int = 0,
    z: float = 0,
    density: float = 1.0,
    optics: Optics = _OPTICS,
    exposure: Exposure = _EXPOSURE,
    artefacts: Artefacts = _ARTEFACTS,
) -> list[Grey]:
    """The same field at each defocus, every image with noise of its own."""
    return Specimen(seed=seed, density=density).focus_series(
        shape, defocus_um=defocus_um, z=z, optics=optics, exposure=exposure, artefacts=artefacts
    )


def _key(z: float) -> int:
    """A section's number as a key of random streams: thousandths of a section."""
    return round(1000 * z)
