"""What networks are shown that give a picture or a map: parts of images, with another take of each, or with masks.

Parts are drawn at random, so images of several sizes are fine here; of a large image several are shown an epoch, each
an example of its own. Where no image has another take of its field, some pixels are hidden, each by one that lies
around it, and are to be told from what lies around them: the noise of a pixel says nothing of its neighbour's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.training import Copies
from mhfd.errors import UsageError
from mhfd.learning.dataset.besides import MASK_CLASSES, UNKNOWN, mask_of, places_of, take_of
from mhfd.learning.dataset.checking import counted, refuse_leaks
from mhfd.learning.dataset.copies import image_of, pixels_of
from mhfd.learning.dataset.rows import BesideImage, Dataset, DatasetRow, Side
from mhfd.learning.dataset.settling import settled
from mhfd.learning.preparation import NORMALISATION
from mhfd.learning.training.examples.altering import Copy
from mhfd.learning.training.examples.example import Example

RestoringLesson = Literal["denoise", "segment"]

PICTURE: Final = ("picture",)
HIDDEN: Final = 0.03
"""Of the pixels of a part, where there is no other take."""
_AROUND: Final = 2
"""Pixels from which another value is taken for a hidden one."""
_PART: Final = 64
"""Pixels a side of a part of a picture: far more than a network that takes noise away looks around."""
_LARGE_PART: Final = 256
"""The most of a part of which is to be told what its places show."""
_MOST_PARTS: Final = 8
_MASKS_READ: Final = 64
_PART_DRAWN, _HIDDEN_DRAWN = 66, 67  # from what names a copy
_AS_IT_IS: Final = 68  # where there is no copy: validation sees the same parts each time


@dataclass(frozen=True, eq=False)
class RestoringImages:
    """See `Examples`. It has no classes to balance."""

    rows: tuple[DatasetRow, ...]
    lesson: RestoringLesson
    part: int
    """Pixels a side of what is shown."""
    takes: bool
    """Of each there is another take; else pixels are hidden."""
    pixel_nm: tuple[float, float] | None
    digest: str
    notes: tuple[str, ...]
    parts: int
    """Of each image, an epoch."""
    channels: int = 1

    def __len__(self) -> int:
        return len(self.rows) * self.parts

    @property
    def says(self) -> tuple[str, ...]:
        """See `Examples`."""
        return PICTURE if self.lesson == "denoise" else MASK_CLASSES

    @property
    def groups(self) -> Sequence[str]:
        """See `Examples`."""
        return [row.group.key for row in self.rows for _ in range(self.parts)]

    @property
    def paths(self) -> Sequence[str]:
        """See `Examples`."""
        return [row.path for row in self.rows for _ in range(self.parts)]

    @property
    def classes(self) -> NDArray[np.float64]:
        """See `Examples`."""
        return np.full(len(self), np.nan)

    @property
    def side(self) -> tuple[int, int]:
        """See `Examples`."""
        return self.part, self.part

    def load(self, index: int, copy: Copy | None) -> Example:
        """See `Examples`. Nothing is turned by a quarter: scan lines stay scan lines."""
        row, number = self.rows[index // self.parts], index % self.parts
        lying = Copy(key=(number, _AS_IT_IS)) if copy is None else copy.upright()
        x, y = self._masked(row, lying) if self.lesson == "segment" else self._twice(row, lying, copy is None)
        return Example(x, y)

    def _masked(self, row: DatasetRow, copy: Copy) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels, info = image_of(row)
        x, mask = self._cut(row, [NORMALISATION.of(pixels)[0], mask_of(_beside(row, "mask"), info)], copy)
        return x[None].astype(np.float32), places_of(mask)

    def _twice(self, row: DatasetRow, copy: Copy, in_order: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels, _ = pixels_of(row)
        limits = NORMALISATION.limits_of(pixels)
        planes = [NORMALISATION.between(pixels, limits)]
        if self.takes:
            other = take_of(row, _beside(row, "take"))
            if other.shape != pixels.shape:
                raise UsageError(
                    f"{row.path}: has {pixels.shape} pixels, and its other take {other.shape}; take it out"
                )
            planes.append(NORMALISATION.between(other, limits))
        rng = np.random.default_rng([*copy.key, _HIDDEN_DRAWN])
        if self.takes and not in_order and rng.random() < 0.5:
            planes.reverse()  # each take is as good as the other
        parts = self._cut(row, planes, copy)
        x, y = parts if self.takes else hidden(parts[0], rng)
        return x[None], y[None]

    def _cut(self, row: DatasetRow, planes: Sequence[NDArray[Any]], copy: Copy) -> list[NDArray[Any]]:
        """The same part of each, altered alike."""
        spare = [side - self.part for side in planes[0].shape]
        if min(spare) < 0:
            height, width = planes[0].shape
            raise UsageError(
                f"{row.path}: {height} x {width} pixels are image, and parts of {self.part} are shown; take it out"
            )
        rng = np.random.default_rng([*copy.key, _PART_DRAWN])
        top, left = (int(rng.integers(one + 1)) for one in spare)
        return [copy.of(plane[top : top + self.part, left : left + self.part]) for plane in planes]


def hidden(part: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A part with some of its pixels exchanged for one around each, and what these were, NaN for all others."""
    height, width = part.shape
    chosen = rng.permutation(part.size)[: max(1, round(HIDDEN * part.size))]
    y, x = np.unravel_index(chosen, part.shape)
    side = 2 * _AROUND + 1
    around = rng.integers(0, side**2 - 1, len(chosen))
    around += around >= side**2 // 2  # never the pixel itself
    shown, wanted = part.copy(), np.full(part.shape, np.nan, np.float32)
    shown[y, x] = part[(y + around // side - _AROUND) % height, (x + around % side - _AROUND) % width]
    wanted[y, x] = part[y, x]
    return shown, wanted


def open_restoring(dataset: Dataset, lesson: RestoringLesson, *, multiple: int, copies: Copies) -> RestoringImages:
    """Of the training groups, what can be learned from. UsageError where that is nothing."""
    if copies not in ("none", "turns"):
        raise UsageError(
            f"copies: set {copies} is of whole images, and {lesson} is taught with parts; give turns or none"
        )
    refuse_leaks(dataset, pixels=False)
    rows = [row for row in settled(dataset.on(Side.TRAIN)).rows if row.pair is None]
    wanted: Literal["take", "mask"] = "take" if lesson == "denoise" else "mask"
    known = [row for row in rows if row.besides(wanted)]
    takes = lesson == "denoise" and bool(known)
    if lesson == "denoise" and not takes:
        known = [row for row in rows if row.parent is None]  # a copy's noise is not what a microscope makes
    if not known:
        raise UsageError(_nothing(lesson, len(rows)))
    if len({row.group.key for row in known}) < 2:
        raise UsageError(
            f"dataset: all {counted(len(known), 'image')} that can teach this are of one group, "
            f"{known[0].group.key!r}: what is learned of one cannot be validated on another; at least 2 are needed"
        )
    least = min(min(_size(path)) for row in known for path in _paths(row, takes))
    part = _part(lesson, least, multiple)
    pixel_nm = _seen(known)
    notes = (*_notes(lesson, rows, known, takes=takes),)
    if lesson == "segment":
        notes += tuple(_classes(known))
    parts = min(_MOST_PARTS, max(1, (least // part) ** 2))
    found = RestoringImages(tuple(known), lesson, part, takes, pixel_nm, dataset.digest, notes, parts)
    first = {row.group.key: number for number, row in reversed(list(enumerate(known)))}
    for number in first.values():
        found.load(number * parts, None)  # what is wrong with all of a group is said before anything is trained
    return found


def _paths(row: DatasetRow, takes: bool) -> Iterator[str]:
    yield row.path
    if takes:
        yield _beside(row, "take").path


def _beside(row: DatasetRow, what: Literal["take", "mask"]) -> BesideImage:
    found = row.besides(what)
    if found is None:
        raise UsageError(f"{row.path}: no {what} lies beside it any more; build the dataset again")
    return found


def _size(path: str) -> tuple[int, int]:
    try:
        return images.stored_size(path)
    except images.Flaw as flaw:
        raise UsageError(f"{path}: {flaw.detail}; take it out, or put the image back") from flaw


def _part(lesson: RestoringLesson, least: int, multiple: int) -> int:
    """As large as the smallest image lets it be, up to what is useful."""
    most = _PART if lesson == "denoise" else _LARGE_PART
    part = min(most, least) // multiple * multiple
    if part < _PART:
        shown = max(_PART, multiple)
        raise UsageError(
            f"dataset: its smallest image has {least} pixels a side, and parts of {shown} are shown; take it out"
        )
    return part


def _seen(rows: Sequence[DatasetRow]) -> tuple[float, float] | None:
    sizes = [row.pixel_nm for row in rows if row.pixel_nm is not None]
    return (min(sizes), max(sizes)) if sizes else None


def _nothing(lesson: RestoringLesson, rows: int) -> str:
    if lesson == "denoise":
        return "dataset: no image of its training groups; add some, and build it again"
    return (
        f"dataset: none of the {counted(rows, 'image')} of its training groups has a mask beside it; draw some, as "
        "a.mask.png beside a.tif, or build one with --simulate N --masks"
    )


def _classes(rows: Sequence[DatasetRow]) -> Iterator[str]:
    """What the masks show; UsageError where that is one thing alone."""
    every = max(1, len(rows) // _MASKS_READ)
    count: Counter[int] = Counter()
    for row in rows[::every]:
        values, times = np.unique(mask_of(_beside(row, "mask"), image_of(row)[1]), return_counts=True)
        count.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    count.pop(UNKNOWN, None)
    there = sorted(count)
    if len(there) < 2:
        only = MASK_CLASSES[there[0]] if there else "nothing that is known"
        raise UsageError(f"dataset: all masks of its training groups show {only} alone: there is nothing to tell apart")
    total = sum(count.values())
    yield "masks show " + ", ".join(f"{count[n] / total:.0%} {name}" for n, name in enumerate(MASK_CLASSES))


def _notes(
    lesson: RestoringLesson, rows: Sequence[DatasetRow], known: Sequence[DatasetRow], *, takes: bool
) -> Iterator[str]:
    if left := len(rows) - len(known):
        kind = "without a mask" if lesson == "segment" else "without another take" if takes else "made of others"
        yield f"left out: {counted(left, 'image')} {kind}"
    if lesson == "denoise":
        yield (
            "taught with another take of each field: what two takes have in common is kept"
            if takes
            else "taught without other takes, from what lies around hidden pixels: noise that reaches over pixels stays"
        )
        yield "a denoised image is for the eye: it is never scored"
