"""An image band by band: the same maxima, bit for bit, with no more of the image in memory than a band and its halo.

How many rows beyond its own a band needs is `plan.PlanFilters.needed`'s. Only the compiled kernel works so; what the
other backends detect in is the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhfd import scales
from mhfd.detector import Detector, Features, plan
from mhfd.detector.cpu import CpuDetector
from mhfd.errors import UsageError
from mhfd.rows import Pixels, Rows, spans

if TYPE_CHECKING:
    from mhfd.contract.params import Params

PIXELS: Final = 1 << 20
"""Of a band where nothing else is said: 256 rows of 4096. Of 512, such an image takes 6 MB more, a tenth less CPU."""
LEAST_ROWS: Final = 256
"""Of a wider image, too: lower ones have more around them than in them."""
_ENDLESS: Final = 1 << 40
_FAR: Final = 1 << 16  # bands from the first of an endless image: nothing ends there


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Rows [top, bottom) of an image: their pixels with some more around them, and the maxima among them."""

    top: int
    bottom: int
    first: int
    """The row of the image that `pixels` begins with."""
    pixels: Pixels
    features: Features
    """In rows of the whole image."""


def takes_bands(detector: Detector) -> bool:
    """Whether it detects in a band of an image; the others take all of it at once."""
    return isinstance(detector, CpuDetector)


def detect(
    detector: Detector,
    rows: Rows,
    params: Params,
    limits: tuple[float, float],
    *,
    sigma_floor: float = 0.0,
    height: int | None = None,
    beyond: int = 0,
    only: tuple[int, int] | None = None,
) -> Iterator[Band]:
    """The bands of an image, from the top down.

    Args:
        detector: With the compiled kernel, or there is one band.
        rows: The image.
        params: As for `Detector`.
        limits: Of the whole image's stretch.
        sigma_floor: As for `Detector`.
        height: Rows of a band, `usual_height` where nothing is said; rounded to what the kernel computes at once.
        beyond: So many rows below a band must be there too, where the image has them.
        only: The bands in these rows [top, bottom) alone; they begin at a multiple of `plan.PlanFilters.whole`.
    """
    size, height = rows.shape[0], usual_height(rows.shape[1]) if height is None else height
    if not isinstance(detector, CpuDetector):
        if only is not None:
            raise UsageError(
                "split: only the compiled kernel and a GPU detect in some rows of an image: use split 'scales'"
            )
        pixels = rows.read(0, size)
        yield Band(0, size, 0, pixels, detector.detect(pixels, params, sigma_floor=sigma_floor))
        return
    detector.check(params)
    filters = plan.filters(tuple(scales.ladder(params)))
    whole = filters.whole
    start, end = (0, size) if only is None else only

    def around(top: int, bottom: int, size: int) -> tuple[int, int]:
        above, below = filters.needed(max(top - 1, 0), min(bottom + 1, size))
        return max(0, above // whole * whole), min(size, -(-max(below, bottom + beyond) // whole) * whole)

    def band(top: int, bottom: int) -> Band:
        first, last = around(top, bottom, size)
        pixels = rows.read(first, last)
        own = (top - first, bottom - first)
        found = detector.detect_between(pixels, own, params, limits, sigma_floor=sigma_floor)
        return Band(top, bottom, first, pixels, replace(found, y=found.y + np.int32(first), shape=rows.shape))

    step = max(whole, height // whole * whole)
    if start == 0 < end:
        # The first needs nothing above it and is as much higher: those that follow then work in the same memory.
        first, last = around(_FAR * step, (_FAR + 1) * step, _ENDLESS)
        start = min(end, step + last - first - around(0, step, _ENDLESS)[1])
        yield band(0, start)
    for top, bottom in spans(end - start, step):
        yield band(start + top, start + bottom)  # and keep nothing of it: it is gone before the next one is read


def usual_height(width: int) -> int:
    """Rows of a band of an image so wide: what a band saves is memory, and what it costs is the rows around it."""
    return max(LEAST_ROWS, PIXELS // width)


def unsearched(rows: Rows, *, beyond: int = 0) -> Iterator[Band]:
    """The same bands for what else is measured, when somebody else has counted the maxima."""
    size = rows.shape[0]
    for top, bottom in spans(size, usual_height(rows.shape[1])):
        yield Band(top, bottom, top, rows.read(top, min(bottom + beyond, size)), _nothing(rows.shape))


def _nothing(shape: tuple[int, int]) -> Features:
    none = np.empty(0, np.int32)
    return Features(none, none, np.empty(0, np.uint8), np.empty(0, np.float32), (0.0, 0.0), shape)


def joined(parts: Sequence[Features]) -> Features:
    """The maxima of bands that follow each other."""
    y, x, scale, response = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("y", "x", "scale", "response")
    )
    return replace(parts[0], y=y, x=x, scale=scale, response=response)
