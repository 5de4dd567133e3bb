"""Which recorded moves teach something, and why the others do not: each is named, none is lost.

Reasoning on what was recorded. Whoever has looked at the images hands that in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mhfd_client.adjustment.recording.recorded_move import RESOLVED, RecordedImage, RecordedMove
from mhfd_client.instruments.protocol import Knob

AT_ONCE_S: Final = 120.0
"""Who turns back within so long has changed their mind."""
STAGE_UM: Final = 1.0
"""Stages that differ by more are two fields."""
_FINE_UM: Final = 0.5  # tags that are multiples of 10 um say nothing of a smaller move
_OFF: Final = 0.25  # of a move: tags that differ by more from what was said


class Unteaching(StrEnum):
    """Why a move teaches nothing."""

    NOTHING = "nothing"  # less than the lens resolves
    UNDONE = "undone"  # turned back at once
    TWO_FIELDS = "two_fields"  # what is seen before and after is not the same
    CONTRADICTION = "contradiction"  # of one image, two moves in opposite directions
    NO_IMAGE = "no_image"  # nothing was seen before, or after
    UNREADABLE = "unreadable"  # an image that cannot be scored
    DISAGREES = "disagrees"  # the images' tags say another move
    NO_PAIR = "no_pair"  # no two images at different working distances that are known
    TOO_FAR = "too_far"  # further apart than a pair may be


@dataclass(frozen=True, slots=True)
class LeftOutMove:
    """A move that teaches nothing."""

    move: RecordedMove
    reason: Unteaching
    why: str
    """In words."""


class SortedMoves(NamedTuple):
    """Those that may teach, and the others."""

    kept: list[RecordedMove]
    left_out: list[LeftOutMove]


Look = Callable[[RecordedMove], tuple[Unteaching, str] | None]


def sorted_out(moves: Iterable[RecordedMove], *, look: Look | None = None) -> SortedMoves:
    """Sort moves.

    Args:
        moves: In the order in which they were turned.
        look: Asked last of those that are kept otherwise: what is wrong with a move's images, by their pixels.
    """
    every = list(moves)
    out: dict[str, LeftOutMove] = {}

    def leave(move: RecordedMove, reason: Unteaching, why: str) -> None:
        out.setdefault(move.id, LeftOutMove(move, reason, why))

    for move in every:
        if not move.resolved:
            unit = " um" if move.knob is Knob.WORKING_DISTANCE else ""
            leave(move, Unteaching.NOTHING, f"turned by {abs(move.by):g}{unit}: below {RESOLVED[move.knob]:g}{unit}")
    for first, second in _undone([move for move in every if move.id not in out]):
        took = f"{second.at - first.at:.0f} s later"
        leave(first, Unteaching.UNDONE, f"undone {took}")
        leave(second, Unteaching.UNDONE, f"undoes what was turned {took.replace('later', 'before')}")
    for move in every:
        if move.id not in out and (found := _flaw(move)) is not None:
            leave(move, *found)
    for move, why in _contradictions([move for move in every if move.id not in out]):
        leave(move, Unteaching.CONTRADICTION, why)
    for move in every:
        if look is not None and move.id not in out and (found := look(move)) is not None:
            leave(move, *found)
    return SortedMoves([move for move in every if move.id not in out], [out[m.id] for m in every if m.id in out])


def same_field(one: RecordedMove, other: RecordedMove) -> bool:
    """As far as is known, both were turned on the same field of the same specimen."""
    if (one.instrument, one.specimen) != (other.instrument, other.specimen):
        return False
    stages = ([*first, *second] for first, second in zip(_stages(one), _stages(other), strict=True))
    return not _places_differ([*one.images, *other.images]) and max(map(_apart, stages)) <= STAGE_UM


def _undone(moves: Sequence[RecordedMove]) -> list[tuple[RecordedMove, RecordedMove]]:
    """A move and the next of the same knob, which takes it back at once; then those around them."""
    found: list[tuple[RecordedMove, RecordedMove]] = []
    waiting: dict[tuple[str | None, Knob], list[RecordedMove]] = {}
    for move in moves:
        before = waiting.setdefault((move.instrument, move.knob), [])
        if before and _takes_back(before[-1], move):
            found.append((before.pop(), move))
        else:
            before.append(move)
    return found


def _takes_back(first: RecordedMove, second: RecordedMove) -> bool:
    if second.at - first.at > AT_ONCE_S or abs(first.by + second.by) >= RESOLVED[first.knob]:
        return False
    if first.before is not None and second.after is not None:
        return same_field(first, second) and abs(second.after - first.before) < RESOLVED[first.knob]
    seen = first.image_after, second.image_before
    return same_field(first, second) and (None in seen or _sha(seen[0]) == _sha(seen[1]))


def _flaw(move: RecordedMove) -> tuple[Unteaching, str] | None:
    if move.pair is None and (move.image_before is None or move.image_after is None):
        which = "before" if move.image_before is None else "after"
        if move.image_before is None and move.image_after is None:
            which = "before and after"
        return Unteaching.NO_IMAGE, f"no image {which} the move is known"
    seen = [one for one in move.images if one is not None]
    if _places_differ(seen):
        said = " and ".join(dict.fromkeys(_place(one) for one in seen))
        return Unteaching.TWO_FIELDS, f"its images are of {said}"
    if (apart := max(map(_apart, _stages(move)))) > STAGE_UM:
        return Unteaching.TWO_FIELDS, f"the stage moved by {apart:.1f} um"
    return _disagrees(move)


def _disagrees(move: RecordedMove) -> tuple[Unteaching, str] | None:
    """What the images' own tags say of the working distance, against what was turned."""
    before, after = move.image_before, move.image_after
    if before is None or after is None or move.knob is not Knob.WORKING_DISTANCE:
        return None
    if before.working_distance_um is None or after.working_distance_um is None:
        return None
    said = after.working_distance_um - before.working_distance_um
    if abs(said + move.by) < _OFF * abs(move.by):
        why = f"the images say {said:+.3g} um, the move {move.by:+.3g}: are before and after exchanged?"
    elif abs(move.by) > 0 and 250 < abs(said / move.by) < 4000:
        why = f"the images say {said:+.3g} um, the move {move.by:+.3g}: was mm written as um?"
    elif 250 < abs(move.by) / max(abs(said), 1e-9) < 4000 and said:
        why = f"the images say {said:+.3g} um, the move {move.by:+.3g}: was um written as mm?"
    elif _finely(before, after) and abs(said - move.by) > max(_FINE_UM, _OFF * abs(move.by)):
        why = f"the images say {said:+.3g} um, the move {move.by:+.3g}: they are not of this move"
    else:
        return None
    return Unteaching.DISAGREES, why


