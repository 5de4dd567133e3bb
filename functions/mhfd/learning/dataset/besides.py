"""What lies beside an image: another take of its field, a clean picture of it, and a mask; read, and what is wrong.

A clean picture (`truth`) has no noise and the same grey values: only a simulator has one. A mask is a picture of whole
numbers: 0 resin, 1 tissue, 2 artefact, 255 where nobody knows. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.dataset.copies import NotAnImage, image_of, pixels_of
from mhfd.learning.dataset.problems import DatasetProblem, ProblemKind
from mhfd.learning.dataset.rows import BesideImage, Dataset, DatasetRow

if TYPE_CHECKING:
    from mhfd.contract.focus_report import ImageInfo

MASK_CLASSES: Final = ("resin", "tissue", "artefact")
"""What a pixel may show, by the number in a mask."""
UNKNOWN: Final = 255
PLACE: Final = 8
"""Pixels a side of a place of a map."""
_SIDE: Final = 512
"""Pixels a side of the middle by which two takes are laid upon each other."""
_SMOOTH: Final = 2.0
"""Pixels by which both are smoothed first, so that it is the picture that is compared and not its noise."""
_ALIKE: Final = 0.2
"""Correlation below which two images show two fields."""
_UNSURE: Final = 0.5
"""In parts of what noise does: where another place is better by less, nobody can tell, and they lie as they lie."""
_FAR: Final = 16
"""Pixels: two takes that lie further apart are two fields to us."""


def take_of(row: DatasetRow, take: BesideImage) -> NDArray[Any]:
    """The pixels of the other take, or of the clean picture; NotAnImage where it is not what was there when built."""
    return pixels_of(row.model_copy(update={"sha256": take.sha256, "path": take.path, "pair": None, "beside": ()}))[0]


def mask_of(mask: BesideImage, image: ImageInfo) -> NDArray[np.uint8]:
    """What each pixel shows of the part of a file that is image; NotAnImage says what is wrong."""
    from mhfd.images import Flaw, formats, made, source
    from mhfd.limits import Limits

    limits = Limits()
    try:
        with source.opened(mask.path, limits=limits) as file:
            stored = formats.read(file, mask.path, source.beside(mask.path), limits=limits)
            if (how := made.by_mhfd(stored.fields)) is not None:
                raise NotAnImage(
                    f"{mask.path}: mhfd made this mask: {how}; a network is not taught and not judged by what a "
                    "network said: draw it, or correct it and save it anew"
                )
            if image.shape is None or (stored.height, stored.width) not in (image.shape, image.part_shape):
                raise NotAnImage(
                    f"{mask.path}: a mask of {stored.height} x {stored.width} pixels beside an image of "
                    f"{' x '.join(map(str, image.shape or ()))}; draw it as large as the image"
                )
            found = np.asarray(stored.decode().read(0, stored.height).pixels)
            sha256 = file.sha256
    except Flaw as flaw:
        raise NotAnImage(f"{mask.path}: {flaw.detail}; take it out, or put the mask back") from flaw
    if sha256 != mask.sha256:
        raise NotAnImage(f"{mask.path}: it is not the mask that was there: its bytes changed; build the dataset again")
    if found.shape != image.part_shape and image.box is not None:
        box = image.box
        found = found[box.top : box.bottom, box.left : box.right]
    values = [int(value) for value in np.unique(found) if value not in (*range(len(MASK_CLASSES)), UNKNOWN)]
    if values or found.dtype.kind not in "ui":
        numbers = ", ".join(f"{number} {name}" for number, name in enumerate(MASK_CLASSES))
        what = f"{values[0]} is no such number" if values else "it has no whole numbers"
        raise NotAnImage(f"{mask.path}: {what}; a mask has {numbers} and {UNKNOWN} where nobody knows")
    return found.astype(np.uint8)


def places_of(mask: NDArray[Any]) -> NDArray[np.float32]:
    """The number of what most of each place shows; NaN where less than half of it is known."""
    height, width = (side // PLACE for side in mask.shape)
    blocks = mask[: height * PLACE, : width * PLACE].reshape(height, PLACE, width, PLACE)
    counts = np.stack([(blocks == number).sum(axis=(1, 3)) for number in range(len(MASK_CLASSES))])
    most: NDArray[np.float32] = counts.argmax(axis=0).astype(np.float32)
    most[2 * counts.sum(axis=0) < PLACE**2] = np.nan
    return most


def beside_problems(dataset: Dataset, *, pixels: bool = True) -> Iterator[DatasetProblem]:
    """All that is wrong with takes and masks. `pixels`: they are read too."""
    for row in dataset.rows:
        take, mask = row.besides("take"), row.besides("mask")
        if take is not None and take.sha256 == row.sha256:
            yield _problem(
                ProblemKind.SAME_IMAGE, row, take, "are one image: another take has noise of its own; take it again"
            )
        elif take is not None and pixels:
            yield from _take_problems(row, take)
        if (truth := row.besides("truth")) is not None and pixels:
            yield from _take_problems(row, truth)
        if mask is not None and pixels:
            yield from _mask_problems(row, mask)


def _mask_problems(row: DatasetRow, mask: BesideImage) -> Iterator[DatasetProblem]:
    try:
        found = mask_of(mask, image_of(row)[1])
    except NotAnImage as error:
        if str(error).startswith(mask.path):  # of the row's own image it is said once
            yield DatasetProblem(kind=ProblemKind.MASK, sentence=str(error), paths=(row.path, mask.path))
        return
    if (found == UNKNOWN).all():
        says = "nothing in it is known; draw what the image shows, or take it out"
        yield DatasetProblem(kind=ProblemKind.MASK, sentence=f"{mask.path}: {says}", paths=(row.path, mask.path))


def _take_problems(row: DatasetRow, take: BesideImage) -> Iterator[DatasetProblem]:
    try:
        one, other = pixels_of(row)[0], take_of(row, take)
    except UsageError as error:
        if str(error).startswith(take.path):  # of the row's own image it is said once
            yield DatasetProblem(kind=ProblemKind.CHANGED, sentence=str(error), paths=(take.path,))
        return
    if one.shape != other.shape:
        says = f"have {one.shape} and {other.shape} pixels: both show one field, pixel by pixel"
        yield _problem(ProblemKind.SIZES_DIFFER, row, take, says)
        return
    apart, alike = laid_upon(one, other)
    if alike < _ALIKE or max(map(abs, apart)) > _FAR:
        yield _problem(ProblemKind.APART, row, take, "show two fields: another take is of the same one", alike)
    elif apart != (0, 0):
        down, right = apart
        says = f"lie {down} pixels down and {right} across from each other: lay them upon each other first"
        yield _problem(ProblemKind.APART, row, take, says, float(max(map(abs, apart))))


def laid_upon(one: NDArray[Any], other: NDArray[Any]) -> tuple[tuple[int, int], float]:
    """How many whole pixels down and across a picture lies from another, and how alike they are there."""
    from scipy.ndimage import gaussian_filter

    side = min(_SIDE, *one.shape)
    top, left = ((size - side) // 2 for size in one.shape)
    window = np.hanning(side)[:, None] * np.hanning(side)
    spectra = []
    for pixels in (one, other):
        some = gaussian_filter(pixels[top : top + side, left : left + side].astype(np.float64), _SMOOTH)
        some = (some - some.mean()) * window
        length = float(np.sqrt((some**2).sum()))
        if length <= 0:
            return (0, 0), 0.0
        spectra.append(np.fft.rfft2(some / length))
    found = np.fft.irfft2(spectra[0].conj() * spectra[1], s=(side, side))
    down, right = (int(at) for at in np.unravel_index(int(found.argmax()), found.shape))
    apart = tuple(at - side if at > side // 2 else at for at in (down, right))
    best, here = float(found.max()), float(found[0, 0])
    if best - here <= _UNSURE * _by_noise(best, float((window**2).sum()), apart[0] ** 2 + apart[1] ** 2):
        return (0, 0), here
    return (apart[0], apart[1]), best


def _by_noise(alike: float, pixels: float, far: int) -> float:
    """How much two places of a correlation differ by noise alone.

    Args:
        alike: How alike the two images are at best.
        pixels: So many are compared; as they were smoothed, several are one.
        far: From one place to the other, squared.
    """
    one = max(0.0, 1 - alike**2) / pixels * 4 * pi * _SMOOTH**2
    return float(np.sqrt(one * 2 * (1 - np.exp(-far / (4 * _SMOOTH**2)))))


def _problem(
    kind: ProblemKind, row: DatasetRow, beside: BesideImage, says: str, value: float | None = None
) -> DatasetProblem:
    paths = (row.path, beside.path)
    return DatasetProblem(kind=kind, sentence=f"{' and '.join(paths)} {says}", paths=paths, value=value)
