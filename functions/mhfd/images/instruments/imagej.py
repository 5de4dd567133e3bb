"""ImageJ and Fiji: lines of `key=value` in the description of a TIFF, and pixels for each unit in `XResolution`.

The resolution is believed only with the unit that ImageJ itself wrote: everybody else's is that of a printer.
"""

import re
from typing import Final

from mhfd.images.instruments.text import lines
from mhfd.images.instruments.written import METRES, Header, Written

_DESCRIPTION, _X_RESOLUTION = 270, 282
_NAME: Final = "ImageJ unit, XResolution"
_UNITS: Final = METRES | {
    "micron": 1e-6,
    "microns": 1e-6,
    "micrometer": 1e-6,
    "nanometer": 1e-9,
    "millimeter": 1e-3,
    "meter": 1.0,
    "angstrom": 1e-10,
    "a": 1e-10,
    "inch": 0.0254,
}
_NO_UNIT: Final = ("", "pixel", "pixels")


def read(header: Header, found: Written) -> None:
    """The pixel size."""
    raw = header.tag(_DESCRIPTION)
    if raw is None or not raw.startswith(b"ImageJ="):
        return
    said = dict(line.split("=", 1) for line in reversed(lines(raw)) if "=" in line)  # the first of a key counts
    unit = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), said.get("unit", "")).strip().lower()
    for_each_unit = header.numbers(_X_RESOLUTION)
    if unit not in _NO_UNIT and for_each_unit and for_each_unit[0] > 0:
        found.pixel(found.converted(_NAME, 1 / for_each_unit[0], unit, _UNITS), _NAME)
