"""The first images of a microscope, with labels, and packages of a library that suit it more or less."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Package

SIDE: Final = 128


def first_images(
    folder: Path, *, instrument: str = "north", specimens: int = 4, tested: int = 1, each: int = 6, first: int = 0
) -> Dataset:
    """A dataset in a folder: simulated sections, every other one out of focus; the last specimens are for the test."""
    from mhfd import simulate
    from mhfd.learning.dataset import Dataset, Side
    from tests.rigs.labelled import row

    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(first), []
    for specimen in range(first, first + specimens + tested):
        block = simulate.Specimen(seed=specimen)
        for section in range(each):
            bad = section % 2 == 1
            optics = simulate.Optics(defocus_um=rng.uniform(1.2, 2.4) if bad else 0.0)
            path = folder / f"{instrument}-{specimen}-{section}.tif"
            tifffile.imwrite(path, block.section((SIDE, SIDE), z=section, optics=optics))
            group = f"{instrument}/mouse {specimen}/day"
            rows.append(row(folder, path.name, bad=bad, group=group, content=path.read_bytes(), section=section))
    keys = list(dict.fromkeys(one.group.key for one in rows))
    split = {key: Side.TRAIN if place < specimens else Side.TEST for place, key in enumerate(keys)}
    made = Dataset(tuple(rows), split)
    made.write(folder)
    return made


def suited(folder: Path, title: str, suits: float, *, instrument: str = "south", **changed: Any) -> Package:
    """A package of features below a folder. `suits`: 1 says what is bad, -1 the contrary, between them it guesses."""
    from mhfd.contract.base import METHOD_VERSION
    from mhfd.learning import features
    from tests.rigs.packages import card_of, written

    names = ("rings.ring_0.032", "rings.ring_0.1", "rings.ring_0.13", "rings.ring_0.2")
    recipe = card_of().recipe.model_copy(
        update={
            "families": features.FOCUS_FAMILIES,
            "names": names,
            "features_version": features.VERSION,
            "method_version": METHOD_VERSION,
        }
    )
    other = 1 - abs(suits)
    weights = np.array([[other], [-suits], [-suits], [other / 2]], np.float32)
    usual: dict[str, Any] = {"recipe": recipe, "pixel_nm": None, "reach": None}
    usual["groups_seen"] = (f"{instrument}/rat 1/day", f"{instrument}/rat 2/day")
    return written(folder, weights=weights, **(usual | {"title": title} | changed))
