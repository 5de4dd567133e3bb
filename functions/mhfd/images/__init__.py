"""A file or an array -> `Image`: its pixels, what the instrument wrote about it, and whether it is fit to be scored.

`load` raises for wrong arguments only; what is wrong with a file is a finding. The rules (formats, pages, colour,
bounding box, integrity) are in docs/reference/images.md. Nothing here knows of focus.
"""

import os
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Box, Finding, ImageInfo
from mhfd.contract.params import Crop
from mhfd.errors import UsageError
from mhfd.images import bar, formats, grey, instruments, integrity, marker, source, values
from mhfd.images.flaw import Flaw
from mhfd.images.formats.reading import FileToRead, NotWhole, ReadImage
from mhfd.images.formats.stored import StoredImage
from mhfd.images.instruments.written import Header, Written
from mhfd.images.source import OpenFile
from mhfd.stretch import Pixels

__all__ = ["FileToRead", "Image", "Limits", "NotWhole", "OpenFile", "ReadImage", "load"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. Both are checked before the memory is taken."""

    max_pixels: int = 1 << 28
    """16384 x 16384."""
    max_bytes: int = 1 << 31
    """2 GiB."""

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"limits.{name}: expected a whole number of at least 1, got {value!r}")


_DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image, or why there is none. `pixels` is None unless `finding` is `ok`."""

    info: ImageInfo
    finding: Finding
    detail: str | None
    pixels: Pixels | None
    code: str | None = None
    """Why it was not even looked at; None: it was."""


def load(
    source: str | os.PathLike[str] | OpenFile | NDArray[Any],
    *,
    limits: Limits = _DEFAULT_LIMITS,
    crop: Crop | None = None,
) -> Image:
    """Read one image. An array is taken as it is, not copied where its type and layout allow it.

    `crop` is left off instead of a data bar; what lies outside of a bounding box that Fibics wrote is left off too.
    """
    facts = _Facts(crop=crop)
    try:
        pixels = _of_array(source, facts) if isinstance(source, np.ndarray) else _of_file(source, limits, facts)
    except Flaw as flaw:
        return Image(facts.info(), flaw.finding, flaw.detail, None, flaw.code)
    return Image(facts.info(), Finding.OK, None, pixels)


@dataclass(slots=True)
class _Facts:
    """What is known of the image so far: a flaw found later does not lose it."""

    crop: Crop | None = None
    path: str | None = None
    size: int | None = None
    sha256: str | None = None
    shape: tuple[int, int] | None = None
    dtype: str | None = None
    written: Written = field(default_factory=Written)
    extra: dict[str, str | float | int] = field(default_factory=dict)

    def info(self) -> ImageInfo:
        written = asdict(self.written)
        extra = self.extra | written.pop("extra")
        for name in ("above_bar", "marker_px", "may_have_bar"):
            del written[name]
        extra |= {f"{name}_from": origin for name, origin in written.pop("origins").items()}
        if notes := written.pop("notes"):
            extra["note"] = "; ".join(notes)[:500]
        return ImageInfo(
            path=self.path,
            bytes=self.size,
            sha256=self.sha256,
            shape=self.shape,
            dtype=self.dtype,
            tags=extra,
            **written,
        )


def _of_file(where: str | os.PathLike[str] | OpenFile, limits: Limits, facts: _Facts) -> Pixels:
    named = where.path if isinstance(where, OpenFile) else where
    path = os.fspath(named) if isinstance(named, str | os.PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        got = type(where).__name__ if path is None else repr(path)
        raise UsageError(f"source: expected a path or a 2-D numpy array, got {got}")
    facts.path = source.printable(path)
    opened = where if isinstance(where, OpenFile) else path
    beside = source.beside(opened)
    try:
        with source.opened(opened, max_bytes=limits.max_bytes) as file:
            facts.size, facts.sha256 = file.size, file.sha256
            stored = formats.read(file, opened, beside, max_pixels=limits.max_pixels)
            facts.shape, facts.dtype = (stored.height, stored.width), stored.dtype
            facts.extra["format"] = stored.kind
            facts.extra |= stored.about
            header = Header(stored.height, stored.width, path, beside, stored.fields, stored.known)
            instruments.read(header, facts.written)
            plane = stored.decode()
    except source.Changed:
        facts.size = facts.sha256 = None  # of no revision
        raise
    return _finish(plane, facts, stored)


def _of_array(array: NDArray[Any], facts: _Facts) -> Pixels:
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise UsageError(f"source: expected an array of (rows, columns) or (rows, columns, 3 or 4), got {array.shape}")
    if array.dtype.kind not in "uif" or array.dtype.itemsize > 8:
        raise UsageError(f"source: expected whole or floating-point numbers of up to 64 bits, got {array.dtype}")
    if isinstance(array, np.ma.MaskedArray):
        raise UsageError("source: masked arrays are not taken; pass array.filled(...) or the part without a mask")
    facts.extra["format"] = "array"
    facts.shape, facts.dtype = (array.shape[0], array.shape[1]), array.dtype.name
    if array.ndim == 3:
        facts.extra["samples"] = array.shape[2]
        return _finish(grey.from_colour(array), facts)
    return _finish(grey.Plane(array), facts)


def _finish(plane: grey.Plane, facts: _Facts, stored: StoredImage | None = None) -> Pixels:
    """Crop to the instrument's box or above its data bar, convert, and look whether it is an image."""
    height, width = plane.pixels.shape
    facts.shape = (height, width)
    facts.dtype = facts.dtype or plane.pixels.dtype.name
    if plane.coloured:
        facts.extra["colour"] = "luminance"
    box = _part(plane.pixels, facts)
    inside = plane.pixels[box.top : box.bottom, box.left : box.right]
    pixels, note = grey.supported(inside, inverted=stored is not None and stored.inverted)
    if note:
        facts.extra["values"] = note
    tiling = integrity.Tiling(*stored.tile, box) if stored is not None and stored.tile else None
    whole_numbers = inside.dtype.kind in "ui"
    bottom_up = stored is not None and stored.bottom_up
    facts.extra |= integrity.check(pixels, whole_numbers=whole_numbers, tiling=tiling, bottom_up=bottom_up)
    found = values.sane(pixels, ours=stored is not None or pixels.base is None)
    if found.left_out:
        facts.extra["left_out"] = found.left_out
        integrity.check_blank(found.pixels, whole_numbers=whole_numbers)
    if found.scaled:
        facts.extra["values"] = "; ".join(said for said in (note, found.scaled) if said)
    return found.pixels


def _part(pixels: NDArray[Any], facts: _Facts) -> Box:
    """The part that is image: by a person's word, by what the instrument wrote, or by what it drew."""
    height, width = pixels.shape
    written = facts.written
    if facts.crop is not None:
        written.cropped(facts.crop, height, width)
    elif written.box is None:
        if rows := bar.rows(pixels):
            if written.may_have_bar:
                written.rows_above_bar(height - rows, height, width, "drawn data bar")
            else:  # nobody knows; a person is asked
                facts.extra["looks_like_bar"] = rows
        if written.box is None and written.marker_px and (rows := marker.rows(pixels, written.marker_px)):
            written.rows_above_bar(height - rows, height, width, "drawn scale bar")
    return written.box or Box(top=0, left=0, bottom=height, right=width)
