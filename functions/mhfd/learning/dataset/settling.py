"""One row an image, where several people spoke of it: what most of them say. It decides nothing where they are even.

Of a pair that several rows speak of, each number is the middle one of theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median

from mhfd.learning.dataset.rows import Dataset, DatasetRow, all_beside


def settled(dataset: Dataset) -> Dataset:
    """Each image once, in the order of its first row; its label is unknown where as many say the one as the other.

    Images that are learned from and counted are these: two people's words on an image do not make it two.
    """
    words: dict[tuple[str, ...], list[DatasetRow]] = {}
    for row in dataset.rows:
        words.setdefault((row.group.key, *(sha256 for sha256, _ in row.images)), []).append(row)
    return Dataset(tuple(_one(rows) for rows in words.values()), dataset.split)


def _one(rows: list[DatasetRow]) -> DatasetRow:
    first = rows[0]
    if len(rows) == 1:
        return first
    count = Counter(row.target.bad for row in rows if row.target.bad is not None)
    even = count[True] == count[False]
    bad = None if even else count[True] > count[False]
    agreeing = [row for row in rows if row.target.bad == bad] or rows
    radius = next((row.target.radius_px for row in agreeing if row.target.radius_px is not None), None)
    cause = next((row.target.cause for row in agreeing if row.target.cause is not None), None)
    middle = {name: _middle(getattr(row.target, name) for row in rows) for name in ("move_um", "stig_x", "stig_y")}
    target = first.target.model_copy(update={"bad": bad, "radius_px": radius, "cause": cause, **middle})
    who = first.said_by if len({row.said_by for row in rows}) == 1 else None
    known = {"target": target, "said_by": who, "beside": all_beside(rows)}
    return agreeing[0].model_copy(update=known)


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
