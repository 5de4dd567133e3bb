"""Samples -> one grey value a pixel, in a type that the detectors take.

Colour becomes luminance (.299 R + .587 G + .114 B), which is the channel itself where the three are equal; further
samples (alpha) are dropped. It knows nothing of files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.flaw import several
from mhfd.stretch import Pixels

Array = NDArray[Any]

_EXACT: Final = 1 << 24
"""Whole numbers up to this are exact in float32."""
_BLOCK: Final = 1 << 20
"""Pixels converted at a time, so that the wide intermediate values stay small."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A 2-D array, and whether it came from channels that differ."""

    pixels: Array
    coloured: bool = False


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


def supported(plane: Array, *, inverted: bool = False) -> tuple[Pixels, str | None]:
    """uint8 and uint16 stay, everything else becomes float32; contiguous, aligned, native byte order.

    Whole numbers beyond 2^24 have their minimum taken off first, if that makes them exact: focus does not depend on it.
    The second value says what was done to grey values, if anything was.
    """
    native = plane.dtype.newbyteorder("=")
    note: str | None = None
    if native in (np.uint8, np.uint16):
        pixels = np.require(plane, native, ["C", "A"])
        return (np.iinfo(native).max - pixels if inverted else pixels), note
    if native.kind in "ui" and native.itemsize > 2 and plane.size:
        low, high = int(plane.min()), int(plane.max())
        if max(abs(low), abs(high)) > _EXACT:
            if high - low <= _EXACT:
                plane = (plane - plane.dtype.type(low)).astype(np.float32)
                note = f"{low} was subtracted from every pixel: float32 is exact to 2^24"
            else:
                note = "values beyond 2^24 were rounded to float32"
    with np.errstate(over="ignore", invalid="ignore"):  # too large for float32, or NaN: a finding later
        pixels = np.require(plane, np.float32, ["C", "A"])
    if native == np.float64:
        note = "float64 was read as float32"
    return (-pixels if inverted else pixels), note
