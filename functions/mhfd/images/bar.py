"""The data bar that an instrument drew below its image: how many rows it takes, by the pixels alone.

A bar is paper (one or two grey levels that own half of a row), letters in a few other levels, and a straight upper
edge. Detector noise has no level that owns half of a row; what is clipped has, but no letters. Something drawn can
still pass for a bar: whoever cuts one off has to know from elsewhere that there can be one (docs/decisions/0027).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_LOOK: Final = 16
"""Rows at the bottom that tell the paper."""
_BELOW: Final = 3
"""Rows that may lie below a bar: Zeiss leaves one row of the image there."""
_LEAST: Final = 8
"""Rows of the smallest bar that holds a line of text."""
_MOST: Final = 0.4
"""Part of the height that a bar can take."""
_OWNED: Final = 0.5
"""Part of a row that is paper, even where it is full of letters."""
_PLAIN: Final = 0.98
"""Part of a row that is paper where nothing is written."""
_LINE: Final = 0.95
"""Part of a row that another level owns where it is a line."""
_THICK: Final = 8
"""Rows of the thickest line."""
_GAP: Final = (12, 1 / 64)
"""Rows in a bar in which a logo or heavy letters leave less paper; in a high image this part of its rows."""
_MARGIN: Final = (16, 1 / 32)
"""Rows of plain paper above the topmost letters, where no line ends the bar; twice as many between letters."""
_CONTRAST: Final = 0.2
"""Of the range of grey values, between paper and ink."""
_SMEAR: Final = 6
"""Levels that JPEG, which has 8 bits, adds to either side of paper; four times that to ink."""


def rows(pixels: Array) -> int:
    """How many rows at the bottom are a drawn data bar, with those below it; 0: none is found."""
    return _rows(pixels, 0) or (_rows(pixels, _SMEAR) if pixels.dtype == np.uint8 else 0)


def _rows(pixels: Array, smear: int) -> int:
    height, width = pixels.shape
    most = int(height * _MOST)
    if most < _LEAST or width < 4 * _LEAST:
        return 0
    paper = _paper(pixels[-_LOOK:], smear)
    if paper is None:
        return 0
    block = pixels[height - most :, paper.left : paper.right]
    bare = _near(block, paper.levels, smear)
    owned = bare.mean(axis=1)
    ink = _ink(block[-3 * _LOOK :], bare[-3 * _LOOK :], paper, _CONTRAST * _range(pixels), smear)
    if not ink:
        return 0
    inked = ~bare & _near(block, ink, 4 * smear)
    plain = owned >= _PLAIN
    letters = (owned >= _OWNED) & ~plain & (inked.sum(axis=1) >= 0.25 * (~bare).sum(axis=1))
    top = _top(owned, plain, letters, _lines(block, owned, 4 * smear), _drawn(bare, owned), height)
    if top is None or most - top < _LEAST or not _written(inked[top:], letters[top:]):
        return 0
    return most - top


@dataclass(frozen=True, slots=True)
class _Paper:
    """The grey levels of the paper, and the columns between which it lies."""

    levels: tuple[float, ...]
    left: int
    right: int


def _near(block: Array, levels: tuple[float, ...], smear: int) -> Mask:
    """Where a pixel has one of the levels."""
    found = np.zeros(block.shape, bool)
    for level in levels:
        found |= np.abs(block.astype(np.int16) - int(level)) <= smear if smear else block == level
    return found


def _counted(values: Array, smear: int) -> tuple[Array, Array]:
    """The grey levels that occur, and how many pixels have each, or about each."""
    levels, counts = np.unique(values, return_counts=True)
    if smear:
        below = np.concatenate([[0], np.cumsum(np.bincount(values.ravel(), minlength=256))])
        at = levels.astype(np.int64)
        counts = below[np.minimum(at + smear + 1, 256)] - below[np.maximum(at - smear, 0)]
    return levels, counts


def _paper(bottom: Array, smear: int) -> _Paper | None:
    """The level that owns half of some of the last rows, or the two that share them."""
    step = max(1, bottom.shape[1] // 2048)
    seen: dict[tuple[float, ...], int] = {}
    for row in bottom[:, ::step]:
        levels, counts = _counted(row, smear)
        order = np.argsort(-counts, kind="stable")
        first, share = float(levels[order[0]]), counts[order[0]] / row.size
        owners: tuple[float, ...] = (first,)
        if share < _OWNED:
            apart = order[np.abs(levels[order].astype(float) - first) > 2 * smear]
            other = counts[apart[0]] / row.size if apart.size else 0
            if other < 0.2 or share + other < 0.75:
                continue
            owners = (first, float(levels[apart[0]]))
        owners = tuple(sorted(owners))
        seen[owners] = seen.get(owners, 0) + 1
    for levels_, count in sorted(seen.items(), key=lambda item: -item[1]):
        columns = np.flatnonzero(_near(bottom, levels_, smear).mean(axis=0) >= 0.4)
        if count >= 3 and columns.size * 2 >= bottom.shape[1]:
            return _Paper(levels_, int(columns[0]), int(columns[-1]) + 1)
    return None


def _range(pixels: Array) -> float:
    if pixels.dtype == np.uint8:
        return 255.0
    return float(pixels.max()) - float(pixels.min())


def _ink(block: Array, bare: Mask, paper: _Paper, contrast: float, smear: int) -> tuple[float, ...]:
    """The levels of the letters: far from the paper, and each a part of what is not paper."""
    written = block[~bare & (bare.mean(axis=1) >= _OWNED)[:, None]]
    if not written.size:
        return ()
    levels, counts = _counted(written, 4 * smear)
    far = np.min([np.abs(levels.astype(float) - level) for level in paper.levels], axis=0) >= contrast
    return tuple(float(level) for level in levels[far & (counts >= 0.05 * written.size)])


def _lines(block: Array, owned: Array, smear: int) -> Mask:
    """Rows that another level owns, and no more of them together than a line has."""
    middle = np.sort(block[:, :: max(1, block.shape[1] // 31)], axis=1)
    level = middle[:, middle.shape[1] // 2, None]
    same = np.abs(block.astype(np.int16) - level.astype(np.int16)) <= smear if smear else block == level
    line: Mask = (same.mean(axis=1) >= _LINE) & (owned < _OWNED)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start > _THICK:
            line[start:stop] = False
    return line


def _drawn(bare: Mask, owned: Array) -> Mask:
    """Rows of paper with a few shapes on it, as a logo: noise in clipped rows makes many."""
    shapes = np.count_nonzero(bare[:, :-1] & ~bare[:, 1:], axis=1)
    drawn: Mask = (owned >= _OWNED) & (shapes <= 8 + bare.shape[1] // 64)
    return drawn


def _top(owned: Array, plain: Mask, letters: Mask, line: Mask, drawn: Mask, height: int) -> int | None:
    """The first row of the bar that reaches the bottom: its upper line, or its topmost letters and their margin."""
    longest_gap, margin = (max(rows, int(part * height)) for rows, part in (_GAP, _MARGIN))
    known = plain | letters | line | drawn
    if not known[-1 - _BELOW :].any():
        return None
    row = int(np.flatnonzero(known)[-1])
    top, gap, empty = row + 1, 0, 0
    while row >= 0 and gap <= longest_gap and empty <= 2 * margin and (line[row] or owned[row] >= _OWNED / 2):
        gap = 0 if known[row] else gap + 1
        empty = empty + 1 if plain[row] else 0
        if letters[row] or line[row]:
            top = row
        row -= 1
    if top <= longest_gap or top == len(letters):
        return None  # too high for a bar, or without a letter or line: a drawing
    lowest = top - margin if letters[top] else top
    while top > max(lowest, 0) and plain[top - 1]:
        top -= 1
    return top


def _written(inked: Mask, letters: Mask) -> bool:
    """Whether there are letters at all: some rows, most of them with several strokes."""
    some = inked[letters]
    strokes = np.count_nonzero(some[:, 1:] & ~some[:, :-1], axis=1)
    return len(some) >= 5 and float(np.median(strokes)) >= 3
