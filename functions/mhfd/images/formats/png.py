"""PNG -> one 2-D array. Its chunks are checked first: size, limits, wholeness and checksums.

imagecodecs decodes it, not Pillow, which reduces 16-bit colour to 8 bits. It gets the chunks that make the pixels and
no others, so that what a profile or a text holds can neither change the grey values nor be complained about.
"""

import logging
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images import grey
from mhfd.images.flaw import damaged, incomplete, too_many_pixels, unreadable
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source

_SIGNATURE: Final = 8
_NEEDED: Final = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


def read(file: Source, *, max_pixels: int) -> StoredImage:
    """A PNG of 2 to 16 bit: grey, colour or palette; alpha is dropped."""
    chunks = _chunks(file.data)
    width, height, depth = _header(chunks[0])
    if width * height > max_pixels:
        raise too_many_pixels(height, width, max_pixels)
    stream = b"".join([file.data[:_SIGNATURE].data, *(chunk for chunk in chunks if _kind(chunk) in _NEEDED)])
    return StoredImage("PNG", height, width, lambda: _decode(stream, height, width, depth))


def _decode(stream: bytes, height: int, width: int, depth: int) -> grey.Plane:
    import imagecodecs

    with complaints() as heard:
        try:
            samples: NDArray[Any] = imagecodecs.png_decode(stream)
        except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
            raise unreadable("the PNG does not decode; copy or export it again") from e
    samples = samples.reshape(*samples.shape[:2], -1)
    if heard:
        raise unreadable("the PNG's pixels do not agree with their checksum; copy or export it again")
    if samples.shape[:2] != (height, width) or samples.dtype != (np.uint16 if depth == 16 else np.uint8):
        raise unreadable("the PNG decodes to another size than its header tells; export it again")
    return grey.from_colour(samples) if samples.shape[2] >= 3 else grey.first(samples)


def _chunks(data: NDArray[np.uint8]) -> list[memoryview]:
    """All chunks up to the last one. They lie inside the file and agree with their checksums."""
    found: list[memoryview] = []
    at = _SIGNATURE
    while not found or _kind(found[-1]) != b"IEND":
        end = at + 12
        if end <= len(data):
            end += int(data[at : at + 4].view(">u4")[0])
        if end > len(data):
            raise incomplete(f"truncated: the PNG goes on after its {len(data)} bytes; copy it again")
        chunk = data[at:end].data
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise damaged(f"part {len(found) + 1} of the PNG is damaged (checksum)", chunk)
        found.append(chunk)
        at = end
    return found


def _kind(chunk: memoryview) -> bytes:
    return bytes(chunk[4:8])


def _header(chunk: memoryview) -> tuple[int, int, int]:
    """Width, height and bit depth."""
    if _kind(chunk) != b"IHDR" or len(chunk) != 25:
        raise unreadable("the PNG has no header; copy or export it again")
    width, height, depth = int.from_bytes(chunk[8:12], "big"), int.from_bytes(chunk[12:16], "big"), chunk[16]
    if not width or not height or depth not in (1, 2, 4, 8, 16):
        raise unreadable(f"the PNG claims {height} x {width} pixels of {depth} bits; export it again")
    if depth == 1:
        raise unreadable("PNG of black and white only has no grey values to judge; export 8 or 16 bits")
    if chunk[20] != 0:  # the codec would mix up its passes
        raise unreadable("interlaced PNG is not read; export it without interlacing")
    return width, height, depth


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
