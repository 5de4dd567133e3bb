"""Hitachi SEM: a text beside the image, `Key=value` in the section `[SemImageFile]`."""

from collections.abc import Mapping
from typing import Final

from mhfd.images.instruments.frame import Frame
from mhfd.images.instruments.text import lines, quantity
from mhfd.images.instruments.written import METRES, Header, Written, number

_SECTION: Final = "[SemImageFile]"
_NAME: Final = "Hitachi .txt "
_PRINT: Final = 0.127
"""Hitachi's magnification is that of a print 127 mm wide: all that the oldest programs write of the pixel size."""


def read(header: Header, found: Written) -> None:
    """Scan and stage, and the rows above the data bar. The text has no dwell time: `ScanSpeed` is a name."""
    if found.pixel_nm is not None or (beside := header.side_file(".txt")) is None:
        return
    text = iter(lines(beside[1]))
    if _SECTION not in text:
        return
    values: dict[str, str] = {}
    for line in text:
        if line.startswith("["):
            break
        key, _, value = line.partition("=")
        values.setdefault(key.strip(), value.strip())
    _understand(values, header, found)


def _understand(values: Mapping[str, str], header: Header, found: Written) -> None:
    def of(key: str, default: str) -> float | None:
        value, unit = quantity(values.get(key, ""))
        return None if value is None else found.converted(_NAME + key, value, unit or default, METRES)

    found.may_have_bar = True
    sides = [side for word in values.get("DataSize", "").lower().split("x") if (side := number(word)) is not None]
    columns, rows = sides if len(sides) == 2 else (None, None)
    frame = Frame(columns, rows, 0.0, _NAME + "DataSize")
    frame.find_rows(header, found)
    frame.find_pixel(of("PixelSize", "nm"), header, found, _NAME + "PixelSize")
    magnification = number(values.get("Magnification"))
    if columns and magnification is not None and magnification > 0:
        frame.find_pixel(_PRINT / magnification / columns, header, found, _NAME + "Magnification")
    found.focus(of("WorkingDistance", "um"), _NAME + "WorkingDistance")
    found.stage(of("StagePositionX", "nm"), of("StagePositionY", "nm"), _NAME + "StagePositionX, StagePositionY")
