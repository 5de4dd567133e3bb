"""JEOL SEM: a text beside the image, in lines of `$KEY value`.

Two dialects: `$$SM_...` and `$CM_FULL_SIZE` of the older programs, `$SM_...` and `$CM_IMAGE_SIZE` of the newer ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mhfd.images.instruments.frame import Frame
from mhfd.images.instruments.text import lines, quantity
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_PRINT: Final = "128 96"
"""JEOL's magnification is that of a print of so many millimetres, unless the text says of another one."""
_SIZES: Final = ("CM_FULL_SIZE", "CM_IMAGE_SIZE")
_NAME: Final = "JEOL .txt "


def read(header: Header, found: Written) -> None:
    """Scan and stage, and the rows above the data bar."""
    if found.pixel_nm is not None or (beside := header.side_file(".txt")) is None:
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
        sides = [side for word in self.words(key)[:2] if (side := number(word)) is not None and side >= 1]
        columns, rows = sides if len(sides) == 2 else (None, None)
        frame = Frame(columns, rows, number(self.values.get("SM_PNU_HEIGHT")) or 0.0, _NAME + key)
        frame.find_rows(self.header, self.found)
        self.pixel_size(frame)
        self.marker(frame)
        self.found.focus(self.measured("SM_WD", METRES, "mm"), _NAME + "SM_WD")
        self.found.dwell(self.measured("SM_DWELL_TIME", SECONDS | {"usec": 1e-6}), _NAME + "SM_DWELL_TIME")
        for key in ("CM_STAGE_POS", "CM_STAGE_POSITION"):
            if len(words := self.words(key)) >= 2:
                x, y = (self.converted(key, word, METRES, "mm") for word in words[:2])
                self.found.stage(x, y, _NAME + key)

    def pixel_size(self, frame: Frame) -> None:
        """As written, else from the width of the field, the scale bar, the magnification of a 4:3 frame."""

        def pixel(metres: float | None, pixels: float | None, key: str) -> None:
            """The side of one of the pixels that are so many metres together."""
            if metres is not None and pixels is not None and pixels > 0:
                frame.find_pixel(metres / pixels, self.header, self.found, _NAME + key)

        columns = frame.columns or self.header.width
        pixel(self.measured("CM_PIXEL_SIZE", METRES), 1, "CM_PIXEL_SIZE")
        if field := self.words("CM_FIELD_OF_VIEW"):
            unit = quantity(field[-1])[1]  # the first number may have none
            pixel(self.converted("CM_FIELD_OF_VIEW", field[0], METRES, unit), columns, "CM_FIELD_OF_VIEW")
        bar = number(self.values.get("SM_MICRON_BAR"))
        pixel(self.measured("SM_MICRON_MARKER", METRES), bar, "SM_MICRON_MARKER, SM_MICRON_BAR")
        pixel(1.0, number(self.values.get("EM_PIXELSPERMETER_X")), "EM_PIXELSPERMETER_X")
        whole = frame.columns and frame.rows and frame.columns * 3 == frame.rows * 4
        if whole and any(key.startswith("SM_") for key in self.values):
            printed, _ = quantity(self.values.get("SM_STANDARD_FIELD_SIZE", _PRINT))
            magnification = number(self.values.get("CM_MAG"))
            if printed is not None and magnification is not None:
                pixel(printed * 1e-3, columns * magnification, "CM_MAG")

    def marker(self, frame: Frame) -> None:
        """How long the scale bar is that may be drawn over the image."""
        metres, bar = self.measured("SM_MICRON_MARKER", METRES), number(self.values.get("SM_MICRON_BAR"))
        if bar is not None and bar > 0:
            self.found.marker_px = bar * frame.scale(self.header)
        elif metres is not None and metres > 0 and self.found.pixel_nm is not None:
            self.found.marker_px = metres * 1e9 / self.found.pixel_nm

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
