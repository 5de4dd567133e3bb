"""From a dataset's images to numbers: each image read once, scored, its features taken; kept on disk for the next time.

The numbers are those that a station's worker takes of the same image. What cannot be measured is NaN in a row that
stays: whoever learns leaves it out, whoever decides sees that it is missing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd import images
from mhfd.api import score
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd.learning import features
from mhfd.learning.dataset.rows import Dataset, ImageCause
from mhfd.learning.features.part import LARGEST, part_of, part_of_array
from mhfd.learning.learners import kept_numbers
from mhfd.learning.learners.baseline import against_baseline
from mhfd.learning.preparation import Prepared, fitted, read

if TYPE_CHECKING:
    from mhfd.learning.dataset.rows import DatasetRow
    from mhfd.rows import Rows

_BESIDE: Final = 2
"""Numbers that are kept before the features: the logarithm of the cross-spectrum, the pixel in nm."""
_AS_IT_IS: Final = Prepared()
_FITTED_ON: Final = 24
"""Images, at most, that are in memory while steps are fitted."""
Told = Callable[[int, int], object]
"""Told how many images are done, and of how many."""


class Onlooker(Protocol):
    """Who looks at images too, while each is open: so no image is decoded twice."""

    @property
    def largest(self) -> int:
        """Pixels along a side of what it is shown, at most: the middle of a larger image."""
        ...

    def has_seen(self, sha256: str) -> bool:
        """It need not see this image."""
        ...

    def look(self, sha256: str, pixels: NDArray[Any], report: FocusReport) -> None:
        """An image, and what mhfd says of it."""
        ...


@dataclass(frozen=True, eq=False)
class Matrix:
    """One row an image. A number that nobody knows is NaN, a word None."""

    values: NDArray[np.float32]
    """(rows, features)"""
    names: tuple[str, ...]
    """Of the features."""
    families: tuple[str, ...]
    bad: NDArray[np.float64]
    radius_px: NDArray[np.float64]
    cause: tuple[ImageCause | None, ...]
    groups: list[str]
    sha256: list[str]
    family: list[str]
    """Of each row the image that it was made of, at last; its own sha256 for an image that is no copy."""
    section: NDArray[np.float64]
    mhfd: NDArray[np.float64]
    """The logarithm of the cross-spectrum: what mhfd has to say."""
    pixel_nm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def sharp(self) -> NDArray[np.bool_]:
        """Rows that somebody said are in focus."""
        return np.asarray(self.bad == 0, bool)

    @property
    def cause_number(self) -> NDArray[np.float64]:
        """The place of each cause among all; NaN where nobody said one."""
        place = {cause: number for number, cause in enumerate(ImageCause)}
        return np.array([math.nan if cause is None else place[cause] for cause in self.cause], np.float64)

    def where(self, chosen: NDArray[Any]) -> Matrix:
        """Some of the rows: their numbers, or a mask."""
        at = np.arange(len(self))[chosen]
        picked: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                picked[one.name] = value[at]
            elif one.name not in ("names", "families"):
                picked[one.name] = type(value)(value[row] for row in at)
        return replace(self, **picked)

    def less_baseline(self, sharp: NDArray[np.bool_] | None = None) -> Matrix:
        """Features and mhfd's number less those of sharp others of the group; by the labels, unless others are said."""
        known = self.sharp if sharp is None else sharp
        both = np.column_stack([self.values, self.mhfd])
        both[:, :-1] = _off(self.values, self, known)
        both[:, -1] = _off(self.mhfd, self, known)
        return replace(self, values=np.asarray(both[:, :-1], np.float32), mhfd=both[:, -1])


def _off(values: NDArray[Any], matrix: Matrix, sharp: NDArray[np.bool_]) -> NDArray[np.float64]:
    section = matrix.section if np.isfinite(matrix.section).any() else None
    return against_baseline(values, matrix.groups, sharp, section, family=matrix.family)


