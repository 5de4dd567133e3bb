"""The pixels of a checked TIFF page: strips and tiles -> one 2-D array.

An uncompressed page that lies in one piece is read once, into its own array; of several samples a pixel, piece by
piece. Everything else is decoded segment by segment into an array of the size that the header told, never more at a
time. It must not trust a codec: what it returns is measured.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import grey
from mhfd.images.flaw import damaged, unreadable
from mhfd.images.formats import codecs, jpeg, tiff
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source

_PIECE: Final = 4 << 20
"""Bytes of samples that are made grey at a time."""
_TABLES: Final = 256 << 10
"""Bytes of the tables that JPEG strips share; honest ones are below 2 KiB."""

Array = NDArray[Any]
Reducer = Callable[[Array], grey.Plane]


def read(file: Source, *, max_pixels: int) -> StoredImage:
    """The page of a TIFF that is the image."""
    page = tiff.read_page(file, max_pixels=max_pixels)
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


def decode(page: tiff.TiffPage, file: Source) -> grey.Plane:
    """One sample a pixel, in the page's type (or what `grey` makes of colour), native or stored byte order."""
    reduce = _reducer(page)
    start = _in_one_piece(page)
    return _put_together(page, file, reduce) if start is None else _read_through(page, file, start, reduce)


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


def _read_through(page: tiff.TiffPage, file: Source, start: int, reduce: Reducer) -> grey.Plane:
    samples = 1 if page.planar else page.samples
    pixels, size = page.height * page.width, samples * page.dtype.itemsize
    if samples == 1 and reduce is grey.first:
        return grey.Plane(file.read(start, pixels * size).view(page.dtype).reshape(page.height, page.width))
    out: Array | None = None
    differ = False
    step = _PIECE // size
    for at in range(0, pixels, step):
        number = min(step, pixels - at)
        piece = file.read(start + at * size, number * size).view(page.dtype)
        plane = reduce(piece.reshape(1, number, samples))
        differ |= plane.coloured
        if out is None:
            out = np.empty(pixels, plane.pixels.dtype)
        out[at : at + number] = plane.pixels[0]
    assert out is not None  # noqa: S101  a page has at least one pixel
    return grey.Plane(out.reshape(page.height, page.width), differ)


def _put_together(page: tiff.TiffPage, file: Source, reduce: Reducer) -> grey.Plane:
    out: Array | None = None
    differ = False
    rows, columns = page.segment
    across = -(-page.width // columns)
    planes = len(page.offsets) // (-(-page.height // rows) * across)
    for i in range(len(page.offsets) // planes):
        block = _block(page, file, i, planes)
        if reduce is grey.first and block.shape == (page.height, page.width, 1):
            return reduce(block)
        top, left = i // across * rows, i % across * columns
        bottom, right = min(top + rows, page.height), min(left + columns, page.width)
        step = max(1, _PIECE // (block[0].nbytes or 1))
        for row in range(top, bottom, step):
            plane = reduce(block[row - top : min(row + step, bottom) - top, : right - left])
            differ |= plane.coloured
            if out is None:
                # Only now: a header that lies about the size is found out before memory is taken.
                out = np.empty((page.height, page.width), plane.pixels.dtype)
            out[row : row + len(plane.pixels), left:right] = plane.pixels
    assert out is not None  # noqa: S101  a page has at least one segment
    return grey.Plane(out, differ)


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
    except Exception as e:  # as above
        raise damaged(f"{name} does not decode (jpeg)", stream) from e
    block = block.reshape(*block.shape[:2], -1)
    if block.dtype != np.uint8 or block.shape[0] < rows or block.shape[1:] != (columns, samples):
        raise unreadable(f"{name} decodes to {block.shape} instead of {shape}; export it again")
    return block[:rows]
