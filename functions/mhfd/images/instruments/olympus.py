"""Olympus Soft Imaging (SIS): a binary structure whose place is in tag 33560, always with the low byte first.

The INI of tag 33471 has no pixel size.
"""

import struct
from typing import Final

from mhfd.images.instruments.written import Header, Written, finite

_TAG: Final = 33560
_HEAD, _ENTRY, _IMAGE = 60, 8, 28
_MOST_ENTRIES: Final = 256
_OF_IMAGE: Final = 1


def read(header: Header, found: Written) -> None:
    """The pixel size: a list of entries says where it is."""
    fields = header.fields
    if fields is None:
        return
    raw = fields.block(_TAG, _HEAD + _ENTRY * _MOST_ENTRIES)
    if len(raw) < _HEAD or not raw.startswith(b"SIS0"):
        return
    (count,) = struct.unpack_from("<H", raw, _HEAD - 2)
    for place in range(_HEAD, min(_HEAD + count * _ENTRY, len(raw) - _ENTRY + 1), _ENTRY):
        kind, _, offset = struct.unpack_from("<hhI", raw, place)
        inner = fields.at(offset, _IMAGE) if kind == _OF_IMAGE else b""
        if len(inner) == _IMAGE:
            power, across, _ = struct.unpack("<10xhdd", inner)
            side = finite(across)
            if side is not None and -15 <= power <= 0:
                found.pixel(side * 10.0**power, f"Olympus SIS tag {_TAG}")
