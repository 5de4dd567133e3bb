"""The structure of a TIFF: which page is the image, how its samples lie, and where its bytes are.

Everything a header says is checked here, against the file's own length and the caller's limits, before anything is
decoded or allocated: all later code may rely on a `TiffPage`. It decodes no pixel.

Own code instead of a library's, for one reason: what is read is hostile or half-written, and every step must be
bounded by the size of the file. The tests hold it against tifffile.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import bounds
from mhfd.images.flaw import incomplete, truncated, unreadable
from mhfd.images.formats import ifd
from mhfd.images.formats.pages import Pages, images_behind
from mhfd.images.source import Source
from mhfd.limits import Limits

COMPRESSIONS: Final = {
    1: "none",
    5: "lzw",
    7: "jpeg",
    8: "deflate",
    32773: "packbits",
    32946: "deflate",
    34925: "lzma",
    50000: "zstd",
}
_NOT_READ: Final = {
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    6: "old-style JPEG",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "DNG JPEG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_SAMPLES: Final = {
    **{(1, bits): f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{(2, bits): f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{(3, bits): f"f{bits // 8}" for bits in (16, 32, 64)},
}
_MAX_SAMPLES: Final = 64
_SEGMENT_BYTES: Final = 8
"""Bytes that a strip or tile may decode to for each pixel that may be in memory: an image of the widest type."""
_ALL_BYTES: Final = 32
"""Bytes of all of them together for each of `max_pixels`, which bounds the work: four samples of the widest type, or
tiles that are filled up. What is stored uncompressed may have as much as the file."""
_SEGMENTS, _PIXELS_A_SEGMENT = 65_536, 256
"""So many strips or tiles any image may have; beyond, each must have so many pixels: those of the smallest tile."""
WHITE_IS_ZERO, _GREY, _RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
_TILE_WIDTH, _TILE_LENGTH = 322, 323


@dataclass(frozen=True, slots=True, eq=False)
class TiffPage:
    """One page whose header was checked: its segments lie inside the file and number what the layout needs."""

    fields: ifd.Fields
    height: int
    width: int
    dtype: np.dtype[np.generic]  # as stored, byte order included
    samples: int  # in each pixel
    planar: bool  # samples in planes of their own instead of side by side
    photometric: int
    compression: int
    predictor: int
    segment: tuple[int, int]  # rows, columns of a strip or tile
    tiled: bool
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]  # bytes in the file
    needed: NDArray[np.int64]  # bytes after decompression
    pages: int
    images: int = 1

    @property
    def colour(self) -> bool:
        """Whether the first three samples are red, green and blue."""
        return self.photometric in (_RGB, YCBCR)

    @property
    def further(self) -> NDArray[np.bool_]:
        """Of the samples beside a grey one: which are no alpha."""
        kinds = self.fields.values(338)
        told = np.zeros(self.samples - 1, np.uint64)
        if kinds is not None and kinds.dtype.kind == "u":
            n = min(len(kinds), len(told))
            told[:n] = kinds[:n]
        return ~np.isin(told, (1, 2))

    @property
    def kind(self) -> str:
        """What people call it."""
        if b"<OME" in (self.fields.text(270, 4096) or b""):
            return "OME-TIFF"
        return "BigTIFF" if self.fields.big else "TIFF"


def read_page(file: Source, *, limits: Limits) -> TiffPage:
    """The page that is the image, and how many more there are."""
    found = Pages()
    others = ifd.SegmentsEnd(file)
    for fields in ifd.pages(file):
        if (other := found.add(fields)) is not None:
            others.add(other)
    if found.image is None:
        raise incomplete("the TIFF has no page yet: its header was written, its content not; wait")
    page = _page(found.image, file, found.count, limits)
    if others.end > file.size:
        raise truncated(file.size, others.end)
    images = found.images
    if found.count == 1 and _has_room_behind(page, file.size):
        images = images_behind(page.fields, page.height, page.width, page.samples)
    return replace(page, images=images)


def _has_room_behind(page: TiffPage, size: int) -> bool:
    """Whether a second image as large fits behind it: who saves one of a stack may keep what was said of all."""
    return page.compression == 1 and int(page.offsets.min()) + 2 * int(page.needed.sum()) <= size


def _page(fields: ifd.Fields, file: Source, pages: int, limits: Limits) -> TiffPage:
    width, height, samples = fields.whole(256), fields.whole(257), fields.whole(277, 1)
    if width <= 0 or height <= 0 or not 0 < samples <= _MAX_SAMPLES:
        raise unreadable(f"it claims {height} x {width} pixels of {samples} samples; export it again")
    bounds.hold(height, width, limits)
    compression = _compression(fields)
    photometric = _photometric(fields, samples, compression)
    dtype = _dtype(fields, samples)
    if (compression == 7 and dtype != np.uint8) or (photometric == PALETTE and dtype.str[1:] not in ("u1", "u2")):
        raise unreadable(f"{dtype.name} with JPEG or a palette is not read; export it as grey values")
    predictor = fields.whole(317, 1) if compression not in (1, 7) else 1
    if predictor not in (1, 2, 3) or (predictor != 1 and (predictor == 3) != (dtype.kind == "f")):
        raise unreadable(f"TIFF predictor {predictor} of {dtype.name} is not read; export it without")
    segment, tiled = _layout(fields, height, width)
    down, across = -(-height // segment[0]), -(-width // segment[1])
    planar = fields.whole(284, 1) == 2 and samples > 1
    planes = 3 if planar and photometric in (_RGB, YCBCR) else 1
    # Of all planes that one block of pixels is put together from.
    block = segment[0] * segment[1] * (planes if planar else samples) * dtype.itemsize
    if planes * down * across > max(_SEGMENTS, planes * width * height // _PIXELS_A_SEGMENT):
        what = f"{planes * down * across} strips or tiles for {height} x {width} pixels"
        raise unreadable(f"it claims {what}; export it in fewer")
    if compression != 1 or tiled:  # what lies in the file as it is may be read row by row
        hold_blocks(block, down * across, file, limits)
    rows = np.full((planes, down, across), segment[0], np.int64)
    if not tiled:
        rows[:, -1] = height - (down - 1) * segment[0]
    needed = rows.ravel() * segment[1] * dtype.itemsize * (1 if planar else samples)
    offsets, counts = _segments(fields, file, needed, tiled, compression)
    return TiffPage(
        fields=fields,
        height=height,
        width=width,
        dtype=dtype,
        samples=samples,
        planar=planar,
        photometric=photometric,
        compression=compression,
        predictor=predictor,
        segment=segment,
        tiled=tiled,
        offsets=offsets,
        counts=counts,
        needed=needed,
        pages=pages,
    )


def hold_blocks(block: int, blocks: int, file: Source, limits: Limits) -> None:
    """The bytes that the header claims, before anything of that size is read, made or decoded."""
    words = "export grey values, in smaller strips or tiles"
    if block > _SEGMENT_BYTES * limits.held:
        limit = f"{_SEGMENT_BYTES} times {limits.held_by} = {limits.held}; {words}, or {limits.remedy(limits.held_by)}"
        raise unreadable(f"one strip or tile claims {block} bytes, more than {limit}")
    if block * blocks > max(_ALL_BYTES * limits.max_pixels, file.size):
        limit = f"{_ALL_BYTES} times max_pixels = {limits.max_pixels}; {words}, or {limits.remedy('max_pixels')}"
        raise unreadable(f"its strips or tiles claim {block * blocks} bytes, more than {limit}")


def _compression(fields: ifd.Fields) -> int:
    code = fields.whole(259, 1)
    if code not in COMPRESSIONS:
        name = _NOT_READ.get(code, f"number {code}")
        raise unreadable(f"TIFF compression {name} is not read; export it with LZW or none")
    if fields.whole(266, 1) != 1:
        raise unreadable("TIFF with reversed bits (FillOrder 2) is not read; export it again")
    return code


def _photometric(fields: ifd.Fields, samples: int, compression: int) -> int:
    code = fields.whole(262, _GREY)
    if code not in (WHITE_IS_ZERO, _GREY, _RGB, PALETTE) and not (code == YCBCR and compression == 7):
        raise unreadable(f"TIFF colour space {code} is not read; export it as grey values")
    if code in (_RGB, YCBCR) and samples < 3:
        raise unreadable(f"the TIFF claims colour with {samples} samples; export it again")
    return code


def _dtype(fields: ifd.Fields, samples: int) -> np.dtype[np.generic]:
    def same(code: int, default: int) -> int:
        first = fields.whole(code, default)
        values = fields.values(code, samples)
        if values is not None and bool((values != first).any()):
            raise unreadable("samples of different types in one TIFF are not read; export it again")
        return first

    bits, kind = same(258, 1), same(339, 1)
    name = _SAMPLES.get((1 if kind == 4 else kind, bits))
    if name is None:
        what = {1: "unsigned", 2: "signed", 3: "float", 4: "untyped"}.get(kind, f"format {kind}")
        raise unreadable(f"TIFF with {bits}-bit {what} samples is not read; export 8 or 16 bits")
    return np.dtype(name).newbyteorder(fields.order)


def _layout(fields: ifd.Fields, height: int, width: int) -> tuple[tuple[int, int], bool]:
    tiled = _TILE_WIDTH in fields and _TILE_LENGTH in fields
    rows = fields.whole(_TILE_LENGTH) if tiled else min(fields.whole(278, height), height)
    columns = fields.whole(_TILE_WIDTH) if tiled else width
    if rows <= 0 or columns <= 0:
        raise unreadable(f"the TIFF claims strips or tiles of {rows} x {columns}; export it again")
    return (rows, columns), tiled


def _segments(
    fields: ifd.Fields, file: Source, needed: NDArray[np.int64], tiled: bool, compression: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and lengths, every one of them inside the file."""
    what = "tiles" if tiled else "strips"
    n = len(needed)
    places, lengths = fields.values(324 if tiled else 273, n), fields.values(325 if tiled else 279, n)
    if lengths is None and compression == 1:
        lengths = needed.astype(np.uint64)
    if places is None or lengths is None or min(len(places), len(lengths)) < n:
        raise unreadable(f"the TIFF does not say where its {n} {what} are; export it again")
    if places.dtype.kind != "u" or lengths.dtype.kind != "u":
        raise unreadable(f"the places of the {what} are not whole numbers; export it again")
    start, length = places[:n].astype(np.float64), lengths[:n].astype(np.float64)
    written = (start > 0) & (length > 0)
    if not written.all():
        raise incomplete(f"{n - int(written.sum())} of {n} {what} were not written; wait, or copy it again")
    if compression == 1:
        if (short := length < needed).any():
            raise incomplete(f"{int(short.sum())} of {n} {what} are too short; copy or export it again")
        length = needed.astype(np.float64)  # some writers give the last strip a full length, beyond the file's end
    end = float((start + length).max())
    if end > file.size:
        raise truncated(file.size, int(end))
    return start.astype(np.int64), length.astype(np.int64)
