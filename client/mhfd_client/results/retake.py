"""What to image again: the list that an operator, or the instrument's own program, works through.

An image is on it while its verdict is `out_of_focus` or `incomplete`, nothing newer of the same place has come, and
nobody has said that it is fine as it is.
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
TABLE_VERSION: Final = 1
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
    newest: dict[object, Told] = {}
    for one in sorted(told, key=lambda one: one.image.id):
        image = one.image
        newest[image.path if image.section is None else image.place] = one
    wanted = (*AGAIN, *also)
    fine = {image for image, label in labels.items() if label.fine}
    found = []
    for one in newest.values():
        image, verdict = one.image, one.verdict
        if verdict.outcome in wanted and image.report is not None and image.id not in fine:
            stage = report(image.report).image.stage_um
            said = verdict.outcome, verdict.provisional, verdict.sentence
            found.append(Retake(image.id, image.path, image.section, image.tile, stage, *said))
    return sorted(found, key=lambda retake: (retake.place.key, retake.path))


def as_csv(items: Iterable[Retake]) -> str:
    """One line an image, for a spreadsheet. Text that a spreadsheet would take for a formula is quoted."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["section", "tile", "stage_x_um", "stage_y_um", "outcome", "provisional", "path", "reason"])
    for item in items:
        x, y = item.stage_um or ("", "")
        said = item.outcome.value, "yes" if item.provisional else "no"
        path, reason = _plain(printable(item.path)), _plain(printable(item.reason))
        table.writerow([item.section, _plain(item.tile or ""), x, y, *said, path, reason])
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


def _tile(tile: str | None, form: Format) -> str | None:
    if form == "sbemimage":
        return sbemimage_tile(tile)
    at = row_col(tile)
    return None if at is None else f"Tile_r{at[0]}-c{at[1]}"


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
