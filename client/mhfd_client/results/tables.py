"""Both halves of the list as tables, and what to image again in the instruments' own notations."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from mhfd_client.files import text_of
from mhfd_client.naming import Place, row_col, sbemimage_tile
from mhfd_client.printing import in_table, printable
from mhfd_client.results.retake import Other, Retake
from mhfd_client.results.sidecars import sidecar_of
from mhfd_client.scoring import learned
from mhfd_client.verdicts.blur import kept

Format = Literal["sbemimage", "atlas"]
Order = Literal["section", "newest"]
Item = TypeVar("Item", Retake, Other)
TABLE_VERSION: Final = 4
"""Of the columns of what to image again, which have no place for it."""
OTHERS_VERSION: Final = 2
"""Of the columns of what may go on."""
_AGAIN: Final = ("section", "tile", "stage_x_um", "stage_y_um", "outcome", "provisional", "path", "reason")
_OTHERS: Final = ("path", "section", "tile", "stage_x_um", "stage_y_um", "outcome", "provisional", "confirmed")
_PEOPLE: Final = ("label", "note", "said_by")


def ordered(items: Iterable[Item], order: Order) -> list[Item]:
    """By section and tile, as they come; or what came last first."""
    return sorted(items, key=lambda item: -item.image) if order == "newest" else list(items)


def as_csv(items: Iterable[Retake]) -> str:
    """One line an image, for a spreadsheet. Text that a spreadsheet would take for a formula is quoted."""
    rows = []
    for item in items:
        path, reason = in_table(item.path), in_table(item.reason)
        said = item.outcome.value, _yes(item.provisional), path, reason
        rows.append([*_measured(item), *said, *_people(item), *_blur(item), item.what_to_do or "", *_learned(item)])
    return _table((*_AGAIN, *_PEOPLE, *kept.COLUMNS, "what_to_do", *learned.COLUMNS), rows)


def others_csv(items: Iterable[Other], *, root: Path, state_dir: Path) -> tuple[str, list[Other]]:
    """One line an image that may go on, for programs: with its absolute path and its sidecar's.

    Also those whose path has characters that a line of text cannot hold: they are written escaped, and not found so.
    """
    rows, escaped = [], []
    for item in items:
        path, sidecar = os.fspath(root / item.path), os.fspath(sidecar_of(state_dir, item.path, item.revision))
        if printable(path) != path:
            escaped.append(item)
        said = item.outcome.value, _yes(item.provisional), _yes(item.confirmed)
        rows.append([in_table(path), *_measured(item), *said, *_people(item), in_table(sidecar), *_blur(item)])
    return _table((*_OTHERS, *_PEOPLE, "sidecar", *kept.COLUMNS), rows), escaped


def others_json(item: Other, *, root: Path, state_dir: Path) -> dict[str, Any]:
    """The same for programs that read JSON."""
    return {
        "path": text_of(root / item.path),
        "section": item.section,
        "tile": item.tile,
        "stage_um": item.stage_um,
        "outcome": item.outcome.value,
        "provisional": item.provisional,
        "confirmed": item.confirmed,
        "label": item.label,
        "note": item.note,
        "said_by": item.said_by,
        "sidecar": text_of(sidecar_of(state_dir, item.path, item.revision)),
        "blur": None if item.blur is None else item.blur.model_dump(mode="json"),
    }


def as_list(items: Iterable[Retake], form: Format) -> tuple[str, list[Retake]]:
    """In the instrument's own notation, one section a line, each tile once; and what cannot be written so."""
    sections: dict[int, dict[str, None]] = {}
    left: list[Retake] = []
    for item in items:
        tile = _tile(item.tile, form)
        if item.section is None or tile is None:
            left.append(item)
        else:
            sections.setdefault(item.section, {})[tile] = None
    head = "S_" if form == "atlas" else ""
    lines = [f"{head}{section}: {', '.join(tiles)}\n" for section, tiles in sections.items()]
    return "".join(lines), left


def _tile(tile: str | None, form: Format) -> str | None:
    if form == "sbemimage":
        return sbemimage_tile(tile)
    at = row_col(tile)
    return None if at is None else f"Tile_r{at[0]}-c{at[1]}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    return buffer.getvalue()


def _measured(item: Retake | Other) -> tuple[object, ...]:
    x, y = item.stage_um or ("", "")
    place: Place = item.place
    return place.section, in_table(place.tile or ""), x, y


def _people(item: Retake | Other) -> list[str]:
    return [in_table(text or "") for text in (item.label, item.note, item.said_by)]


def _blur(item: Retake | Other) -> list[object]:
    """Empty cells where nothing is known of it."""
    return ["" if value is None else value for value in kept.flat(item.blur).values()]


def _learned(item: Retake) -> list[object]:
    """What learned packages say. A title is text of strangers."""
    values = learned.flat(item.estimates).values()
    return ["" if value is None else in_table(value) if isinstance(value, str) else value for value in values]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
