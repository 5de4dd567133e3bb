"""The data bar that an instrument drew below its image: how many rows it takes, by the pixels alone.

A bar is paper (one or two grey levels that own half of a row), letters in a few other levels, and a straight upper
edge. Detector noise has no level that owns half of a row; what is clipped has, but no letters. Something drawn can
still pass for a bar: whoever cuts one off has to know from elsewhere that there can be one (docs/decisions/0027).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.grey import Planes
from mhfd.rows import spans

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
_OWNER: Final = 0.375
"""Part that each of two levels has at least, or the greater of them, where they share the paper."""
_FEWEST: Final = 3
"""Rows that show the paper."""
_PLAIN: Final = 0.98
"""Part of a row that is paper where nothing is written."""
_SMEARED: Final = 0.88
"""The same, where JPEG smeared the letters below or above."""
_BESIDE: Final = 0.7
"""The same, in the rows next to the image."""
_LINE: Final = 0.95
"""Part of a row that another level owns where it is a line."""
_THICK: Final = 8
"""Rows of the thickest line."""
_CROSSED: Final = 3
"""Rows of a line that something crosses, as a logo."""
_GAP: Final = (12, 1 / 64)
"""Rows in a bar in which a logo or heavy letters leave less paper; in a high image this part of its rows."""
_MARGIN: Final = (16, 1 / 32)
"""Rows of plain paper above the topmost letters, where no line ends the bar; twice as many between letters."""
_EDGE: Final = 8
"""Rows above a bar that must be unlike it."""
_STEP: Final = 0.3
"""Part of a row that changes where a bar begins."""
_NOISE: Final = 1 / 12
"""Shapes a pixel in rows of noise that are clipped to the level of the paper."""
_WIDE: Final = 4096
"""Columns that are looked at: in a wider image the letters are larger too."""
_CONTRAST: Final = 0.2
"""Of the range of grey values, between paper and ink."""
_SMEAR: Final = 6
"""Of 256 levels, what JPEG adds to either side of paper; four times that to ink."""


def rows(planes: Planes) -> int:
    """How many rows at the bottom are a drawn data bar, with those below it; 0: none is found."""
    height, width = planes.shape
    if min(height, width) < 4 * _LEAST:
        return 0
    every = max(1, width // _WIDE)
    bottom = planes.read(max(0, height - _LOOK), height).pixels[:, ::every]
    if bottom.dtype.kind == "f" and not np.isfinite(bottom).all():
        return 0  # a finding, later
    if not (_may_be_paper(bottom) if bottom.dtype.kind == "u" else _paper(bottom, 0)):
        return 0
    lower = [*spans(min(height, int(height * _MOST) + _EDGE), 1024)][::-1]
    part = np.concatenate([planes.read(height - below, height - above).pixels[:, ::every] for above, below in lower])
    if part.dtype.kind == "f" and not np.isfinite(part[-int(height * _MOST) :]).all():
        return 0
    sharp = _rows(part, 0, height) or _rows(part, 0, height, thin=True)
    if part.dtype.kind != "u" or part.dtype.itemsize > 2:
        return sharp
    if sharp and not _smeared(part[-max(sharp, _LOOK) :]):
        return sharp
    wide = max(0, int(part.max()).bit_length() - 8)
    return max(sharp, _rows((part >> wide).astype(np.uint8), _SMEAR, height))


@dataclass(frozen=True, slots=True)
class _Paper:
    """The grey levels of the paper, and the columns between which it lies."""

    levels: tuple[float, ...]
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """What each of the lower rows looks like, the lowest last."""

    owned: Array
    """The part of it that is paper."""
    plain: Mask
    """Nothing is written on it."""
    margin: Mask
    """Nothing is written on it, but JPEG may smear the image into it."""
    letters: Mask
    line: Mask
    above: Array
    """The part of the row above that has the level of its middle."""
    shapes: Array
    """What lies on its paper, a pixel: letters make some, noise in clipped rows makes many."""
    drawn: Mask
    """A few shapes on paper, as a logo."""

    @property
    def known(self) -> Mask:
        """Such as a bar has."""
        return self.plain | self.letters | self.line | self.drawn


def _rows(pixels: Array, smear: int, height: int, *, thin: bool = False) -> int:
    """The same of the lower part, with levels that are so far smeared. Thin letters are all edge: none of their levels
    stands out.
    """
    most = int(height * _MOST)
    paper = _paper(pixels[-_LOOK:], smear)
    if paper is None:
        return 0
    block = pixels[-most:, paper.left : paper.right]
    bare = _near(block, np.array(paper.levels, block.dtype), smear)
    far = _far(block, paper, _CONTRAST * _range(block))
    ink = _ink(block[-3 * _LOOK :], bare[-3 * _LOOK :], far[-3 * _LOOK :], smear)
    if not (ink.size or thin):
        return 0
    inked = far if thin else far & _near(block, ink, 4 * smear)
    some = np.sort(block[:, :: max(1, block.shape[1] // 31)], axis=1)
    middle = some[:, some.shape[1] // 2, None]
    owned = bare.mean(axis=1)
    plain = owned >= (_SMEARED if smear else _PLAIN)
    shapes = np.count_nonzero(bare[:, :-1] & ~bare[:, 1:], axis=1)
    seen = _Rows(
        owned=owned,
        plain=plain,
        margin=owned >= (_BESIDE if smear else _PLAIN),
        letters=(owned >= _OWNED) & (owned < _PLAIN) & (inked.sum(axis=1) >= 0.25 * (~bare).sum(axis=1)),
        line=_lines(_like(block, middle, 2 * smear), owned),
        above=np.concatenate([[1.0], _like(block[:-1], middle[1:], 2 * smear)]),
        shapes=shapes / bare.shape[1],
        drawn=(owned >= _OWNED) & (shapes <= 8 + bare.shape[1] // 64),
    )
    top = _top(seen, height)
    if top is None or most - top < _LEAST or not _written(far[top:], owned[top:]):
        return 0
    return most - top if _ends(seen, top, exact=not smear) else 0


def _smeared(bottom: Array) -> bool:
    """Whether levels next to that of the paper surround its letters, as in a JPEG."""
    paper = _paper(bottom[-_LOOK:], 0)
    if bottom.dtype != np.uint8 or paper is None:
        return False
    levels = np.array(paper.levels, bottom.dtype)
    return bool((_near(bottom, levels, _SMEAR) & ~_near(bottom, levels, 0)).mean() > 0.01)


def _near(block: Array, levels: Array, smear: int) -> Mask:
    """Where a pixel has one of the levels."""
    if not smear:
        return np.isin(block, levels)
    near = np.zeros(256, bool)
    for level in levels.astype(int):
        near[max(0, level - smear) : level + smear + 1] = True
    return near[block]


def _counted(values: Array, smear: int) -> tuple[Array, Array]:
    """The grey levels that occur, and how many pixels have each, or about each."""
    levels, counts = np.unique(values, return_counts=True)
    if smear:
        below = np.concatenate([[0], np.cumsum(np.bincount(values.ravel(), minlength=256))])
        at = levels.astype(np.int64)
        counts = below[np.minimum(at + smear + 1, 256)] - below[np.maximum(at - smear, 0)]
    return levels, counts


def _may_be_paper(bottom: Array) -> bool:
    """Whether some rows have their most frequent levels close together: quick, as it is asked of every image."""
    ordered = np.sort(bottom[:, :: max(1, bottom.shape[1] // 2048)], axis=1)
    apart = int(ordered.shape[1] * _OWNER) - 1
    narrowest = (ordered[:, apart:] - ordered[:, :-apart]).min(axis=1)
    wide = max(0, int(bottom.max()).bit_length() - 8)
    return int(np.count_nonzero(narrowest <= 2 * (_SMEAR + 1) << wide)) >= _FEWEST


def _paper(bottom: Array, smear: int) -> _Paper | None:
    """The level that owns half of some of the last rows, or the two that share them."""
    step = max(1, bottom.shape[1] // 2048)
    seen: dict[tuple[float, ...], int] = {}
    for row in bottom[:, ::step]:
        levels, counts = _counted(row, smear)
        order = np.argsort(-counts, kind="stable")
        first, share = levels[order[0]], counts[order[0]] / row.size
        owners: tuple[float, ...] = (float(first),)
        if share < _OWNED:
            apart = order[np.abs(levels[order].astype(float) - float(first)) > 2 * smear]
            other = counts[apart[0]] / row.size if apart.size else 0
            if other < 0.2 or share + other < 2 * _OWNER:
                continue
            owners = tuple(sorted((float(first), float(levels[apart[0]]))))
        seen[owners] = seen.get(owners, 0) + 1
    for owners, count in sorted(seen.items(), key=lambda item: -item[1]):
        if count < _FEWEST:
            break
        near = _near(bottom, np.array(owners, bottom.dtype), smear)
        columns = np.flatnonzero(near.mean(axis=0) >= 0.4)
        if columns.size * 2 >= bottom.shape[1]:
            return _Paper(owners, int(columns[0]), int(columns[-1]) + 1)
    return None


def _range(block: Array) -> float:
    return 255.0 if block.dtype == np.uint8 else float(block.max()) - float(block.min())


def _far(block: Array, paper: _Paper, contrast: float) -> Mask:
    """Where a pixel is so unlike the paper that it can be ink."""
    far = np.ones(block.shape, bool)
    for level in paper.levels:
        far &= (block >= np.float64(level + contrast)) | (block <= np.float64(level - contrast))
    return far


def _ink(block: Array, bare: Mask, far: Mask, smear: int) -> Array:
    """The levels of the letters: each a part of what is not paper, far from it."""
    on_paper = (bare.mean(axis=1) >= _OWNED)[:, None]
    levels, counts = _counted(block[far & on_paper], 4 * smear)
    chosen: Array = levels[counts >= 0.05 * np.count_nonzero(~bare & on_paper)]
    return chosen


def _like(block: Array, level: Array, smear: int) -> Array:
    """The part of each row that has its level, one a row."""
    same = np.abs(block.astype(np.int16) - level.astype(np.int16)) <= smear if smear else block == level
    return np.asarray(same.mean(axis=1))


def _lines(like: Array, owned: Array) -> Mask:
    """Rows that another level owns, and no more of them together than a line has."""
    line: Mask = (like >= _LINE) & (owned < _OWNED)
    at = np.flatnonzero(line)
    # Lines with next to nothing between them are no lines: rows of an even image.
    for run in np.split(at, np.flatnonzero(np.diff(at) > _CROSSED) + 1):
        if run.size > _THICK:
            line[run] = False
    return line


def _top(seen: _Rows, height: int) -> int | None:
    """The first row of the bar that reaches the bottom: its upper line, or its topmost letters and their margin."""
    longest_gap, margin = (max(rows, int(part * height)) for rows, part in (_GAP, _MARGIN))
    known = seen.known
    if not known[-1 - _BELOW :].any():
        return None
    row = int(np.flatnonzero(known)[-1])
    top, bottom, gap, empty, foreign = row + 1, row + 1, 0, 0, 0
    while row >= 0 and gap <= longest_gap and empty <= 2 * margin and foreign <= _CROSSED:
        gap = 0 if known[row] else gap + 1
        empty = empty + 1 if seen.plain[row] and not seen.letters[row] else 0
        foreign = 0 if seen.line[row] or seen.owned[row] >= _OWNED / 2 else foreign + 1
        if seen.letters[row] or seen.line[row]:
            top = row
        row -= 1
    if top <= longest_gap or top == bottom:
        return None  # too high for a bar, as a drawing is; or nothing is written
    if not seen.line[top]:
        # The grey tips of the letters.
        top -= next((tips for tips in (0, 1, 2) if top > tips and seen.plain[top - tips - 1]), 0)
        lowest = max(top - margin, 0)
        while top > lowest and seen.margin[top - 1]:
            top -= 1
    if top >= 2 and seen.owned[top - 1] < _OWNED <= seen.owned[top - 2]:
        top -= 1  # the line of a bar that is narrower than the image
    return top


def _written(far: Mask, owned: Array) -> bool:
    """Whether there are letters at all: a few rows of several strokes."""
    some = far[owned >= _OWNED]
    strokes = np.count_nonzero(some[:, 1:] & ~some[:, :-1], axis=1)
    return bool(np.count_nonzero(strokes >= 3) >= 4)


def _ends(seen: _Rows, top: int, *, exact: bool) -> bool:
    """Whether a straight edge ends it: from one row to the next a line, or less paper, or noise; or nothing at all."""
    if top == 0 or not (seen.line[top] or seen.margin[top]):
        return False
    if (seen.owned[:top] == 1).all() or (seen.line[top] and seen.above[top] < _LINE - _STEP):
        return True
    if np.count_nonzero(seen.plain[top:]) < 2:
        return False
    if seen.margin[top] and seen.owned[top - 1] <= seen.owned[top] - _STEP:
        return True
    above = slice(max(top - _EDGE, 0), top)
    noisy = not seen.known[above].any() and seen.shapes[above].mean() >= _NOISE
    return bool(exact and noisy and seen.known[top:].mean() >= 0.7)
