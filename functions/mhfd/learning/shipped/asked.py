"""What packages said of specimens that they had not seen, as rows of a card."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.packages import CardRow
from mhfd.learning.shipped.table import CAUSES

BANDS: Final = (0.5, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Of true radii, pixels; below the first an image counts as sharp."""

Values = NDArray[np.float64]


def radius_rows(said: Values, radius_px: Values, groups: Sequence[str], condition: str) -> tuple[CardRow, ...]:
    """By bands of the radius: what is said typically, how far off, and how often the truth lies within its spread."""
    known = np.isfinite(said).all(axis=1) & np.isfinite(radius_px)
    radius, spread, truth = said[known, 0], said[known, 1], radius_px[known]
    named = np.array(groups)[known]
    off = np.abs(radius - truth)

    def row(what: str, value: float, rows: NDArray[np.bool_]) -> CardRow:
        count, sources = int(rows.sum()), len(set(named[rows].tolist()))
        return CardRow(what=what, value=round(value, 3), rows=count, groups=sources, condition=condition)

    found = []
    bands = [("in focus", truth < BANDS[0])]
    bands += [(f"{low:g} to {high:g} px", (truth >= low) & (truth < high)) for low, high in pairwise(BANDS)]
    for name, rows in bands:
        if rows.any():
            found.append(row(f"radius, {name}: median said, px", float(np.median(radius[rows])), rows))
            found.append(row(f"radius, {name}: median error, px", float(np.median(off[rows])), rows))
            found.append(row(f"radius, {name}: part within 2 sd", float(np.mean(off[rows] <= 2 * spread[rows])), rows))
    every = np.ones(len(truth), np.bool_)
    for count, of in ((1, "68%"), (2, "95%")):
        within = float(np.mean(off <= count * spread))
        found.append(row(f"radius: part within {count} sd ({of} of a normal error)", within, every))
    return tuple(found)


def cause_rows(
    said: Values, cause: NDArray[np.intp], least_p: float, groups: Sequence[str], condition: str
) -> tuple[CardRow, ...]:
    """How many are named, how many of those rightly, and of each cause how many."""
    sources = len(set(groups))
    sure = said.max(axis=1) >= least_p
    right = said.argmax(axis=1) == cause

    def row(what: str, value: float, count: int) -> CardRow:
        rounded = None if not np.isfinite(value) else round(value, 3)
        return CardRow(what=what, value=rounded, rows=count, groups=sources, condition=condition)

    found = [
        row("cause: part that is named (p is enough)", float(sure.mean()), len(sure)),
        row("cause: of the named, part named rightly", _mean(right[sure]), int(sure.sum())),
        row("cause: most likely one right, all images", float(right.mean()), len(right)),
    ]
    for number, name in enumerate(CAUSES):
        rows = cause == number
        found.append(row(f"cause: {name.value}, most likely one right", _mean(right[rows]), int(rows.sum())))
    return tuple(found)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
