"""What is remembered of the images of a run, so that the next one can be judged: a table of small rows.

Levels are natural logarithms, so that a ratio is a difference and a constant factor changes nothing. A row holds
numbers only (about 200 bytes), because a run has tens of thousands. It decides nothing: see `baseline`, `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Cells, Finding, FocusReport
from mhfd.errors import UsageError
from mhfd_client.naming import Place

Levels = NDArray[np.float64]
"""One row a measure, one column a region; NaN where nothing could be measured."""

MEASURES: Final = ("density", "cross_spectrum")
DENSITY, RATIO = range(2)
REGIONS: Final = ("whole", "left", "right", "top", "bottom", "best")
WHOLE, BEST, SIDES = 0, 5, range(1, 5)
"""`best` is the quarter of the cells with the finest detail: what harms a part of the image spares it."""

T = TypeVar("T")
_LEAST: Final = (1e-6, 1e-6)  # below this, and for nothing at all, the logarithm of this
_TISSUE: Final = 0.9  # a cell with less of it says nothing about its side: at an edge of the tissue counts fall
_TEXTURED: Final = 0.5
_SATURATED: Final = 0.1  # ... nor does one with more of this: charging
_CELLS: Final = 4  # that a side must have


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


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What judging needs of one report."""

    place: Place
    like: Hashable
    """Images of different parameters or pixel sizes are never compared."""
    levels: Levels
    tissue_mpx: float
    scored: bool

    @classmethod
    def of(cls, report: FocusReport, place: Place) -> Measured:
        """The levels of a report: the whole image, and each side as the median of its usable cells."""
        image = report.image
        pixel = None if image.pixel_nm is None else round(math.log(image.pixel_nm), 2)
        levels = np.full((len(MEASURES), len(REGIONS)), np.nan)
        scored = report.finding is Finding.OK and report.density is not None
        area = 0.0
        if scored and image.shape is not None:
            area = image.shape[0] * image.shape[1] / 1e6 * (1.0 if report.tissue is None else report.tissue)
        if scored:
            levels[DENSITY, WHOLE] = _log(report.density, DENSITY)
            levels[RATIO, WHOLE] = _log(report.cross_spectrum, RATIO)
            if report.cells is not None and image.shape is not None:
                _sides(levels, report.cells, image.shape)
        return cls(place, (report.method.kind, report.params_id, pixel), levels, area, scored)


