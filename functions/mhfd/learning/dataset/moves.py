"""What is wrong with recorded moves: rows whose two images say where the focus lies. It measures no focus.

`A` was taken at the longer working distance. Where `A` is the sharper one, the focus lies further out, and the move is
above 0: a row that says the other is named, as its images may be exchanged, or its sign.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.dataset.copies import NotAnImage, middle_of
from mhfd.learning.dataset.problems import DatasetProblem, ProblemKind
from mhfd.learning.dataset.rows import Dataset, DatasetRow

FEWEST_MOVES: Final = 12
"""Moves without which nothing is learned."""
FARTHEST_UM: Final = 200.0
"""No move of a focus is as large: it is of another unit."""
WIDEST_UM: Final = 50.0
"""No pair is taken so far apart."""
_CLEAR_UM: Final = 1.0
"""A move that is smaller may have either sign."""
_SIDE: Final = 512  # pixels that are looked at
_CLEAR: Final = 0.15  # of the logarithm: detail that differs by less says nothing


def move_problems(dataset: Dataset, *, pixels: bool) -> Iterator[DatasetProblem]:
    """All that is found.

    Args:
        dataset: Rows without a pair are left alone.
        pixels: The middle of each image is looked at too.
    """
    rows = [row for row in dataset.rows if row.pair is not None]
    for row in rows:
        yield from _said(row)
        if pixels:
            yield from _seen(row)
    moves = [row for row in rows if row.is_move]
    yield from _twice(moves)
    yield from _together(moves)


def _said(row: DatasetRow) -> Iterator[DatasetProblem]:
    """What a row says, without a look at its images."""
    pair, move = row.pair, row.target.move_um
    if pair is None:
        return
    if pair.sha256 == row.sha256:
        yield _problem(ProblemKind.SAME_IMAGE, row, "is one image twice; a pair is taken at two working distances")
    if pair.perturbation_um > WIDEST_UM:
        yield _problem(
            ProblemKind.UNIT,
            row,
            f"is said to be taken {pair.perturbation_um:g} um to both sides, more than {WIDEST_UM:g}; is that nm?",
            pair.perturbation_um,
        )
    if move is not None and abs(move) > FARTHEST_UM:
        yield _problem(
            ProblemKind.UNIT, row, f"is said to be {move:+g} um off, more than {FARTHEST_UM:g}; is that nm?", move
        )


def _seen(row: DatasetRow) -> Iterator[DatasetProblem]:
    """What its images show. One that is not there, or another, is named by who reads all images."""
    pair, move = row.pair, row.target.move_um
    if pair is None or pair.sha256 == row.sha256:
        return
    try:
        a, shape = middle_of(row, _SIDE)
        b, other = middle_of(row.model_copy(update={"sha256": pair.sha256, "path": pair.path}), _SIDE)
    except NotAnImage:
        return
    if shape != other:
        said = " and ".join(f"{width} x {height}" for height, width in (shape, other))
        yield _problem(ProblemKind.SIZES_DIFFER, row, f"are {said} pixels; a pair shows one field")
    elif move is not None and abs(move) >= _CLEAR_UM and sharper(a, b) == -np.sign(move):
        which = "B" if move > 0 else "A"
        yield _problem(
            ProblemKind.REVERSED,
            row,
            f"say a move of {move:+g} um, yet {which} is the sharper one: A and B may be exchanged (A has the longer "
            "working distance), or the sign of the move",
            move,
        )


def sharper(a: NDArray[Any], b: NDArray[Any]) -> int:
    """1 where the first has clearly more detail in every quarter, -1 where the second has; 0 where nobody knows."""
    from scipy.ndimage import gaussian_filter

    found = []
    middle = [slice((size - min(size, _SIDE)) // 2, (size + min(size, _SIDE)) // 2) for size in a.shape]
    detail = []
    for pixels in (a, b):
        some = pixels[tuple(middle)].astype(np.float32)
        detail.append(gaussian_filter(some, 1.5) - gaussian_filter(some, 4.0))
    height, width = (size // 2 for size in detail[0].shape)
    for rows in (slice(0, height), slice(height, None)):
        for columns in (slice(0, width), slice(width, None)):
            of_a, of_b = (float(np.square(one[rows, columns]).mean()) for one in detail)
            if min(of_a, of_b) <= 0:
                return 0
            found.append(np.log(of_a / of_b))
    if min(found) > _CLEAR:
        return 1
    return -1 if max(found) < -_CLEAR else 0


def _twice(moves: list[DatasetRow]) -> Iterator[DatasetProblem]:
    """One pair with two directions: by one person, or with its images exchanged and the sign left."""
    said: dict[frozenset[str], list[tuple[DatasetRow, float]]] = defaultdict(list)
    for row in moves:
        hashes = [sha256 for sha256, _ in row.images]
        way = 1.0 if hashes == sorted(hashes) else -1.0
        said[frozenset(hashes)].append((row, way * (row.target.move_um or 0.0)))
    for several in said.values():
        low, high = (choose(several, key=lambda one: one[1]) for choose in (min, max))
        if low[1] < -_CLEAR_UM and high[1] > _CLEAR_UM:
            exchanged = low[0].sha256 != high[0].sha256
            yield _problem(
                ProblemKind.REVERSED if exchanged else ProblemKind.CONTRADICTION,
                low[0],
                f"are said to be {low[0].target.move_um:+g} um and {high[0].target.move_um:+g} um off"
                + (", with A and B exchanged" if exchanged else "")
                + "; say which it is",
            )


def _together(moves: list[DatasetRow]) -> Iterator[DatasetProblem]:
    """Whether all moves together can teach."""
    if not moves:
        return
    if len(moves) < FEWEST_MOVES:
        yield DatasetProblem(
            kind=ProblemKind.FEW,
            sentence=f"{len(moves)} recorded moves: nothing is learned from fewer than {FEWEST_MOVES}; record some "
            "more, of several specimens",
            value=len(moves),
        )
    below, above = (sum(sign * (row.target.move_um or 0.0) > 0 for row in moves) for sign in (-1, 1))
    if not below or not above:
        way = "longer" if above else "shorter"
        yield DatasetProblem(
            kind=ProblemKind.ONE_SIDE,
            sentence=f"all {len(moves)} moves go to a {way} working distance: what is learned would say the same of "
            "everything; record some to the other side too",
            value=len(moves),
        )


def _problem(kind: ProblemKind, row: DatasetRow, says: str, value: float | None = None) -> DatasetProblem:
    paths = tuple(path for _, path in row.images)
    return DatasetProblem(kind=kind, sentence=f"{' and '.join(paths)} {says}", paths=paths, value=value)
