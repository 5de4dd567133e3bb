"""A database of this program's: whose it is, its version, and SQLite's errors in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mhfd_client.errors import StateBusy, StateDamaged, StateError, StateFull, StateMissing
from mhfd_client.files import text_of
from mhfd_client.journal.schema import APPLICATION_ID, MIGRATIONS


def stored(path: str) -> str | bytes:
    """A path as the journal keeps it: text, or the bytes of a name that is no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def loaded(value: str | bytes) -> str:
    return os.fsdecode(value)


def check_version(db: sqlite3.Connection, path: Path, *, migrate: bool) -> int:
    """The journal's version; raises for one that this program cannot use."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    if version and owner != APPLICATION_ID:
        raise StateDamaged(f"{text_of(path)} is some other program's database; give another folder with --state")
    if version > len(MIGRATIONS):
        raise StateDamaged(
            f"{text_of(path)} was written by a newer mhfd (version {version}; this one knows {len(MIGRATIONS)}): "
            "upgrade this one"
        )
    if version < len(MIGRATIONS) and not migrate:
        raise StateMissing(
            f"{text_of(path)} was written by an older mhfd: start `mhfd watch` once to bring it up to date"
        )
    return version


@contextmanager
def named(path: Path) -> Iterator[None]:
    """SQLite's errors as ours: what is wrong, with which file, what to do."""
    try:
        yield
    except sqlite3.Error as e:
        where = text_of(path)
        code = getattr(e, "sqlite_errorcode", 0) or 0
        match code & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise StateBusy(
                    f"{where} is locked by another program (a backup, a database viewer?); close it: nothing is lost"
                ) from e
            case sqlite3.SQLITE_FULL:
                raise StateFull(f"{where} cannot grow: the disk is full; free some space: nothing is lost") from e
            case sqlite3.SQLITE_IOERR if code == sqlite3.SQLITE_IOERR_WRITE:
                raise StateFull(
                    f"{where} cannot be written: quota or file size limit reached, or the disk fails; nothing is lost"
                ) from e
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                raise StateDamaged(
                    f"{where} is damaged ({e}): move it away and start again; the sidecars beside it stay valid"
                ) from e
            case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                raise StateError(f"{where} cannot be used ({e}): check the disk and the folder's permissions") from e
        raise