class History:
    """The images of a run, each by its key. Judging reads it and never changes it."""

    def __init__(self) -> None:
        self._row: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._places: list[Place] = []
        self._names: dict[Hashable, int] = {}
        self._size = 0
        self._levels = np.empty((64, len(MEASURES), len(REGIONS)))
        self._area = np.empty(64)  # megapixels of tissue
        self._facts = np.empty((64, 5), np.int64)  # section or -1, like, tile, state, label
        self._memory: dict[Hashable, object] = {}

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: Hashable) -> bool:
        return key in self._row

    def add(self, key: Hashable, measured: Measured, state: Standing = Standing.OPEN, label: Label = Label.NONE) -> int:
        """Remember an image; returns its row."""
        if key in self._row:
            raise UsageError(f"history: image {key!r} is already known; a new revision needs a key of its own")
        row = self._size
        if row == len(self._area):
            self._levels = np.concatenate([self._levels, np.empty_like(self._levels)])
            self._area = np.concatenate([self._area, np.empty_like(self._area)])
            self._facts = np.concatenate([self._facts, np.empty_like(self._facts)])
        place = measured.place
        section = -1 if place.section is None else place.section
        like, tile = self._number(("like", measured.like)), self._number(("tile", place.tile))
        self._levels[row] = measured.levels
        self._area[row] = measured.tissue_mpx
        self._facts[row] = section, like, tile, state if measured.scored else Standing.UNSCORED, label
        self._row[key] = row
        self._keys.append(key)
        self._places.append(place)
        self._size += 1
        self._memory.clear()
        return row

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
        like = next(name for name, n in self._names.items() if n == self.like[row])
        assert isinstance(like, tuple)  # noqa: S101  ("like", ...): see add
        scored = bool(self.state[row] != Standing.UNSCORED)
        return Measured(self._places[row], like[1], self.levels[row], float(self._area[row]), scored)

    def settle(self, row: int, state: Standing) -> None:
        """Remember what is thought of an image."""
        if Standing.UNSCORED in (state, self._facts[row, 3]):
            self._memory.clear()
        self._facts[row, 3] = state

    def hear(self, row: int, label: Label) -> None:
        """Remember what a person said about an image."""
        self._facts[row, 4] = label
        self._memory.clear()

    def remembered(self, what: Hashable, derive: Callable[[], T]) -> T:
        """What follows from which images are here, which are scored and what people said: derived once."""
        if what not in self._memory:
            self._memory[what] = derive()
        return cast("T", self._memory[what])

    def number(self, name: Hashable) -> int:
        """How a kind (`("like", ...)`) or a tile (`("tile", ...)`) is written in the table; -1: never seen."""
        return self._names.get(name, -1)

    def _number(self, name: Hashable) -> int:
        return self._names.setdefault(name, len(self._names))

    @property
    def levels(self) -> NDArray[np.float64]:
        """Of every row: measures, regions."""
        return self._levels[: self._size]

    @property
    def section(self) -> NDArray[np.int64]:
        """Of every row; -1 where it is unknown."""
        return self._facts[: self._size, 0]

    @property
    def like(self) -> NDArray[np.int64]:
        """Of every row: the number of its kind. Only images of one kind are compared."""
        return self._facts[: self._size, 1]

    @property
    def tile(self) -> NDArray[np.int64]:
        """Of every row: the number of its tile."""
        return self._facts[: self._size, 2]

    @property
    def state(self) -> NDArray[np.int64]:
        """Of every row: a `Standing`."""
        return self._facts[: self._size, 3]

    @property
    def label(self) -> NDArray[np.int64]:
        """Of every row: a `Label`."""
        return self._facts[: self._size, 4]


def _log(value: float | None, measure: int) -> float:
    return math.nan if value is None else math.log(max(value, _LEAST[measure]))


def _sides(levels: Levels, cells: Cells, shape: tuple[int, int]) -> None:
    """The four sides: the outer third of the cells, at least two deep, of those with tissue that is not saturated.

    Where much of the image is empty, the whole is that of its full cells, if it is more: at an edge of the tissue
    features are few, and an edge is no defocus.
    """
    grid = (cells.rows, cells.cols)
    tissue = np.array(cells.tissue, np.float64).reshape(grid)
    usable = (tissue >= _TISSUE) & (np.array(cells.saturated, np.float64).reshape(grid) <= _SATURATED)
    cell_mpx = shape[0] * shape[1] / (cells.rows * cells.cols) / 1e6
    dof = np.array([np.nan if v is None else v for v in cells.dof], np.float64).reshape(grid)
    ratio = np.array([np.nan if v is None else v for v in cells.cross_spectrum], np.float64).reshape(grid)
    values = (dof / (np.maximum(tissue, _TISSUE) * cell_mpx), ratio)
    full = usable & np.isfinite(dof)
    if tissue.mean() < _TISSUE and full.sum() >= _CELLS:
        inside = _log(float(dof[full].sum() / (tissue[full].sum() * cell_mpx)), DENSITY)
        levels[DENSITY, WHOLE] = max(levels[DENSITY, WHOLE], inside)
    textured = ratio[(tissue >= _TEXTURED) & np.isfinite(ratio)]
    if textured.size >= _CELLS:
        levels[RATIO, BEST] = _log(float(np.percentile(textured, 75)), RATIO)
    for region in SIDES:
        name = REGIONS[region]
        along = cells.cols if name in ("left", "right") else cells.rows
        deep = max(2, along // 3)
        if along < 2 * deep:
            continue
        part = slice(None, deep) if name in ("left", "top") else slice(along - deep, None)
        where = (slice(None), part) if name in ("left", "right") else (part, slice(None))
        for measure, value in enumerate(values):
            side, good = value[where], usable[where]
            good = good & np.isfinite(side)
            if good.sum() >= max(_CELLS, good.size / 2):
                levels[measure, region] = _log(float(np.median(side[good])), measure)
