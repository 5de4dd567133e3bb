"""A picture of what was measured: the features on the image, and the density of its cells.

For people only; nothing is measured here. Panels side by side, at most `max_side` pixels high or wide each: two, and
one more for each map that somebody else made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from mhfd import scales, stretch
from mhfd.errors import UsageError

if TYPE_CHECKING:
    from mhfd.contract.focus_report import Cells
    from mhfd.measure.measure import Measurement

# Few colours, told apart by the colour-blind too (Okabe and Ito): fine, middle, coarse features.
FINE, MIDDLE, COARSE = (86, 180, 233), (240, 228, 66), (213, 94, 0)
CAPTION = 26
_GAP: Final = 8


@dataclass(frozen=True, eq=False)
class PlacesMap:
    """Numbers from 0 to 1 of squares of an image, as a learned package gives them."""

    words: str
    values: NDArray[np.float64]
    """(rows, columns)"""
    grid: int
    """Pixels a side of a square; the last ones may lie over the edge."""
    origin: tuple[int, int] = (0, 0)
    """The row and column of the pixel where they begin: of a large image they may be of the middle."""


def draw(measured: Measurement, *, max_side: int = 1024, maps: Sequence[PlacesMap] = ()) -> Pillow.Image:
    """Left: the image with a circle a feature, as large as its scale. Then: features a cell. Then the maps.

    Only for an image whose finding is `ok`.
    """
    pixels, features, cells, params = measured.pixels, measured.features, measured.report.cells, measured.report.params
    if pixels is None or features is None or cells is None:
        raise UsageError(
            f"overlay: nothing was measured ({measured.report.finding.value}), so there is nothing to draw"
        )
    zoom = max_side / max(pixels.shape)
    lo, hi = stretch.limits(pixels, params)
    grey = Pillow.fromarray((stretch.apply(pixels, lo, hi, np.float32) * 255).astype(np.uint8))
    size = (max(1, round(pixels.shape[1] * zoom)), max(1, round(pixels.shape[0] * zoom)))
    left = grey.resize(size, Pillow.Resampling.LANCZOS if zoom < 1 else Pillow.Resampling.BICUBIC).convert("RGB")

    panels = [Pillow.blend(left, heat(cells, left.size), 0.55)]
    panels += [_mapped(left, one, zoom) for one in maps]
    pen = ImageDraw.Draw(left)
    sigmas = scales.ladder(params)[features.scale]
    to_image_y, to_image_x = pixels.shape[0] / features.shape[0], pixels.shape[1] / features.shape[1]
    for y, x, t in zip(features.y.tolist(), features.x.tolist(), sigmas.tolist(), strict=True):
        radius = max(1.5, 1.4 * t * zoom * to_image_x)
        cx, cy = (x + 0.5) * to_image_x * zoom, (y + 0.5) * to_image_y * zoom
        colour = FINE if t < 3 else MIDDLE if t < 8 else COARSE
        pen.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), outline=colour)

    step = size[0] + _GAP
    sheet = Pillow.new("RGB", (step * (1 + len(panels)) - _GAP, size[1] + CAPTION), "white")
    for number, panel in enumerate([left, *panels]):
        sheet.paste(panel, (number * step, CAPTION))
    text = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(11, min(16, size[0] // 40)))
    most = max((d for d in _density(cells).ravel().tolist() if d == d), default=0.0)
    for x, words in (
        (4, f"{len(features):,} features: t < 3 px blue, 3 to 8 yellow, 8 and more red"),
        (step + 4, f"features a cell, dark 0 to bright {most:,.0f}; grey: no tissue"),
        *((step * (2 + number) + 4, one.words) for number, one in enumerate(maps)),
    ):
        text.text((x, 5), words, fill="black", font=font)
    return sheet


def heat(cells: Cells, size: tuple[int, int]) -> Pillow.Image:
    """The cells' dof as colours from dark blue to yellow; grey where there is nothing to measure."""
    values = _density(cells)
    known = np.isfinite(values)
    share = np.nan_to_num(values) / max(1.0, float(values[known].max()) if known.any() else 1.0)
    colours = _colours(share)
    colours[~known] = 128
    return Pillow.fromarray(colours).resize(size, Pillow.Resampling.NEAREST)


def _mapped(image: Pillow.Image, one: PlacesMap, zoom: float) -> Pillow.Image:
    """The image below a map; grey where the map says nothing."""
    rows, columns = one.values.shape
    sides = max(1, round(columns * one.grid * zoom)), max(1, round(rows * one.grid * zoom))
    places = Pillow.fromarray(_colours(np.clip(one.values, 0, 1))).resize(sides, Pillow.Resampling.NEAREST)
    under = Pillow.new("RGB", image.size, (128, 128, 128))
    under.paste(places, (round(one.origin[1] * zoom), round(one.origin[0] * zoom)))
    return Pillow.blend(image, under, 0.55)


def _colours(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    """From dark blue at 0 to yellow at 1."""
    stops = np.array([[40, 10, 90], [40, 90, 150], [40, 165, 130], [130, 205, 75], [250, 230, 40]], float)
    at = share * (len(stops) - 1)
    low = np.minimum(at.astype(int), len(stops) - 2)
    return np.asarray(stops[low] + (stops[low + 1] - stops[low]) * (at - low)[..., None], np.uint8)


def _density(cells: Cells) -> NDArray[np.float64]:
    values = [np.nan if count is None else float(count) for count in cells.dof]
    return np.array(values).reshape(cells.rows, cells.cols)
