"""PNG -> one 2-D array. Its chunks are walked first: size, limits and wholeness are known before anything is decoded.

imagecodecs decodes it, not Pillow, which reduces 16-bit colour to 8 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.contract import Finding
from mhfd.images import grey
from mhfd.images.flaw import Flaw

__all__ = ["decode"]


def decode(data: NDArray[np.uint8], *, max_pixels: int) -> grey.Plane:
    """The grey values of a PNG: 8 or 16 bit, grey, colour or palette; alpha is dropped."""
    width, height, depth = _check(data)
    if width * height > max_pixels:
        raise Flaw(
            Finding.UNREADABLE,
            f"{height} x {width} pixels are more than max_pixels = {max_pixels}; crop it or raise the limit",
        )
    import imagecodecs

    try:
        samples: NDArray[Any] = imagecodecs.png_decode(data)  # type: ignore[arg-type]  # takes any buffer
    except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
        raise Flaw(Finding.UNREADABLE, "the PNG does not decode; copy or export it again") from e
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.shape[:2] != (height, width) or samples.dtype != (np.uint16 if depth == 16 else np.uint8):
        raise Flaw(Finding.UNREADABLE, "the PNG decodes to another size than its header tells; export it again")
    return grey.from_colour(samples) if samples.shape[2] >= 3 else grey.first(samples)


def _check(data: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Width, height and bit depth of a PNG whose chunks lie in the file up to the last one."""
    at = 8
    header: bytes | None = None
    while True:
        if at + 12 > len(data):
            raise Flaw(Finding.INCOMPLETE, f"truncated: the PNG goes on after its {len(data)} bytes; copy it again")
        length, kind = int(data[at : at + 4].view(">u4")[0]), data[at + 4 : at + 8].tobytes()
        if at + 12 + length > len(data):
            raise Flaw(Finding.INCOMPLETE, f"truncated: the PNG goes on after its {len(data)} bytes; copy it again")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise Flaw(Finding.UNREADABLE, "the PNG has no header; copy or export it again")
            header = data[at + 8 : at + 21].tobytes()
        if kind == b"IEND":
            break
        at += 12 + length
    width, height, depth = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[8]
    if not width or not height or depth not in (1, 2, 4, 8, 16):
        raise Flaw(Finding.UNREADABLE, f"the PNG claims {height} x {width} pixels of {depth} bits; export it again")
    if depth == 1:
        raise Flaw(Finding.UNREADABLE, "PNG of black and white only has no grey values to judge; export 8 or 16 bits")
    return width, height, depth
