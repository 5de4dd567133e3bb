"""From a row of the journal to what it means; and the columns that each kind of row has, in their order."""

import base64
from dataclasses import fields
from typing import Any, Final

from mhfd_client.errors import RowDamaged
from mhfd_client.files import text_of
from mhfd_client.journal.rows import By, ImageRow, LabelRow, Outcome, ScoreRow, State, VerdictRow
from mhfd_client.journal.sqlite import loaded

Row = tuple[Any, ...]
_OUTCOMES: Final = frozenset(Outcome)


def verdict_column(name: str, table: str = "") -> str:
    """Numbers that cannot be read are none."""
    return (
        f"CASE WHEN json_valid({table}detail) THEN {table}detail ELSE '{{}}' END" if name == "detail" else table + name
    )


IMAGE: Final = ", ".join(f.name for f in fields(ImageRow))
VERDICT: Final = ", ".join(verdict_column(f.name) for f in fields(VerdictRow))
SCORE: Final = (
    "i.id, i.path, i.section, i.tile, r.finding, r.dof, r.density, v.outcome, v.provisional, r.cross_spectrum, v.id"
)


def image_of(row: Row) -> ImageRow:
    """Of `IMAGE`. RowDamaged."""
    values = list(row)
    values[1] = loaded(values[1])
    try:
        values[7] = State(values[7])
    except ValueError:
        raise RowDamaged(
            f"image {row[0]} ({text_of(values[1])}): its state in the journal is damaged ({values[7]!r}); `mhfd check` "
            "says what else is"
        ) from None
    return ImageRow(*values)


def verdict_of(row: Row) -> VerdictRow:
    """Of `VERDICT`."""
    return VerdictRow(_outcome(row[0]), row[1], bool(row[2]), *row[3:])


def _outcome(text: str) -> Outcome:
    """What cannot be read says nothing."""
    return Outcome(text) if text in _OUTCOMES else Outcome.UNDETERMINED


def label_of(row: Row, before: LabelRow | None) -> LabelRow:
    """What people said of an image, after what they had said of it before."""
    image, sharp, after, fine, who, at, again, note = row
    sharp, by = None if sharp is None else bool(sharp), By(who, at)
    task = bool(fine), bool(again), note
    same_sharp = before is not None and before.sharp == sharp
    same_task = before is not None and (before.fine, before.again, before.note) == task
    sharp_by = None if sharp is None else before.sharp_by if before and same_sharp else by
    task_by = None if not (fine or again) else before.task_by if before and same_task else by
    return LabelRow(image, sharp, after, task[0], who, at, task[1], note, sharp_by, task_by)


def shown_of(features: str) -> bytes | None:
    """The features that a package was shown; None: they are damaged."""
    try:
        return base64.b64decode(features, validate=True)
    except ValueError:
        return None


def score_of(row: Row) -> ScoreRow:
    """Of `SCORE`."""
    values = list(row)
    values[1] = loaded(values[1])
    if values[7] is not None:
        values[7:9] = [_outcome(values[7]), bool(values[8])]
    return ScoreRow(*values)
