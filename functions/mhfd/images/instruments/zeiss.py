"""Zeiss SmartSEM: lines of text in tag 34118, and the same once more, as UTF-16, in tag 34119.

Ten and more lines of numbers without names come first. Then pairs of lines: a key in capitals, and `Name = value unit`.
`AP_IMAGE_PIXEL_SIZE` is that of the file; older programs do not write it. `AP_PIXEL_SIZE` is that of the screen, on
which the image has 1024 columns, however many the file has; so is the number in the fourth line.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mhfd.images.instruments.frame import Frame
from mhfd.images.instruments.text import lines, quantity
from mhfd.images.instruments.written import METRES, SECONDS, Header, Written, number

_TAG, _TAG_UTF16 = 34118, 34119
_KEY: Final = re.compile(r"[A-Z]{2}_[A-Z0-9_]+")
_STORED: Final = re.compile(r"([0-9]{1,6})\s*[*x]\s*([0-9]{1,6})")
_SIZES: Final = ("AP_IMAGE_PIXEL_SIZE", "AP_WIDTH", "AP_PIXEL_SIZE")
_SCREEN: Final = 1024
"""Columns of an image on the screen."""
_PIXEL_LINE: Final = 4
"""It has the size of a pixel of the screen in metres, to more digits than a name has."""
_SAME: Final = 0.001
"""Relative. Four digits are written behind a name."""


def read(header: Header, found: Written) -> None:
    """The scan and the stage; the rows that were stored, where the file has more."""
    if (raw := header.tag(_TAG) or header.content(_TAG_UTF16)) is None:
        return
    found.may_have_bar = True
    head, values = _understand(lines(raw))

    def of(name: str, units: Mapping[str, float]) -> float | None:
        value, unit = quantity(values.get(name, ""))
        return None if value is None else found.converted(name, value, unit, units)

    found.stage(of("AP_STAGE_AT_X", METRES), of("AP_STAGE_AT_Y", METRES), "Zeiss AP_STAGE_AT_X, _Y")
    found.focus(of("AP_WD", METRES), "Zeiss AP_WD")
    found.dwell(of("DP_DWELL_TIME", SECONDS), "Zeiss DP_DWELL_TIME")
    stored = _STORED.match(values.get("DP_IMAGE_STORE", ""))
    columns, rows = (None, None) if stored is None else (float(stored[1]), float(stored[2]))
    frame = Frame(columns, rows, 0.0, "Zeiss DP_IMAGE_STORE")
    frame.find_rows(header, found)
    if found.pixel_nm is None:
        sizes = {name: of(name, METRES) for name in _SIZES}
        size, name = _pixel(sizes, columns or header.width, values.get("DP_FIB_IMAGING") == "FIB", head)
        frame.find_pixel(size, header, found, f"Zeiss {name}")


def _pixel(
    sizes: Mapping[str, float | None], columns: float, ions: bool, head: Sequence[str]
) -> tuple[float | None, str]:
    """The size of a pixel, of an image with so many columns, and where it is written."""
    over = {"AP_IMAGE_PIXEL_SIZE": 1.0, "AP_WIDTH": columns, "AP_PIXEL_SIZE": columns / _SCREEN}
    # Of an image of the ion beam, the name that is of the image may have what a pixel of the electron beam would be.
    named = [(size / over[name], name) for name in (_SIZES[::-1] if ions else _SIZES) if (size := sizes[name])]
    size, name = named[0] if named else (None, "")
    exact = number(head[_PIXEL_LINE - 1]) if len(head) >= _PIXEL_LINE else None
    exact = exact and exact * _SCREEN / columns
    if exact and (size is None or abs(exact - size) <= _SAME * size):
        return exact, f"{name}, line {_PIXEL_LINE}".removeprefix(", ")
    return size, name


def _understand(written: list[str]) -> tuple[list[str], dict[str, str]]:
    """The lines that come before the first key, and the values by key."""
    head: list[str] = []
    values: dict[str, str] = {}
    key = ""
    for line in written:
        if _KEY.fullmatch(line):
            key = line
        elif key:
            values.setdefault(key, line.partition("=")[2].strip())
            key = ""
        elif not values:
            head.append(line)
    return head, values
