"""Files of images, written by hand in the form of each format, and what is expected of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from mhfd import images
from mhfd.contract.focus_report import Finding

Array = NDArray[Any]


def scene(height: int = 90, width: int = 75, seed: int = 0) -> Array:
    """Grey values with a detector's noise, 1 to 254. Its sides are no multiples of four or eight."""
    return np.random.default_rng(seed).normal(120, 20, (height, width)).clip(1, 254).astype(np.uint8)


def bmp(pixels: Array, *, top_down: bool = False, fields: Mapping[str, int] = MappingProxyType({})) -> bytes:
    """8 bits with a grey palette, or 24 or 32 bits of blue, green, red; fields of its header are laid over."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256)) if samples == 1 else b""
    value = {
        "size": 54 + len(palette) + rows.size,
        "at": 54 + len(palette),
        "length": 40,
        "width": width,
        "height": -height if top_down else height,
        "bits": 8 * samples,
        "packing": 0,
        "colours": 256 if samples == 1 else 0,
    } | dict(fields)
    first = struct.pack("<2sIII", b"BM", value["size"], 0, value["at"])
    second = struct.pack("<IiiHH", value["length"], value["width"], value["height"], 1, value["bits"])
    head = first + second + struct.pack("<IIiiII", value["packing"], rows.size, 0, 0, value["colours"], 0)
    return head + palette + (rows if top_down else rows[::-1]).tobytes()


def jpeg(pixels: Array, **options: Any) -> bytes:
    """As Pillow writes it."""
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def mrc(
    pixels: Array,
    *,
    order: str = "<",
    cell: float = 0.0,
    more: bytes = b"",
    fields: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """One image, or several; `cell`: Angstrom a pixel."""
    stack = pixels.reshape(-1, *pixels.shape[-2:])
    count, height, width = stack.shape
    modes = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12, "c8": 4}
    value = {"nx": width, "ny": height, "nz": count, "mode": modes[stack.dtype.str[1:]], "nsymbt": len(more)} | dict(
        fields
    )
    head = bytearray(1024)
    struct.pack_into(f"{order}4i", head, 0, value["nx"], value["ny"], value["nz"], value["mode"])
    struct.pack_into(f"{order}3i3f", head, 28, width, height, count, cell * width, cell * height, cell * count)
    struct.pack_into(f"{order}3i3f2i", head, 64, 1, 2, 3, float(stack.min().real), float(stack.max().real), 1.0, 0,
                     value["nsymbt"])  # fmt: skip
    head[208:214] = b"MAP DD" if order == "<" else b"MAP \x11\x11"
    return bytes(head) + more + stack.astype(np.dtype(order + stack.dtype.str[1:])).tobytes()


def good(path: Path, content: bytes | None = None) -> images.Image:
    """The image of a file that is well."""
    if content is not None:
        path.write_bytes(content)
    image = images.load(path)
    assert image.finding is Finding.OK, image.detail
    assert image.pixels is not None
    return image


def flawed(path: Path, content: bytes | None, finding: Finding, *words: str, **limits: Any) -> images.Image:
    """What is said of a file that is not."""
    if content is not None:
        path.write_bytes(content)
    image = images.load(path, limits=images.Limits(**limits))
    assert image.finding is finding, (image.finding, image.detail)
    for word in words:
        assert word in (image.detail or ""), image.detail
    return image
