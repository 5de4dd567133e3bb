# ruff: noqa: S608 - every name in these statements is our own
"""A sum over each row, kept apart from it by the database itself: tells what was written from what a disk made of it.

Triggers write the sums, so that no code path can forget one; the function that they call is registered with every
connection of ours. Knows tables by name only, so that alerts are summed by the same code.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

TABLE: Final = "content_sum"
VERSION: Final = "version"
"""What `of` calls the sum of the schema's number."""
SCHEMA: Final = "schema"
"""What `of` calls the sums of the tables' own definitions."""


@dataclass(frozen=True, slots=True)
class Summed:
    """A table whose rows are summed. `key`: an SQL expression of its columns that names a row."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    def name(self, row: str = "") -> str:
        """The key of a row, as SQL; `row` is `NEW.` or the like."""
        return " || '/' || ".join(row + one for one in self.key)

    def content(self, row: str = "") -> str:
        """All that is summed of a row, as SQL. The literals of SQL tell types apart, and keep numbers exactly."""
        return f"CAST({' || char(10) || '.join(f'quote({row}{one})' for one in self.columns)} AS BLOB)"


DEFINITION: Final = (
    "mhfd_sum(CAST(quote(type) || char(10) || quote(name) || char(10) || quote(tbl_name) || char(10) || quote(sql) "
    "AS BLOB))"
)
"""The sum of a table's own definition, as SQL."""


def sum_of(content: bytes) -> bytes:
    """Eight bytes: an error of a disk, not a forger, is to be found."""
    return hashlib.blake2b(content, digest_size=8).digest()


def add_function(db: sqlite3.Connection) -> None:
    """What the triggers call."""
    db.create_function("mhfd_sum", 1, sum_of, deterministic=True)


def migration(tables: Iterable[Summed], *, version: int) -> str:
    """SQL that sums what is there, and from then on what is written. To be run last, with the schema as it stays.

    A later migration that changes a table drops its triggers and ends with this for all tables.
    """
    parts = [
        f"CREATE TABLE IF NOT EXISTS {TABLE} "
        "(of TEXT NOT NULL, key ANY NOT NULL, sum BLOB NOT NULL, PRIMARY KEY (of, key)) STRICT, WITHOUT ROWID"
    ]
    for one in tables:
        insert = f"INSERT INTO {TABLE} (of, key, sum) "
        again = "ON CONFLICT (of, key) DO UPDATE SET sum = excluded.sum"
        new = f"{insert} VALUES ('{one.table}', {one.name('NEW.')}, mhfd_sum({one.content('NEW.')})) {again}"
        parts += [
            f"{insert} SELECT '{one.table}', {one.name()}, mhfd_sum({one.content()}) FROM {one.table} "
            f"WHERE true {again}",
            f"CREATE TRIGGER {one.table}_sum_insert AFTER INSERT ON {one.table} BEGIN {new}; END",
            f"CREATE TRIGGER {one.table}_sum_delete AFTER DELETE ON {one.table} BEGIN "
            f"DELETE FROM {TABLE} WHERE of = '{one.table}' AND key = {one.name('OLD.')}; END",
        ]
        if one.table not in APPEND_ONLY:
            parts.append(f"CREATE TRIGGER {one.table}_sum_update AFTER UPDATE ON {one.table} BEGIN {new}; END")
    parts += [
        f"DELETE FROM {TABLE} WHERE of IN ('{SCHEMA}', '{VERSION}')",
        f"INSERT INTO {TABLE} SELECT '{SCHEMA}', name, {DEFINITION} FROM sqlite_schema",
        f"INSERT INTO {TABLE} VALUES ('{VERSION}', '{VERSION}', mhfd_sum(CAST('{version}' AS BLOB)))",
    ]
    return ";\n".join(parts) + ";\n"


APPEND_ONLY: Final = frozenset({"report", "verdict", "label", "record", "station", "estimate"})
"""No program of ours changes a row of these."""