def _finely(*images: RecordedImage) -> bool:
    """Whether their tags say a working distance to the um."""
    said = [image.working_distance_um for image in images if image.working_distance_um is not None]
    return any(abs(um / 10 - round(um / 10)) > 1e-4 for um in said)


def _contradictions(moves: Sequence[RecordedMove]) -> list[tuple[RecordedMove, str]]:
    """Of the same image before, moves of the same knob in opposite directions."""
    by_image: dict[tuple[str, Knob], list[RecordedMove]] = {}
    for move in moves:
        first = move.pair.a if move.pair is not None else move.image_before
        if first is not None:
            by_image.setdefault((first.sha256, move.knob), []).append(move)
    found = []
    for same in by_image.values():
        up = [move for move in same if move.by > 0]
        if up and len(up) < len(same):
            told = " and ".join(dict.fromkeys(move.words for move in same))
            found += [(move, f"of the same image: {told}") for move in same]
    return found


def _places_differ(images: Iterable[RecordedImage]) -> bool:
    known = {image.place for image in images if image.place != (None, None)}
    return len(known) > 1


def _place(image: RecordedImage) -> str:
    if image.place == (None, None):
        return "an unknown place"
    section = "" if image.section is None else f"section {image.section}"
    return " ".join(filter(None, (section, "" if image.tile is None else f"tile {image.tile}")))


_Stages = list[tuple[float, float]]


def _stages(move: RecordedMove) -> tuple[_Stages, _Stages]:
    """Where the stage was, by the instrument and by the images: the two may count from other places."""
    readings = [one.stage_um for one in (move.reading_before, move.reading_after) if one is not None]
    images = [image.stage_um for image in move.images]
    return [one for one in readings if one is not None], [one for one in images if one is not None]


def _apart(stages: _Stages) -> float:
    """The largest way between any two, along an axis."""
    return max((max(axis) - min(axis) for axis in zip(*stages, strict=True)), default=0.0)


def _sha(image: RecordedImage | None) -> str | None:
    return None if image is None else image.sha256
