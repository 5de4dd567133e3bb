"""What the notebook gets: a row an image, with its report and its verdict."""

from __future__ import annotations

import base64
import csv
import html
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.errors import UsageError
from mhfd_client import naming
from mhfd_client.calibration.applies import of_settings
from mhfd_client.printing import in_table, printable
from mhfd_client.runners.versions import older_there
from mhfd_client.scoring import learned
from mhfd_client.scoring.words import Tally, what_is_wrong
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.blur import advice, kept
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd


COLUMNS: Final = (
    *("path", "section", "tile", "finding", "code", "detail", "dof", "density", "cross_spectrum", "noise", "tissue"),
    *("pixel_nm", "verdict", "provisional", "sentence", *kept.COLUMNS, *learned.COLUMNS),
    *("params_id", "endpoint", "version"),
)
"""Of a row, as `Table.records` and what is made of them have it."""
_WHOLE: Final = ("section", "dof", "blur_neighbours")
"""Columns of whole numbers, which stay whole where one is unknown."""
_SHOWN: Final = 200  # rows of a table in a notebook
_HEAD: Final = ("", "image", "dof", "density", "cross-spectrum", "blur", "verdict")


@dataclass(frozen=True, slots=True)
class Row:
    """One image: its report, and its verdict when it was judged."""

    path: str
    report: FocusReport
    section: int | None = None
    tile: str | None = None
    verdict: Verdict | None = None
    thumbnail: bytes | None = None
    """JPEG."""
    estimates: tuple[Estimate, ...] = ()
    """What learned packages say of it, where some were asked."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody who waits for a table wants of it."""

    settings: VerdictSettings | None
    """To judge with; nothing: no verdicts."""
    thumbnails: bool
    progress: bool | None
    on_row: Callable[[Row], None] | None
    """Called with each row as it comes."""


class Table(Sequence[Row]):
    """The rows, in the order of the paths. `interrupted`: some paths were not scored.

    `token`: of a call to an endpoint; `mhfd_client.reattach(token)` gives its table again, or the rest of it.
    """

    def __init__(self, rows: Iterable[Row], *, interrupted: bool = False, token: str | None = None) -> None:
        self._rows = tuple(rows)
        self.interrupted = interrupted
        self.token = token

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Table: ...
    def __getitem__(self, index: int | slice) -> Row | Table:
        if isinstance(index, slice):
            return Table(self._rows[index], interrupted=self.interrupted, token=self.token)
        return self._rows[index]

    def __repr__(self) -> str:
        end = ", interrupted" if self.interrupted else ""
        unseen = sum(row.report.code is not None for row in self)
        end = (f", {unseen} not looked at" if unseen else "") + end
        return f"Table({len(self)} images, {sum(r.report.finding is Finding.OK for r in self)} scored{end})"

    @property
    def summary(self) -> str:
        """How many were scored, what is wrong with others, and which were not looked at, in one line."""
        return str(Tally(row.report for row in self))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of who scored: an endpoint with an older mhfd."""
        return tuple(dict.fromkeys(one for row in self if (one := older_there(row.report))))

    def records(self) -> list[dict[str, Any]]:
        """Plain rows: what a DataFrame or a CSV is made of."""
        return [
            {
                "path": row.path,
                "section": row.section,
                "tile": row.tile,
                "finding": row.report.finding.value,
                "code": row.report.code,
                "detail": row.report.finding_detail,
                "dof": row.report.dof,
                "density": row.report.density,
                "cross_spectrum": row.report.cross_spectrum,
                "noise": None if row.report.noise is None else row.report.noise.sigma,
                "tissue": row.report.tissue,
                "pixel_nm": row.report.image.pixel_nm,
                "verdict": None if row.verdict is None else row.verdict.kind.value,
                "provisional": None if row.verdict is None else row.verdict.provisional,
                "sentence": None if row.verdict is None else row.verdict.sentence,
                **kept.flat(None if row.verdict is None else row.verdict.blur),
                **learned.flat(row.estimates),
                "params_id": row.report.params_id,
                "endpoint": row.report.provenance.endpoint,
                "version": row.report.provenance.version,
            }
            for row in self
        ]

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame, one row an image. Whole numbers stay whole where one of them is unknown (`Int64`)."""
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise UsageError("to_pandas: needs pandas; run: pip install pandas (or use .records())") from None
        found = pd.DataFrame.from_records(self.records(), columns=list(COLUMNS))
        return found.astype(dict.fromkeys(_WHOLE, "Int64") | {"provisional": "boolean"})

    def to_csv(self, file: str | os.PathLike[str]) -> None:
        """A table for a spreadsheet, one line an image. Empty where nothing is known."""
        with Path(file).open("w", newline="", encoding="utf-8") as out:
            table = csv.DictWriter(out, COLUMNS)
            table.writeheader()
            for row in self.records():
                table.writerow({k: in_table(v) if isinstance(v, str) else v for k, v in row.items()})

    def judged(self, settings: VerdictSettings | None = None) -> Table:
        """The same with verdicts, of the images compared with each other, as `score` gives them."""
        names = naming.detect(row.path for row in self).naming
        placed = [names.place(row.path) for row in self]
        rows = [replace(row, section=at.section, tile=at.tile) for row, at in zip(self, placed, strict=True)]
        made = judged(rows, VerdictSettings() if settings is None else settings)
        return Table(made, interrupted=self.interrupted, token=self.token)

    def _repr_html_(self) -> str:
        rows = "".join(_html(row) for row in self._rows[:_SHOWN])
        more = f"<p>... and {len(self) - _SHOWN:,} more</p>" if len(self) > _SHOWN else ""
        end = "<p>Interrupted: not all paths were scored.</p>" if self.interrupted else ""
        head = "".join(f"<th>{name}</th>" for name in _HEAD)
        notes = self.notes if all(row.report.finding is Finding.OK for row in self) else (self.summary, *self.notes)
        said = "".join(f"<p>{html.escape(one)}</p>" for one in notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}{said}{end}"


