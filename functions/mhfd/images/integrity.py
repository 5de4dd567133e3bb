"""Is what was decoded an image at all? Judged inside the instrument's bounding box only.

Order: too small, NaN or infinite, blank, unwritten tail. Each check reads as little as it can: a normal image is
judged from a sample and its last rows. It says nothing about focus or tissue.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mhfd.contract.focus_report import Box, Finding
from mhfd.images.flaw import Flaw, incomplete
from mhfd.rows import OfOthers, Pixels, Rows, spans
from mhfd.stretch import order_statistics
from mhfd.survey import Survey

MIN_SIDE: Final = 32
"""A smaller box or image holds not even one Gaussian of the largest default scale (t = 16) to either side."""
TAIL_ROWS: Final = 4
"""Identical rows at the end that make a tail. Noise makes not even two, but some instruments leave one or two black."""
BLANK_LEVELS: Final = 4
"""Grey levels that 99.9% of a blank image's pixels span at most."""
_TAIL_AT_ONCE: Final = 64
_FLOAT_SPAN: Final = 1e-6  # of the largest value: about 16 steps of float32


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of the stored array, and the part of it that is image."""

    rows: int
    columns: int
    box: Box


def check_size(shape: tuple[int, int]) -> None:
    """Raise the `Flaw` of an image that is too small."""
    height, width = shape
    if min(shape) < MIN_SIDE:
        raise Flaw(Finding.TOO_SMALL, f"{height} x {width} pixels; each side needs at least {MIN_SIDE}")


def check(
    rows: Rows, seen: Survey, *, whole_numbers: bool, tiling: Tiling | None = None, bottom_up: bool = False
) -> dict[str, int]:
    """Raise the first `Flaw` there is. Returns facts worth noting: `plain_bottom_rows`.

    `bottom_up`: the last row was written first, so that what was not written is at the top.
    """
    if seen.bad:
        size = rows.shape[0] * rows.shape[1]
        raise Flaw(Finding.INVALID, f"{seen.bad} of {size} pixels are NaN or infinite; export the image again")
    check_blank(rows, seen, whole_numbers=whole_numbers)
    facts = _check_tail(rows, "last")
    if bottom_up:
        _check_tail(_UpsideDown(rows), "first")
    if tiling is not None:
        _check_last_tiles(rows, tiling)
    return facts


def check_blank(rows: Rows, seen: Survey, *, whole_numbers: bool) -> None:
    """Raise the `Flaw` of an image that shows nothing."""
    # The sample may hit a regular pattern: it only acquits, the whole image convicts.
    low, high = _ends(seen.grid.size)
    some = np.partition(seen.grid, (low, high), axis=None)
    if not _spans_nothing((float(some[low]), float(some[high])), whole_numbers):
        return
    if not _spans_nothing(order_statistics(rows, seen, _ends(rows.shape[0] * rows.shape[1])), whole_numbers):
        return
    if seen.low == seen.high:
        saturated = rows.dtype.kind == "u" and seen.low == np.iinfo(rows.dtype).max
        hint = "is the detector saturated?" if saturated else "was the beam on?"
        raise Flaw(Finding.BLANK, f"blank: every pixel is {seen.low:g}; {hint}")
    raise Flaw(Finding.BLANK, f"blank: 99.9% of the pixels span {BLANK_LEVELS} grey levels or fewer; was the beam on?")


def _ends(size: int) -> tuple[int, int]:
    cut = size // 2000  # .05% at either end: a few hot pixels do not make an image
    return cut, size - 1 - cut


def _spans_nothing(span: tuple[float, float], whole_numbers: bool) -> bool:
    low, high = span
    if whole_numbers:
        return high - low < BLANK_LEVELS
    return high - low <= _FLOAT_SPAN * max(abs(low), abs(high))


@dataclass(frozen=True, slots=True, eq=False)
class _UpsideDown(OfOthers):
    """The rows from the last to the first."""

    rows: Rows

    def read(self, top: int, bottom: int) -> Pixels:
        height = self.shape[0]
        return self.rows.read(height - bottom, height - top)[::-1]


def _check_tail(image: Rows, which: str) -> dict[str, int]:
    """Rows at the end that repeat one row: nothing was written there, or the scan had stopped.

    A region that is constant in itself (clipped resin, a data bar) reaches its end gradually: the rows above it have
    much of the same. A tail begins with a straight edge. One row is left out between: the row in which writing stopped.
    """
    height = image.shape[0]
    last = image.read(height - 1, height)[0].copy()
    start = height - 1
    for below, above in spans(height - 1, _TAIL_AT_ONCE):
        some = image.read(height - 1 - above, height - 1 - below)
        other = np.flatnonzero((some != last).any(axis=1))
        start = height - 1 - above + (int(other[-1]) + 1 if other.size else 0)
        if other.size:
            break
    rows = height - start
    if rows < TAIL_ROWS:
        return {}
    if start >= 2 and np.count_nonzero(image.read(start - 2, start - 1)[0] == last) * 2 >= last.size:
        return {"plain_bottom_rows": rows}
    what = f"are {float(last[0]):g}" if bool((last == last[0]).all()) else "repeat one row"
    raise incomplete(
        f"the {which} {rows} of {height} rows {what}: not written, or the scan stopped; copy or take it again"
    )


def _check_last_tiles(image: Rows, tiling: Tiling) -> None:
    """Tiles at the end, in the order of writing, that hold one value; the first of them perhaps in part."""
    box = tiling.box
    height, width = image.shape
    value = image.read(height - 1, height)[0, -1]
    missing = 0
    for row in range((box.bottom - 1) // tiling.rows, box.top // tiling.rows - 1, -1):
        top, bottom = max(row * tiling.rows - box.top, 0), min((row + 1) * tiling.rows, box.bottom) - box.top
        first = max(top - 1, 0)
        line = image.read(first, bottom)
        for column in range((box.right - 1) // tiling.columns, box.left // tiling.columns - 1, -1):
            left = max(column * tiling.columns - box.left, 0)
            right = min((column + 1) * tiling.columns, box.right) - box.left
            tile = line[top - first :, left:right]
            if not (tile == value).all():
                _judge_last_tile(tile, line[0, left:right], value, missing, edge=right < width)
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
