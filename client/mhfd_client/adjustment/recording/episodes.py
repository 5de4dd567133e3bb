"""What an operator did on one field until they left it -> pairs of images, and where the focus lies for each.

Where the operator left the knob is taken for the focus. Any two of the field's images whose working distances are known
against each other are a pair: its perturbation is half of what they differ by, and the focus is as far from the middle
between them as the place where the knob was left. Reasoning on what was recorded: opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from mhfd_client.adjustment.recording.recorded_move import RESOLVED, RecordedImage, RecordedMove
from mhfd_client.adjustment.recording.sorting_out import same_field
from mhfd_client.instruments.protocol import Knob

LEFT_S: Final = 1800.0
"""Who turns nothing for so long has left the field."""
LEAST_UM: Final = 0.25
MOST_UM: Final = 10.0
"""Of a perturbation. Images nearer to each other do not differ, and further ones have nothing in common."""
_MOST_IMAGES: Final = 8  # of a field, the last ones: pairs grow with their square
_STIG: Final = (Knob.STIG_X, Knob.STIG_Y)


@dataclass(frozen=True, slots=True)
class FieldPair:
    """A pair of images, and what was to be turned."""

    a: RecordedImage
    b: RecordedImage
    perturbation_um: float
    move_um: float
    """What is to be added to the working distance of the middle between them."""
    stig_x: float | None
    stig_y: float | None
    """What is to be added to the stigmators; None: nobody turned them."""
    move: RecordedMove
    """The last one of the field: whose word it is."""
    on_purpose: bool


@dataclass(slots=True)
class Episode:
    """The moves of one field, one after the other."""

    moves: list[RecordedMove] = field(default_factory=list)

    def takes(self, move: RecordedMove) -> bool:
        """Whether a move belongs to it: it is known that the same field was looked at."""
        last = self.moves[-1]
        if move.at - last.at > LEFT_S or not same_field(last, move):
            return False
        seen = {image.sha256 for image in last.images} & {image.sha256 for image in move.images}
        return bool(seen) or (_placed(last) and _placed(move))


@dataclass(frozen=True, slots=True)
class _Seen:
    image: RecordedImage
    at: dict[Knob, float]
    """Where the knobs stood, from where they stood at first."""


def episodes(moves: Iterable[RecordedMove]) -> list[Episode]:
    """Moves field by field, in the order in which they were turned."""
    found: list[Episode] = []
    for move in moves:
        if found and found[-1].takes(move):
            found[-1].moves.append(move)
        else:
            found.append(Episode([move]))
    return found


def pairs_of(episode: Episode) -> list[FieldPair]:
    """The pairs of a field. None where nobody turned the working distance, or at most one image has a known place."""
    at = dict.fromkeys(Knob, 0.0)
    stands: dict[Knob, float] = {}
    seen: dict[str, _Seen] = {}
    on_purpose: list[tuple[RecordedMove, dict[Knob, float]]] = []
    for move in episode.moves:
        if move.before is not None and move.knob in stands:
            at[move.knob] += move.before - stands[move.knob]  # turned meanwhile, and not recorded
        if move.pair is not None:
            middle = dict(at)
            if move.pair.centre_um is not None and move.knob is Knob.WORKING_DISTANCE and move.before is not None:
                middle[move.knob] += move.pair.centre_um - move.before
            on_purpose.append((move, middle))
        if move.image_before is not None:
            seen.setdefault(move.image_before.sha256, _Seen(move.image_before, dict(at)))
        at[move.knob] += move.by
        if move.after is not None:
            stands[move.knob] = move.after
        if move.image_after is not None:
            seen[move.image_after.sha256] = _Seen(move.image_after, dict(at))
    if not any(move.knob is Knob.WORKING_DISTANCE for move in episode.moves):
        return []
    turned = {move.knob for move in episode.moves}
    left = _Left(at, turned, episode.moves[-1])
    images = list(seen.values())[-_MOST_IMAGES:]
    between = [pair for one, other in combinations(images, 2) if (pair := left.pair(one, other)) is not None]
    return [*(left.purposely(move, middle) for move, middle in on_purpose), *between]


@dataclass(frozen=True, slots=True)
class _Left:
    """Where the operator left the knobs."""

    at: dict[Knob, float]
    turned: set[Knob]
    move: RecordedMove

    def pair(self, one: _Seen, other: _Seen) -> FieldPair | None:
        a, b = sorted((one, other), key=lambda seen: -seen.at[Knob.WORKING_DISTANCE])
        apart = a.at[Knob.WORKING_DISTANCE] - b.at[Knob.WORKING_DISTANCE]
        if not LEAST_UM <= apart / 2 <= MOST_UM:
            return None
        if any(abs(a.at[knob] - b.at[knob]) >= RESOLVED[knob] for knob in _STIG):
            return None  # two things changed
        middle = a.at | {Knob.WORKING_DISTANCE: (a.at[Knob.WORKING_DISTANCE] + b.at[Knob.WORKING_DISTANCE]) / 2}
        return self._made(a.image, b.image, apart / 2, middle, on_purpose=False)

    def purposely(self, move: RecordedMove, middle: dict[Knob, float]) -> FieldPair:
        assert move.pair is not None  # noqa: S101  it was asked for
        return self._made(move.pair.a, move.pair.b, move.pair.perturbation_um, middle, on_purpose=True)

    def _made(
        self, a: RecordedImage, b: RecordedImage, perturbation_um: float, middle: dict[Knob, float], *, on_purpose: bool
    ) -> FieldPair:
        way = {knob: self.at[knob] - middle[knob] for knob in Knob}
        stig_x, stig_y = (way[knob] if knob in self.turned else None for knob in _STIG)
        return FieldPair(a, b, perturbation_um, way[Knob.WORKING_DISTANCE], stig_x, stig_y, self.move, on_purpose)


def _placed(move: RecordedMove) -> bool:
    """Whether it is known which field was looked at."""
    readings: Sequence[object] = [one.stage_um for one in (move.reading_before, move.reading_after) if one is not None]
    of_images = [image.stage_um or (None if image.place == (None, None) else image.place) for image in move.images]
    return any(one is not None for one in (*readings, *of_images))
