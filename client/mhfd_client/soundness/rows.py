"""Do the journal's rows fit each other, and can each be read?"""

import sqlite3
from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd_client.files import text_of
from mhfd_client.journal.sqlite import loaded
from mhfd_client.soundness.flaw import Kind, StateFlaw

_AGAIN: Final = "have the image scored again: `mhfd rescore DIR --image PATH`"
_PROMISES: Final = {
    "its report is another image's": (
        "SELECT i.id, i.path FROM image i JOIN report r ON r.id = i.report WHERE r.image != i.id"
    ),
    "its current verdict is not its newest": (
        "SELECT i.id, i.path FROM image i WHERE i.verdict IS NOT (SELECT max(id) FROM verdict WHERE image = i.id)"
    ),
    "its verdict is on another report": (
        "SELECT i.id, i.path FROM image i JOIN verdict v ON v.id = i.verdict "
        "WHERE i.state IN ('judged', 'recorded') AND v.report IS NOT i.report"
    ),
    "it is recorded, and its verdict is not": (
        "SELECT i.id, i.path FROM image i WHERE i.state = 'recorded' "
        "AND NOT EXISTS (SELECT 1 FROM record WHERE verdict = i.verdict)"
    ),
    "two of its revisions have one number": (
        "SELECT max(id), path FROM image GROUP BY path, revision HAVING count(*) > 1"
    ),
}


def row_flaws(db: sqlite3.Connection) -> Iterator[StateFlaw]:
    """What the tables' own rules cannot say, and reports that no program of ours can read."""
    for what, sql in _PROMISES.items():
        for image, path in db.execute(sql):
            yield StateFlaw(Kind.PROMISE, f"image {image} ({text_of(loaded(path))})", what, _AGAIN)
    for report, path, text in db.execute("SELECT r.id, i.path, r.json FROM report r JOIN image i ON i.id = r.image"):
        try:
            FocusReport.model_validate_json(text)
        except (ValidationError, TypeError, ValueError):
            yield StateFlaw(Kind.PROMISE, f"report {report} ({text_of(loaded(path))})", "it cannot be read", _AGAIN)
