"""What to image again: the list that an operator, or the instrument's own program, works through.

An image is on it once its verdict is `out_of_focus` or `incomplete`, or somebody said that it is to be taken again. It
goes when a newer take of the same shot is in focus, which is the same path written again (`naming.shots` knows where an
instrument says so in another way), or when somebody calls it fine. Another file of the same section and tile takes
nothing off: it may be of the next wafer. It is named, so that a person can say what it is.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from mhfd.contract.focus_report import FocusReport
from mhfd_client.files import text_of
from mhfd_client.journal.rows import LabelRow, Outcome, Told
from mhfd_client.naming import Place, row_col, sbemimage_tile, shot_of
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
    newer: str | None = None
    """A newer file of this section and tile that is in focus: whether it is of the same shot, a person must say."""

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return Place(self.section, self.tile)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"path": text_of(self.path)}


class _Shot:
    """What is to be imaged, take after take, in the order in which they came."""

    def __init__(self) -> None:
        self.newest: Told | None = None
        self.asked: LabelRow | None = None  # somebody wants it taken again
        self.failed: Told | None = None  # the last take that failed; None once one is in focus, or called fine

    def take(self, one: Told, label: LabelRow | None) -> None:
        """One more."""
        self.newest = one
        fine, again = (False, False) if label is None else (label.fine, label.again)
        if fine or one.verdict.outcome is Outcome.IN_FOCUS:
            self.asked = self.failed = None
        elif one.verdict.outcome in AGAIN:
            self.failed = one
        if again:
            self.asked = label


def retakes(
    told: Iterable[Told],
    labels: Mapping[int, LabelRow],
    report: Callable[[int], FocusReport | None],
    *,
    also: Sequence[Outcome] = (),
) -> list[Retake]:
    """The images to take again, by section and tile.

    Args:
        told: All that was judged.
        labels: The newest label of each image.
        report: The report of an id, as the journal has it; None where it cannot be read.
        also: Further outcomes to list, `undetermined` for one.
    """
    told = sorted(told, key=lambda one: one.image.id)
    shots: dict[str, _Shot] = {}
    for one in told:
        shot = shots.setdefault(shot_of(one.image.path), _Shot())
        shot.take(one, labels.get(one.image.id))
    sharp = {one.image.place: one.image for one in told if one.verdict.outcome is Outcome.IN_FOCUS}
    found = []
    for shot in shots.values():
        if shot.newest is None:
            continue
        image, label = shot.newest.image, labels.get(shot.newest.image.id)
        fine = label is not None and label.fine
        listed = shot.newest.verdict.outcome in also and not fine
        if image.report is not None and (listed or shot.asked is not None or shot.failed is not None):
            measured = report(image.report)
            stage = None if measured is None else measured.image.stage_um
            other = sharp.get(image.place) if image.section is not None else None
            newer = other.path if other is not None and other.id > image.id else None
            found.append(_retake(shot, shot.newest, stage, label, newer=newer, listed=listed))
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
    shot: _Shot,
    one: Told,
    stage: tuple[float, float] | None,
    label: LabelRow | None,
    *,
    newer: str | None,
    listed: bool,
) -> Retake:
    image, verdict, asked = one.image, one.verdict, shot.asked
    said = asked or label
    by = None if said is None else said.task_by or said.sharp_by
    who = None if by is None else by.who
    reasons = [verdict.sentence] if listed or shot.failed is not None else []
    if shot.failed is not None and shot.failed is not one:
        was = shot.failed.verdict.outcome.value.replace("_", " ")
        reasons.append(f"an earlier take was {was}, and this one is not known to be better")
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
        newer,
    )


def _tile(tile: str | None, form: Format) -> str | None:
    if form == "sbemimage":
        return sbemimage_tile(tile)
    at = row_col(tile)
    return None if at is None else f"Tile_r{at[0]}-c{at[1]}"


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
