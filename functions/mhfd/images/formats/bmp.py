"""BMP -> one 2-D array: 8-bit palette, 24 and 32 bit, from the bottom up or from the top down.

The header is read here and checked against the file's length and the limits. Any rows are then read where they lie:
nothing is unpacked, as what is packed (RLE) is refused by name.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import bounds, grey
from mhfd.images.flaw import incomplete, truncated, unreadable
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source
from mhfd.limits import Limits

HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)
"""Lengths that the second header can have: any text may begin with the letters BM."""
_BEGIN: Final = 14 + 124
_PACKED: Final = {1: "RLE", 2: "RLE", 4: "JPEG", 5: "PNG", 11: "CMYK", 12: "RLE", 13: "RLE"}
_MASKED: Final = (3, 6)
_MASKS: Final = (0xFF0000, 0xFF00, 0xFF)
"""Of red, green and blue in a pixel of 32 bits: the only ones that are read, and the usual ones."""


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    bits: int
    top_down: bool
    pixels_at: int
    palette_at: int
    colours: int
    colour_bytes: int

    @property
    def row_bytes(self) -> int:
        """Filled up to a multiple of four."""
        return -(-self.width * self.bits // 32) * 4

    @property
    def end(self) -> int:
        """Of the last pixel. Its row is filled up too, but some writers leave that out."""
        return self.pixels_at + self.row_bytes * (self.height - 1) + self.width * self.bits // 8


def read(file: Source, *, limits: Limits) -> StoredImage:
    """A BMP of 8, 24 or 32 bits that is not compressed; alpha is dropped."""
    header = _header(file.read(0, _BEGIN).tobytes())
    bounds.hold(header.height, header.width, limits)
    if header.end > file.size:
        raise truncated(file.size, header.end)
    about = {} if header.bits == 8 else {"samples": header.bits // 8}
    return StoredImage(
        "BMP",
        header.height,
        header.width,
        lambda: _Stored(file, header),
        dtype="uint8",
        bottom_up=not header.top_down,
        about=about,
    )


def _header(head: bytes) -> _Header:
    def number(at: int, length: int = 4, *, signed: bool = False) -> int:
        return int.from_bytes(head[at : at + length], "little", signed=signed)

    if len(head) < 18 or len(head) < 14 + number(14):
        raise incomplete(f"the BMP ends within its header, after {len(head)} bytes; copy it again")
    length, old = number(14), number(14) == 12
    if old:
        width, height, bits, packing, colours = number(18, 2), number(20, 2), number(24, 2), 0, 0
    else:
        width, height, bits = number(18, signed=True), number(22, signed=True), number(28, 2)
        packing, colours = number(30), number(46)
    if packing in _PACKED:
        raise unreadable(f"BMP compressed with {_PACKED[packing]} is not read; export it uncompressed, or as TIFF")
    if packing not in (0, *_MASKED) or bits not in (8, 24, 32) or (packing and bits != 32):
        raise unreadable(f"BMP of {bits} bits, packed in way {packing}, is not read; export 8 or 24 bits, or TIFF")
    if packing in _MASKED and len(head) >= 66 and tuple(number(54 + 4 * i) for i in range(3)) != _MASKS:
        raise unreadable("BMP with its colours in other bits than usual is not read; export 24 bits, or TIFF")
    if width <= 0 or height == 0:
        raise unreadable(f"the BMP claims {abs(height)} x {width} pixels; export it again")
    if colours > 256:
        raise unreadable(f"the BMP claims {colours} colours; export it again")
    pixels_at, palette_at = number(10), 14 + length
    colours, colour_bytes = (colours or 256 if bits == 8 else 0), (3 if old else 4)
    if old and bits == 8:  # has no count: what lies before the pixels
        colours = min(256, max(0, pixels_at - palette_at) // colour_bytes)
    if pixels_at < palette_at + colours * colour_bytes:
        raise unreadable(f"the BMP claims that its pixels begin at byte {pixels_at}, in its header; export it again")
    return _Header(width, abs(height), bits, height < 0, pixels_at, palette_at, colours, colour_bytes)


class _Stored:
    """The rows, where they lie."""

    def __init__(self, file: Source, header: _Header) -> None:
        self._file, self._header = file, header
        self._light = np.zeros(256, np.uint8)
        self._coloured = False
        if header.bits == 8:
            table = file.read(header.palette_at, header.colours * header.colour_bytes)
            colours = grey.from_colour(table.reshape(1, -1, header.colour_bytes)[:, :, 2::-1])
            self._light[: header.colours] = colours.pixels[0]
            self._coloured = colours.coloured

    @property
    def shape(self) -> tuple[int, int]:
        """See `grey.Planes`."""
        return self._header.height, self._header.width

    def read(self, top: int, bottom: int) -> grey.Plane:
        """See `grey.Planes`."""
        header = self._header
        first = top if header.top_down else header.height - bottom
        start, height = header.pixels_at + first * header.row_bytes, bottom - top
        raw = self._file.read(start, header.row_bytes * height)
        samples = header.bits // 8
        needed = header.row_bytes * (height - 1) + header.width * samples
        if len(raw) < needed:  # the view below would leave it
            raise truncated(self._file.size, start + needed)
        shape, strides = (height, header.width, samples), (header.row_bytes, samples, 1)
        stored: NDArray[Any] = np.lib.stride_tricks.as_strided(raw, shape, strides, writeable=False)
        rows = stored if header.top_down else stored[::-1]
        if samples > 1:
            return grey.from_colour(rows[:, :, 2::-1])  # blue, green, red
        return grey.Plane(self._light[rows[:, :, 0]], self._coloured)
