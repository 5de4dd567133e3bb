"""Grey values that are no brightness, and those too large or small to be reckoned with, before anything is measured.

Programs write -9999, 1e20 or -3.4e38 where they know nothing; cameras have dead and hot pixels. A handful of them, a
thousand times beyond the image, outweighs its tissue. They are left out: each takes the value beside it. An image
without such values is not touched, by not one bit. Nothing here knows of files or of focus.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.rows import InMemory, OfOthers, Pixels, Rows
from mhfd.survey import Survey, survey

FAR: Final = 16.0
"""How many times the image's own span (its middle 99.9%) a value lies beyond it to be none of its grey values."""
NEAR: Final = 4.0
"""Between this and `FAR` lies nothing, or next to nothing: a bright particle fades into the image, nodata does not."""
_BETWEEN: Final = 1 / 8  # of what is far: so much may lie between
_FEW: Final = 1 / 2000  # of the pixels: more at 0 or 65535 are clipped, and a detector's own
_LARGE: Final = 1e15  # squares of sums over a block overflow float32 beyond
_SMALL: Final = 1e-12  # what is added so that nothing is divided by zero outweighs noise below
_LEAST: Final = 256  # values of a sample, the image's two extremes left out, that say what its own span is
_COPIED: Final = 4
"""So many pixels in a line take one value: beyond, they take the image's middle one."""
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The range beyond which a value is none, and the middle of what the image holds."""

    low: float
    high: float
    middle: float


@dataclass(frozen=True, slots=True, eq=False)
class Sane:
    """A picture that can be measured, and what was done to get it; nothing, to nearly every one."""

    rows: Rows
    survey: Survey
    left_out: str | None = None
    scaled: str | None = None


def sane(rows: Rows, seen: Survey, *, threads: int = 1) -> Sane:
    """The picture as it is, unless some of its values are none: then one without them, made anew whenever it is read.

    What lies in memory is made once.
    """
    left_out = scaled = None
    bounds = _bounds(rows, seen)
    least, most = seen.low, seen.high
    if bounds is not None:
        left_out = _said(rows, seen, bounds)
        rows = _made(_Filled(rows, bounds))
        seen = survey(rows, threads=threads, team=seen.team)
        least, most = seen.low, seen.high
    if rows.dtype == np.float32:
        largest = max(abs(least), abs(most))
        if largest and not _SMALL <= largest <= _LARGE:
            power = -math.frexp(largest)[1]
            rows = _made(_Scaled(rows, power))
            seen = survey(rows, threads=threads, team=seen.team)
            scaled = f"every value was multiplied by 2^{power}: they go to {largest:.3g}"
    return Sane(rows, seen, left_out, scaled)


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled(OfOthers):
    """Every value times a power of two."""

    rows: Rows
    power: int

    def read(self, top: int, bottom: int) -> Pixels:
        """See `Rows`."""
        return np.ldexp(self.rows.read(top, bottom), self.power)


@dataclass(frozen=True, slots=True, eq=False)
class _Filled(OfOthers):
    """Each pixel beyond the bounds takes the value beside it: of its row, else of the row above, else the middle one.

    Only so far: a region of copies would be streaks, which look like texture. A plain one looks like nothing.
    """

    rows: Rows
    bounds: _Bounds

    def read(self, top: int, bottom: int) -> Pixels:
        """See `Rows`."""
        # Rows are copied down so far at most: what these become is seen from as many above them and one.
        first = max(0, top - _COPIED - 1)
        pixels = self.rows.read(first, bottom).copy()
        _fill(pixels, self.bounds)
        return pixels[top - first :]


def _made(rows: _Scaled | _Filled) -> Rows:
    return InMemory(rows.read(0, rows.shape[0])) if isinstance(rows.rows, InMemory) else rows


def _bounds(rows: Rows, seen: Survey) -> _Bounds | None:
    """The range of what the image holds, if some of its values lie far beyond."""
    if rows.dtype == np.uint8:
        return None
    least, most, sample = seen.low, seen.high, seen.grid
    # A large region of one value must not make the span: the extremes are left out, however many have them.
    inside = sample[(sample != rows.dtype.type(least)) & (sample != rows.dtype.type(most))]
    if inside.size < _LEAST:
        return None
    cut = inside.size // 2000
    inside = np.partition(inside, (cut, inside.size // 2, inside.size - 1 - cut))
    low, high = float(inside[cut]), float(inside[-1 - cut])
    span = high - low
    if not span or (least >= low - FAR * span and most <= high + FAR * span):
        return None
    far = _count(rows, seen, low - FAR * span, high + FAR * span)
    between = _count(rows, seen, low - NEAR * span, high + NEAR * span) - far
    if between > _BETWEEN * far or (rows.dtype.kind == "u" and far > _FEW * rows.shape[0] * rows.shape[1]):
        return None
    return _Bounds(low - FAR * span, high + FAR * span, float(inside[inside.size // 2]))


def _beyond(part: NDArray[Any], low: float, high: float) -> NDArray[np.bool_]:
    # In float64: a bound may lie beyond the type of the pixels.
    wide = part.astype(np.float64)
    outside: NDArray[np.bool_] = (wide < low) | (wide > high)
    return outside


def _count(rows: Rows, seen: Survey, low: float, high: float) -> int:
    if rows.dtype != np.float32:
        return int(seen.counts[_beyond(np.arange(len(seen.counts)), low, high)].sum())
    own = sum(int(np.count_nonzero(_beyond(rows.read(*span), low, high))) for span in seen.spans)
    return int(seen.team.total(np.array([own]))[0])


def _blocks(pixels: Pixels) -> list[NDArray[Any]]:
    step = max(1, _BLOCK // pixels.shape[1])
    return [pixels[top : top + step] for top in range(0, len(pixels), step)]


def _fill(pixels: Pixels, bounds: _Bounds) -> None:
    top, last, deep = 0, -1, 0
    for rows in _blocks(pixels):
        outside = _beyond(rows, bounds.low, bounds.high)
        for inside_block in np.flatnonzero(outside.any(axis=1)):
            number, bad = top + int(inside_block), outside[inside_block]
            row = pixels[number]
            beside = _beside(bad)
            row[:] = row[beside]
            wide = bad & (np.abs(beside - np.arange(len(bad))) > _COPIED)
            wide |= bad.all()
            if wide.any():
                last, deep = number, deep + 1 if last == number - 1 else 1
                row[wide] = pixels[number - 1][wide] if number and deep <= _COPIED else bounds.middle
        top += len(rows)


def _said(rows: Rows, seen: Survey, bounds: _Bounds) -> str:
    """How many pixels are left out, and at which values."""
    count, least, most = 0, math.inf, -math.inf
    for span in seen.spans:
        for part in _blocks(rows.read(*span)):
            if (found := part[_beyond(part, bounds.low, bounds.high)]).size:
                count += found.size
                least, most = min(least, float(found.min())), max(most, float(found.max()))
    counts, lows, highs = zip(*seen.team.everyones((count, least, most)), strict=True)
    count, least, most = sum(counts), min(lows), max(highs)
    at = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    size = rows.shape[0] * rows.shape[1]
    return f"{count} of {size} pixels, at {at}: far from all others, each takes the value beside it"


def _beside(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of each place of a row, itself, or the nearest good one to the left, or else the first good one."""
    source = np.maximum.accumulate(np.where(bad, -1, np.arange(len(bad))))
    found: NDArray[np.intp] = np.where(source < 0, np.argmin(bad), source)
    return found