FIRST_SUMMED: Final = (
    Summed("station", ("id",), ("id", "root", "created_ns")),
    Summed("heartbeat", ("id",), ("id", "at_ns", "started_ns", "pid", "host", "doing", "in_flight", "capacity")),
    Summed("batch", ("token",), ("token", "runner", "params", "at_ns")),
    Summed(
        "image",
        ("id",),
        (
            *("id", "path", "revision", "size", "mtime_ns", "section", "tile", "state", "token", "attempts", "faults"),
            *("why", "report", "verdict", "arrived_ns", "whole_ns", "submitted_ns", "started_ns", "scored_ns"),
            *("judged_ns", "recorded_ns", "transferred_ns", "returned_ns", "inode"),
        ),
    ),
    Summed(
        "report",
        ("id",),
        (*("id", "image", "params_id", "finding", "dof", "density", "cross_spectrum", "tissue", "json", "at_ns"),),
    ),
    Summed(
        "verdict",
        ("id",),
        ("id", "image", "report", "outcome", "provisional", "sentence", "reason", "detail", "at_ns"),
    ),
    Summed("record", ("verdict",), ("verdict", "at_ns")),
    Summed("label", ("id",), ("id", "image", "sharp", "after", "at_ns", "who", "fine", "again", "note")),
    Summed("note", ("name",), ("name", "json", "at_ns")),
    Summed("trouble", ("id",), ("id", "kind", "path", "why", "since_ns", "until_ns")),
)
"""The tables that the journal had when it was first summed: part of a migration that was released."""
ESTIMATES: Final = Summed("estimate", ("image", "package"), ("image", "package", "json", "features", "at_ns"))
JUDGING: Final = Summed("judging", ("id",), ("id", "images"))
RETESTS: Final = Summed(
    "retest",
    ("id",),
    (
        *("id", "reason", "number", "image", "judged", "package", "due_ns", "tries", "why", "answer", "done_ns"),
        "well_ns",
    ),
)
JOURNAL: Final = (*FIRST_SUMMED, ESTIMATES, JUDGING, RETESTS)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row that is not what was written: `stored` and `now` are its sums; one of them None: there is no such row."""

    table: str
    key: int | str | bytes
    stored: bytes | None
    now: bytes | None


def mismatches(db: sqlite3.Connection, tables: Sequence[Summed]) -> Iterator[Mismatch]:
    """Rows that differ from their sums, rows without one, and sums without a row. Raises what SQLite raises."""
    for one in tables:
        name, content = one.name("t."), one.content("t.")
        sql = (
            f"SELECT {name}, s.sum, mhfd_sum({content}) AS now FROM {one.table} t "
            f"LEFT JOIN {TABLE} s ON s.of = '{one.table}' AND s.key = {name} WHERE s.sum IS NOT now"
        )
        for key, stored, now in db.execute(sql):
            yield Mismatch(one.table, key, stored, now)
        sql = (
            f"SELECT key, sum FROM {TABLE} WHERE of = '{one.table}' "
            f"AND key NOT IN (SELECT {one.name()} FROM {one.table})"
        )
        for key, stored in db.execute(sql):
            yield Mismatch(one.table, key, stored, None)
    known = ", ".join(f"'{one.table}'" for one in tables)
    sql = f"SELECT of, key, sum FROM {TABLE} WHERE of NOT IN ({known}, '{SCHEMA}', '{VERSION}')"
    for of, key, stored in db.execute(sql):
        yield Mismatch(str(of), key, stored, None)
    sql = (
        f"SELECT name, s.sum, {DEFINITION} AS now FROM sqlite_schema LEFT JOIN {TABLE} s "
        f"ON s.of = '{SCHEMA}' AND s.key = name WHERE s.sum IS NOT now"
    )
    for key, stored, now in db.execute(sql):
        yield Mismatch(SCHEMA, key, stored, now)
    stored, now = _version_sums(db)
    if stored != now:
        yield Mismatch(VERSION, VERSION, stored, now)


def version_holds(db: sqlite3.Connection) -> bool:
    """Whether the number of the schema is the one that was written."""
    stored, now = _version_sums(db)
    return stored == now


def _version_sums(db: sqlite3.Connection) -> tuple[bytes | None, bytes]:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    row = db.execute(f"SELECT sum FROM {TABLE} WHERE of = '{VERSION}' AND key = '{VERSION}'").fetchone()
    return None if row is None else row[0], sum_of(str(version).encode())
