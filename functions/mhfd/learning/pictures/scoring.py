"""How good the pictures are that somebody makes of a dataset's images, image by image.

Of an image without what is needed beside it (another take; a mask) nothing is known. A package that refuses an image
has none of it. Compares nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.dataset.besides import mask_of, take_of
from mhfd.learning.dataset.copies import image_of
from mhfd.learning.dataset.rows import Beside, DatasetRow
from mhfd.learning.features.part import part_of_array
from mhfd.learning.pictures.classical import ClassicalWay, PictureTask, classical_ways
from mhfd.learning.pictures.overlap import overlaps
from mhfd.learning.pictures.rings import LEAST, psnr, rings_of

if TYPE_CHECKING:
    from mhfd.learning.packages import Package

MEASURE: Final[Mapping[PictureTask, str]] = MappingProxyType(
    {
        "denoise": "ring agreement with another take: the part of it that the picture foretells, mean over rings",
        "segment": "intersection over union with the mask, mean over resin, tissue and artefact",
    }
)
"""What a score is, in words. Higher is better, and 1 the most there is."""
NEEDED: Final[Mapping[PictureTask, Beside]] = MappingProxyType({"denoise": "take", "segment": "mask"})
"""What has to lie beside an image."""
CORRELATION: Final = "ring correlation with another take"
PSNR: Final = "dB over the clean picture"
LARGEST: Final = 1024
"""Pixels along a side that are looked at: of a larger image the middle."""
_CHOSEN_ON: Final = 12
"""Images that a setting is chosen with; of each its middle of so many pixels a side."""
_CHOSEN_SIDE: Final = 256

Floats = NDArray[np.float64]
Made = Callable[[NDArray[Any], float | None], NDArray[Any]]
"""A picture of an image and the side of its pixels; UsageError: it makes none of this one."""
Beat = Callable[[], object]


@dataclass(frozen=True, slots=True, eq=False)
class PictureScores:
    """How good one way's picture of each image is; NaN where there is none, or nothing is known."""

    score: Floats
    """What decides; `MEASURE` says what it is."""
    more: dict[str, Floats] = field(default_factory=dict)
    """What is shown beside it, by its name."""


def known_of(rows: Sequence[DatasetRow], task: PictureTask) -> NDArray[np.bool_]:
    """The rows that have beside them what tells good from bad."""
    return np.array([row.pair is None and row.besides(NEEDED[task]) is not None for row in rows], bool)


def picture_scores(
    rows: Sequence[DatasetRow],
    made: Mapping[str, Made],
    task: PictureTask,
    *,
    largest: int = LARGEST,
    beat: Beat | None = None,
) -> dict[str, PictureScores]:
    """How good each one's pictures are. UsageError where a file is not what it was.

    Args:
        rows: The images; each is opened once.
        made: Who makes pictures, by name.
        task: What they are to be.
        largest: Pixels along a side that are looked at.
        beat: Called after each picture.
    """
    known = known_of(rows, task)
    found = {name: [{} for _ in rows] for name in made}  # type: dict[str, list[dict[str, float]]]
    for number in np.flatnonzero(known).tolist():
        row = rows[number]
        pixels, info = image_of(row)
        image = part_of_array(pixels, largest)
        judged = _judges(row, task, pixels, info, largest)
        for name, makes in made.items():
            try:
                picture = makes(image, info.pixel_nm)
            except UsageError:
                continue
            found[name][number] = judged(picture)
            if beat is not None:
                beat()
    return {name: _columns(each) for name, each in found.items()}


def by_package(package: Package) -> Made:
    """A package as who makes pictures. UsageError where it makes none; ExtraMissing."""
    from mhfd.learning.inference.restoring import Restorer

    restorer = Restorer(package)
    return lambda pixels, pixel_nm: restorer.of(pixels, pixel_nm=pixel_nm).pixels


def by_way(way: ClassicalWay) -> Made:
    """A classical way as who makes pictures."""
    return lambda pixels, _: way.of(pixels)


def image_scores(rows: Sequence[DatasetRow], package: Package, *, beat: Beat | None = None) -> Floats:
    """How good a package's pictures of images are, by `MEASURE` of its task; NaN: nothing is known, or it makes none.

    Args:
        rows: The images.
        package: It was verified, and is for a task that makes pictures.
        beat: Called after each picture.
    """
    task: PictureTask = "segment" if package.card.task == "segment" else "denoise"
    return picture_scores(rows, {package.name: by_package(package)}, task, beat=beat)[package.name].score


