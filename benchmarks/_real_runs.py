"""Real sections of one field: as they were taken, and each with every fault planted in it, the noise put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks._simulated_runs import FAULTS
from benchmarks._taken import Run, Section, Taken
from numpy.typing import NDArray

from mhfd import images
from mhfd.simulate.planting import ImageNoise, PlantedFault, plant

MANY: Final = 30
"""From so many sections on it is a run; fewer are a stack, of which one image is changed."""
_SIDE: Final = 768
_ENDINGS: Final = (".png", ".tif", ".tiff", ".jpg", ".bmp", ".pgm", ".mrc")


def paths_of(folder: Path) -> list[Path]:
    """The images of a folder, in order."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS)


def fields(folder: Path) -> dict[str, tuple[slice, slice]]:
    """A run is one field; large sections of a small stack are several, as if each were a stack."""
    paths = paths_of(folder)
    rows, cols = pixels_of(paths[0]).shape
    if len(paths) >= MANY or min(rows, cols) < _SIDE:
        return {folder.name: np.s_[:, :]}
    half = rows // 2, cols // 2
    parts = {(y, x): np.s_[y : y + half[0], x : x + half[1]] for y in (0, half[0]) for x in (0, half[1])}
    return {f"{folder.name} {y},{x}": part for (y, x), part in parts.items()}


def real(folder: Path, part: tuple[slice, slice], seed: int) -> Run:
    """Every section, and what it would be with each fault."""
    found: list[Section] = []
    for number, path in enumerate(paths_of(folder), 1):
        pixels = np.ascontiguousarray(pixels_of(path)[part])
        rng = np.random.default_rng([seed, number, 17])
        found.append(Section(number, Taken.of("sharp", 0.0, 0.0, pixels), tuple(_planted(pixels, rng))))
    return tuple(found)


def _planted(pixels: NDArray[Any], rng: np.random.Generator) -> list[Taken]:
    found = []
    noise = ImageNoise.of(pixels)
    for name, (kind, size) in FAULTS.items():
        fault = PlantedFault.drawn(kind, rng, size)
        faulty = plant(pixels, fault, seed=int(rng.integers(1 << 30)), noise=noise)
        found.append(Taken.of(name, fault.seen_px, 0.0, faulty))
    return found


def pixels_of(path: Path) -> NDArray[Any]:
    image = images.load(path)
    if image.pixels is None:
        raise SystemExit(f"{path}: {image.detail}")
    return image.pixels
