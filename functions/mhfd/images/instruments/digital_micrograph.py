"""Gatan DigitalMicrograph, exporting TIFF: the unit of the first axis in tag 65003, its scale in 65009."""

from typing import Final

from mhfd.images.instruments.text import decoded
from mhfd.images.instruments.written import METRES, Header, Written

_UNIT_X, _SCALE_X = 65003, 65009
_NAME: Final = "DigitalMicrograph tags 65003, 65009"


def read(header: Header, found: Written) -> None:
    """The pixel size: the axis may as well be one of a diffraction pattern, whose unit is no length."""
    unit, scale = header.tag(_UNIT_X), header.numbers(_SCALE_X)
    if unit is None or not scale:
        return
    found.pixel(found.converted(_NAME, scale[0], decoded(unit).strip().lower(), METRES), _NAME)
