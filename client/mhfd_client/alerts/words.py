"""Words for the messages: sections, places. It decides nothing."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from mhfd_client.files import shown
from mhfd_client.journal.rows import ScoreRow

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


def places(found: Sequence[ScoreRow]) -> str:
    """Sections, with their tiles where one section has several; else names."""
    if any(seen.section is None for seen in found):
        names = [shown(seen.path) for seen in found]
        return ", ".join(names[-5:]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    numbers = sections(found)
    if len(numbers) == len(found):
        return f"section{'' if len(found) == 1 else 's'} {spans(numbers)}"
    tiles = [f"{seen.section} ({shown(seen.tile)})" if seen.tile else "" for seen in found]
    if not all(tiles):
        return f"section{'' if len(numbers) == 1 else 's'} {spans(numbers)}"
    more = f" and {len(tiles) - 10} more" if len(tiles) > 10 else ""
    return f"sections (tiles) {', '.join(tiles[-10:])}{more}"


def sections(found: Sequence[ScoreRow]) -> list[int]:
    """Their numbers, the last ones."""
    return sorted({seen.section for seen in found if seen.section is not None})[-NAMED:]
