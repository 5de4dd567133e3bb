"""JEOL SEM: a text beside the image, in lines of `$KEY value`.

Two dialects: `$$SM_...` and `$CM_FULL_SIZE` of the older programs, `$SM_...` and `$CM_IMAGE_SIZE` of the newer ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mhfd.images.instruments.text import lines, quantity
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_PRINT: Final = "128 96"
"""JEOL's magnification is that of a print of so many millimetres, unless the text says of another one."""
_SIZES: Final = ("CM_FULL_SIZE", "CM_IMAGE_SIZE")
_NAME: Final = "JEOL .txt "


def read(header: Header, found: Written) -> None:
    """Scan and stage, and the rows above the data bar."""
    if found.origins or (beside := header.side_file(".txt")) is None:  # with tags it is another instrument's
        return
    raw = beside[1]
    if not raw.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n").startswith(b"$"):
        return
    values: dict[str, str] = {}
    for line in lines(raw):
        key, _, value = line.partition(" ")
        if key.startswith("$") and value.strip():
            values.setdefault(key.lstrip("$"), value.strip())
    if any(key.startswith(("CM_", "SM_")) for key in values):
        _Text(values, header, found).understand()


@dataclass(frozen=True, slots=True)
class _Text:
    values: Mapping[str, str]
    """By their keys without `$`."""
    header: Header
    found: Written

    def understand(self) -> None:
        """Each value from the surest key that has it; the first one is believed."""
        self.found.may_have_bar = True  # below the frame, or over it: text without a ground
        key = next((key for key in _SIZES if key in self.values), _SIZES[0])
        width, height = self.size(key)
        if width in (0, self.header.width):
            self.pixel_size(full=width * 3 == height * 4 > 0)
        else:
            self.found.notes.append(f"{_NAME}is about an image {width} pixels wide: its pixel size is not taken")
        if width == self.header.width:
            self.found.rows_above_bar(height, self.header.height, width, _NAME + key)
        self.found.focus(self.measured("SM_WD", METRES, "mm"), _NAME + "SM_WD")
        self.found.dwell(self.measured("SM_DWELL_TIME", SECONDS | {"usec": 1e-6}), _NAME + "SM_DWELL_TIME")
        for key in ("CM_STAGE_POS", "CM_STAGE_POSITION"):
            if len(words := self.words(key)) >= 2:
                x, y = (self.converted(key, word, METRES, "mm") for word in words[:2])
                self.found.stage(x, y, _NAME + key)

    def pixel_size(self, *, full: bool) -> None:
        """As written, else from the width of the field, the scale bar, the magnification of a `full` frame."""
        self.pixel(self.measured("CM_PIXEL_SIZE", METRES), "CM_PIXEL_SIZE")
        if field := self.words("CM_FIELD_OF_VIEW"):
            unit = quantity(field[-1])[1]  # the first number may have none
            across = self.converted("CM_FIELD_OF_VIEW", field[0], METRES, unit)
            self.pixel(across, "CM_FIELD_OF_VIEW", self.header.width)
        marker, bar = self.measured("SM_MICRON_MARKER", METRES), number(self.values.get("SM_MICRON_BAR"))
        self.pixel(marker, "SM_MICRON_MARKER, SM_MICRON_BAR", bar)
        self.pixel(1.0, "EM_PIXELSPERMETER_X", number(self.values.get("EM_PIXELSPERMETER_X")))
        if full and any(key.startswith("SM_") for key in self.values):
            printed, _ = quantity(self.values.get("SM_STANDARD_FIELD_SIZE", _PRINT))
            magnification = number(self.values.get("CM_MAG"))
            if printed is not None:
                self.pixel(printed * 1e-3 / self.header.width, "CM_MAG", magnification)

    def pixel(self, metres: float | None, key: str, pixels: float | None = 1) -> None:
        """The side of one of the pixels that are so many metres together."""
        if metres is not None and pixels is not None and pixels > 0:
            self.found.pixel(metres / pixels, _NAME + key)

    def size(self, key: str) -> tuple[int, int]:
        """Columns and rows of the image without its data bar; zeros where it is not said."""
        sides = [int(side) for word in self.words(key)[:2] if (side := number(word)) is not None and side >= 1]
        return (sides[0], sides[1]) if len(sides) == 2 else (0, 0)

    def words(self, key: str) -> list[str]:
        """What is written, at its spaces."""
        return self.values.get(key, "").split()

    def measured(self, key: str, units: Mapping[str, float], default: str = "") -> float | None:
        """A value in SI units."""
        return self.converted(key, self.values.get(key, ""), units, default)

    def converted(self, key: str, text: str, units: Mapping[str, float], default: str) -> float | None:
        """A number in SI units; unknown, with a note, where it has no unit and `default` is none."""
        value, unit = quantity(text)
        return None if value is None else self.found.converted(_NAME + key, value, unit or default, units)
