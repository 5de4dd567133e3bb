"""Is what was decoded an image at all? Judged inside the instrument's bounding box only.

Order: too small, NaN or infinite, blank, unwritten tail. Each check reads as little as it can: a normal image is
judged from a sample and its last rows. It says nothing about focus or tissue.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mhfd.contract.focus_report import Box, Finding
from mhfd.images.flaw import Flaw, incomplete
from mhfd.stretch import Pixels

MIN_SIDE: Final = 32
"""A smaller box or image holds not even one Gaussian of the largest default scale (t = 16) to either side."""
TAIL_ROWS: Final = 4
"""Identical rows at the end that make a tail. Noise makes not even two, but some instruments leave one or two black."""
BLANK_LEVELS: Final = 4
"""Grey levels that 99.9% of a blank image's pixels span at most."""
_SAMPLE: Final = 65_536
_FLOAT_SPAN: Final = 1e-6  # of the largest value: about 16 steps of float32


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of the stored array, and the part of it that is image."""

    rows: int
    columns: int
    box: Box


def check(
    pixels: Pixels, *, whole_numbers: bool, tiling: Tiling | None = None, bottom_up: bool = False
) -> dict[str, int]:
    """Raise the first `Flaw` there is. Returns facts worth noting: `plain_bottom_rows`.

    `bottom_up`: the last row was written first, so that what was not written is at the top.
    """
    if min(pixels.shape) < MIN_SIDE:
        height, width = pixels.shape
        raise Flaw(Finding.TOO_SMALL, f"{height} x {width} pixels; each side needs at least {MIN_SIDE}")
    _check_finite(pixels)
    check_blank(pixels, whole_numbers=whole_numbers)
    facts = _check_tail(pixels, "last")
    if bottom_up:
        _check_tail(pixels[::-1], "first")
    if tiling is not None:
        _check_last_tiles(pixels, tiling)
    return facts


def _check_finite(pixels: Pixels) -> None:
    # Minimum and maximum are NaN if any value is, and take no memory.
    if pixels.dtype.kind == "f" and not (math.isfinite(pixels.min()) and math.isfinite(pixels.max())):
        bad = sum(int(np.count_nonzero(~np.isfinite(row))) for row in pixels)
        raise Flaw(Finding.INVALID, f"{bad} of {pixels.size} pixels are NaN or infinite; export the image again")


def check_blank(pixels: Pixels, *, whole_numbers: bool) -> None:
    """Raise the `Flaw` of an image that shows nothing."""
    step = max(1, math.isqrt(pixels.size // _SAMPLE))
    # The sample may hit a regular pattern: it only acquits, the whole image convicts.
    if _is_blank(pixels[::step, ::step], whole_numbers) and (step == 1 or _is_blank(pixels, whole_numbers)):
        low, high = float(pixels.min()), float(pixels.max())
        if low == high:
            saturated = pixels.dtype.kind == "u" and low == np.iinfo(pixels.dtype).max
            hint = "is the detector saturated?" if saturated else "was the beam on?"
            detail = f"blank: every pixel is {low:g}; {hint}"
        else:
            detail = f"blank: 99.9% of the pixels span {BLANK_LEVELS} grey levels or fewer; was the beam on?"
        raise Flaw(Finding.BLANK, detail)


def _is_blank(pixels: Pixels, whole_numbers: bool) -> bool:
    flat = pixels.ravel()
    cut = flat.size // 2000  # .05% at either end: a few hot pixels do not make an image
    ends = (cut, flat.size - 1 - cut)
    ordered = np.partition(flat, ends)
    low, high = float(ordered[ends[0]]), float(ordered[ends[1]])
    if whole_numbers:
        return high - low < BLANK_LEVELS
    return high - low <= _FLOAT_SPAN * max(abs(low), abs(high))


def _check_tail(pixels: Pixels, which: str) -> dict[str, int]:
    """Rows at the end that repeat one row: nothing was written there, or the scan had stopped.

    A region that is constant in itself (clipped resin, a data bar) reaches its end gradually: the rows above it have
    much of the same. A tail begins with a straight edge. One row is left out between: the row in which writing stopped.
    """
    last = pixels[-1]
    start = len(pixels) - 1
    while start > 0 and np.array_equal(pixels[start - 1], last):
        start -= 1
    rows = len(pixels) - start
    if rows < TAIL_ROWS:
        return {}
    if start >= 2 and np.count_nonzero(pixels[start - 2] == last) * 2 >= last.size:
        return {"plain_bottom_rows": rows}
    what = f"are {float(last[0]):g}" if bool((last == last[0]).all()) else "repeat one row"
    raise incomplete(
        f"the {which} {rows} of {len(pixels)} rows {what}: not written, or the scan stopped; copy or take it again"
    )


def _check_last_tiles(pixels: Pixels, tiling: Tiling) -> None:
    """Tiles at the end, in the order of writing, that hold one value; the first of them perhaps in part."""
    box = tiling.box
    value = pixels[-1, -1]
    missing = 0
    for row in range((box.bottom - 1) // tiling.rows, box.top // tiling.rows - 1, -1):
        rows = slice(max(row * tiling.rows - box.top, 0), min((row + 1) * tiling.rows, box.bottom) - box.top)
        for column in range((box.right - 1) // tiling.columns, box.left // tiling.columns - 1, -1):
            left = max(column * tiling.columns - box.left, 0)
            right = min((column + 1) * tiling.columns, box.right) - box.left
            tile = pixels[rows, left:right]
            if not (tile == value).all():
                above = pixels[max(rows.start - 1, 0), left:right]
                _judge_last_tile(tile, above, value, missing, edge=right < pixels.shape[1])
                return
            missing += tile.size >= 64  # the sliver of a tile proves nothing


def _judge_last_tile(tile: Pixels, above: Pixels, value: Any, missing: int, *, edge: bool) -> None:
    """`tile` is the last one that holds anything. Where writing stopped, straight edges are left.

    They lie below its last row (leaving out the row in which writing stopped) and, where a missing tile follows in the
    same row, along its right side.
    """
    stop = int(np.flatnonzero((tile != value).any(axis=1))[-1])
    blank_rows = len(tile) - 1 - stop
    if not missing and blank_rows < TAIL_ROWS:
        return
    sides = [tile[stop - 1] if stop else above]
    if edge and missing and stop:
        sides.append(tile[:stop, -1])
    # A quarter, not half: an edge as short as a tile may be straight by chance.
    if all(np.count_nonzero(side == value) * 4 < side.size for side in sides):
        which = f"the last {missing} tiles are" if missing else "the end of the last tile is"
        raise incomplete(f"{which} all {float(value):g}: not written; wait, or copy or export the image again")
