"""The pixels of a checked TIFF page: strips and tiles -> rows of one plane.

Any rows can be had: of an uncompressed page that lies in one piece they are read where they lie; of others the strips
or tiles that hold them are decoded, one at a time, and those that the next rows begin in are kept. It must not trust a
codec: what it returns is measured.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import bounds, grey
from mhfd.images.flaw import damaged, unreadable
from mhfd.images.formats import codecs, jpeg, row_by_row, tiff
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source
from mhfd.limits import Limits

_PIECE: Final = 4 << 20
"""Bytes of samples that are made grey at a time."""
_OVERLAP: Final = 512
"""Rows at the end of some that are likely to be asked for again, with the next ones."""
_TABLES: Final = 256 << 10
"""Bytes of the tables that JPEG strips share; honest ones are below 2 KiB."""

Array = NDArray[Any]
Reducer = row_by_row.Reducer


def read(file: Source, *, limits: Limits) -> StoredImage:
    """The page of a TIFF that is the image."""
    page = tiff.read_page(file, limits=limits)
    if _in_one_piece(page) is None:
        # The strips or tiles that some rows lie in, and those after them.
        do = "save it in smaller strips or tiles, crop it"
        bounds.hold_together(page.height, page.width, 2 * page.segment[0], limits, do=do)
        if page.compression == 1 and not page.tiled:
            tiff.hold_blocks(page.segment[0] * page.width * page.samples * page.dtype.itemsize, 1, file, limits)
    about: dict[str, str | float | int] = {}
    if page.compression != 1:
        about["compression"] = tiff.COMPRESSIONS[page.compression]
    if page.pages > 1:
        about["pages"] = page.pages
    if page.samples > 1:
        about["samples"] = page.samples
    images = page.images
    if page.planar and not page.colour and page.photometric != tiff.PALETTE:
        images += int(page.further.sum())  # planes of their own are images of their own
    return StoredImage(
        page.kind,
        page.height,
        page.width,
        lambda: decode(page, file),
        dtype=page.dtype.name,
        inverted=page.photometric == tiff.WHITE_IS_ZERO,
        tile=page.segment if page.tiled else None,
        fields=page.fields,
        images=images,
        about=about,
    )


def decode(page: tiff.TiffPage, file: Source) -> grey.Planes:
    """One sample a pixel, in the page's type (or what `grey` makes of colour), native or stored byte order."""
    reduce = _reducer(page)
    start = _in_one_piece(page)
    if start is None:
        return _Segmented(page, file, reduce)
    samples = 1 if page.planar else page.samples
    return row_by_row.Uncompressed(file, start, page.dtype, (page.height, page.width), samples, reduce)


def _in_one_piece(page: tiff.TiffPage) -> int | None:
    """Where the samples begin, if they lie row by row without a gap, as they are."""
    if page.compression != 1 or page.segment[1] != page.width or (page.planar and page.colour):
        return None
    if (page.offsets[:-1] + page.counts[:-1] != page.offsets[1:]).any():
        return None
    samples = 1 if page.planar else page.samples
    if page.height * page.width * samples * page.dtype.itemsize > page.counts.sum():
        return None
    return int(page.offsets[0])


