"""A folder laid out as the image set BBBC021 is: fields of three channels, to be told apart by what a compound does.

A group is a compound, so validation is on compounds that were not taught; of the neutral cells it is a plate. Tried on
made-up plates only: not run on BBBC021, and no accuracy on it is claimed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.training import Copies
from mhfd.errors import UsageError
from mhfd.learning.dataset.checking import counted
from mhfd.learning.training.examples.altering import Copy
from mhfd.learning.training.examples.example import Example, float32
from mhfd.learning.training.examples.labelled import may_be_cut, one_size, shown, side_of, sizes_of
from mhfd.learning.training.examples.plate_tables import (
    ACTION_TABLE,
    CHANNELS,
    IMAGE_TABLE,
    NEUTRAL,
    PlateField,
    read_actions,
    read_fields,
)

_BELOW: Final = ("", "images")
"""Folders that plates may lie in, below the one that is named."""


def is_plates(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / IMAGE_TABLE).is_file()


@dataclass(frozen=True, eq=False)
class PlateImages:
    """See `Examples`."""

    fields: tuple[PlateField, ...]
    files: tuple[tuple[Path, ...], ...]
    """Of each field, a channel each."""
    actions: tuple[str, ...]
    """Of each field."""
    says: tuple[str, ...]
    shape: tuple[int, int]
    multiple: int
    copies: Copies
    digest: str
    notes: tuple[str, ...]
    channels: int = len(CHANNELS)
    pixel_nm: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def groups(self) -> Sequence[str]:
        """See `Examples`."""
        return [f"{NEUTRAL} on {one.plate}" if one.is_neutral else one.compound for one in self.fields]

    @property
    def paths(self) -> Sequence[str]:
        """See `Examples`."""
        return [str(channels[0]) for channels in self.files]

    @property
    def classes(self) -> NDArray[np.float64]:
        """See `Examples`."""
        place = {name: float(number) for number, name in enumerate(self.says)}
        return np.array([place[action] for action in self.actions])

    @property
    def side(self) -> tuple[int, int]:
        """See `Examples`."""
        return side_of(self.shape, self.multiple, self.copies)

    def load(self, index: int, copy: Copy | None) -> Example:
        """See `Examples`."""
        planes = np.stack([self._plane(path) for path in self.files[index]])
        if copy is not None and self.copies == "turns" and self.shape[0] != self.shape[1]:
            copy = copy.upright()
        return Example(shown(planes, copy, self.multiple, self.copies), float32(self.says.index(self.actions[index])))

    def _plane(self, path: Path) -> NDArray[np.float32]:
        try:
            pixels = images.stored_pixels(path)
        except images.Flaw as flaw:
            raise UsageError(f"{path}: {flaw.detail}; put the image back") from flaw
        if pixels.shape != self.shape:
            raise UsageError(f"{path}: it was {self.shape[0]} x {self.shape[1]} pixels when the training began")
        return pixels.astype(np.float32)


def open_plates(folder: Path, *, multiple: int, copies: Copies) -> PlateImages:
    """Fields of which the mechanism is known, and the neutral ones beside them. UsageError where that is nothing.

    Plates that are not there are left out: the set comes in 55 parts. A file that lacks in one that is, is refused.
    """
    fields, actions = list(read_fields(folder)), read_actions(folder)
    if not fields:
        raise UsageError(f"{folder / IMAGE_TABLE}: it lists no image; put back the table")
    folders = {path.parent: _found(folder, path.parent) for field in fields for path in field.files}
    there = [field for field in fields if all(folders[path.parent] is not None for path in field.files)]
    if not there:
        wanted = fields[0].files[0].parent
        raise UsageError(f"{folder}: no plate of {IMAGE_TABLE} is here, as {wanted} would be; unpack one or more")
    named = {field.treatment: actions.get(field.treatment) for field in there if not field.is_neutral}
    plates = {field.plate for field in there if named.get(field.treatment) is not None}
    chosen = [field for field in there if (field.plate in plates if field.is_neutral else named[field.treatment])]
    said = tuple(NEUTRAL if field.is_neutral else str(named[field.treatment]) for field in chosen)
    _teachable(folder, chosen, said)
    files = tuple(tuple(_file(folder, field, folders, path) for path in field.files) for field in chosen)
    paths = [str(path) for channels in files for path in channels]
    shape = one_size(paths, sizes_of(paths))
    may_be_cut(shape, copies)
    return PlateImages(
        fields=tuple(chosen),
        files=files,
        actions=said,
        says=tuple(sorted(set(said))),
        shape=shape,
        multiple=multiple,
        copies=copies,
        digest=_digest(chosen, said, files),
        notes=tuple(_notes(fields, there, chosen, said, shape, copies)),
    )


def _found(folder: Path, plate: PurePosixPath) -> Path | None:
    """Where a plate lies: as the table says, or by its own name alone."""
    candidates = (folder / below / name for below in _BELOW for name in (plate, plate.name))
    return next((one for one in candidates if one.is_dir()), None)


def _file(folder: Path, field: PlateField, folders: Mapping[PurePosixPath, Path | None], path: PurePosixPath) -> Path:
    where = folders[path.parent]
    if where is None or not (where / path.name).is_file():
        raise UsageError(
            f"{folder / IMAGE_TABLE}, line {field.line}: image {path.name!r} is not in {where}; put it back, or take "
            "the line out"
        )
    return where / path.name


def _teachable(folder: Path, chosen: Sequence[PlateField], said: Sequence[str]) -> None:
    treated = {action for field, action in zip(chosen, said, strict=True) if not field.is_neutral}
    if not treated:
        raise UsageError(
            f"{folder / ACTION_TABLE}: it names no mechanism of a compound at a concentration that is on the plates "
            "here; unpack others"
        )
    if len(set(said)) < 2:
        raise UsageError(
            f"{folder}: all {len(said)} fields are {said[0]}: there is nothing to tell apart; unpack others"
        )


def _digest(chosen: Sequence[PlateField], said: Sequence[str], files: Sequence[Sequence[Path]]) -> str:
    """Of names, what is said of them, and lengths of files: their bytes are not hashed, they are some 100 GB."""
    lines = [
        [*map(str, field.files), field.plate, *field.treatment, action, *(path.stat().st_size for path in channels)]
        for field, action, channels in zip(chosen, said, files, strict=True)
    ]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _notes(
    fields: Sequence[PlateField],
    there: Sequence[PlateField],
    chosen: Sequence[PlateField],
    said: Sequence[str],
    shape: tuple[int, int],
    copies: Copies,
) -> Iterator[str]:
    yield "a reader of BBBC021's layout, tried on made-up plates: not run on BBBC021"
    all_plates, plates = ({field.plate for field in some} for some in (fields, there))
    if len(plates) < len(all_plates):
        yield f"{counted(len(plates), 'plate')} of {len(all_plates)} are here"
    if left := len(there) - len(chosen):
        yield f"{left} of {len(there)} fields are left out: the table names no mechanism of their treatment"
    groups = Counter(action for action, _ in {(action, one.compound) for one, action in zip(chosen, said, strict=True)})
    if lone := sorted(action for action, count in groups.items() if count == 1 and action != NEUTRAL):
        yield f"of one compound, so taught or validated, never both: {', '.join(lone)}"
    if copies == "turns" and shape[0] != shape[1]:
        yield "the images are no squares: copies are turned by half, and mirrored, never by a quarter"
    yield "the bytes of the images are not hashed, as those of a dataset are: their names and lengths are"
