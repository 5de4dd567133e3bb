"""What an instrument wrote about an image, and from where it was read: the values that all instruments share.

Tags are claims. A unit is obeyed or the value is unknown (None); what makes no sense is left out with a note and never
fails an image. The first source that knows a value is believed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from mhfd.contract.focus_report import Box, Finding
from mhfd.contract.params import Crop
from mhfd.images.flaw import Flaw
from mhfd.images.formats.ifd import Fields
from mhfd.images.formats.stored import Known
from mhfd.images.integrity import MIN_SIDE
from mhfd.images.source import printable

METRES: Final = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "nm": 1e-9,
    "å": 1e-10,
    "pm": 1e-12,
    "fm": 1e-15,
}
SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "ps": 1e-12}
MAX_TEXT: Final = 256 << 10
"""Bytes that are read of what an instrument wrote."""
# ASCII only, and nothing that `float` would take besides: no `nan`, no `1_000`, no digits of other alphabets.
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Header:
    """What an instrument's reader may look at: never the pixels."""

    height: int
    width: int
    path: str
    beside: Callable[[str], bytes]
    """The content of a file of that name in the same folder; nothing where there is none."""
    fields: Fields | None = None
    """The tags of a TIFF; None: the file is none."""
    known: Known | None = None
    """What its format says by itself."""

    def tag(self, code: int, limit: int = MAX_TEXT) -> bytes | None:
        """What a tag holds, up to its first NUL; None where there is none."""
        return None if self.fields is None else self.fields.text(code, limit)

    def content(self, code: int, limit: int = MAX_TEXT) -> bytes | None:
        """All that a tag holds; None where there is none."""
        return None if self.fields is None else self.fields.content(code, limit)

    def numbers(self, code: int) -> list[float]:
        """The numbers that a tag holds, fractions too, 16 at most; none where there are none."""
        return [] if self.fields is None else self.fields.numbers(code, 16)

    def side_file(self, *endings: str) -> tuple[str, bytes] | None:
        """The name, printable, of the file that has the image's name with this ending, as `.txt`, and what it holds.

        For `a.tif` these are, in this order, `a.txt`, `a.tif.txt` and `a-tif.txt`, each with its ending, and the kind
        of the image, in capitals too. One that is empty is none.
        """
        image = PurePath(self.path)
        kind = image.suffix.removeprefix(".")
        stems = (image.stem, image.name, *(f"{image.stem}-{each}" for each in (kind, kind.lower(), kind.upper())))
        for ending in endings:
            for name in dict.fromkeys(stem + each for stem in stems for each in (ending, ending.upper())):
                if content := self.beside(name):
                    return printable(name), content
        return None


@dataclass(slots=True)
class Written:
    """What could be understood. Unknown is None."""

    box: Box | None = None
    pixel_nm: float | None = None
    focus_m: float | None = None
    dwell_ns: float | None = None
    stage_um: tuple[float, float] | None = None
    extra: dict[str, str | float | int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    may_have_bar: bool = False
    """The instrument is known to draw a data bar below its images, and wrote not where: the pixels are asked."""
    marker_px: float | None = None
    """How many pixels of the file a scale bar has, where the instrument may have drawn one over the image itself."""
    above_bar: bool = False
    """The box ends where a data bar begins."""
    origins: dict[str, str] = field(default_factory=dict)
    """Where `box`, `pixel`, `focus`, `dwell` and `stage` were read: the instrument, and the name in its tag or file."""

    def pixel(self, metres: float | None, origin: str) -> None:
        """The side of a pixel, unless it is known."""
        if self.pixel_nm is None and metres is not None and metres > 0:
            self.pixel_nm, self.origins["pixel"] = tidy(metres * 1e9), origin

    def focus(self, metres: float | None, origin: str) -> None:
        """The working distance, or what the instrument calls focus, unless it is known."""
        if self.focus_m is None and metres is not None:
            self.focus_m, self.origins["focus"] = tidy(metres), origin

    def dwell(self, seconds: float | None, origin: str) -> None:
        """The time at each pixel, or the exposure of a camera, unless it is known."""
        if self.dwell_ns is None and seconds is not None and seconds > 0:
            self.dwell_ns, self.origins["dwell"] = tidy(seconds * 1e9), origin

    def stage(self, x: float | None, y: float | None, origin: str) -> None:
        """Where the stage was, in metres, unless it is known."""
        if self.stage_um is None and x is not None and y is not None:
            self.stage_um, self.origins["stage"] = (tidy(x * 1e6), tidy(y * 1e6)), origin

    def part(self, box: Box, height: int, width: int, origin: str) -> None:
        """The part of the array that is image, unless it is known; left out with a note where it makes no sense."""
        said = f"{box.left},{box.top} to {box.right - 1},{box.bottom - 1}"
        if self.box is not None:
            return
        if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
            self.notes.append(f"{origin}: {said} is not inside {width} x {height}: ignored")
        elif min(box.right - box.left, box.bottom - box.top) < MIN_SIDE <= min(height, width):
            self.notes.append(f"{origin}: {said} is too small to make sense: ignored")
        else:
            self.box, self.origins["box"] = box, origin

    def rows_above_bar(self, rows: int, height: int, width: int, origin: str) -> None:
        """The image is the first `rows` rows; below them the instrument drew a data bar."""
        if 0 < rows < height and self.box is None:
            self.part(Box(top=0, left=0, bottom=rows, right=width), height, width, origin)
            self.above_bar = self.box is not None

    def cropped(self, crop: Crop, height: int, width: int) -> None:
        """What a person leaves off, instead of a bar. A bounding box, which is no bar, holds too."""
        bounds = None if self.above_bar else self.box
        box = bounds or Box(top=0, left=0, bottom=height, right=width)
        top, left = max(box.top, crop.top), max(box.left, crop.left)
        bottom, right = min(box.bottom, height - crop.bottom), min(box.right, width - crop.right)
        if min(bottom - top, right - left) < MIN_SIDE:
            left_of_it = f"{max(0, bottom - top)} x {max(0, right - left)} of {height} x {width} pixels"
            raise Flaw(Finding.TOO_SMALL, f"the crop leaves {left_of_it}; each side needs {MIN_SIDE}: crop less")
        self.box, self.origins["box"] = Box(top=top, left=left, bottom=bottom, right=right), "crop"

    def converted(self, name: str, value: float, unit: str, units: Mapping[str, float]) -> float | None:
        """A value in metres or seconds; a note where its unit is none of those."""
        if unit not in units:
            self.notes.append(f"{name} has the unit {unit[:12]!r}: unknown")
            return None
        return value * units[unit]


def number(text: str | None) -> float | None:
    """A finite number that fits any unit conversion, or None. A comma is a decimal point, as instruments write it."""
    if _NUMBER.fullmatch(digits := (text or "").strip()) is None:
        return None
    return finite(float(digits.replace(",", ".")))


def finite(value: object) -> float | None:
    """The same of what may be no number at all."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def tidy(value: float) -> float:
    """Without the noise of the unit's conversion."""
    return float(f"{value:.9g}")
