# ruff: noqa: S608 - every name in these statements is our own
"""A database file of ours: its header, its pages, and whether each row is what was written."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from mhfd_client.files import text_of
from mhfd_client.journal import sums
from mhfd_client.journal.sqlite import opened
from mhfd_client.journal.sums import Mismatch, Summed, mismatches
from mhfd_client.soundness.flaw import Kind, StateFlaw, moved_aside
from mhfd_client.soundness.one_byte import Value, close, restored

_MOST: Final = 50
"""Flaws of one kind that are named."""
_FLEETING: Final = frozenset({"note", "heartbeat", "trouble"})
"""Rows that the station writes anew."""
Candidates = Callable[[str, int], Iterator[dict[str, object]]]
"""(table, key) -> columns as they may have been, found elsewhere."""


@dataclass(frozen=True, slots=True)
class Database:
    """What is known of a database beforehand."""

    path: Path
    tables: tuple[Summed, ...]
    application_id: int
    version: int
    schema: str
    """SQL that makes it."""
    wal: bool
    do: str
    """What to do when it cannot be repaired."""
    expendable: bool = False
    """It may be moved away: only a memory of what was said is in it."""
    candidates: Candidates = field(default=lambda *_: iter(()))

    @property
    def name(self) -> str:
        """For people."""
        return text_of(self.path)

    def flaws(self) -> Iterator[StateFlaw]:
        """All that is wrong with the file and its rows."""
        try:
            header = self._header()
            if header is not None:
                yield header
            with closing(opened(self.path, read_only=True)) as db:
                yield from self._structure(db)
                yield from self._rows(db)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as e:  # the last: by what SQLite says of it
            yield self._flaw(f"it cannot be read whole ({e})", self._rebuilt)

    def _flaw(self, what: str, mend: Callable[[], bool] | None) -> StateFlaw:
        if self.expendable:
            mend = partial(moved_aside, self.path)
        return StateFlaw(Kind.DATABASE, self.name, what, self.do, mend)

    # -- the file

    def _header(self) -> StateFlaw | None:
        """The first bytes, which are the same in each of ours."""
        with self.path.open("rb") as file:
            head = file.read(100)
        kind = bytes([1 + self.wal] * 2)
        wanted = {
            0: b"SQLite format 3\0",
            18: kind,
            20: bytes((0, 64, 32, 32)),
            44: bytes((0, 0, 0, 4)),
            52: bytes(4),
            56: bytes((0, 0, 0, 1)),
            60: self.version.to_bytes(4, "big"),
            64: bytes(4),
            68: self.application_id.to_bytes(4, "big"),
            72: bytes(20),
        }
        wrong = {at: right for at, right in wanted.items() if head[at : at + len(right)] != right}
        if not wrong:
            return None
        where = ", ".join(str(at) for at in wrong)
        return self._flaw(f"its header is damaged at byte {where}", partial(self._header_written, wrong))

    def _header_written(self, right: dict[int, bytes]) -> bool:
        wal = self.path.with_name(f"{self.path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            return False  # what is in there may hold another header
        with self.path.open("rb+") as file:
            for at, data in right.items():
                file.seek(at)
                file.write(data)
        return True

    def _structure(self, db: sqlite3.Connection) -> Iterator[StateFlaw]:
        found = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({_MOST})")]
        if found != ["ok"]:
            what = f"its pages or indexes are damaged ({found[0].splitlines()[-1]}; {len(found)} such)"
            yield self._flaw(what, self._rebuilt)
        lost = db.execute("PRAGMA foreign_key_check").fetchmany(_MOST)
        for table, row, other, _ in lost:
            name = f"{self.name}, {table} {row}"
            yield StateFlaw(Kind.PROMISE, name, f"it names a row of {other} that is not there", self.do)

    def _rebuilt(self) -> bool:
        """Indexes anew, or every page; only when each row is then proven by its sum."""
        new = self.path.with_name(f"{self.path.name}.rebuilt")
        new.unlink(missing_ok=True)
        try:
            with closing(opened(self.path)) as db:
                db.execute("REINDEX")
                if not any(self._structure(db)):
                    return True
                db.execute("VACUUM INTO ?", (str(new),))
            with closing(opened(new)) as db:
                if any(self._structure(db)) or any(mismatches(db, self.tables)):
                    return False
                if self.wal:
                    db.execute("PRAGMA journal_mode = WAL")
            with closing(opened(self.path)) as db:
                db.execute("PRAGMA journal_mode = DELETE")
            new.replace(self.path)
        except (sqlite3.Error, UnicodeDecodeError):
            return False
        finally:
            new.unlink(missing_ok=True)
        return True

    # -- its rows

    def _rows(self, db: sqlite3.Connection) -> Iterator[StateFlaw]:
        for number, one in enumerate(mismatches(db, self.tables)):
            if number == _MOST:
                yield self._flaw(f"more than {_MOST} rows are damaged", None)
                return
            if one.table == sums.VERSION:
                if db.execute("PRAGMA user_version").fetchone()[0] == self.version:  # else the header's is damaged
                    yield self._flaw("the sum of its version is damaged", partial(self._row_mended, one))
                continue
            mend = partial(moved_aside, self.path) if self.expendable else partial(self._row_mended, one)
            yield StateFlaw(Kind.ROW, f"{self.name}, {_named(db, one)}", _what(one), self._remedy(one), mend)

    def _remedy(self, one: Mismatch) -> str:
        match one.table:
            case "report" | "verdict" | "image" | "estimate":
                return "have the image scored again: `mhfd rescore DIR --image PATH`"
            case "label":
                return "say it again: `mhfd confirm`, `reject`, `again` or `fine`"
        return self.do

    def _row_mended(self, one: Mismatch) -> bool:
        try:
            with closing(opened(self.path)) as db:
                if one.table == sums.VERSION:
                    return _keep_sum(db, one)
                if one.table == sums.SCHEMA:
                    return self._schema_mended(db, one)
                return self._mended(db, one)
        except (sqlite3.Error, UnicodeDecodeError):
            return False

    def _mended(self, db: sqlite3.Connection, one: Mismatch) -> bool:
        table = next((table for table in self.tables if table.table == one.table), None)
        if table is None or one.now is None:
            return self._forget_sum(db, one)
        if one.stored is None:  # its sum may be there under a damaged name
            found = db.execute(f"SELECT count(*) FROM {sums.TABLE} WHERE sum = ?", (one.now,)).fetchone()[0]
            return bool(found) and _keep_sum(db, one)
        if close(one.stored, one.now):
            return _keep_sum(db, one)
        if one.table in _FLEETING:
            db.execute(f"DELETE FROM {one.table} WHERE {table.name()} = ?", (one.key,))
            return True
        values, quoted = _row_of(db, table, one.key)
        for candidate in self.candidates(one.table, one.key) if isinstance(one.key, int) else ():
            if _written(db, table, one, dict(zip(table.columns, values, strict=True)) | candidate):
                return True
        right = restored(values, quoted, one.stored, sums.sum_of)
        return bool(right) and _written(db, table, one, dict(zip(table.columns, right, strict=True)))

    def _forget_sum(self, db: sqlite3.Connection, one: Mismatch) -> bool:
        """A sum whose row is there under its right name has a damaged name itself."""
        known = [
            sum_
            for table in self.tables
            for (sum_,) in db.execute(f"SELECT mhfd_sum({table.content()}) FROM {table.table}")
        ]
        if one.stored not in known and one.table not in _FLEETING:
            return False
        db.execute(f"DELETE FROM {sums.TABLE} WHERE of = ? AND key IS ?", (one.table, one.key))
        return True

    def _schema_mended(self, db: sqlite3.Connection, one: Mismatch) -> bool:
        """The text of a table's definition, from a new database of this kind."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
            sums.add_function(new)
            new.executescript(self.schema)
            sql = f"SELECT type, tbl_name, sql, {sums.DEFINITION} FROM sqlite_schema WHERE name = ?"
            right = new.execute(sql, (one.key,)).fetchone()
        if one.stored is None or one.now is None or right is None:
            return False
        if close(one.stored, one.now):
            return _keep_sum(db, one)
        if right[-1] != one.stored:
            return False
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET type = ?, tbl_name = ?, sql = ? WHERE name = ?", (*right[:-1], one.key))
        return True


