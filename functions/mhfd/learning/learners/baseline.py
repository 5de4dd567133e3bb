"""What the sharp images of a group have, taken off its rows: another tissue is not another focus.

No row knows more than another. A sharp row is compared with the other sharp ones, never with itself; a bad row then has
one sharp row more to be compared with, and how much a difference scatters would tell the two apart. So each row of a
group is compared with the same number. Rows made of one image (`family`) count as that image. mhfd's own number goes
the same way as learned ones.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NEAREST: Final = 12
"""So many sharp images, the nearest by section, are the baseline of an image, at most."""


def baseline_of(sharp: NDArray[Any]) -> NDArray[np.float64]:
    """What sharp images have, (rows, columns) -> (columns,): the median of each column."""
    return np.asarray(np.median(np.asarray(sharp, np.float64), axis=0), np.float64)


def against_baseline(
    values: NDArray[Any],
    groups: Sequence[str],
    sharp: NDArray[np.bool_],
    section: NDArray[Any] | None = None,
    *,
    family: Sequence[str] | None = None,
    nearest: int = NEAREST,
) -> NDArray[np.float64]:
    """Each row less the median of sharp others of its group; NaN where there are none.

    Args:
        values: (rows,) or (rows, columns).
        groups: Of each row.
        sharp: Which rows somebody said are in focus, and so may be a baseline.
        section: Of each row, NaN where it has none: the nearest are taken. Without it, any.
        family: Of each row the image that it was made of. Nothing: each row is its own.
        nearest: So many at most.
    """
    table = np.asarray(values, np.float64)
    flat = table.ndim == 1
    if flat:
        table = table[:, None]
    found = np.full(table.shape, np.nan)
    named = np.asarray(groups, object)
    families = np.arange(len(table)) if family is None else np.unique(np.asarray(family, str), return_inverse=True)[1]
    place = np.full(len(table), np.nan) if section is None else np.asarray(section, np.float64)
    usable = np.asarray(sharp, bool) & np.isfinite(table).all(axis=1)
    for group in dict.fromkeys(groups):
        rows = np.flatnonzero(named == group)
        references = _one_a_family(rows[usable[rows]], families)
        count = min(len(references) - 1, nearest)
        if count < 1:
            continue
        for row in rows:
            others = references[families[references] != families[row]]
            others = _nearest(others, place, int(row))[:count]
            found[row] = table[row] - baseline_of(table[others])
    return found[:, 0] if flat else found


def _one_a_family(rows: NDArray[np.intp], families: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first of each: copies of one image are no further sharp images."""
    first = np.unique(families[rows], return_index=True)[1]
    return rows[np.sort(first)]


def _nearest(others: NDArray[np.intp], place: NDArray[np.float64], row: int) -> NDArray[np.intp]:
    """In the order in which they are taken. Without sections, one after the other from the row on, round about: else
    the last of the list would be left out of every bad row's, and of no other's."""
    apart = np.abs(place[others] - place[row])
    turn = (others - row) % (place.size + 1)
    return others[np.lexsort((turn, np.where(np.isfinite(apart), apart, np.inf)))]
