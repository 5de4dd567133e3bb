"""The paper's split of altered copies beside ours: as numbers, and as two datasets of the same files.

The paper makes six copies of each image (its set A), throws them together, and takes 90% for training and 10% for
validation, so that nearly every image that it validates on was taught, turned or mirrored. Ours holds back groups. Both
datasets are trained on by the same road; only what is called a group differs, and the first is to decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.contract.training import Copies
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, Side, SourceGroup
from mhfd.learning.dataset.copies import pixels_of
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.learning.dataset.settling import settled
from mhfd.learning.training.examples import COPIES

LEAKING, BY_GROUP = "leaking", "by-group"
PART: Final = 0.1
"""Of the copies that are validated on."""
_FOLDS: Final = round(1 / PART)


@dataclass(frozen=True, eq=False)
class RandomSplit:
    """Of so many images with so many copies each: copy `n` is of image `n // copies`."""

    copies: int
    taught: NDArray[np.intp]
    validated: NDArray[np.intp]

    @property
    def leaked(self) -> float:
        """The part of validated copies of whose image another copy is taught."""
        known = np.isin(self.validated // self.copies, self.taught // self.copies)
        return float(known.mean())


def random_split(images: int, copies: int, *, seed: int = 0, part: float = PART) -> RandomSplit:
    """Without regard to what is a copy of what."""
    order = np.random.default_rng(seed).permutation(images * copies)
    held = round(part * len(order))
    return RandomSplit(copies, np.sort(order[held:]), np.sort(order[:held]))


def write_both(dataset: Dataset, folder: Path, *, copies: Copies = "A", seed: int = 0) -> Mapping[str, Path]:
    """The copies of all training images as files, and two datasets of them: `LEAKING` and `BY_GROUP`.

    In the first a group is a random tenth of the copies: a training that holds back a group of it validates as the
    paper does. In the second it is the image's own. The test's rows are the same in both, and in neither altered.
    """
    rows = [row for row in settled(dataset.on(Side.TRAIN)).rows if row.pair is None]
    test = [row for row in dataset.rows if dataset.side(row) is Side.TEST]
    each = COPIES[copies]
    fold = np.random.default_rng(seed).permutation(len(rows) * len(each)) % _FOLDS
    made: dict[str, list[DatasetRow]] = {LEAKING: [], BY_GROUP: []}
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows):
        pixels, pixel_nm = pixels_of(row)
        for place, copy in enumerate(each):
            altered = copy.of(pixels)
            if altered.shape != pixels.shape:
                raise UsageError(f"{row.path}: {pixels.shape} is no square, and its copies are of two sizes")
            path = images / f"{number:05}-{place}.tif"
            tifffile.imwrite(path, altered, photometric="minisblack", metadata=None)
            known = {"sha256": sha256_of(path), "path": str(path), "pixel_nm": row.pixel_nm or pixel_nm}
            copied = row.model_copy(update={**known, "parent": row.sha256 if place else None})
            made[BY_GROUP].append(copied)
            thrown = SourceGroup(specimen=f"tenth {fold[number * len(each) + place]}")
            # That it is a copy is not said: a dataset that says so is refused, as it should be.
            made[LEAKING].append(copied.model_copy(update={"group": thrown, "parent": None, "section": None}))
    for name, some in made.items():
        sides = {row.group.key: Side.TRAIN for row in some} | {row.group.key: Side.TEST for row in test}
        Dataset((*some, *test), sides).write(folder / name)
    return MappingProxyType({name: folder / name for name in made})