def _what(one: Mismatch) -> str:
    if one.now is None:
        return "it is gone, or its sum is damaged"
    if one.stored is None:
        return "it has no sum: its sum was lost, or somebody else wrote it"
    return "it is not what was written: its sum differs"


def _named(db: sqlite3.Connection, one: Mismatch) -> str:
    """With the path of the image that it is about."""
    key = one.key.decode("utf-8", "replace") if isinstance(one.key, bytes) else one.key
    name = f"the definition of {key}" if one.table == sums.SCHEMA else f"{one.table} {key}"
    sql = {
        "image": "SELECT path FROM image WHERE id = ?",
        "report": "SELECT i.path FROM report r JOIN image i ON i.id = r.image WHERE r.id = ?",
        "verdict": "SELECT i.path FROM verdict v JOIN image i ON i.id = v.image WHERE v.id = ?",
        "label": "SELECT i.path FROM label l JOIN image i ON i.id = l.image WHERE l.id = ?",
        "estimate": "SELECT path FROM image WHERE id = CAST(? AS INTEGER)",  # its key begins with the image's
    }.get(one.table)
    row = None if sql is None else db.execute(sql, (one.key,)).fetchone()
    if row is None:
        return name
    path = row[0].decode("utf-8", "backslashreplace") if isinstance(row[0], bytes) else row[0]
    return f"{name} ({path})"


