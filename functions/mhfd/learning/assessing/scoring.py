"""What a package is worth on each image of a microscope, and who is to be reached there: by the package's task.

Of focus here: how bad a package finds each image, beside mhfd with its baseline. Of pictures in `picturing`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.assessing import LibraryTask
from mhfd.errors import UsageError
from mhfd.learning.assessing.picturing import PicturesScoring
from mhfd.learning.assessing.standing import DrawnImages, Floats, PackageStanding, by_ranking
from mhfd.learning.dataset import Dataset, DatasetRow
from mhfd.learning.evaluation.entry import MHFD
from mhfd.learning.evaluation.measured import MeasuredRows, measured_rows
from mhfd.learning.evaluation.splits import specimen_of
from mhfd.learning.packages import Package

FOCUS_MEASURE: Final = "AUC of bad images against good ones; an image of which nothing is said counts as a coin"


class PackageScoring(Protocol):
    """What is asked of packages of one task, and how it counts."""

    measure: str
    """What a score is, in words."""
    short: str
    """The same, in one."""
    bar: str
    """Who is to be reached where no package is champion."""
    rows: tuple[DatasetRow, ...]
    """The images that count."""
    drawn: DrawnImages

    def at_the_bar(self) -> PackageStanding:
        """How whoever is to be reached does."""
        ...

    def scores(self, package: Package) -> Floats:
        """What it says, an image each; UsageError where it can't be asked."""
        ...

    def standing(self, scores: Floats) -> PackageStanding:
        """What that is worth."""
        ...


class FocusScoring:
    """Which images are bad: measured once, and asked of each package."""

    measure = FOCUS_MEASURE
    short = "AUC"
    bar = MHFD

    def __init__(
        self, dataset: Dataset, *, seed: int, cache: Path | None = None, beat: Callable[[], object] | None = None
    ) -> None:
        _both_kinds(dataset)
        self._dataset, self._cache, self._beat = dataset, cache, beat
        found = self._measured()
        self._counts = np.isfinite(found.matrix.bad) & np.isfinite(found.matrix.mhfd)
        self.rows = tuple(row for row, counts in zip(found.rows, self._counts, strict=True) if counts)
        self._bad: NDArray[np.bool_] = found.matrix.bad[self._counts] == 1
        if not self._bad.any() or self._bad.all():
            raise UsageError(
                "labels: of the images that mhfd can measure none is "
                f"{'good' if self._bad.any() else 'bad'}; label some of both kinds, and build the dataset again"
            )
        self._mhfd: Floats = -found.less.mhfd[self._counts]
        specimens = [specimen_of(row.group.key) for row in self.rows]
        self.drawn = DrawnImages.of(specimens, seed)

    def at_the_bar(self) -> PackageStanding:
        """mhfd, less what the sharp others of each group have."""
        return self.standing(self._mhfd)

    def scores(self, package: Package) -> Floats:
        """How bad it finds each image."""
        return self._measured(package).scores_by(package)[self._counts]

    def standing(self, scores: Floats) -> PackageStanding:
        """How well it puts the bad ones above the good ones."""
        return by_ranking(scores, self._bad, self.drawn)

    def _measured(self, *packages: Package) -> MeasuredRows:
        beat = self._beat
        return measured_rows(self._dataset, packages, self._cache, None if beat is None else lambda _done, _all: beat())


def _both_kinds(dataset: Dataset) -> None:
    """Before an image is opened. UsageError."""
    said = {row.target.bad for row in dataset.rows} - {None}
    if len(said) < 2:
        which = "none has a label" if not said else f"all are {'bad' if True in said else 'good'}"
        raise UsageError(
            f"labels: of {len(dataset.rows)} images of the training groups {which}; both kinds are needed, good and bad"
        )


def scoring_of(
    task: LibraryTask, dataset: Dataset, *, seed: int, cache: Path | None, beat: Callable[[], object] | None
) -> PackageScoring:
    """What is asked of packages of that task."""
    if task == "focus":
        return FocusScoring(dataset, seed=seed, cache=cache, beat=beat)
    return PicturesScoring(dataset, task, seed=seed, cache=cache, beat=beat)
