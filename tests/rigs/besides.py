"""Datasets of simulated fields with another take or a mask beside each; small, and quick to make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from mhfd.learning.dataset import BesideImage, Dataset, DatasetRow, Origin, Side, SourceGroup, Target
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.simulate import Artefacts, Exposure, Specimen, shown

DOSE = 30.0
PIXEL_NM = 8.0


def besides_dataset(
    root: Path, *, groups: int = 4, each: int = 2, side: int = 96, takes: bool = False, masks: bool = False
) -> Dataset:
    """So many images of each specimen; the last specimen is for the test. Written into `root`."""
    rows = []
    for group in range(groups):
        block = Specimen(seed=900 + group)
        for number in range(each):
            artefacts = Artefacts(resin=0.4, particles=3) if masks else Artefacts()
            origin = (0, number * side)
            scene = block.scene((side, side), 0, origin, PIXEL_NM, artefacts)
            images = {
                what: block.recorded(scene, 0, take, exposure=Exposure(dose=DOSE), artefacts=artefacts)
                for take, what in enumerate(("own", "take"))
                if what == "own" or takes
            }
            if masks:
                images["mask"] = shown((side, side), block, origin=origin, pixel_nm=PIXEL_NM, artefacts=artefacts)
            paths = {what: root / "images" / f"{group}-{number}-{what}.tif" for what in images}
            for what, path in paths.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, np.ascontiguousarray(images[what]), photometric="minisblack", metadata=None)
            own = paths.pop("own")
            rows.append(
                DatasetRow(
                    sha256=sha256_of(own),
                    path=str(own),
                    group=SourceGroup(specimen=f"specimen {group}"),
                    origin=Origin.SIMULATED,
                    target=Target(),
                    pixel_nm=PIXEL_NM,
                    beside=tuple(
                        BesideImage.model_validate({"what": what, "sha256": sha256_of(path), "path": str(path)})
                        for what, path in paths.items()
                    ),
                )
            )
    keys = [row.group.key for row in rows]
    made = Dataset(tuple(rows), dict.fromkeys(keys, Side.TRAIN) | {keys[-1]: Side.TEST})
    made.write(root)
    return made
