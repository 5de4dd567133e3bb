"""PNG -> one 2-D array. Its chunks are checked first: size, limits, wholeness and checksums.

The pixels are inflated here, into exactly what the rows need, and given to libpng as they then are: it would go on for
as long as the data do. It gets the header, the palette and the pixels and no other chunk, so that what a profile or a
text holds is never inflated, can't change the grey values and is not complained about. Pillow would reduce 16-bit
colour to 8 bits.
"""

import logging
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import bounds, grey
from mhfd.images.flaw import damaged, incomplete, unreadable
from mhfd.images.formats import inflate
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source
from mhfd.limits import Limits

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIECE: Final = 1 << 20
_CHUNKS, _BYTES_A_CHUNK = 65_536, 1024
"""So many chunks any file may have; beyond, they must have so many bytes on average. Writers make them of 8 KiB."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by colour type."""


@dataclass(slots=True)
class _Chunks:
    """What of a PNG makes its pixels."""

    header: bytes = b""
    palette: bytes = b""
    pixels: list[tuple[int, int]] = field(default_factory=list)
    """Where each part of the compressed pixels begins, and its length."""


def read(file: Source, *, limits: Limits) -> StoredImage:
    """A PNG of 2 to 16 bit: grey, colour or palette; alpha is dropped."""
    chunks = _chunks(file)
    width, height, depth, samples = _header(chunks.header)
    bounds.hold(height, width, limits, whole=f"a PNG is decoded whole; {bounds.BY_ROWS}")
    needed = height * (1 + -(-width * samples * depth // 8))  # each row behind the number of its filter
    inflate.must_fit(sum(length for _, length in chunks.pixels), needed)
    return StoredImage("PNG", height, width, lambda: _decode(_plain(file, chunks, needed), height, width, depth))


def _decode(stream: NDArray[np.uint8], height: int, width: int, depth: int) -> grey.Plane:
    import imagecodecs

    decode: Any = imagecodecs.png_decode
    with complaints() as heard:
        try:
            samples: NDArray[Any] = decode(stream)
        except MemoryError:  # of this process, not of the file
            raise
        except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
            raise unreadable("the PNG does not decode; copy or export it again") from e
    samples = samples.reshape(*samples.shape[:2], -1)
    if heard:
        raise unreadable("the PNG's pixels do not agree with its header or palette; copy or export it again")
    if samples.shape[:2] != (height, width) or samples.dtype != (np.uint16 if depth == 16 else np.uint8):
        raise unreadable("the PNG decodes to another size than its header tells; export it again")
    return grey.from_colour(samples) if samples.shape[2] >= 3 else grey.first(samples)


def _plain(file: Source, chunks: _Chunks, needed: int) -> NDArray[np.uint8]:
    """The same PNG with its pixels not compressed, and no more than what makes them."""
    palette = _chunk(b"PLTE", chunks.palette) if chunks.palette else b""
    size = inflate.stored_size(needed)
    # A chunk holds up to 2 GiB: pixels that need more are given in one that libpng refuses, as no writer can make it.
    head = _SIGNATURE + _chunk(b"IHDR", chunks.header) + palette + size.to_bytes(8, "big")[-4:] + b"IDAT"
    end = _chunk(b"IEND", b"")
    out = np.empty(len(head) + size + 4 + len(end), np.uint8)
    out[: len(head)] = np.frombuffer(head, np.uint8)
    stream = out[len(head) : len(head) + size]
    inflate.exactly(_compressed(file, chunks.pixels), stream[size - needed :])
    inflate.stored(stream, needed)
    check = zlib.crc32(out[len(head) - 4 : len(head) + size].data).to_bytes(4, "big")
    out[len(head) + size :] = np.frombuffer(check + end, np.uint8)
    return out


def _compressed(file: Source, places: list[tuple[int, int]]) -> NDArray[np.uint8]:
    if len(places) == 1:
        return file.read(*places[0])
    out, done = np.empty(sum(length for _, length in places), np.uint8), 0
    for at, length in places:
        out[done : done + length] = file.read(at, length)
        done += length
    return out


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _chunks(file: Source) -> _Chunks:
    """All chunks up to the last one lie inside the file and agree with their checksums."""
    found = _Chunks()
    at, number, kind = len(_SIGNATURE), 0, b""
    while kind != b"IEND":
        number += 1
        if number > _CHUNKS + file.size // _BYTES_A_CHUNK:
            raise unreadable(f"the PNG has more than {number - 1} parts; export it again")
        start = file.read(at, 8).tobytes()
        length, kind = int.from_bytes(start[:4], "big"), start[4:]
        content, end = at + 8, at + 12 + length
        if end > file.size:
            raise incomplete(f"truncated: the PNG goes on after its {file.size} bytes; copy it again")
        _check(file, at, length, number)
        if kind == b"IDAT":
            found.pixels.append((content, length))
        elif kind in (b"IHDR", b"PLTE"):
            if length > 768:
                raise unreadable("the PNG's header or palette is too long; export it again")
            part = file.read(content, length).tobytes()
            if kind == b"PLTE":
                found.palette = found.palette or part
            elif number == 1:
                found.header = part
        at = end
    return found


def _check(file: Source, at: int, length: int, number: int) -> None:
    """Hold a chunk to its checksum, piece by piece."""
    check, first, end = 0, at + 4, at + 8 + length
    for place in range(first, end, _PIECE):
        check = zlib.crc32(file.read(place, min(_PIECE, end - place)).data, check)
    if check != int.from_bytes(file.read(end, 4).tobytes(), "big"):
        raise damaged(f"part {number} of the PNG is damaged (checksum)", file.read(max(at, end - 28), 32).tobytes())


def _header(content: bytes) -> tuple[int, int, int, int]:
    """Width, height, bit depth, and samples of a pixel."""
    if len(content) != 13:
        raise unreadable("the PNG has no header; copy or export it again")
    width, height, depth, colour = *(int.from_bytes(content[i : i + 4], "big") for i in (0, 4)), content[8], content[9]
    samples = _SAMPLES.get(colour)
    if not width or not height or depth not in (1, 2, 4, 8, 16) or samples is None or (depth < 8 < 8 * samples):
        raise unreadable(f"the PNG claims {height} x {width} pixels of {depth} bits; export it again")
    if depth == 1:
        raise unreadable("PNG of black and white only has no grey values to judge; export 8 or 16 bits")
    if content[12] != 0:  # the codec would mix up its passes
        raise unreadable("interlaced PNG is not read; export it without interlacing")
    return width, height, depth, samples


@contextmanager
def complaints() -> Iterator[list[logging.LogRecord]]:
    """Keeps what the codec logs in this thread from the user, and tells what that was.

    A broken checksum of the pixels is no error to libpng, only a line in the log.
    """
    found: list[logging.LogRecord] = []
    thread, logger = threading.get_ident(), logging.getLogger("imagecodecs")

    def for_others(record: logging.LogRecord) -> bool:
        if record.thread == thread:
            found.append(record)
        return record.thread != thread

    logger.addFilter(for_others)
    try:
        yield found
    finally:
        logger.removeFilter(for_others)
