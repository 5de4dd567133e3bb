"""Samples -> one grey value a pixel, in a type that the detectors take.

Colour becomes luminance (.299 R + .587 G + .114 B), which is the channel itself where the three are equal; further
samples (alpha) are dropped. It knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Box
from mhfd.images.flaw import several
from mhfd.rows import Pixels, spans

Array = NDArray[Any]

_EXACT: Final = 1 << 24
"""Whole numbers up to this are exact in float32."""
_BLOCK: Final = 1 << 20
"""Pixels converted at a time, so that the wide intermediate values stay small."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A 2-D array, and whether it came from channels that differ. It is `Planes`, too."""

    pixels: Array
    coloured: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """See `Planes`."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def read(self, top: int, bottom: int) -> Plane:
        """See `Planes`."""
        return Plane(self.pixels[top:bottom], self.coloured)


def first(samples: Array) -> Plane:
    """The first of the samples: a view."""
    return Plane(samples[:, :, 0])


def only(samples: Array, further: Sequence[int]) -> Plane:
    """The first of the samples, where the further ones hold no image of their own: a `Flaw` where they do."""
    one = samples[:, :, 0]
    for i in further:
        other = samples[:, :, i]
        if (other != other[0, 0]).any() and (other != one).any():
            raise several(1 + len(further), "in each pixel's samples")
    return Plane(one)


def from_colour(samples: Array) -> Plane:
    """The luminance of the first three samples."""
    native = samples.dtype.newbyteorder("=")
    small = native in (np.uint8, np.uint16)
    out = np.empty(samples.shape[:2], native if small else np.float32)
    coloured = False
    step = max(1, _BLOCK // max(1, samples.shape[1]))
    for top in range(0, len(samples), step):
        red, green, blue = np.moveaxis(samples[top : top + step, :, :3], 2, 0)
        coloured = coloured or bool((red != green).any() or (green != blue).any())
        if not coloured:
            out[top : top + step] = red
            continue
        wide = np.dtype(np.uint32 if small else np.float64)
        light: Array = sum(w * c.astype(wide) for w, c in zip((299, 587, 114), (red, green, blue), strict=True))
        with np.errstate(over="ignore", invalid="ignore"):  # infinite and NaN are findings later
            out[top : top + step] = (light + 500) // 1000 if small else light / 1000
    return Plane(out, coloured)


def palette(colours: Array) -> Callable[[Array], Plane]:
    """What makes of indices the luminance of their colours: red, green and blue of each index, 0 to 65535."""
    table = from_colour(colours.T.astype(np.uint16)[None])
    light = table.pixels[0]
    for step in (257, 256):  # 256: written by those who shift instead of scale
        if not (light % step).any():
            light = (light // step).astype(np.uint8)
            break
    return lambda samples: Plane(light[samples[:, :, 0]], table.coloured)


class Planes(Protocol):
    """A plane that is had row by row."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    def read(self, top: int, bottom: int) -> Plane:
        """Rows [top, bottom), good until the next call."""
        ...


@dataclass(slots=True, eq=False)
class Cropped:
    """The part of a plane that is image."""

    planes: Planes
    box: Box
    coloured: bool = False
    """Whether anything that was read came from channels that differ."""

    @property
    def shape(self) -> tuple[int, int]:
        """See `Planes`."""
        return self.box.bottom - self.box.top, self.box.right - self.box.left

    def read(self, top: int, bottom: int) -> Plane:
        """See `Planes`."""
        plane = self.planes.read(self.box.top + top, self.box.top + bottom)
        self.coloured |= plane.coloured
        return Plane(plane.pixels[:, self.box.left : self.box.right], plane.coloured)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """How grey values of a file become those that the detectors take, part by part."""

    dtype: np.dtype[Any]
    note: str | None = None
    less: int = 0
    """Taken off each."""
    inverted: bool = False

    def of(self, plane: Array) -> Pixels:
        """The same pixels, contiguous, aligned, in native byte order."""
        if self.less:
            plane = plane - plane.dtype.type(self.less)
        with np.errstate(over="ignore", invalid="ignore"):  # too large for float32, or NaN: a finding later
            pixels = np.require(plane, self.dtype, ["C", "A"])
        if not self.inverted:
            return pixels
        return -pixels if self.dtype == np.float32 else np.iinfo(self.dtype).max - pixels


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Converted:
    """A plane as `mhfd.rows.Rows`."""

    planes: Planes
    to: Conversion

    @property
    def shape(self) -> tuple[int, int]:
        """See `Rows`."""
        return self.planes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Rows`."""
        return self.to.dtype

    def read(self, top: int, bottom: int) -> Pixels:
        """See `Rows`."""
        return self.to.of(self.planes.read(top, bottom).pixels)


def conversion(planes: Planes, *, inverted: bool = False) -> Conversion:
    """uint8 and uint16 stay, everything else becomes float32.

    Whole numbers beyond 2^24 have their minimum taken off first, if that makes them exact: focus does not depend on it.
    The note says what was done to grey values, if anything was.
    """
    native = planes.read(0, 1).pixels.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        return Conversion(native, inverted=inverted)
    note, less = ("float64 was read as float32" if native == np.float64 else None), 0
    if native.kind in "ui" and native.itemsize > 2:
        low, high = _extremes(planes)
        if max(abs(low), abs(high)) > _EXACT:
            if high - low <= _EXACT:
                note, less = f"{low} was subtracted from every pixel: float32 is exact to 2^24", low
            else:
                note = "values beyond 2^24 were rounded to float32"
    return Conversion(np.dtype(np.float32), note, less, inverted)


def _extremes(planes: Planes) -> tuple[int, int]:
    height, width = planes.shape
    low, high = [], []
    for span in spans(height, max(1, _BLOCK // width)):
        part = planes.read(*span).pixels
        low.append(int(part.min()))
        high.append(int(part.max()))
    return min(low), max(high)
