"""All that was recorded, sorted out: what teaches, what does not and why, and the dataset that learning reads."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, Origin, RecordedPair, Side, SourceGroup, Target
from mhfd_client.adjustment import places
from mhfd_client.adjustment.recording import moves_file
from mhfd_client.adjustment.recording.episodes import FieldPair, episodes, pairs_of
from mhfd_client.adjustment.recording.looking import Looker
from mhfd_client.adjustment.recording.moves_file import DamagedLine
from mhfd_client.adjustment.recording.recorded_move import RecordedImage, RecordedMove
from mhfd_client.adjustment.recording.sorting_out import LeftOutMove, Unteaching, sorted_out
from mhfd_client.adjustment.recording.whose import noted_instrument
from mhfd_client.errors import StateError
from mhfd_client.files import shown, text_of
from mhfd_client.instruments.protocol import Knob
from mhfd_client.journal.view import FILE, JournalView

UNKNOWN: Final = "unknown"
"""Instrument, where nobody said it."""


@dataclass(frozen=True, slots=True)
class SortedRecord:
    """What was recorded, sorted."""

    pairs: list[FieldPair]
    kept: list[RecordedMove]
    left_out: list[LeftOutMove]
    damaged: list[DamagedLine]


def sorted_record(
    state_dir: Path, *, looker: Looker | None = None, tell: Callable[[int, int], object] = lambda done, of: None
) -> SortedRecord:
    """Sort the moves of a state folder. StateError.

    Args:
        state_dir: The state folder.
        looker: Looks at the images; nothing: they are not opened, and what only they show is not found.
        tell: Told how many moves have been looked at, of how many.
    """
    found = moves_file.read(state_dir)
    looked = 0

    def look(move: RecordedMove) -> tuple[Unteaching, str] | None:
        nonlocal looked
        looked += 1
        tell(looked, len(found.moves))
        return None if looker is None else looker.flaw(move)

    moves = sorted_out(found.moves, look=look)
    pairs: list[FieldPair] = []
    kept: list[RecordedMove] = []
    left_out = list(moves.left_out)
    for episode in episodes(moves.kept):
        own = pairs_of(episode)
        if looker is not None:
            own = [pair for pair in own if looker.two_fields(pair.a, pair.b) is None]
        pairs += own
        if own:
            kept += episode.moves
        else:
            left_out += [_without_pair(move) for move in episode.moves]
    return SortedRecord(pairs, kept, sorted(left_out, key=lambda one: one.move.at), found.damaged)


def as_dataset(state_dir: Path, *, record: SortedRecord | None = None) -> Dataset:
    """What was recorded as a dataset of the task `adjust`: a row a pair. UsageError where nothing teaches.

    All is for training: moves are few, and who learns from them holds each specimen back in its turn.

    Args:
        state_dir: The state folder.
        record: What `sorted_record` made of it, where that was asked before.
    """
    looker = Looker(state_dir)
    record = record or sorted_record(state_dir, looker=looker)
    if not record.pairs:
        where = shown(places.moves(state_dir))
        first = f"; the first: {record.left_out[0].why}" if record.left_out else ""
        raise UsageError(
            f"{where}: no recorded move teaches anything ({len(record.left_out)} left out{first}); record some with "
            "mhfd adjust record, and see mhfd adjust moves"
        )
    specimen, unnamed = _watched(state_dir), _instrument(state_dir, record)
    days: dict[tuple[str, str], str] = {}
    rows = []
    for pair in record.pairs:
        instrument, named = _plain(pair.move.instrument or unnamed), _plain(pair.move.specimen or specimen)
        day = days.setdefault((instrument, named), _day(pair.move.at))
        group = SourceGroup(instrument=instrument, specimen=named, session=day)
        rows += _row(looker, pair, group)
    unique = {(row.sha256, row.pair.sha256 if row.pair else "", row.target): row for row in rows}
    return Dataset(tuple(unique.values()), {row.group.key: Side.TRAIN for row in unique.values()})


def _row(looker: Looker, pair: FieldPair, group: SourceGroup) -> list[DatasetRow]:
    """The row of a pair; none where one of its images is kept nowhere."""
    a, b = looker.path(pair.a), looker.path(pair.b)
    if a is None or b is None:
        return []
    return [
        DatasetRow(
            sha256=pair.a.sha256,
            path=str(a),
            group=group,
            section=pair.a.section,
            origin=Origin.RECORDED,
            said_by=pair.move.actor,
            target=Target(move_um=pair.move_um, stig_x=pair.stig_x, stig_y=pair.stig_y),
            pixel_nm=pair.a.pixel_nm,
            covariates=_covariates(pair.a, on_purpose=pair.on_purpose),
            pair=RecordedPair(sha256=pair.b.sha256, path=str(b), perturbation_um=pair.perturbation_um),
        )
    ]


def _covariates(image: RecordedImage, *, on_purpose: bool) -> dict[str, float | str]:
    known = {
        "working_distance_um": image.working_distance_um,
        "dwell_ns": image.dwell_ns,
        "magnification": image.magnification,
        "pair": "on_purpose" if on_purpose else "of_moves",
    }
    return {name: value for name, value in known.items() if value is not None}


def _without_pair(move: RecordedMove) -> LeftOutMove:
    if move.knob is not Knob.WORKING_DISTANCE:
        why = "nobody turned the working distance on this field: no two images make a pair"
    elif abs(move.by) > 20:
        return LeftOutMove(move, Unteaching.TOO_FAR, f"turned by {abs(move.by):g} um: further than a pair may be apart")
    else:
        why = "no two of this field's images are at working distances that are known against each other"
    return LeftOutMove(move, Unteaching.NO_PAIR, why)


def _watched(state_dir: Path) -> str:
    """The watched folder's name, for moves that name no specimen."""
    if (state_dir / FILE).is_file():
        try:
            with JournalView.read(state_dir) as journal:
                if root := journal.root():
                    return text_of(Path(root).name)
        except StateError:
            return state_dir.name
    return state_dir.name


def _instrument(state_dir: Path, record: SortedRecord) -> str:
    """Of moves that name no instrument, as typed ones: that of the others, else the one that is the station's."""
    named = {pair.move.instrument for pair in record.pairs} - {None}
    only = named.pop() if len(named) == 1 else None
    return UNKNOWN if named else only or noted_instrument(state_dir) or UNKNOWN


def _plain(name: str) -> str:
    return name.replace("/", " ").strip() or UNKNOWN


def _day(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date().isoformat()
