"""What is remembered of the images of a run, so that the next one can be judged: a table of small rows.

A row holds numbers only (about 750 bytes), because a run has tens of thousands. It decides nothing: see `baseline`,
`verdict`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd_client.naming import Place
from mhfd_client.verdicts.blur.calibration import Calibration
from mhfd_client.verdicts.blur.spectrum import HIDDEN, KEPT, Spectrum
from mhfd_client.verdicts.history.kinds import Kinds
from mhfd_client.verdicts.history.line import Line, Rows
from mhfd_client.verdicts.history.magnification import Looks
from mhfd_client.verdicts.measured import LENGTH, MEASURES, REGIONS, Levels, Measured, comparable

T = TypeVar("T")
Numbers = NDArray[np.integer[Any]]
_COLUMNS: Final = (
    "_levels",
    "_curve",
    "_profile",
    "_calibrated",
    "_area",
    "_section",
    "_order",
    "_like",
    "_tile",
    "_meaning",
)
_MANY: Final = 1000  # images: with so many, a hundredth more of them changes little of what follows from all


class Standing(IntEnum):
    """What is thought of an image now."""

    UNSCORED = 0  # a finding: it says nothing about focus
    OPEN = 1  # not decided
    IN_FOCUS = 2
    OUT_OF_FOCUS = 3


class Label(IntEnum):
    """What a person said about an image."""

    NONE = 0
    SHARP = 1
    BLURRED = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """Images that are compared with each other, and with no others."""

    like: Hashable
    sized: bool
    """Their pixel size is known."""
    number: int = 0
    """Where it is not: the images of one pixel size among these, as far as that can be seen."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """How many images one is not compared with, and why."""

    magnified: int
    """Neither's pixel size is known, and they differ as magnifications do."""
    sized: int
    """Their pixel sizes are known."""
    unsized: int
    """Their pixel sizes are unknown."""


