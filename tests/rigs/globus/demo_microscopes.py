"""Microscopes for `make demo-learn`: what each shows, what its operator rejects, and a run that drifts.

Each has a dose, a contrast and specimens of its own, so that what was learned at one is not at home at another. Images
are small and simulated; what is wrong with each is drawn from the seed, and is the label.
"""

from __future__ import annotations

import csv
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.dataset.simulated import drawn

SIDE = 128
OUT_OF_FOCUS = (ImageCause.DEFOCUS, ImageCause.ASTIGMATISM)


@dataclass(frozen=True)
class SimulatedMicroscope:
    """`rejects`: what its operator calls bad, in turn. `seed`: of its first specimen."""

    name: str
    seed: int
    dose: float
    contrast: float
    rejects: tuple[ImageCause, ...] = OUT_OF_FOCUS

    def image(self, specimen: int, section: int, cause: ImageCause, *, fades: float = 1.0) -> NDArray[Any]:
        """`fades`: what is left of dose and contrast."""
        rng = np.random.default_rng([self.seed, specimen, section])
        dose, contrast = self.dose * rng.uniform(0.8, 1.2) * fades, self.contrast * rng.uniform(0.9, 1.1)
        return drawn(
            cause,
            specimen=self.seed + specimen,
            section=section,
            size=SIDE,
            rng=rng,
            dose=float(dose),
            contrast=float(contrast * fades**0.5),
        ).pixels

    def labelled(self, folder: Path, *, specimens: int, each: int = 10, bad: float = 0.4, first: int = 0) -> Path:
        """A folder of images with their table `labels.csv`: what a lab brings."""
        folder.mkdir(parents=True)
        table = folder / "labels.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("path", "label", "group"))
            for specimen in range(first, first + specimens):
                for section in range(each):
                    is_bad = section < round(bad * each)
                    turn = (section + specimen) % len(self.rejects)
                    cause = self.rejects[turn] if is_bad else ImageCause.IN_FOCUS
                    path = folder / f"{self.name}-{specimen:02d}-{section:02d}.tif"
                    tifffile.imwrite(path, self.image(specimen, section, cause))
                    group = f"{self.name}/{self.name} {specimen}/1"
                    rows.writerow((path.name, "bad" if is_bad else "good", group))
        return table


@dataclass
class DriftingRun:
    """Images of one specimen that arrive at their own pace, of which some are bad, while dose and contrast fade."""

    microscope: SimulatedMicroscope
    folder: Path
    count: int
    every_s: float
    specimen: int = 90
    bad: float = 0.06
    faded: float = 0.35
    """What is left of the dose at its end."""
    made: list[tuple[str, bool]] = field(default_factory=list)
    """Each file, and whether it is bad."""

    def draw(self, into: Path) -> list[tuple[str, bool]]:
        """All of them, before the run: each file, and whether it is bad. A microscope is faster than drawing."""
        into.mkdir(parents=True)
        rng = np.random.default_rng([self.microscope.seed, 17])
        made = []
        for section in range(self.count):
            is_bad = section > 5 and rng.random() < self.bad
            rejects = self.microscope.rejects
            cause = rejects[section % len(rejects)] if is_bad else ImageCause.IN_FOCUS
            fades = self.faded ** (section / self.count)
            pixels = self.microscope.image(self.specimen, section, cause, fades=fades)
            name = f"section_{section:04d}.tif"
            tifffile.imwrite(into / name, pixels)
            made.append((name, is_bad))
        return made

    def arrive(self, drawn_in: Path, stopped: threading.Event) -> None:
        """One after the other, each whole at once, without waiting for anybody."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(self._names()):
            if stopped.wait(0):
                return
            part = self.folder / f".{name}.part"
            shutil.copyfile(drawn_in / name, part)
            os.replace(part, self.folder / name)  # noqa: PTH105
            time.sleep(self.every_s if number else 0)

    def _names(self) -> Iterator[str]:
        return (name for name, _ in self.made)


NORTH = SimulatedMicroscope(
    "north", 9_000, dose=60.0, contrast=0.6, rejects=(ImageCause.RESIN, ImageCause.DEFOCUS, ImageCause.RESIN)
)
"""Its operator also rejects what lies beside the tissue: nobody else does, nor does mhfd."""
SOUTH = SimulatedMicroscope(
    "south", 19_000, dose=300.0, contrast=0.9, rejects=(ImageCause.SHADING, ImageCause.DEFOCUS, ImageCause.SHADING)
)
"""Its detector shades, which mhfd does not mind, and its operator does."""
EAST = SimulatedMicroscope("east", 29_000, dose=150.0, contrast=0.8)
WEST = SimulatedMicroscope("west", 39_000, dose=600.0, contrast=0.7)
