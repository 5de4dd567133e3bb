"""The same pixels for a network when it is taught and when it is asked: grey values put alike, sides made to fit.

Of each image and channel alone: nothing here was fitted on other images. What is done is a short text in a package's
card. It knows no network and no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.preparation.step import finite

Planes = NDArray[np.float32]
"""(channels, height, width)"""

_SAMPLE: Final = 65_536  # pixels, at least, that the percentiles are of
_TEXT: Final = re.compile(r"percentiles:(\d{1,2}(?:\.\d{1,6})?),(\d{1,2}(?:\.\d{1,6})?)")


@dataclass(frozen=True)
class Normalisation:
    """Two percentiles of each channel become -.5 and .5, what is beyond them too. A flat channel becomes 0."""

    low: float = 0.175
    high: float = 99.825

    @property
    def text(self) -> str:
        """What a card keeps; `normalisation_of` reads it."""
        return f"percentiles:{self.low:g},{self.high:g}"

    def of(self, pixels: NDArray[Any]) -> Planes:
        """An image as a network sees it. What is not finite counts as 0.

        Args:
            pixels: Of any type of numbers; (height, width), or (channels, height, width).
        """
        planes = pixels[None] if pixels.ndim == 2 else pixels
        if planes.ndim != 3 or not planes.size or planes.dtype.kind not in "buif":
            raise UsageError(
                f"pixels: expected (height, width) or (channels, height, width), got {pixels.dtype} of {pixels.shape}"
            )
        return np.stack([self._plane(plane) for plane in planes])

    def limits_of(self, plane: NDArray[Any]) -> tuple[float, float]:
        """The grey values of a channel (height, width) that become -.5 and .5; a flat one has them alike."""
        step = max(1, int((plane.size / _SAMPLE) ** 0.5))
        some = plane[::step, ::step]
        low, high = np.percentile(finite(some) if some.dtype.kind == "f" else some, (self.low, self.high))
        return float(low), float(high)

    def between(self, plane: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.float32]:
        """A channel (height, width) by limits that may be another's, and nothing cut off: `back` undoes it."""
        low, high = limits
        if high <= low:
            return np.zeros(plane.shape, np.float32)
        made = (finite(plane) if plane.dtype.kind == "f" else plane).astype(np.float32)
        return (made - np.float32(low)) * np.float32(1 / (high - low)) - np.float32(0.5)

    def back(self, plane: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.float32]:
        """Grey values of what `between` gave."""
        low, high = limits
        return (plane + np.float32(0.5)) * np.float32(max(0.0, high - low)) + np.float32(low)

    def _plane(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        low, high = self.limits_of(plane)
        known = finite(plane) if plane.dtype.kind == "f" else plane
        if high <= low:
            return np.zeros(plane.shape, np.float32)
        made = known.astype(np.float32)
        made -= np.float32(low)
        made *= np.float32(1 / (high - low))
        np.clip(made, 0, 1, out=made)
        made -= np.float32(0.5)
        return made


NORMALISATION: Final = Normalisation()
"""What networks are taught with."""


def normalisation_of(text: str) -> Normalisation:
    """What `Normalisation.text` said. UsageError where it is none of ours."""
    said = _TEXT.fullmatch(text)
    if said is None or not float(said[1]) < float(said[2]):
        raise UsageError(f"normalisation: no way of ours is {text!r}; a newer mhfd may have made this package: upgrade")
    return Normalisation(float(said[1]), float(said[2]))


def padded(planes: NDArray[Any], multiple: int) -> NDArray[Any]:
    """With sides that are multiples: mirrored below and at the right, where a map's cells then have no picture.

    Args:
        planes: (..., height, width), each side at least half of what it becomes, as from 64 pixels on it is for 64.
        multiple: Of pixels; itself where both sides are that already.
    """
    height, width = planes.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return planes
    if down >= height or right >= width:
        raise UsageError(
            f"pixels: {height} x {width} are too few to be mirrored to a multiple of {multiple}; give an image of "
            f"{multiple} pixels a side at least"
        )
    around = [(0, 0)] * (planes.ndim - 2)
    return np.pad(planes, [*around, (0, down), (0, right)], mode="reflect")
