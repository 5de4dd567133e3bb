"""MRC (MRC2014, and what IMOD and SerialEM make of it) -> one 2-D array: the rows in the order of the file.

The header is checked against the file's length and the limits before anything else is read. `mrcfile` knows its fields,
the types of its modes and the stamps of machines; it is not asked to read, as it allocates what a header claims.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import bounds, grey
from mhfd.images.flaw import incomplete, truncated, unreadable
from mhfd.images.formats import row_by_row
from mhfd.images.formats.stored import Known, StoredImage
from mhfd.images.source import Source
from mhfd.limits import Limits

HEADER: Final = 1024
_READ: Final = (0, 1, 2, 6, 12)
_NOT_READ: Final = {3: "complex whole numbers", 4: "complex numbers", 16: "colours", 101: "4 bits"}
_IMOD_AT: Final = 152 - 112
"""Of IMOD's stamp and flags in the field `extra2`."""
_IMOD: Final = 1146047817
_SIGNED_BYTES: Final = 1
_ANGSTROM: Final = 0.1  # nm


@dataclass(frozen=True, slots=True)
class _Header:
    fields: NDArray[np.void]
    order: str

    def whole(self, name: str) -> int:
        return int(self.fields[name])


def read(file: Source, *, limits: Limits) -> StoredImage:
    """An MRC of one image, 8 or 16 bit whole numbers, 16 or 32 bit floating point. More are counted, none is chosen."""
    header = _header(file.read(0, HEADER))
    width, height, count, more = (header.whole(name) for name in ("nx", "ny", "nz", "nsymbt"))
    if width <= 0 or height <= 0 or count <= 0 or more < 0:
        raise unreadable(f"the MRC claims {count} images of {height} x {width} pixels; export it again")
    bounds.hold(height, width, limits)
    dtype = _dtype(header)
    begin, length = HEADER + more, width * height * dtype.itemsize
    if begin + length * count > file.size:
        raise truncated(file.size, begin + length * count)

    def decode() -> grey.Planes:
        return row_by_row.Uncompressed(file, begin, dtype, (height, width))

    return StoredImage("MRC", height, width, decode, dtype=dtype.name, known=_cell(header), images=count)


def _header(raw: NDArray[np.uint8]) -> _Header:
    """In the order of bytes that its stamp tells, or in the other where only that makes sense: some are wrong."""
    import mrcfile.utils
    from mrcfile.dtypes import HEADER_DTYPE

    if len(raw) < HEADER:
        raise incomplete(f"the MRC ends within its header, after {len(raw)} bytes; copy it again")
    try:
        first = mrcfile.utils.byte_order_from_machine_stamp(raw[212:216])
    except ValueError:
        first = "<"
    for order in (first, ">" if first == "<" else "<"):
        header = _Header(raw.view(HEADER_DTYPE.newbyteorder(order))[0], order)
        if 0 <= header.whole("mode") < 256:
            return header
    raise unreadable(f"the MRC claims mode {header.whole('mode')}; export it again")


def _dtype(header: _Header) -> np.dtype[Any]:
    import mrcfile.utils

    mode = header.whole("mode")
    if mode not in _READ:
        raise unreadable(f"MRC of {_NOT_READ.get(mode, 'an unknown kind')} (mode {mode}) is not read; export TIFF")
    if mode == 0 and _unsigned(header):
        return np.dtype(np.uint8)
    dtype: np.dtype[Any] = mrcfile.utils.dtype_from_mode(mode).newbyteorder(header.order)
    return dtype


def _unsigned(header: _Header) -> bool:
    """Whether bytes go from 0 to 255. By the standard they have a sign; of old they had none, and IMOD says which."""
    stamp, flags = np.frombuffer(header.fields["extra2"].tobytes(), header.order + "i4", 2, _IMOD_AT).tolist()
    if stamp == _IMOD:
        return not flags & _SIGNED_BYTES
    return float(header.fields["dmin"]) >= 0 and 127 < float(header.fields["dmax"]) < 256


def _cell(header: _Header) -> Known | None:
    """The pixel size: the cell's length over the pixels in it. One Angstrom is written by who knows none."""
    pixels, length = header.whole("mx"), float(header.fields["cella"]["x"])
    if pixels <= 0 or not 0 < length < 1e15 or length == pixels:
        return None
    return Known(origin="MRC cell", pixel_nm=length / pixels * _ANGSTROM)