class History:
    """The images of a run, each by its key. Judging reads it and never changes it."""

    def __init__(self, calibration: Calibration | None = None) -> None:
        self.calibration = calibration
        self._row: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._places: list[Place] = []
        self._numbers: dict[Hashable, int] = {}
        self._names: list[Hashable] = []
        self._size = 0
        self._levels = np.empty((64, len(MEASURES), len(REGIONS)))
        self._curve = np.empty((64, LENGTH), np.float32)
        self._profile = np.empty((64, KEPT), np.int16)
        self._calibrated = np.empty(64, np.bool_)
        self._area = np.empty(64)  # megapixels of tissue
        self._section = np.empty(64, np.int64)
        self._order = np.empty(64, np.int64)
        self._like = np.empty(64, np.int32)
        self._tile = np.empty(64, np.int32)
        self._meaning = np.empty(64, np.int8)
        self._state = np.empty(64, np.int8)
        self._label = np.empty(64, np.int8)
        self._kinds: dict[Hashable, Kinds] = {}  # of the images whose pixel size is unknown
        self._lines: dict[tuple[int, int | None, bool], Line] = {}
        self._labelled: dict[int, None] = {}
        self._memory: dict[Hashable, object] = {}
        self._remembered_at = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: Hashable) -> bool:
        return key in self._row

    def add(
        self,
        key: Hashable,
        measured: Measured,
        state: Standing = Standing.OPEN,
        label: Label = Label.NONE,
        *,
        order: int | None = None,
    ) -> int:
        """Remember an image; returns its row. `order`: see there; unset: as they are added."""
        if key in self._row:
            raise UsageError(f"history: image {key!r} is already known; a new revision needs a key of its own")
        row = self._size
        if row == len(self._area):
            for name in (*_COLUMNS, "_state", "_label"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.empty_like(column)]))
        place = measured.place
        kind, tile = self._kind(measured), self._number(("tile", place.tile))
        like = self._number(kind)
        self._levels[row] = measured.levels
        self._curve[row] = np.nan if measured.curve is None else measured.curve
        self._profile[row] = HIDDEN if measured.profile is None else measured.profile
        self._calibrated[row] = measured.calibration is not None
        self._area[row] = measured.tissue_mpx
        self._section[row] = -1 if place.section is None else place.section
        self._order[row] = row if order is None else order
        self._like[row], self._tile[row] = like, tile
        self._meaning[row] = measured.meaning
        self._state[row] = state if measured.scored else Standing.UNSCORED
        self._label[row] = label
        self._row[key] = row
        self._keys.append(key)
        self._places.append(place)
        self._size += 1
        if measured.curve is not None:
            kinds = self._kinds.setdefault(measured.like, Kinds())
            kinds.take(Looks.of(measured, measured.curve), place.tile, kind.number)
        if label is not Label.NONE:
            self._labelled[row] = None
        if measured.scored:
            self._line_up(row)
        if label is not Label.NONE or row < _MANY or row > 1.01 * self._remembered_at:
            self.forget()
        return row

    def _kind(self, measured: Measured) -> Kind:
        kinds = self._kinds.get(measured.like)
        if measured.curve is None or kinds is None:
            return Kind(measured.like, measured.sized)
        number = kinds.find(Looks.of(measured, measured.curve), measured.place.tile)
        return Kind(measured.like, measured.sized, number)

    def row(self, key: Hashable) -> int:
        """The row of an image."""
        try:
            return self._row[key]
        except KeyError:
            raise UsageError(f"history: there is no image {key!r}; give the key that it was added with") from None

    def key(self, row: int) -> Hashable:
        """The key that a row was added with."""
        return self._keys[row]

    def place(self, row: int) -> Place:
        """Where a row's image belongs."""
        return self._places[row]

    def measured(self, row: int) -> Measured:
        """The row as it was added."""
        kind = self._names[self._like[row]]
        assert isinstance(kind, Kind)  # noqa: S101  as `add` wrote it
        scored = bool(self._state[row] != Standing.UNSCORED)
        curve = None if np.isnan(self._curve[row, 0]) else self._curve[row]
        profile = self._profile[row] if self._profiled(row) else None
        area, meaning = float(self._area[row]), int(self._meaning[row])
        numbers = (self._levels[row], area, scored, meaning, curve, profile)
        calibration = self.calibration if self._calibrated[row] else None
        return Measured(self._places[row], kind.like, kind.sized, *numbers, calibration)

    def levels_for(self, measured: Measured, rows: Rows | list[int]) -> Levels:
        """Of these rows, what an image's own levels may be compared with: see `measured.comparable`."""
        return comparable(self._levels[rows], self._meaning[rows], measured.meaning)

    def spectra(self, rows: Rows) -> Spectrum:
        """The profiles of those of these rows that have one."""
        return Spectrum.of(self._profile[rows[self._profiled(rows)]])

    def _profiled(self, rows: Rows | int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self._profile[rows] != HIDDEN).any(axis=-1)
        return found

    def settle(self, row: int, state: Standing) -> None:
        """Remember what is thought of an image."""
        if Standing.UNSCORED in (state, self._state[row]):
            self.forget()
        self._state[row] = state

    def hear(self, row: int, label: Label) -> None:
        """Remember what a person said about an image."""
        self._label[row] = label
        self._labelled[row] = None
        if label is Label.NONE:
            del self._labelled[row]
        self.forget()

    def remembered(self, what: Hashable, derive: Callable[[], T]) -> T:
        """What follows from which images are here, which are scored and what people said: derived once.

        Of a long run it may be derived a little late: when a hundredth more images have come, or `forget` was called.
        """
        if what not in self._memory:
            self._memory[what] = derive()
        return cast("T", self._memory[what])

    def forget(self) -> None:
        """What is `remembered` is derived anew."""
        self._memory.clear()
        self._remembered_at = self._size

    def think(self, states: NDArray[np.int8]) -> None:
        """Remember what is thought of all images."""
        self._state[: self._size] = states

    @contextmanager
    def supposing(self, states: NDArray[np.int8]) -> Iterator[None]:
        """Inside, these are what is thought of the images."""
        own, self._state = self._state, states
        try:
            yield
        finally:
            self._state = own

    def beside(self) -> History:
        """A history of the same images, in which other things may be thought and said of them. For no new images."""
        other = copy(self)
        other._state, other._label = self._state.copy(), self._label.copy()  # noqa: SLF001 - it is one of these
        other._labelled, other._memory = dict(self._labelled), dict(self._memory)  # noqa: SLF001
        return other

    def line(self, like: int, tile: int | None, *, sections: bool) -> Line:
        """The scored images of a kind and a tile (None: of all tiles), those with sections or those without."""
        return self._lines.get((like, tile, sections)) or Line()

    def _line_up(self, row: int) -> None:
        section = int(self._section[row])
        for tile in (int(self._tile[row]), None):
            line = self._lines.setdefault((int(self._like[row]), tile, section >= 0), Line())
            line.add(section if section >= 0 else int(self._order[row]), row)

    def labelled(self, label: Label, like: int, tile: int | None = None) -> Rows:
        """The scored images of a kind and a tile (None: of all) that a person called this."""

        def derive() -> Rows:
            rows: Rows = np.array(list(self._labelled), np.intp)
            rows = rows[(self._label[rows] == label) & (self._state[rows] != Standing.UNSCORED)]
            rows = rows[self._like[rows] == like]
            found: Rows = rows if tile is None else rows[self._tile[rows] == tile]
            return found

        return self.remembered(("labelled", label, like, tile), derive)

    def labels_of(self, tile: int) -> frozenset[int]:
        """What people said of any image of a tile."""
        return self.remembered(
            ("labels", tile), lambda: frozenset(int(self._label[r]) for r in self._labelled if self._tile[r] == tile)
        )

    def kind(self, measured: Measured) -> int:
        """The number of the kind that an image would be of; -1: there is none like it yet."""
        return self.number(self._kind(measured))

    def unlike(self, measured: Measured, like: int) -> Unlike:
        """How many scored images this one, of a kind, is not compared with."""
        magnified = sized = unsized = 0
        for name, number in self._numbers.items():
            if isinstance(name, Kind) and number != like:
                rows = np.concatenate([self.line(number, None, sections=s).rows for s in (True, False)])
                count = int((self._state[rows] != Standing.UNSCORED).sum())
                sized += count * name.sized
                unsized += count * (not name.sized)
                magnified += count * (name.like == measured.like)
        return Unlike(magnified, sized, unsized)

    def regroup(self, found: dict[int, Kind], kinds: dict[Hashable, Kinds]) -> None:
        """These rows are of these kinds from now on; and those are the kinds that new images are compared with."""
        self._kinds = kinds
        rows = np.array(list(found), np.intp)
        numbers = np.array([self._number(kind) for kind in found.values()], np.int32)
        if (self._like[rows] == numbers).all():
            return
        old = set(np.unique(self._like[rows]).tolist()) | set(np.unique(numbers).tolist())
        self._like = self._like.copy()
        self._like[rows] = numbers
        self._lines = {name: line for name, line in self._lines.items() if name[0] not in old}
        scored = self._state[: self._size] != Standing.UNSCORED
        for row in np.flatnonzero(np.isin(self.like, list(old)) & scored).tolist():
            self._line_up(row)
        self.forget()

    def number(self, name: Hashable) -> int:
        """How a `Kind` or a tile (`("tile", ...)`) is written in the table; -1: never seen."""
        return self._numbers.get(name, -1)

    def _number(self, name: Hashable) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]

    @property
    def levels(self) -> NDArray[np.float64]:
        """Of every row: measures, regions."""
        return self._levels[: self._size]

    @property
    def curve(self) -> NDArray[np.float32]:
        """Of every row: the texture, where only that can tell another pixel size; else NaN."""
        return self._curve[: self._size]

    @property
    def section(self) -> NDArray[np.int64]:
        """Of every row; -1 where it is unknown."""
        return self._section[: self._size]

    @property
    def order(self) -> NDArray[np.int64]:
        """Of every row: a number that says which images without a section lie near each other."""
        return self._order[: self._size]

    @property
    def like(self) -> Numbers:
        """Of every row: the number of its kind. Only images of one kind are compared."""
        return self._like[: self._size]

    @property
    def tile(self) -> Numbers:
        """Of every row: the number of its tile."""
        return self._tile[: self._size]

    @property
    def state(self) -> NDArray[np.int8]:
        """Of every row: a `Standing`."""
        return self._state[: self._size]

    @property
    def label(self) -> NDArray[np.int8]:
        """Of every row: a `Label`."""
        return self._label[: self._size]