def classical_scores(
    rows: Sequence[DatasetRow],
    *,
    task: PictureTask,
    chosen_on: Sequence[DatasetRow] | None = None,
    beat: Beat | None = None,
) -> tuple[str, Floats]:
    """The best classical way's name, and how good its pictures of images are.

    Args:
        rows: The images.
        task: What the pictures are to be.
        chosen_on: Images that way and setting are chosen with. None: with these themselves.
        beat: Called after each picture.
    """
    way, _ = best_ways(rows if chosen_on is None else chosen_on, task, beat=beat)[0]
    return way.name, picture_scores(rows, {way.name: by_way(way)}, task, beat=beat)[way.name].score


def best_ways(
    rows: Sequence[DatasetRow], task: PictureTask, *, beat: Beat | None = None
) -> list[tuple[ClassicalWay, float]]:
    """Of each kind of way the best setting and its mean score on some of these images; the best kind first."""
    ways = {way.name: way for way in classical_ways(task)}
    some = [row for row, known in zip(rows, known_of(rows, task), strict=True) if known]
    if not some:
        raise UsageError(nothing_known(task, len(rows)))
    some = some[:: max(1, -(-len(some) // _CHOSEN_ON))]
    side = LARGEST if task == "segment" else _CHOSEN_SIDE
    found = picture_scores(some, {name: by_way(way) for name, way in ways.items()}, task, largest=side, beat=beat)
    means = {name: float(np.nanmean(each.score)) for name, each in found.items()}
    best: dict[str, str] = {}
    for name, way in ways.items():
        if way.kind not in best or means[name] > means[best[way.kind]]:
            best[way.kind] = name
    return sorted(((ways[name], means[name]) for name in best.values()), key=lambda one: -one[1])


def nothing_known(task: PictureTask, images: int) -> str:
    """None of some images has what is needed, in words."""
    if task == "segment":
        return (
            f"dataset: none of {images} images has a mask beside it; draw some, as a.mask.png beside a.tif, or build "
            "one with --simulate N --masks"
        )
    return (
        f"dataset: none of {images} images has another take of its field beside it; take some fields twice, as "
        "a.take.tif beside a.tif, or build one with --simulate N --takes"
    )


def _judges(
    row: DatasetRow, task: PictureTask, pixels: NDArray[Any], info: Any, largest: int
) -> Callable[[NDArray[Any]], dict[str, float]]:
    """What is measured of a picture of an image."""
    beside = row.besides(NEEDED[task])
    assert beside is not None  # noqa: S101  `known_of` says so
    if task == "segment":
        mask = part_of_array(mask_of(beside, info), largest)
        return lambda picture: _overlapping(picture, mask)
    others = {"take": take_of(row, beside)}
    if (truth := row.besides("truth")) is not None:
        others["truth"] = take_of(row, truth)
    for what, other in others.items():
        if other.shape != pixels.shape or min(pixels.shape) < LEAST:
            raise UsageError(
                f"{row.path}: has {pixels.shape} pixels and its {what} {other.shape}; both show one field, pixel by "
                f"pixel, {LEAST} a side at least; take it out"
            )
    seen = {what: part_of_array(other, largest) for what, other in others.items()}
    return lambda picture: _foretelling(picture, seen)


def _foretelling(picture: NDArray[Any], seen: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    rings = rings_of(picture, seen["take"])
    found = {"": rings.agreement, CORRELATION: rings.mean_correlation}
    return found | ({PSNR: psnr(picture, seen["truth"])} if "truth" in seen else {})


def _overlapping(picture: NDArray[Any], mask: NDArray[Any]) -> dict[str, float]:
    found = overlaps(picture, mask)
    if not found:
        return {}
    return {"": sum(found.values()) / len(found), **{f"overlap of {name}": value for name, value in found.items()}}


def _columns(found: Sequence[Mapping[str, float]]) -> PictureScores:
    names = dict.fromkeys(name for one in found for name in one if name)
    columns = {name: np.array([one.get(name, np.nan) for one in found]) for name in ("", *names)}
    return PictureScores(columns.pop(""), columns)
