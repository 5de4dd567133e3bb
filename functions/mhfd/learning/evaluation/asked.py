"""What a package says of images that were measured: a score a row, NaN where it would refuse at a station.

A package that takes features is asked when all were measured: what a report refuses has no mhfd number either, and so
no score. A network is asked while each image is open.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.errors import UsageError
from mhfd.learning.features import VERSION
from mhfd.learning.inference import NetworkSession
from mhfd.learning.inference.meaning import IN_FOCUS, PIXEL_FACTOR
from mhfd.learning.inference.runtime import Runtime
from mhfd.learning.learners import kept_numbers

if TYPE_CHECKING:
    from mhfd.contract.focus_report import FocusReport
    from mhfd.learning.learners.matrix import Matrix
    from mhfd.learning.packages import Card, Package

_BADNESS: Final = ("bad", "radius_px")


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
    may = np.isfinite(shown).all(axis=1) & np.isfinite(matrix.mhfd) & _fitting(card, matrix)
    if card.reach is not None:
        apart = (shown[may].astype(np.float64) - np.asarray(card.reach.center)) / np.asarray(card.reach.spread)
        near = np.sqrt(np.mean(np.square(apart), axis=1)) <= card.reach.far
        may[np.flatnonzero(may)[~near]] = False
    found = np.full(len(shown), np.nan)
    if may.any():
        said = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says)).said(shown[may])
        found[may] = _badness(said.astype(np.float64), recipe.says)
    return np.where(np.isfinite(found), found, np.nan)


class NetworkScores:
    """How bad a network finds each image that it is shown.

    Args:
        package: Verified.
        cache: A folder for what it says, for the next time.
    """

    def __init__(self, package: Package, cache: Path | None = None) -> None:
        session = NetworkSession(package)
        if (channels := session.network.channels) != 1:
            raise UsageError(
                f"{package.card.title}: it takes images of {channels} channels, and those of a microscope of electrons "
                "have one"
            )
        self._session, self._says = session, package.card.recipe.says
        self._kept = None if cache is None else cache / f"network-{package.name}-m{METHOD_VERSION}"
        self._said: dict[str, NDArray[np.float64]] = {}

    @property
    def largest(self) -> int:
        """Pixels along a side of what it is shown, at most."""
        return self._session.largest

    def has_seen(self, sha256: str) -> bool:
        """It said of this image, now or another time."""
        if sha256 not in self._said and self._kept is not None:
            known = kept_numbers.kept(self._place(self._kept, sha256), len(self._says))
            if known is not None:
                self._said[sha256] = known
        return sha256 in self._said

    def look(self, sha256: str, pixels: NDArray[Any], report: FocusReport) -> None:
        """Ask it about an image. What it refuses it is asked again the next time."""
        said = self._session.answer(pixels, report).said
        self._said[sha256] = np.full(len(self._says), np.nan) if said is None else said
        if said is not None and self._kept is not None:
            kept_numbers.keep(self._place(self._kept, sha256), said)

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Of each row; NaN where it was not shown the image, or refused it."""
        unknown = np.full(len(self._says), np.nan)
        said = np.array([self._said.get(sha256, unknown) for sha256 in matrix.sha256]).reshape(-1, len(self._says))
        may = np.isfinite(said).all(axis=1) & np.isfinite(matrix.mhfd) & _fitting(self._session.card, matrix)
        return np.where(may, _badness(said, self._says), np.nan)

    def _place(self, kept: Path, sha256: str) -> Path:
        return kept / sha256[:2] / f"{sha256}.npy"


def _fitting(card: Card, matrix: Matrix) -> NDArray[np.bool_]:
    """Rows whose pixels are about as large as those that the package has seen."""
    if card.pixel_nm is None:
        return np.ones(len(matrix), bool)
    low, high = card.pixel_nm[0] / PIXEL_FACTOR, card.pixel_nm[1] * PIXEL_FACTOR
    return np.asarray(~(np.isfinite(matrix.pixel_nm) & ((matrix.pixel_nm < low) | (matrix.pixel_nm > high))))


def _badness(said: NDArray[np.float64], says: tuple[str, ...]) -> NDArray[np.float64]:
    """Of what a model says: the chance that it is bad, the radius, or all that is not in focus."""
    if IN_FOCUS in says:
        return np.asarray(1 - said[:, says.index(IN_FOCUS)])
    if says[0] not in _BADNESS:
        raise UsageError(f"package: says {', '.join(says[:3])} and nothing of focus, so that it cannot be compared")
    return np.asarray(said[:, 0])
