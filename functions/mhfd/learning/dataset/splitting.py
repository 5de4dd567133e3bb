"""Which groups are for training and which for the test. By group, never by image: a copy never lies across.

Groups that share an image, or a copy and what it was made of, are kept together. It looks at no pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from mhfd.learning.dataset.rows import DatasetRow, Side

PART: Final = 0.2
"""Of the groups, for the test."""
_DRAWS: Final = 32  # of which the first is taken that has both labels on both sides


def split(rows: Iterable[DatasetRow], *, seed: int = 0, before: Mapping[str, Side] | None = None) -> dict[str, Side]:
    """A side for each group; the same rows and seed give the same, in whatever order they come.

    Args:
        rows: All of a dataset's.
        seed: Of the draw.
        before: What datasets that these rows come from said of groups. It stays: what was for the test is new to
            whatever was trained there.
    """
    rows = list(rows)
    before = before or {}
    clusters = _clusters(rows)
    fixed: dict[str, Side] = {}
    free = []
    for cluster in clusters:
        said = {before[key] for key in cluster if key in before}
        if said:  # what was once trained on is never new again
            side = Side.TRAIN if Side.TRAIN in said else Side.TEST
            fixed |= dict.fromkeys(cluster, side)
        else:
            free.append(cluster)
    if not free:
        return fixed
    labels: dict[str, set[bool]] = {}
    for row in rows:
        if row.target.bad is not None:
            labels.setdefault(row.group.key, set()).add(row.target.bad)
    groups = sum(len(cluster) for cluster in clusters)
    wanted = 0 if len(clusters) < 2 else max(1, round(PART * groups))
    wanted -= sum(side is Side.TEST for side in fixed.values())
    best = None
    for draw in range(_DRAWS):
        drawn = fixed | _drawn(free, wanted, f"{seed}/{draw}")
        best = best or drawn
        if all(_both(drawn, labels, side) for side in Side):
            return drawn
    return best or fixed


def _drawn(clusters: list[tuple[str, ...]], wanted: int, salt: str) -> dict[str, Side]:
    """As many groups for the test as are wanted, or a few fewer where groups hang together; never all."""
    order = sorted(clusters, key=lambda cluster: hashlib.sha256(f"{salt}/{cluster[0]}".encode()).digest())
    sides = {key: Side.TRAIN for cluster in clusters for key in cluster}
    for cluster in order[: max(1, len(order) - 1)]:
        if len(cluster) <= wanted:
            wanted -= len(cluster)
            sides |= dict.fromkeys(cluster, Side.TEST)
    return sides


def _both(sides: Mapping[str, Side], labels: Mapping[str, set[bool]], side: Side) -> bool:
    found = set().union(*(labels.get(key, set()) for key, where in sides.items() if where is side))
    return len(found) == 2


def _clusters(rows: list[DatasetRow]) -> list[tuple[str, ...]]:
    """Groups that may not be parted, each in order, by their first."""
    leader: dict[str, str] = {row.group.key: row.group.key for row in rows}

    def first(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    holders: dict[str, str] = {}
    for row in rows:
        for sha256 in filter(None, (row.parent, *(sha256 for sha256, _ in row.micrographs))):
            one, other = first(holders.setdefault(sha256, row.group.key)), first(row.group.key)
            leader[max(one, other)] = min(one, other)
    found: dict[str, list[str]] = {}
    for key in sorted(leader):
        found.setdefault(first(key), []).append(key)
    return [tuple(keys) for keys in found.values()]
