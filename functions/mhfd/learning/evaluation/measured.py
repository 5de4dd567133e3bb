"""The images of a dataset, each measured once, for all that are asked about them: mhfd, learners and packages.

An image is decoded once, whoever wants to see its pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning import features
from mhfd.learning.dataset import Dataset, DatasetRow
from mhfd.learning.dataset.settling import settled
from mhfd.learning.evaluation import splits
from mhfd.learning.evaluation.asked import NetworkScores, scores_of
from mhfd.learning.learners.matrix import Matrix, Told, matrix_of
from mhfd.learning.preparation import read

if TYPE_CHECKING:
    from mhfd.learning.packages import Package


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """The measured rows, side by side."""

    rows: tuple[DatasetRow, ...]
    matrix: Matrix
    less: Matrix
    """Less what the sharp others of each group have; groups are scenes in both."""
    specimens: list[str]
    prepared: Mapping[tuple[str, ...], tuple[Matrix, Matrix]]
    """The same two of pixels that were prepared as a package's recipe says."""
    networks: Mapping[str, NetworkScores]
    """What networks said while the images were open, by the package's name."""

    def scores_by(self, package: Package) -> NDArray[np.float64]:
        """How bad a package finds each image."""
        if package.name in self.networks:
            return self.networks[package.name].scores(self.matrix)
        return scores_of(package, *self.prepared.get(package.card.recipe.preparation, (self.matrix, self.less)))


def measured_rows(
    dataset: Dataset,
    packages: Sequence[Package],
    cache: Path | None = None,
    told: Told | None = None,
    *,
    all_families: bool = False,
) -> MeasuredRows:
    """Measure labelled images for packages; what several people said of one is settled before.

    Args:
        dataset: The images.
        packages: Verified: they are asked.
        cache: A folder for what was measured, for the next time.
        told: Told after each image.
        all_families: Every family of features is wanted, not those of focus and of the packages alone.
    """
    own = features.FAMILIES if all_families else features.FOCUS_FAMILIES
    wanted = {*own, *(family for one in packages for family in one.card.recipe.families)}
    if unknown := sorted(wanted - set(features.FAMILIES)):
        raise UsageError(f"package: takes features {unknown[0]!r}, which this mhfd does not have; train it again")
    families = tuple(family for family in features.FAMILIES if family in wanted)
    once = settled(dataset)
    networks = {one.name: NetworkScores(one, cache) for one in packages if one.card.recipe.network is not None}
    matrix = matrix_of(once, families, cache, told=told, onlookers=tuple(networks.values()))
    prepared = {}
    for texts in sorted({one.card.recipe.preparation for one in packages} - {()}):
        found = matrix_of(once, families, cache, told=told, prepared=read(texts))
        prepared[texts] = found, found.less_baseline()
    specimens = [splits.specimen_of(group) for group in matrix.groups]
    return MeasuredRows(once.rows, matrix, matrix.less_baseline(), specimens, prepared, networks)