def _keep_sum(db: sqlite3.Connection, one: Mismatch) -> bool:
    sql = f"INSERT OR REPLACE INTO {sums.TABLE} VALUES (?, ?, ?)"
    db.execute(sql, (one.table, one.key, one.now))
    return True


def _row_of(db: sqlite3.Connection, table: Summed, key: object) -> tuple[list[Value], list[bytes]]:
    """Its values, text as bytes, and each as SQL's literal."""
    plain = ", ".join(f"CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END" for c in table.columns)
    quoted = ", ".join(f"CAST(quote({c}) AS BLOB)" for c in table.columns)
    where = f"FROM {table.table} WHERE {table.name()} = ?"
    values = list(db.execute(f"SELECT {plain} {where}", (key,)).fetchone())
    return values, list(db.execute(f"SELECT {quoted} {where}", (key,)).fetchone())


def _written(db: sqlite3.Connection, table: Summed, one: Mismatch, values: dict[str, object]) -> bool:
    """Write a row as it was; only when its sum says so. No rule of the table stands against that."""
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (one.table,))
    db.execute("BEGIN IMMEDIATE")
    try:
        rules = triggers.fetchall()
        for name, _ in rules:
            db.execute(f"DROP TRIGGER {name}")
        said = ", ".join(f"{c} = {'CAST(? AS TEXT)' if isinstance(v, bytes) else '?'}" for c, v in values.items())
        db.execute(f"UPDATE {one.table} SET {said} WHERE {table.name()} = ?", (*values.values(), one.key))
        now = db.execute(
            f"SELECT mhfd_sum({table.content()}) FROM {one.table} WHERE {table.name()} = ?",
            (one.key,),
        ).fetchone()
        right = now is not None and now[0] == one.stored
        for _, sql in rules:
            db.execute(sql)
        db.execute("COMMIT" if right else "ROLLBACK")
        return right
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
