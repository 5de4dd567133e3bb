"""The images of a dataset's training groups, for the lessons focus and cause. The test's groups are not opened.

What is wrong with the dataset is said before anything is trained: labels first, then the header of every file, then one
image of each group. What only all pixels can tell ends the training in words.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.training import Copies, NetLesson
from mhfd.errors import UsageError
from mhfd.learning.dataset.checking import counted, refuse_leaks
from mhfd.learning.dataset.copies import LINED, pixels_of
from mhfd.learning.dataset.rows import Dataset, DatasetRow, ImageCause, Side
from mhfd.learning.dataset.settling import settled
from mhfd.learning.preparation import NORMALISATION, padded
from mhfd.learning.training.examples.altering import COPIES, STEP, Copy, inside
from mhfd.learning.training.examples.example import Example, float32

LEAST: Final = 64
"""Pixels along a side."""
_FEW_GROUPS: Final = 6
_FEW: Final = 10  # images of a class
_FOCUS: Final = ("bad", "radius_px", "sd")
_CAUSES: Final = tuple(cause.value for cause in ImageCause)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """See `Examples`."""

    rows: tuple[DatasetRow, ...]
    lesson: NetLesson
    multiple: int
    copies: Copies
    shape: tuple[int, int]
    """Of the part of each file that is image."""
    pixel_nm: tuple[float, float] | None
    digest: str
    notes: tuple[str, ...]
    channels: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def says(self) -> tuple[str, ...]:
        """See `Examples`."""
        return _FOCUS if self.lesson == "focus" else _CAUSES

    @cached_property
    def groups(self) -> Sequence[str]:
        """See `Examples`."""
        return [row.group.key for row in self.rows]

    @property
    def paths(self) -> Sequence[str]:
        """See `Examples`."""
        return [row.path for row in self.rows]

    @cached_property
    def classes(self) -> NDArray[np.float64]:
        """See `Examples`."""
        return np.array([_target(row, self.lesson)[0] for row in self.rows], np.float64)

    @property
    def side(self) -> tuple[int, int]:
        """See `Examples`."""
        return side_of(self.shape, self.multiple, self.copies)

    def load(self, index: int, copy: Copy | None) -> Example:
        """See `Examples`."""
        row = self.rows[index]
        pixels, _ = pixels_of(row)
        if pixels.shape != self.shape:
            raise UsageError(_another_shape(row.path, pixels.shape, self.shape))
        if copy is not None and self.copies == "turns" and not self._may_lie(row):
            copy = copy.upright()
        return Example(shown(pixels, copy, self.multiple, self.copies), _target(row, self.lesson))

    def _may_lie(self, row: DatasetRow) -> bool:
        """Whether it may be turned by an odd quarter: what follows the scan lines is then what no microscope does."""
        return self.shape[0] == self.shape[1] and row.target.cause not in LINED


def shown(pixels: NDArray[Any], copy: Copy | None, multiple: int, copies: Copies) -> NDArray[np.float32]:
    """An image, normalised, altered and padded; without a copy it is as validation shows it."""
    chosen = COPIES[copies][0] if copy is None else copy
    return padded(chosen.of(NORMALISATION.of(pixels)), multiple)


def side_of(shape: tuple[int, int], multiple: int, copies: Copies) -> tuple[int, int]:
    """What an image of that shape becomes, unless it is turned by a quarter."""
    height, width = (inside(shape),) * 2 if copies == "B" else shape
    return height + -height % multiple, width + -width % multiple


def may_be_cut(shape: tuple[int, int], copies: Copies) -> None:
    """UsageError where set B would leave too little of an image."""
    if copies == "B" and (side := inside(shape)) < LEAST:
        raise UsageError(
            f"copies: set B shows the middle {side} x {side} pixels of {shape[0]} x {shape[1]}, and {LEAST} a side are "
            "needed; take turns, or A"
        )


def open_labelled(dataset: Dataset, lesson: NetLesson, *, multiple: int, copies: Copies) -> LabelledImages:
    """Of the training groups, what can be learned from. UsageError where that is nothing, or not alike."""
    refuse_leaks(dataset, pixels=False)
    rows = [row for row in settled(dataset.on(Side.TRAIN)).rows if row.pair is None]
    labelled = [row for row in rows if np.isfinite(_target(row, lesson)).any()]
    _teachable(rows, labelled, lesson)
    known = _alike(labelled)
    shape, pixel_nm = _seen(known)
    may_be_cut(shape, copies)
    notes = [*_left_out(len(rows), len(labelled), len(known)), *_notes(known, lesson, shape, copies)]
    return LabelledImages(known, lesson, multiple, copies, shape, pixel_nm, dataset.digest, tuple(notes))


def sizes_of(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Height and width that the header of each file claims. UsageError: it cannot be read, or is too small.

    No pixel is decoded.
    """
    sizes = []
    for path in paths:
        try:
            size = images.stored_size(path)
        except images.Flaw as flaw:
            raise UsageError(f"{path}: {flaw.detail}; take it out, or put the image back") from flaw
        if min(size) < LEAST:
            raise UsageError(_too_small(path, size))
        sizes.append(size)
    return sizes