def table_of(
    paths: Sequence[str],
    results: Iterable[tuple[int, FocusReport]],
    wishes: Wishes,
    *,
    advance: Callable[[], object],
    estimates: Callable[[int], tuple[Estimate, ...]] = lambda _: (),
    picture: Callable[[int], bytes | None] = lambda _: None,
    pictures: Callable[[], Mapping[int, bytes | None]] = dict,
    token: str | None = None,
) -> Table:
    """The table of results that come in any order; Ctrl-C keeps what has come.

    Args:
        paths: Of all images.
        results: Reports, each with the number of its path.
        wishes: Of whoever waits.
        advance: Called with each.
        estimates: What learned packages said of it.
        picture: A small picture, as far as there is one at once.
        pictures: Those that take longer, asked for at the end.
        token: By which the table is found again.
    """
    names = naming.detect(paths).naming
    rows: dict[int, Row] = {}
    interrupted = False
    try:
        for index, report in results:
            place = names.place(paths[index])
            said = estimates(index)
            rows[index] = Row(paths[index], report, place.section, place.tile, thumbnail=picture(index), estimates=said)
            advance()
            if wishes.on_row is not None:
                wishes.on_row(rows[index])
    except KeyboardInterrupt:
        interrupted = True
    made = pictures()
    ordered = [replace(rows[index], thumbnail=made.get(index, rows[index].thumbnail)) for index in sorted(rows)]
    table = ordered if wishes.settings is None else judged(ordered, wishes.settings)
    return Table(table, interrupted=interrupted, token=token)


def judged(rows: Sequence[Row], settings: VerdictSettings) -> list[Row]:
    """With verdicts: all of them seen, in order; the last word on each counts."""
    judge = RunJudge(settings, of_settings(settings))
    verdicts: dict[int, Verdict] = {}
    for index, row in enumerate(rows):
        place = naming.Place(row.section, row.tile)
        verdicts |= {int(str(j.key)): j.verdict for j in judge.see(index, row.report, place)}
    return [replace(row, verdict=verdicts[index]) for index, row in enumerate(rows)]


def _html(row: Row) -> str:
    report = row.report
    picture = ""
    if row.thumbnail is not None:
        picture = f'<img width="96" src="data:image/jpeg;base64,{base64.b64encode(row.thumbnail).decode()}">'
    if report.finding is Finding.OK:
        numbers = [f"{report.dof:,}", _number(report.density, ",.0f"), _number(report.cross_spectrum, ".3f")]
    else:
        numbers = ["", "", ""]
    said = (
        row.verdict.sentence
        if row.verdict is not None
        else ""
        if report.finding is Finding.OK
        else what_is_wrong(report)
    )
    blur = None if row.verdict is None else row.verdict.blur
    words = "" if blur is None else advice.told(blur)
    said = "; ".join(filter(None, (said, *learned.spoken(row.estimates))))
    cells = "".join(f"<td>{html.escape(printable(text))}</td>" for text in (row.path, *numbers, words, said))
    return f"<tr><td>{picture}</td>{cells}</tr>"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
