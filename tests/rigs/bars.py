"""Data bars as instruments draw them, below the image or over its last rows, in many styles."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Array = NDArray[Any]

_WORDS: Final = ("EHT = 5.00 kV", "WD = 4.9 mm", "Mag = 12.50 K X", "Signal A = InLens", "2.00 um", "Det: BSE")


@dataclass(frozen=True)
class Bar:
    """How one kind of instrument draws its bar. Grey values are parts of the range."""

    name: str
    rows: int = 60
    paper: float = 1
    ink: float = 0
    smooth: bool = True
    """Letters with grey edges."""
    frame: bool = False
    """A line of one pixel around the bar."""
    table: bool = False
    """Lines between its cells."""
    logo: bool = False
    part: float = 1
    """Of the width, from the left; the rest goes on as image."""
    below: int = 0
    """Rows of the image that go on below the bar."""
    lines: int = 2
    """Lines of text."""

    def drawn(self, width: int, *, seed: int = 0) -> Array:
        """The bar alone, 0 to 1."""
        paper, ink = round(self.paper * 255), round(self.ink * 255)
        picture = Image.new("L", (width, self.rows), paper)
        draw = ImageDraw.Draw(picture)
        draw.fontmode = "L" if self.smooth else "1"
        high = self.rows // self.lines
        font = ImageFont.load_default(max(7, int(high * 0.55)))
        words = np.random.default_rng(seed).permutation(np.array(_WORDS))
        columns = max(2, width // max(200, 5 * high))
        for line in range(self.lines):
            for column in range(columns):
                word = str(words[(line * columns + column) % len(words)])
                draw.text((8 + column * width // columns, line * high + high // 6), word, ink, font)
        if self.table:
            for column in range(1, columns):
                draw.line([(column * width // columns, 0), (column * width // columns, self.rows)], ink)
            for line in range(1, self.lines):
                draw.line([(0, line * high), (width, line * high)], (paper + ink) // 2)
        if self.logo:
            draw.rectangle([width - self.rows, 4, width - 8, self.rows - 5], (2 * paper + ink) // 3)
            draw.ellipse([width - self.rows + 6, 8, width - 16, self.rows - 9], ink)
        if self.frame:
            draw.rectangle([0, 0, width - 1, self.rows - 1], outline=ink)
        return np.asarray(picture) / 255


BARS: Final = (
    Bar("zeiss", 77, 1, 0, smooth=False, frame=True, logo=True, below=1),
    Bar("zeiss, old", 34, 1, 0, smooth=False, frame=True, below=1),
    Bar("black on white", 60),
    Bar("fei", 30, 0, 1, frame=True, table=True, logo=True),
    Bar("white on black, no frame", 64, 0, 1),
    Bar("tescan", 120, 0.376, 1, table=True, logo=True, lines=3),
    Bar("dark", 50, 0.12, 0.9, logo=True, lines=1),
    Bar("narrow", 60, 1, 0, part=0.7, frame=True),
    Bar("small letters", 22, 0, 1, lines=1),
    Bar("white letters on grey", 40, 0.5, 1, lines=1),
)


def with_bar(image: Array, bar: Bar, *, over: bool = False) -> tuple[Array, int]:
    """The image with the bar below it, or over its last rows; and the rows that are no longer image alone."""
    width = image.shape[1]
    most = np.iinfo(image.dtype).max
    columns = int(width * bar.part)
    drawn = np.round(bar.drawn(columns) * most).astype(image.dtype)
    rows = bar.rows + bar.below
    whole = image.copy() if over else np.vstack([image, image[:rows]])
    whole[len(whole) - rows : len(whole) - bar.below, :columns] = drawn
    return whole, rows


def jpeg(image: Array, quality: int = 85) -> Array:
    """What is left of 8-bit grey values after JPEG."""
    kept = io.BytesIO()
    Image.fromarray(image).save(kept, "jpeg", quality=quality)
    return np.asarray(Image.open(kept))
