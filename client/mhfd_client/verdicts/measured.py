"""What judging needs of one report: levels, as logarithms, of the whole image and of its sides.

Levels are natural logarithms, so that a ratio is a difference and a constant factor changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION, meaning_of
from mhfd.contract.focus_report import Cells, Finding, FocusReport, Texture
from mhfd_client.naming import Place
from mhfd_client.verdicts.blur import spectrum
from mhfd_client.verdicts.blur.calibration import Calibration

Levels = NDArray[np.float64]
"""One row a measure, one column a region; NaN where nothing could be measured."""
Curve = NDArray[np.float64]
"""A report's texture in a row: a level for each band, then the floor, the unevenness and four directions."""
LENGTH: Final = 14
"""Of a curve."""

MEASURES: Final = ("density", "cross_spectrum")
DENSITY, RATIO = range(2)
REGIONS: Final = ("whole", "left", "right", "top", "bottom", "best")
WHOLE, BEST, SIDES = 0, 5, range(1, 5)
"""`best` is the quarter of the cells with the finest detail: what harms a part of the image spares it."""

_FIRST_BOXES: Final = ("crop", "Fibics", "FEI")  # what version 1 left out was found by these
_LEAST: Final = (1e-6, 1e-6)  # below this, and for nothing at all, the logarithm of this
_TISSUE: Final = 0.9  # a cell with less of it says nothing about its side: at an edge of the tissue counts fall
_TEXTURED: Final = 0.5
_SATURATED: Final = 0.1  # ... nor does one with more of this: charging
_CELLS: Final = 4  # that a side must have


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What judging needs of one report."""

    place: Place
    like: Hashable
    """Images of different parameters or pixel sizes are never compared; those of two versions of the method are."""
    sized: bool
    """The pixel size is known."""
    levels: Levels
    tissue_mpx: float
    scored: bool
    meaning: int = METHOD_VERSION
    """The version of the method that gave its cross-spectrum its meaning: see `comparable`."""
    curve: Curve | None = None
    """The texture, where only that can tell another pixel size."""
    profile: spectrum.Kept | None = None
    """What tells how much it is blurred."""
    calibration: Calibration | None = None
    """What says how far out of focus that is, where it holds for this image."""

    @classmethod
    def of(cls, report: FocusReport, place: Place, calibration: Calibration | None = None) -> Measured:
        """The levels of a report: the whole image, and each side as the median of its usable cells."""
        image = report.image
        pixel = None if image.pixel_nm is None else round(math.log(image.pixel_nm), 2)
        levels = np.full((len(MEASURES), len(REGIONS)), np.nan)
        scored = report.finding is Finding.OK and report.density is not None
        area = 0.0
        shape = image.part_shape
        if scored and shape is not None:
            area = shape[0] * shape[1] / 1e6 * (1.0 if report.tissue is None else report.tissue)
        if scored:
            levels[DENSITY, WHOLE] = _log(report.density, DENSITY)
            levels[RATIO, WHOLE] = _log(report.cross_spectrum, RATIO)
            if report.cells is not None and shape is not None:
                _sides(levels, report.cells, shape)
        curve = curve_of(report.texture) if scored and pixel is None else None
        profile = spectrum.kept(report.profile) if scored and report.profile is not None else None
        holds = calibration if calibration and calibration.why_not(image, report.params_id) is None else None
        version = report.params.version_of(report.params_id)
        made = report.params_id if version is None else (report.params.id, _barred(report, version))
        like = (report.method.kind, made, pixel)
        return cls(
            place,
            like,
            pixel is not None,
            levels,
            area,
            scored,
            meaning_of(version or METHOD_VERSION),
            curve,
            profile,
            holds,
        )


def _barred(report: FocusReport, version: int) -> bool:
    """Whether a data bar is left out that version 1 of the method measured with the image.

    Version 1 has nothing to say of that, and may have measured a bar: it is compared with images without one.
    """
    origin = str(report.image.tags.get("box_from", ""))
    return version == 2 or (version > 2 and report.image.box is not None and not origin.startswith(_FIRST_BOXES))


def comparable(levels: Levels, meanings: NDArray[np.integer[Any]], meaning: int) -> Levels:
    """Levels of images (the first axis) as one sees them whose cross-spectrum has this meaning: unknown in others'."""
    other = meanings != meaning
    if not other.any():
        return levels
    levels = levels.copy()
    levels[other, RATIO] = np.nan
    return levels


def median(levels: NDArray[np.float64]) -> Levels:
    """Over the first axis, of what is known; NaN where nothing is."""
    ordered = np.sort(levels, axis=0)  # NaN last
    known = len(levels) - np.isnan(levels).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, len(levels) - 1)[None], axis=0)[0]
    middle: Levels = np.where(known > 0, (low + high) / 2, np.nan)
    return middle


def _log(value: float | None, measure: int) -> float:
    return math.nan if value is None else math.log(max(value, _LEAST[measure]))


def curve_of(texture: Texture | None) -> Curve | None:
    """The numbers of a texture in a row."""
    if texture is None:
        return None
    return np.array([*texture.levels, texture.floor, texture.uneven, *texture.directions])


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
