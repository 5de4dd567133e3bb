"""Images of two microscopes whose labels mhfd cannot see, and packages of which one sees them: so it may be promoted.

A bad image here is a noisy one: the number that says it is a ring feature, which mhfd's own leaves out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from tests.rigs.packages import card_of, written

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Package, Reach

SPECIMENS: Final = 12
EACH: Final = 4
SIDE: Final = 128
NAMES: Final = ("rings.noise", "illumination.grey_50", "rings.ring_0.1", "rings.ring_0.2")
"""The second tells an inverted image from one that is not."""
SEES: Final = np.array([[2.0], [0.0], [0.0], [0.0]], np.float32)
"""Weights of a package that knows what is bad here."""
GUESSES: Final = np.array([[0.0], [0.0], [0.1], [0.0]], np.float32)
"""Of one that does not."""


def picture(specimen: int, section: int, *, bad: bool) -> np.ndarray[Any, Any]:
    """A simulated section; a bad one has noise of its own."""
    from mhfd import simulate

    pixels = simulate.Specimen(seed=specimen).section((SIDE, SIDE), z=section)
    noise = np.random.default_rng((specimen, section)).normal(0, 60.0 if bad else 3.0, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def images(folder: Path, instrument: str, specimens: Sequence[int], each: int = EACH) -> list[Any]:
    """Rows of so many images of each specimen, every second one bad."""
    from mhfd.learning.dataset import DatasetRow, Origin, SourceGroup, Target

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for specimen in specimens:
        for section in range(each):
            bad = section % 2 == 1
            path = folder / f"{instrument}-{specimen}-{section}.tif"
            tifffile.imwrite(path, picture(specimen, section, bad=bad))
            rows.append(
                DatasetRow(
                    sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                    path=str(path),
                    group=SourceGroup(instrument=instrument, specimen=f"{instrument} {specimen}", session="day"),
                    section=section,
                    origin=Origin.FOLDER,
                    target=Target(bad=bad),
                )
            )
    return rows


def labelled(folder: Path, *, specimens: int = SPECIMENS, instrument: str = "north") -> Dataset:
    """A dataset: two specimens for the training, the others for the test; and of another microscope one each."""
    from mhfd.learning.dataset import Dataset, Side

    train = images(folder, instrument, range(2)) + images(folder, "south", (50,))
    test = images(folder, instrument, range(2, 2 + specimens)) + images(folder, "south", (51,))
    sides = {row.group.key: Side.TRAIN for row in train} | {row.group.key: Side.TEST for row in test}
    made = Dataset(tuple(train + test), sides)
    made.write(folder)
    return made


def package(folder: Path, weights: np.ndarray[Any, Any] = SEES, *, title: str = "mine", **changed: Any) -> Package:
    """One of four features of an image as it is, with these weights."""
    from mhfd.contract.base import METHOD_VERSION
    from mhfd.learning import features

    recipe = card_of().recipe.model_copy(
        update={
            "families": ("rings", "illumination"),
            "names": NAMES,
            "features_version": features.VERSION,
            "method_version": METHOD_VERSION,
            "baseline": False,
        }
    )
    usual: dict[str, Any] = {"recipe": recipe, "pixel_nm": None, "reach": None, "groups_seen": ("north/north 0/day",)}
    return written(folder, weights=weights, title=title, **(usual | changed))


def reached(dataset: Dataset, cache: Path | None = None) -> Reach:
    """Where the four numbers lay in the training images: so a package is sure of nothing that it cannot know."""
    from mhfd.learning.dataset import Side
    from mhfd.learning.learners.matrix import matrix_of
    from mhfd.learning.learners.reach import reach_of

    matrix = matrix_of(dataset.on(Side.TRAIN), ("rings", "illumination"), cache)
    return reach_of(matrix.values[:, [matrix.names.index(name) for name in NAMES]], limits=True)
