"""Words for the messages: sections, places. It decides nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from mhfd_client.files import shown
from mhfd_client.journal.rows import ScoreRow
from mhfd_client.verdicts.blur import advice
from mhfd_client.verdicts.blur.blur import Blur

NAMED: Final = 20
"""So many of a list are named at most."""


@dataclass(frozen=True, slots=True)
class Words:
    """What images are that count for a rule, and what to do."""

    what: str
    remedy: str
    facts: dict[str, Any] = field(default_factory=dict)


def blurred(images: int, found: Sequence[Blur | None]) -> Words | None:
    """By how much they are blurred and by what, of images that are out of focus; None where no kind is known."""
    blurs = [blur for blur in found if blur is not None and blur.kind is not None]
    kinds = advice.by_kind(blurs)
    if not kinds:
        return None
    least, most = min(blur.px for blur in blurs), max(blur.px for blur in blurs)
    much = f"{least:.1f}" if f"{least:.1f}" == f"{most:.1f}" else f"{least:.1f} to {most:.1f}"
    names = [advice.WORDS[kind].name if len(kinds) == 1 else f"{n} by {advice.WORDS[kind].name}" for kind, n in kinds]
    what = f"blurred by {much} px: {', '.join(names)}"
    return Words(
        what if len(blurs) == images else f"out of focus, {len(blurs)} of them {what}",
        f"{advice.WORDS[kinds[0][0]].look} `mhfd retake` lists what to image again.",
        {"blur_px": [round(least, 2), round(most, 2)], "kinds": {kind.value: n for kind, n in kinds}},
    )


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
