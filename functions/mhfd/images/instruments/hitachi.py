"""Hitachi SEM: a text beside the image, `Key=value` in the section `[SemImageFile]`."""

from collections.abc import Mapping
from typing import Final

from mhfd.images.instruments.text import lines, quantity
from mhfd.images.instruments.written import METRES, Header, Written, number

_SECTION: Final = "[SemImageFile]"
_NAME: Final = "Hitachi .txt "


def read(header: Header, found: Written) -> None:
    """Scan and stage, and the rows above the data bar. The text has no dwell time: `ScanSpeed` is a name."""
    if found.origins or (beside := header.side_file(".txt")) is None:  # with tags it is another instrument's
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
    sides = [number(side) for side in values.get("DataSize", "").lower().split("x")]
    width, height = sides if len(sides) == 2 else (None, None)
    if width is None or width == header.width:
        found.pixel(of("PixelSize", "nm"), _NAME + "PixelSize")
    else:
        found.notes.append(f"{_NAME}is about an image {width:.0f} pixels wide: its pixel size is not taken")
    if width == header.width and height is not None:
        found.rows_above_bar(int(height), header.height, header.width, _NAME + "DataSize")
    found.focus(of("WorkingDistance", "um"), _NAME + "WorkingDistance")
    found.stage(of("StagePositionX", "nm"), of("StagePositionY", "nm"), _NAME + "StagePositionX, StagePositionY")
