"""What a package says of images that were measured: a score a row, NaN where it would refuse at a station.

Only what follows from features is asked here; what a report refuses has no mhfd number either, and so no score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.features import VERSION
from mhfd.learning.inference.runtime import Runtime

if TYPE_CHECKING:
    from mhfd.learning.learners.matrix import Matrix
    from mhfd.learning.packages import Package

_PIXEL_FACTOR: Final = 1.5


def scores_of(package: Package, matrix: Matrix, less: Matrix) -> NDArray[np.float64]:
    """How bad each row is, by a package.

    Args:
        package: Verified.
        matrix: Of all families that it takes.
        less: The same, less what the sharp others of each group have.
    """
    card, recipe = package.card, package.card.recipe
    if recipe.features_version != VERSION:
        raise UsageError(
            f"{card.title}: made with features of version {recipe.features_version}, here they are {VERSION}; train it "
            "again"
        )
    place = {name: column for column, name in enumerate(matrix.names)}
    if lacking := [name for name in recipe.names if name not in place]:
        raise UsageError(f"{card.title}: made with the feature {lacking[0]!r}, which this mhfd does not have")
    shown = (less if recipe.baseline else matrix).values[:, [place[name] for name in recipe.names]]
    may = np.isfinite(shown).all(axis=1) & np.isfinite(matrix.mhfd)
    if card.pixel_nm is not None:
        low, high = card.pixel_nm[0] / _PIXEL_FACTOR, card.pixel_nm[1] * _PIXEL_FACTOR
        may &= ~(np.isfinite(matrix.pixel_nm) & ((matrix.pixel_nm < low) | (matrix.pixel_nm > high)))
    if card.reach is not None:
        apart = (shown[may].astype(np.float64) - np.asarray(card.reach.center)) / np.asarray(card.reach.spread)
        near = np.sqrt(np.mean(np.square(apart), axis=1)) <= card.reach.far
        may[np.flatnonzero(may)[~near]] = False
    found = np.full(len(shown), np.nan)
    if may.any():
        said = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says)).said(shown[may])
        found[may] = _badness(said.astype(np.float64), recipe.says)
    return np.where(np.isfinite(found), found, np.nan)


def _badness(said: NDArray[np.float64], says: tuple[str, ...]) -> NDArray[np.float64]:
    """Of what a model says: the chance that it is bad, the radius, or all that is not in focus."""
    if "in_focus" in says:
        return np.asarray(1 - said[:, says.index("in_focus")])
    return np.asarray(said[:, 0])
