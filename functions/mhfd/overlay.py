"""A picture of what was measured: the features on the image, and the density of its cells.

For people only; nothing is measured here. Two panels side by side, at most `max_side` pixels high or wide each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def draw(measured: Measurement, *, max_side: int = 1024) -> Pillow.Image:
    """Left: the image with a circle a feature, as large as its scale. Right: features a cell.

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

    right = Pillow.blend(left, heat(cells, left.size), 0.55)
    pen = ImageDraw.Draw(left)
    sigmas = scales.ladder(params)[features.scale]
    to_image_y, to_image_x = pixels.shape[0] / features.shape[0], pixels.shape[1] / features.shape[1]
    for y, x, t in zip(features.y.tolist(), features.x.tolist(), sigmas.tolist(), strict=True):
        radius = max(1.5, 1.4 * t * zoom * to_image_x)
        cx, cy = (x + 0.5) * to_image_x * zoom, (y + 0.5) * to_image_y * zoom
        colour = FINE if t < 3 else MIDDLE if t < 8 else COARSE
        pen.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), outline=colour)

    sheet = Pillow.new("RGB", (2 * size[0] + 8, size[1] + CAPTION), "white")
    sheet.paste(left, (0, CAPTION))
    sheet.paste(right, (size[0] + 8, CAPTION))
    text = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(11, min(16, size[0] // 40)))
    most = max((d for d in _density(cells).ravel().tolist() if d == d), default=0.0)
    for x, words in (
        (4, f"{len(features):,} features: t < 3 px blue, 3 to 8 yellow, 8 and more red"),
        (size[0] + 12, f"features a cell, dark 0 to bright {most:,.0f}; grey: no tissue"),
    ):
        text.text((x, 5), words, fill="black", font=font)
    return sheet


def heat(cells: Cells, size: tuple[int, int]) -> Pillow.Image:
    """The cells' dof as colours from dark blue to yellow; grey where there is nothing to measure."""
    values = _density(cells)
    known = np.isfinite(values)
    share = np.nan_to_num(values) / max(1.0, float(values[known].max()) if known.any() else 1.0)
    stops = np.array([[40, 10, 90], [40, 90, 150], [40, 165, 130], [130, 205, 75], [250, 230, 40]], float)
    at = share * (len(stops) - 1)
    low = np.minimum(at.astype(int), len(stops) - 2)
    colours = stops[low] + (stops[low + 1] - stops[low]) * (at - low)[..., None]
    colours[~known] = 128
    return Pillow.fromarray(colours.astype(np.uint8)).resize(size, Pillow.Resampling.NEAREST)


def _density(cells: Cells) -> NDArray[np.float64]:
    values = [np.nan if count is None else float(count) for count in cells.dof]
    return np.array(values).reshape(cells.rows, cells.cols)
