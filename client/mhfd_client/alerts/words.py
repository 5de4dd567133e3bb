"""Words for the messages: sections, places. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from mhfd_client.alerts.message import plain
from mhfd_client.alerts.snapshot import Seen

NAMED: Final = 20
"""So many of a list are named at most."""


def spans(numbers: Iterable[int]) -> str:
    """Sections in words: 3, 5 to 9."""
    ordered = sorted(set(numbers))
    if not ordered:
        return "none"
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(ordered), 1) if b > a + 1)]
    parts = []
    for start, end in zip(starts, [*starts[1:], len(ordered)], strict=True):
        first, last = ordered[start], ordered[end - 1]
        parts.append(str(first) if first == last else f"{first}, {last}" if last == first + 1 else f"{first} to {last}")
    shown = parts[-NAMED:]
    return ("... " if len(shown) < len(parts) else "") + ", ".join(shown)


def count(images: int) -> str:
    """So many images."""
    return f"{images:,} image{'' if images == 1 else 's'}"


def places(found: Sequence[Seen]) -> str:
    """Sections, with their tiles where one section has several; else names."""
    if any(seen.place.section is None for seen in found):
        names = [plain(seen.path) for seen in found]
        return ", ".join(names[-5:]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    numbers = sections(found)
    if len(numbers) == len(found):
        return f"section{'' if len(found) == 1 else 's'} {spans(numbers)}"
    tiles = [f"{seen.place.section} ({plain(seen.place.tile)})" if seen.place.tile else "" for seen in found]
    if not all(tiles):
        return f"section{'' if len(numbers) == 1 else 's'} {spans(numbers)}"
    more = f" and {len(tiles) - 10} more" if len(tiles) > 10 else ""
    return f"sections (tiles) {', '.join(tiles[-10:])}{more}"


def sections(found: Sequence[Seen]) -> list[int]:
    """Their numbers, the last ones."""
    return sorted({seen.place.section for seen in found if seen.place.section is not None})[-NAMED:]