class _Segmented:
    """A page of strips or tiles."""

    def __init__(self, page: tiff.TiffPage, file: Source, reduce: Reducer) -> None:
        self._page, self._file, self._reduce = page, file, reduce
        rows, columns = page.segment
        self._across = -(-page.width // columns)
        self._planes = len(page.offsets) // (-(-page.height // rows) * self._across)
        self._kept: dict[int, grey.Plane] = {}  # lines of segments, the whole width

    @property
    def shape(self) -> tuple[int, int]:
        """See `Planes`."""
        return self._page.height, self._page.width

    def read(self, top: int, bottom: int) -> grey.Plane:
        """See `Planes`."""
        rows = self._page.segment[0]
        lines = range(top // rows, -(-bottom // rows))
        kept = {number: self._kept[number] for number in lines if number in self._kept}
        self._kept = {}
        out: Array | None = None
        coloured = False
        for number in lines:
            line = kept.pop(number) if number in kept else self._line(number)
            first = number * rows
            if first + rows > bottom - _OVERLAP:
                self._kept[number] = line
            part = line.read(max(top - first, 0), min(bottom - first, rows))
            if len(lines) == 1:
                return part
            if out is None:
                # Only now: a header that lies about the size is found out before memory is taken.
                out = np.empty((bottom - top, self._page.width), part.pixels.dtype)
            at = max(first - top, 0)
            out[at : at + len(part.pixels)] = part.pixels
            coloured |= line.coloured
        assert out is not None  # noqa: S101  there is at least one line
        return grey.Plane(out, coloured)

    def _line(self, number: int) -> grey.Plane:
        """The segments that lie side by side."""
        rows, columns = self._page.segment
        height = min(rows, self._page.height - number * rows)
        out: Array | None = None
        coloured = False
        for column in range(self._across):
            left = column * columns
            block = _block(self._page, self._file, number * self._across + column, self._planes)
            plane = self._reduced(block[:height, : self._page.width - left])
            if self._across == 1:
                return plane
            if out is None:
                out = np.empty((height, self._page.width), plane.pixels.dtype)
            out[:, left : left + columns] = plane.pixels
            coloured |= plane.coloured
        assert out is not None  # noqa: S101  a page has at least one segment
        return grey.Plane(out, coloured)

    def _reduced(self, block: Array) -> grey.Plane:
        """A piece at a time, where that takes more memory than its result."""
        step = max(1, _PIECE // (block[0].nbytes or 1))
        if self._reduce is grey.first or step >= len(block):
            return self._reduce(block)
        parts = [self._reduce(block[row : row + step]) for row in range(0, len(block), step)]
        return grey.Plane(np.concatenate([part.pixels for part in parts]), any(part.coloured for part in parts))


def _block(page: tiff.TiffPage, file: Source, i: int, planes: int) -> Array:
    """All samples of one strip or tile that are needed: rows, columns, samples."""
    if planes == 1:
        return _segment(page, file, i)
    out: Array | None = None
    each = len(page.offsets) // planes
    for plane in range(planes):
        part = _segment(page, file, plane * each + i)
        if out is None:
            out = np.empty((*part.shape[:2], planes), part.dtype)
        out[:, :, plane] = part[:, :, 0]
    assert out is not None  # noqa: S101  there is at least one plane
    return out


def _reducer(page: tiff.TiffPage) -> Reducer:
    if page.colour:
        return grey.from_colour
    if page.photometric == tiff.PALETTE:
        size = 1 << 8 * page.dtype.itemsize
        colours = page.fields.values(320, 3 * size)
        if colours is None or len(colours) < 3 * size or colours.dtype.kind != "u":
            raise unreadable("the TIFF has no complete palette; export it as grey values")
        return grey.palette(colours.reshape(3, size))
    if page.planar or page.samples == 1 or not page.further.any():
        return grey.first
    further = np.flatnonzero(page.further) + 1
    return lambda samples: grey.only(samples, further.tolist())


def _segment(page: tiff.TiffPage, file: Source, index: int) -> Array:
    """One strip or tile of one plane: rows, columns, samples."""
    start, length, needed = int(page.offsets[index]), int(page.counts[index]), int(page.needed[index])
    columns = page.segment[1]
    samples = 1 if page.planar else page.samples
    rows = needed // (columns * samples * page.dtype.itemsize)
    name = f"{'tile' if page.tiled else 'strip'} {index + 1} of {len(page.offsets)}"
    raw = file.read(start, min(length, codecs.most_stored(needed)))
    if page.compression == 7:
        return _jpeg(page, raw, (rows, columns, samples), name)
    if page.compression == 1:
        return raw.view(page.dtype).reshape(rows, columns, samples)
    # The last strip may be filled up.
    method, full = tiff.COMPRESSIONS[page.compression], int(page.needed[0])
    flat = codecs.unpack(raw, method, full=full, needed=needed, name=name)
    if page.predictor == 3:
        return codecs.undo_float_differences(flat, (rows, columns, samples), page.dtype)
    block = flat.view(page.dtype).reshape(rows, columns, samples)
    if page.predictor == 2:
        if not page.dtype.isnative:
            block = block.byteswap(inplace=True).view(page.dtype.newbyteorder("="))
        codecs.undo_differences(block)
    return block


def _jpeg(page: tiff.TiffPage, raw: NDArray[np.uint8], shape: tuple[int, int, int], name: str) -> Array:
    import imagecodecs

    rows, columns, samples = shape
    tables = page.fields.values(347, _TABLES)
    prefix = None if tables is None else tables.view(np.uint8).tobytes()
    stream = raw.tobytes()
    frame = jpeg.frame_of(stream)
    if (
        frame is None
        or frame.kind != "sequential"
        or frame.samples != samples
        or frame.height > page.segment[0]
        or frame.width > columns
        or jpeg.excess(frame, len(stream)) is not None
    ):
        raise damaged(f"{name} is not the JPEG that its header tells", stream)
    if not frame.ended:
        raise damaged(f"{name} ends early (jpeg)", stream)
    if prefix is not None and jpeg.frame_of(prefix) is not None:
        raise unreadable("the tables for JPEG hold an image; export it with LZW or none")
    as_rgb = 2 if samples == 3 and page.colour else None
    # Without a JFIF marker, RGB in a JPEG is what it says; with one, it is YCbCr by that standard.
    is_rgb = as_rgb if page.photometric != tiff.YCBCR and b"JFIF" not in stream[:32] else None
    try:
        block: Array = imagecodecs.jpeg8_decode(stream, tables=prefix, colorspace=is_rgb, outcolorspace=as_rgb)
    except MemoryError:  # of this process, not of the file
        raise
    except Exception as e:  # as above
        raise damaged(f"{name} does not decode (jpeg)", stream) from e
    block = block.reshape(*block.shape[:2], -1)
    if block.dtype != np.uint8 or block.shape[0] < rows or block.shape[1:] != (columns, samples):
        raise unreadable(f"{name} decodes to {block.shape} instead of {shape}; export it again")
    return block[:rows]
