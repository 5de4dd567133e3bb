"""The version of a database is read in one look."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mhfd_client.journal.sqlite import version_of

OURS = 7
MAKE = f"BEGIN; CREATE TABLE image (id); PRAGMA application_id = {OURS}; PRAGMA user_version = 3; COMMIT"


@pytest.mark.parametrize("at", ["user_version", "application_id", "sqlite_schema"])
def test_a_database_that_is_made_meanwhile_is_new_or_ours(tmp_path: Path, at: str) -> None:
    path = tmp_path / "journal.db"

    def meanwhile(statement: str) -> None:
        if at in statement:
            with closing(sqlite3.connect(path, timeout=0)) as other, suppress(sqlite3.OperationalError):  # it waits
                other.executescript(MAKE)

    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.set_trace_callback(meanwhile)
        seen = version_of(db, path, owner=OURS, newest=3, instead="")
        db.set_trace_callback(None)
        assert seen in (0, 3)
        assert not db.in_transaction
