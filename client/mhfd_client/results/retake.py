"""What to image again: the list that an operator, or the instrument's own program, works through.

An image is on it while its verdict is `out_of_focus` or `incomplete`, nothing newer of the same place has come, and
nobody has said that it is fine as it is. Or somebody said that it is to be taken again: whatever the verdict, until it
is called fine, or what replaces it is in focus.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from mhfd.contract.focus_report import FocusReport
from mhfd_client.files import text_of
from mhfd_client.journal.rows import LabelRow, Outcome, Told
from mhfd_client.naming import Place, row_col, sbemimage_tile
from mhfd_client.printing import printable

Format = Literal["sbemimage", "atlas"]
AGAIN: Final = (Outcome.OUT_OF_FOCUS, Outcome.INCOMPLETE)
TABLE_VERSION: Final = 2
"""Of the table's columns, which have no place for it."""


@dataclass(frozen=True, slots=True)
class Retake:
    """One image to take again. The stage position is what the instrument wrote about the image, if it did."""

    image: int
    path: str
    section: int | None
    tile: str | None
    stage_um: tuple[float, float] | None
    outcome: Outcome
    provisional: bool
    reason: str
    label: str | None = None  # what a person said of it, in a few words
    note: str | None = None
    said_by: str | None = None  # whose word the label is; of its two parts, what is to be done

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return Place(self.section, self.tile)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"path": text_of(self.path)}


def retakes(
    told: Iterable[Told],
    labels: Mapping[int, LabelRow],
    report: Callable[[int], FocusReport],
    *,
    also: Sequence[Outcome] = (),
) -> list[Retake]:
    """The images to take again, by section and tile.

    Args:
        told: All that was judged.
        labels: The newest label of each image.
        report: The report of an id, as the journal has it.
        also: Further outcomes to list, `undetermined` for one.
    """
    newest: dict[str | Place, Told] = {}
    asked: dict[str | Place, LabelRow] = {}  # what somebody wants to have taken again, and it did not come in focus yet
    for one in sorted(told, key=lambda one: one.image.id):
        image = one.image
        key = image.path if image.section is None else image.place
        newest[key] = one
        label = labels.get(image.id)
        if label is not None and label.again:
            asked[key] = label
        elif (label is not None and label.fine) or one.verdict.outcome is Outcome.IN_FOCUS:
            asked.pop(key, None)
    wanted = (*AGAIN, *also)
    found = []
    for key, one in newest.items():
        image, label = one.image, labels.get(one.image.id)
        failed = one.verdict.outcome in wanted and not (label is not None and label.fine)
        if image.report is not None and (failed or key in asked):
            stage = report(image.report).image.stage_um
            found.append(_retake(one, stage, asked.get(key), label, failed=failed))
    return sorted(found, key=lambda retake: (retake.place.key, retake.path))


def as_csv(items: Iterable[Retake]) -> str:
    """One line an image, for a spreadsheet. Text that a spreadsheet would take for a formula is quoted."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    measured = ["section", "tile", "stage_x_um", "stage_y_um", "outcome", "provisional", "path", "reason"]
    table.writerow([*measured, "label", "note", "said_by"])
    for item in items:
        x, y = item.stage_um or ("", "")
        said = item.outcome.value, "yes" if item.provisional else "no"
        path, reason = _plain(printable(item.path)), _plain(printable(item.reason))
        people = [_plain(printable(text or "")) for text in (item.label, item.note, item.said_by)]
        table.writerow([item.section, _plain(item.tile or ""), x, y, *said, path, reason, *people])
    return buffer.getvalue()


def as_list(items: Iterable[Retake], form: Format) -> tuple[str, list[Retake]]:
    """In the instrument's own notation, one section a line; and what cannot be written so."""
    sections: dict[int, list[str]] = {}
    left: list[Retake] = []
    for item in items:
        tile = _tile(item.tile, form)
        if item.section is None or tile is None:
            left.append(item)
        else:
            sections.setdefault(item.section, []).append(tile)
    head = "S_" if form == "atlas" else ""
    lines = [f"{head}{section}: {', '.join(tiles)}\n" for section, tiles in sorted(sections.items())]
    return "".join(lines), left


def _retake(
    one: Told, stage: tuple[float, float] | None, asked: LabelRow | None, label: LabelRow | None, *, failed: bool
) -> Retake:
    image, verdict = one.image, one.verdict
    said = asked or label
    by = None if said is None else said.task_by or said.sharp_by
    who = None if by is None else by.who
    reasons = [verdict.sentence] if failed else []
    if asked is not None:
        note = f": {asked.note}" if asked.note else ""
        reasons.insert(0, f"{who or 'somebody'} wants it taken again{note}")
    return Retake(
        image.id,
        image.path,
        image.section,
        image.tile,
        stage,
        verdict.outcome,
        verdict.provisional,
        "; ".join(reasons),
        None if said is None else said.words,
        None if said is None else said.note,
        who,
    )


def _tile(tile: str | None, form: Format) -> str | None:
    if form == "sbemimage":
        return sbemimage_tile(tile)
    at = row_col(tile)
    return None if at is None else f"Tile_r{at[0]}-c{at[1]}"


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
