"""Images with what an instrument wrote about them, made by a test."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.focus_report import Finding

FIBICS, ZEISS, FEI, FEI_OLD, DESCRIPTION = 51023, 34118, 34682, 34680, 270
Array = NDArray[Any]


def scene(height: int = 120, width: int = 140) -> Array:
    """An image that passes every check."""
    return np.random.default_rng(0).normal(120, 20, (height, width)).clip(1, 254).astype(np.uint8)


def load(folder: Path, array: Array, *written: tuple[int, bytes], **options: Any) -> images.Image:
    """`array` as a TIFF with these texts in these tags, read."""
    path = folder / "a.tif"
    extra = [(code, 2, len(text) + 1, text + b"\0", True) for code, text in written]
    tifffile.imwrite(path, array, extratags=extra, **options)
    return images.load(path)


def load_beside(folder: Path, array: Array, text: bytes, ending: str = ".txt", **options: Any) -> images.Image:
    """`array` as a TIFF with a text beside it, read."""
    (folder / f"a{ending}").write_bytes(text)
    return load(folder, array, **options)


def load_described(folder: Path, array: Array, description: str | bytes, **options: Any) -> images.Image:
    """`array` as a TIFF with this description, read."""
    text = description.encode() if isinstance(description, str) else description
    return load(folder, array, description=text, metadata=None, **options)


def load_pointing(folder: Path, array: Array, code: int, content: bytes, **options: Any) -> images.Image:
    """`array` as a TIFF whose tag `code` says where in the file `content` lies, read."""
    path = folder / "a.tif"
    tifffile.imwrite(path, array, extratags=[(code, 4, 1, 1, True)], **options)
    data, form = path.read_bytes(), options.get("byteorder", "<") + "HHII"
    before, entry, after = data.partition(struct.pack(form, code, 4, 1, 1))
    assert entry
    path.write_bytes(before + struct.pack(form, code, 4, 1, len(data)) + after + content)
    return images.load(path)


def ok(image: images.Image) -> images.Image:
    """The same, which nothing is wrong with."""
    assert image.finding is Finding.OK, image.detail
    return image


def element(path: str, value: object, units: str = "") -> tuple[str, str, str]:
    """One element of `fibics`."""
    return path, str(value), f' units="{units}"' if units else ""


def fibics(*elements: tuple[str, str, str], box: tuple[object, object, object, object] | None = None) -> bytes:
    """Fibics XML. `box`: left, top, right, bottom."""
    parts = list(elements)
    if box is not None:
        names = ("Left", "Top", "Right", "Bottom")
        parts += [element(f"Image/BoundingBox.{name}", side) for name, side in zip(names, box, strict=True)]
    text = '<?xml version="1.0" encoding="iso-8859-1"?>\n<Fibics version="1.0">'
    for section in ("Application", "Image", "Scan", "Stage", "MosaicInfo"):
        inside = "".join(
            f"<{path.partition('/')[2]}{units}>{value}</{path.partition('/')[2]}>"
            for path, value, units in parts
            if path.startswith(section + "/")
        )
        text += f"<{section}>{inside}</{section}>"
    return (text + "</Fibics>").encode("iso-8859-1")