def one_size(paths: Sequence[str], sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """That of all files. UsageError names each size with its first file."""
    by_size: dict[tuple[int, int], list[str]] = defaultdict(list)
    for path, size in zip(paths, sizes, strict=True):
        by_size[size].append(path)
    if len(by_size) > 1:
        raise UsageError(_sizes(by_size))
    return next(iter(by_size))


def _alike(rows: Sequence[DatasetRow]) -> tuple[DatasetRow, ...]:
    """Without copies of another size, such as parts that were cut out: what is shown is altered when it is shown.

    UsageError where what was taken is of several sizes.
    """
    sizes = sizes_of([row.path for row in rows])
    taken = [at for at, row in enumerate(rows) if row.parent is None] or range(len(rows))
    size = one_size([rows[at].path for at in taken], [sizes[at] for at in taken])
    return tuple(row for row, its in zip(rows, sizes, strict=True) if its == size)


def _target(row: DatasetRow, lesson: NetLesson) -> NDArray[np.float32]:
    target = row.target
    if lesson == "cause":
        return float32(None if target.cause is None else _CAUSES.index(target.cause.value))
    radius = target.radius_px
    return float32(target.bad, None if radius is None else math.log1p(radius))


def _teachable(rows: Sequence[DatasetRow], known: Sequence[DatasetRow], lesson: NetLesson) -> None:
    """Whether labels can teach this, before a file is opened. UsageError."""
    groups = {row.group.key for row in rows}
    where = f"the {counted(len(groups), 'training group')}"
    what = "its cause" if lesson == "cause" else "whether it is bad"
    said = [(row, float(_target(row, lesson)[0])) for row in known]
    said = [(row, kind) for row, kind in said if math.isfinite(kind)]
    if not said:
        raise UsageError(f"dataset: of no image of {where} it says {what}; label some, and build it again")
    kinds = {kind for _, kind in said}
    if len(kinds) < 2:
        raise UsageError(
            f"dataset: all {len(said)} labelled images of {where} are {_name(kinds.pop(), lesson)}: there is nothing "
            "to tell apart; label some others, and build it again"
        )
    if len({row.group.key for row, _ in said}) < 2:
        raise UsageError(
            f"dataset: all {len(said)} labelled images for training are of one group, {said[0][0].group.key!r}: what "
            f"is learned of one cannot be validated on another; at least 2 are needed, {_FEW_GROUPS} are better"
        )


def _name(kind: float, lesson: NetLesson) -> str:
    return _CAUSES[int(kind)] if lesson == "cause" else ("good", "bad")[int(kind)]


def _seen(rows: Sequence[DatasetRow]) -> tuple[tuple[int, int], tuple[float, float] | None]:
    """The shape of what is image of the first of each group, which is read whole; and the pixels in nm of all."""
    firsts = {row.group.key: row for row in reversed(rows)}
    shapes: dict[tuple[int, int], list[str]] = defaultdict(list)
    pixels_nm = [row.pixel_nm for row in rows if row.pixel_nm is not None]
    for row in firsts.values():
        pixels, pixel_nm = pixels_of(row)
        shapes[pixels.shape[0], pixels.shape[1]].append(row.path)
        if row.pixel_nm is None and pixel_nm is not None:
            pixels_nm.append(pixel_nm)
    if len(shapes) > 1:
        raise UsageError(f"{_sizes(shapes)}. These are the sizes above a data bar")
    shape, (first, *_) = next(iter(shapes.items()))
    if min(shape) < LEAST:
        raise UsageError(_too_small(first, shape))
    return shape, (min(pixels_nm), max(pixels_nm)) if pixels_nm else None


def _sizes(sizes: Mapping[tuple[int, int], Sequence[str]]) -> str:
    each = sorted(sizes.items(), key=lambda one: -len(one[1]))
    said = ", ".join(f"{counted(len(paths), 'image')} of {size[0]} x {size[1]} ({paths[0]})" for size, paths in each)
    return (
        f"dataset: images of {len(sizes)} sizes, and a network is taught with images of one: {said}; train on the "
        "images of one size, in a dataset of their own"
    )


def _another_shape(path: str, shape: tuple[int, ...], others: tuple[int, int]) -> str:
    return (
        f"{path}: {shape[0]} x {shape[1]} of it are image, and {others[0]} x {others[1]} of the others: it has another "
        "data bar, or none; take it out, or crop all of them alike"
    )


def _too_small(path: str, size: tuple[int, int]) -> str:
    return f"{path}: {size[0]} x {size[1]} pixels are too few for a network; {LEAST} a side are needed: take it out"


def _left_out(rows: int, labelled: int, known: int) -> Iterator[str]:
    if labelled < rows:
        yield f"{rows - labelled} of {rows} training images have no label, and are left out"
    if known < labelled:
        yield f"{labelled - known} of {labelled} training images are copies of another size, and are left out"


def _notes(known: Sequence[DatasetRow], lesson: NetLesson, shape: tuple[int, int], copies: Copies) -> Iterator[str]:
    if (count := len({row.group.key for row in known})) < _FEW_GROUPS:
        yield f"{count} groups are few: what holds for them may hold for no other; {_FEW_GROUPS} or more are better"
    kinds = Counter(kind for row in known if math.isfinite(kind := float(_target(row, lesson)[0])))
    if few := [f"{number} {_name(kind, lesson)}" for kind, number in sorted(kinds.items()) if number < _FEW]:
        yield f"few of a kind: {', '.join(few)}; {_FEW} or more are better"
    if lesson == "cause" and (never := [name for at, name in enumerate(_CAUSES) if at not in kinds]):
        yield f"never seen, and so never said: {', '.join(never)}"
    if copies == "turns" and shape[0] != shape[1]:
        yield "the images are no squares: copies are turned by half, and mirrored, never by a quarter"
    if copies == "B":
        yield (
            f"set B shows the middle {inside(shape)} x {inside(shape)} pixels, and turning by {STEP} degrees smooths "
            "them: a network that judges sharpness is better taught with turns"
        )
