"""A made-up image set laid out as BBBC021's published tables say: none of its images, nor of its cells."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile

HEADER = [
    "TableNumber",
    "ImageNumber",
    *(f"Image_{what}Name_{channel}" for channel in ("DAPI", "Tubulin", "Actin") for what in ("File", "Path")),
    "Image_Metadata_Plate_DAPI",
    "Image_Metadata_Well_DAPI",
    "Replicate",
    "Image_Metadata_Compound",
    "Image_Metadata_Concentration",
]
ACTIONS = [
    ("taxol", "0.3", "Microtubule stabilizers"),
    ("docetaxel", "0.3", "Microtubule stabilizers"),
    ("colchicine", "0.03", "Microtubule destabilizers"),
    ("4,5-dianilino thing", "10", "Eg5 inhibitors"),
    ("DMSO", "0", "DMSO"),
]


@dataclass
class MadeUpPlates:
    """Two plates of a few wells; each line of the tables can be changed before `write`."""

    folder: Path
    shape: tuple[int, int] = (70, 90)
    week: str = "Week1"
    lines: list[list[str]] = field(default_factory=list)
    actions: list[tuple[str, ...]] = field(default_factory=lambda: list(ACTIONS))

    def __post_init__(self) -> None:
        treatments = [("taxol", "0.300"), ("docetaxel", "0.3"), ("colchicine", "0.03"), ("4,5-dianilino thing", "10.0")]
        for plate in (f"{self.week}_22123", f"{self.week}_22141"):
            for well, (compound, concentration) in enumerate(
                [*treatments, ("DMSO", "0.0"), ("DMSO", "0.0"), ("nobody knows", "1.0"), ("taxol", "30.0")]
            ):
                for site in (1, 2):
                    self.add(plate, f"B{well + 2:02}", site, compound, concentration)

    def add(self, plate: str, well: str, site: int, compound: str, concentration: str) -> None:
        """A field of view: three files and a line."""
        number = len(self.lines)
        names = [f"{self.week}_150607_{well}_s{site}_w{wave}{number:08X}.tif" for wave in (1, 2, 4)]
        for wave, name in enumerate(names):
            path = self.folder / plate / name
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = np.random.default_rng([number, wave]).integers(200 * wave, 900 + 3000 * wave, self.shape)
            tifffile.imwrite(path, grey.astype(np.uint16), photometric="minisblack", metadata=None)
        files = [cell for name in names for cell in (name, f"{self.week}/{plate}")]
        self.lines.append(["1", str(number), *files, plate, well, "1", compound, concentration])

    def write(self) -> Path:
        """The tables beside the plates."""
        for name, header, lines in (
            ("BBBC021_v1_image.csv", HEADER, self.lines),
            ("BBBC021_v1_moa.csv", ["compound", "concentration", "moa"], self.actions),
        ):
            with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([header, *lines])
        return self.folder

    def file(self, line: int, channel: int) -> Path:
        """Of a line, counted from 0."""
        cells = self.lines[line]
        return self.folder / cells[-5] / cells[2 + 2 * channel]
