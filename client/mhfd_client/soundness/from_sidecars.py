"""A damaged report or verdict, as the sidecar of its image still tells it. Its sum says whether that is what was."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd_client.errors import StateError
from mhfd_client.journal.sqlite import loaded, opened
from mhfd_client.results.sidecars import sidecar_of
from mhfd_client.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class FromSidecars:
    """Of a state folder."""

    state_dir: Path
    journal: Path

    def __call__(self, table: str, key: int) -> Iterator[dict[str, object]]:
        """Columns as they may have been."""
        if table not in ("report", "verdict"):
            return
        told = self._sidecar(table, key)
        try:
            yield from _of_report(told) if table == "report" else _of_verdicts(told)
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError, StateError):
            return  # the sidecar is damaged too

    def _sidecar(self, table: str, key: int) -> Any:
        sql = f"SELECT i.path, i.revision FROM {table} t JOIN image i ON i.id = t.image WHERE t.id = ?"  # noqa: S608
        try:
            with closing(opened(self.journal, read_only=True)) as db:
                path, revision = db.execute(sql, (key,)).fetchone()
            return json.loads(sidecar_of(self.state_dir, loaded(path), revision).read_bytes())
        except (sqlite3.Error, OSError, ValueError, TypeError, RecursionError):
            return None


def _of_report(told: Any) -> Iterator[dict[str, object]]:
    report = FocusReport.model_validate(told["report"])
    columns = {name: getattr(report, name) for name in ("params_id", "dof", "density", "cross_spectrum", "tissue")}
    yield {**columns, "finding": report.finding.value, "json": report.model_dump_json()}


def _of_verdicts(told: Any) -> Iterator[dict[str, object]]:
    for past in told["history"]:
        columns = {name: past[name] for name in ("outcome", "sentence", "reason")}
        detail = past["detail"]
        text = Verdict.model_validate(detail).model_dump_json(exclude_unset=True) if detail else "{}"
        yield {**columns, "provisional": int(past["provisional"]), "detail": text}
