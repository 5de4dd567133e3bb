"""The pixels of a checked TIFF page: strips and tiles -> one 2-D array.

An uncompressed page that lies in one piece stays where it is: the result is a view of the file's bytes. Everything
else is decoded segment by segment into an array of the size that the header told, never more at a time. It must not
trust a codec: what it returns is measured.
"""

import lzma
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import grey
from mhfd.images.flaw import damaged, unreadable
from mhfd.images.formats import jpeg, tiff
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source

_LZMA_MEMORY: Final = 128 << 20
"""The strongest preset needs 65 MiB; a header may claim 4 GiB."""

Array = NDArray[Any]


def read(file: Source, *, max_pixels: int) -> StoredImage:
    """The page of a TIFF that is the image."""
    page = tiff.read_page(file.data, max_pixels=max_pixels)
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
        lambda: decode(page, file.data),
        dtype=page.dtype.name,
        inverted=page.photometric == tiff.WHITE_IS_ZERO,
        tile=page.segment if page.tiled else None,
        fields=page.fields,
        images=images,
        about=about,
    )


def decode(page: tiff.TiffPage, data: NDArray[np.uint8]) -> grey.Plane:
    """One sample a pixel, in the page's type (or what `grey` makes of colour), native or stored byte order."""
    reduce = _reducer(page)
    if (direct := _in_one_piece(page, data)) is not None:
        return reduce(direct)
    out: Array | None = None
    differ = False
    rows, columns = page.segment
    across = -(-page.width // columns)
    planes = len(page.offsets) // (-(-page.height // rows) * across)
    for i in range(len(page.offsets) // planes):
        block = np.concatenate([_segment(page, data, i, plane, planes) for plane in range(planes)], axis=2)
        top, left = i // across * rows, i % across * columns
        plane = reduce(block[: page.height - top, : page.width - left])  # what fills up a tile says nothing
        differ |= plane.coloured
        if out is None:
            # Only now: a header that lies about the size is found out before memory is taken.
            out = np.empty((page.height, page.width), plane.pixels.dtype)
        out[top : top + rows, left : left + columns] = plane.pixels
    assert out is not None  # noqa: S101  a page has at least one segment
    return grey.Plane(out, differ)


def _in_one_piece(page: tiff.TiffPage, data: NDArray[np.uint8]) -> Array | None:
    """The samples where they lie, if they lie row by row without a gap."""
    if page.compression != 1 or page.segment[1] != page.width or (page.planar and page.colour):
        return None
    if (page.offsets[:-1] + page.counts[:-1] != page.offsets[1:]).any():
        return None
    samples = 1 if page.planar else page.samples
    count = page.height * page.width * samples
    if count * page.dtype.itemsize > page.counts.sum():
        return None
    flat = np.frombuffer(data, page.dtype, count, int(page.offsets[0]))
    return flat.reshape(page.height, page.width, samples)


def _reducer(page: tiff.TiffPage) -> Callable[[Array], grey.Plane]:
    if page.colour:
        return grey.from_colour
    if page.photometric == tiff.PALETTE:
        size = 1 << 8 * page.dtype.itemsize
        colours = page.fields.values(320)
        if colours is None or len(colours) < 3 * size or colours.dtype.kind != "u":
            raise unreadable("the TIFF has no complete palette; export it as grey values")
        return grey.palette(colours[: 3 * size].reshape(3, size))
    if page.planar or page.samples == 1 or not page.further.any():
        return grey.first
    further = np.flatnonzero(page.further) + 1
    return lambda samples: grey.only(samples, further.tolist())


def _segment(page: tiff.TiffPage, data: NDArray[np.uint8], i: int, plane: int, planes: int) -> Array:
    """One strip or tile of one plane: rows, columns, samples; in native byte order."""
    index = plane * (len(page.offsets) // planes) + i
    start, length, needed = int(page.offsets[index]), int(page.counts[index]), int(page.needed[index])
    raw = data[start : start + length]
    columns = page.segment[1]
    samples = 1 if page.planar else page.samples
    rows = needed // (columns * samples * page.dtype.itemsize)
    name = f"{'tile' if page.tiled else 'strip'} {index + 1} of {len(page.offsets)}"
    if page.compression == 7:
        return _jpeg(page, raw, (rows, columns, samples), name)
    flat = raw if page.compression == 1 else _unpack(page, raw, needed, name)
    if page.predictor == 3:
        return _undo_float_predictor(flat, (rows, columns, samples), page.dtype)
    block = flat.view(page.dtype).reshape(rows, columns, samples)
    if page.predictor == 2:
        block = block.astype(page.dtype.newbyteorder("="))
        np.cumsum(block, axis=1, dtype=block.dtype, out=block)
    return block


def _unpack(page: tiff.TiffPage, raw: NDArray[np.uint8], needed: int, name: str) -> NDArray[np.uint8]:
    """Exactly `needed` bytes, from a codec that is told to make no more than a full segment."""
    import imagecodecs

    full = int(page.needed[0])  # the last strip may be filled up
    method = tiff.COMPRESSIONS[page.compression]
    try:
        if method == "lzma":
            out = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(raw.tobytes(), max_length=full)
        else:
            out = getattr(imagecodecs, f"{method}_decode")(raw.tobytes(), out=full)
    except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
        raise damaged(f"{name} does not decode ({method})", raw.data) from e
    if len(out) < needed:
        raise damaged(f"{name} decodes to {len(out)} of {needed} bytes ({method})", raw.data)
    return np.frombuffer(out, np.uint8, needed)


def _undo_float_predictor(flat: NDArray[np.uint8], shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Array:
    """Differences between the bytes of a row, whose most significant bytes come first, then the next ones, ..."""
    rows, columns, samples = shape
    size = dtype.itemsize
    summed = np.cumsum(flat.reshape(rows, columns * size, samples), axis=1, dtype=np.uint8)
    together = np.ascontiguousarray(summed.reshape(rows, size, columns * samples).transpose(0, 2, 1))
    return together.view(dtype.newbyteorder(">")).reshape(shape)


def _jpeg(page: tiff.TiffPage, raw: NDArray[np.uint8], shape: tuple[int, int, int], name: str) -> Array:
    import imagecodecs

    rows, columns, samples = shape
    tables = page.fields.values(347)
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
