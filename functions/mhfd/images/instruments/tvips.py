"""TVIPS EM-MENU: a binary structure in whose tags is its place in the file, or the structure itself."""

import struct
from typing import Final

from mhfd.images.instruments.written import Header, Written, finite

_TAGS: Final = (37706, 37707, 37708)
_X_RESOLUTION, _RESOLUTION_UNIT, _CENTIMETRE = 282, 296, 3
_SIZE: Final = 6312
"""Bytes of version 2, which begins with all of version 1."""
_PIXEL_X, _TEM_MODE, _STAGE, _EXPOSURE, _MAGIC = 2968, 3532, 3552, 3952, 6308
"""Where they are in version 2."""
_DIFFRACTION: Final = 3


def read(header: Header, found: Written) -> None:
    """Pixel size in nm, exposure in ms, stage in m: version 2. In version 1, pixels for each centimetre."""
    fields = header.fields
    if fields is None:
        return
    for code in _TAGS:
        raw = fields.block(code, _SIZE)
        if len(raw) < 4:
            continue
        (version,) = struct.unpack_from(fields.order + "i", raw)
        if version == 2 and len(raw) == _SIZE:
            _version_2(raw, fields.order, found, f"TVIPS tag {code} ")
        elif version == 1 and header.numbers(_RESOLUTION_UNIT) == [_CENTIMETRE]:
            for_each = header.numbers(_X_RESOLUTION)
            if for_each and for_each[0] > 0:
                found.pixel(0.01 / for_each[0], f"TVIPS tag {code}, XResolution")


def _version_2(raw: bytes, order: str, found: Written, origin: str) -> None:
    def at(place: int, form: str) -> list[float | None]:
        return [finite(value) for value in struct.unpack_from(order + form, raw, place)]

    if at(_MAGIC, "I") != [0xAAAAAAAA]:
        found.notes.append(f"{origin}is damaged: ignored")
        return
    pixel, exposure = at(_PIXEL_X, "f")[0], at(_EXPOSURE, "f")[0]
    if pixel is not None and at(_TEM_MODE, "i") != [_DIFFRACTION]:
        found.pixel(pixel * 1e-9, origin + "PixelSizeX")
    if exposure is not None:
        found.dwell(exposure * 1e-3, origin + "ExposureTime")
    stage = at(_STAGE, "5f")
    if any(stage):  # all zeros: there was none to ask
        found.stage(stage[0], stage[1], origin + "TemStagePosition")