def matrix_of(
    dataset: Dataset,
    families: Sequence[str] = features.DEFAULT_FAMILIES,
    cache: Path | None = None,
    *,
    told: Told | None = None,
    prepared: Prepared = _AS_IT_IS,
    onlookers: Sequence[Onlooker] = (),
) -> Matrix:
    """Measure all images of a dataset.

    Args:
        dataset: Its rows name the images by whole paths.
        families: Of features.
        cache: A folder for what was measured, by the image's sha256 and the versions of what measures; None: nowhere.
        told: Told after each image.
        prepared: What is done to pixels before features are taken, fitted on the training side.
        onlookers: They are shown the images too.

    Raises:
        UsageError: An image is not there, or is not the one that was labelled.
    """
    named = tuple(families)
    names = features.names(named)
    kept = None if cache is None else cache / _versions(named, prepared)
    rows = dataset.rows
    found = np.full((len(rows), _BESIDE + len(names)), np.nan, np.float64)
    for number, row in enumerate(rows):
        found[number] = _measured(row, named, len(names), kept, prepared, onlookers)
        if told is not None:
            told(number + 1, len(rows))
    parents = {row.sha256: row.parent for row in rows}
    return Matrix(
        values=np.asarray(found[:, _BESIDE:], np.float32),
        names=names,
        families=named,
        bad=np.array([_number(row.target.bad) for row in rows]),
        radius_px=np.array([_number(row.target.radius_px) for row in rows]),
        cause=tuple(row.target.cause for row in rows),
        groups=[row.group.key for row in rows],
        sha256=[row.sha256 for row in rows],
        family=[_origin(row.sha256, row.parent, parents) for row in rows],
        section=np.array([_number(row.section) for row in rows]),
        mhfd=found[:, 0],
        pixel_nm=np.array([row.pixel_nm or pixel for row, pixel in zip(rows, found[:, 1], strict=True)]),
    )


def prepared_by(dataset: Dataset, steps: Sequence[str]) -> Prepared:
    """Steps of preparation, fitted on some images of a dataset, spread over it; as a recipe says them.

    Give the training side alone. UsageError.
    """
    if not steps:
        return _AS_IT_IS
    apart = max(1, -(-len(dataset.rows) // _FITTED_ON))
    rows = (images.load(row.path).rows for row in dataset.rows[::apart])
    return read(fitted(steps, [part_of(one) for one in rows if one is not None]).text)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _origin(own: str, parent: str | None, parents: dict[str, str | None]) -> str:
    """The image at the beginning of a chain of copies, there or not."""
    seen = {own}
    while parent is not None and parent not in seen:
        own = parent
        seen.add(own)
        parent = parents.get(own)
    return own


def _versions(families: tuple[str, ...], prepared: Prepared) -> str:
    """The folder for what is measured in one way: another version never finds it."""
    digest = hashlib.sha256("\0".join([*families, *prepared.text]).encode()).hexdigest()[:12]
    return f"m{METHOD_VERSION}-f{features.VERSION}-{digest}"


def _measured(
    row: DatasetRow,
    families: tuple[str, ...],
    count: int,
    kept: Path | None,
    prepared: Prepared,
    onlookers: Sequence[Onlooker],
) -> NDArray[np.float64]:
    place = None if kept is None else kept / row.sha256[:2] / f"{row.sha256}.npy"
    curious = [one for one in onlookers if not one.has_seen(row.sha256)]
    if place is not None and not curious and (known := kept_numbers.kept(place, _BESIDE + count)) is not None:
        return known
    report, values = measured(row.path, families, prepared, curious)
    if report.image.sha256 is None:
        raise UsageError(f"{row.path}: cannot be read: {report.finding_detail}; put it back, or build the dataset anew")
    if report.image.sha256 != row.sha256:
        raise UsageError(
            f"{row.path}: is another image than the one that was labelled (sha256 {report.image.sha256[:12]}, not "
            f"{row.sha256[:12]}); put it back, or build the dataset anew"
        )
    said = math.nan if report.cross_spectrum is None else math.log(max(report.cross_spectrum, 1e-6))
    pixel = math.nan if report.image.pixel_nm is None else report.image.pixel_nm
    found = np.concatenate([[said, pixel], np.full(count, np.nan) if values is None else values])
    if place is not None:
        kept_numbers.keep(place, found)
    return found


def measured(
    path: str, families: Sequence[str], prepared: Prepared = _AS_IT_IS, onlookers: Sequence[Onlooker] = ()
) -> tuple[FocusReport, NDArray[np.float32] | None]:
    """What mhfd says of an image, and its features: None where it has no pixels that can be read."""
    parts: list[NDArray[Any]] = []
    largest = max([LARGEST, *(one.largest for one in onlookers)])

    def look(rows: Rows) -> None:
        parts.append(part_of(rows, largest))

    report = score(path, device="cpu", look=look)
    if not parts:  # nothing was found to be measured; yet there may be a picture
        image = images.load(path)
        if image.rows is None:
            return report, None
        parts.append(part_of(image.rows))
    for one in onlookers:
        one.look(report.image.sha256 or "", part_of_array(parts[0], one.largest), report)
    return report, features.features_of(prepared.apply(part_of_array(parts[0])), report, tuple(families))
