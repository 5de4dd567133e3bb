"""A database of this program's: whose it is, its version, and SQLite's errors in words."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mhfd_client.errors import StateBusy, StateDamaged, StateError, StateFull, StateTrouble
from mhfd_client.files import text_of
from mhfd_client.journal import sums


def stored(path: str) -> str | bytes:
    """A path as the journal keeps it: text, or the bytes of a name that is no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def loaded(value: str | bytes) -> str:
    """The path that was kept so."""
    return os.fsdecode(value)


def opened(
    path: Path,
    set_up: Callable[[sqlite3.Connection], object] = lambda _: None,
    *,
    read_only: bool = False,
    busy_s: float = 5.0,
    any_thread: bool = False,
) -> sqlite3.Connection:
    """A database of ours, once `set_up` has looked at it or made it; closed again when that refuses it."""
    where = f"{path.absolute().as_uri()}?mode=ro" if read_only else path
    db = sqlite3.connect(
        where, uri=read_only, timeout=busy_s, isolation_level=None, check_same_thread=not (read_only or any_thread)
    )
    db.text_factory = partial(str, encoding="utf-8", errors="replace")  # one damaged letter must not hide its row
    sums.add_function(db)
    try:
        set_up(db)
    except BaseException:
        db.close()
        raise
    return db


def version_of(db: sqlite3.Connection, path: Path, *, owner: int, newest: int, instead: str) -> int:
    """The version of a database, 0 for a new one; raises for another program's and for a newer one."""
    alone = not db.in_transaction
    if alone:  # one look: a database that is made between two of these is neither new nor ours
        db.execute("BEGIN")
    try:
        (version,), (application,) = (
            db.execute(f"PRAGMA {of}").fetchone() for of in ("user_version", "application_id")
        )
        new = not version and not application and not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    finally:
        if alone:
            db.execute("ROLLBACK")
    if application != owner and not new:
        raise StateDamaged(f"{text_of(path)} is some other program's database; {instead}")
    if version > newest:
        raise StateDamaged(
            f"{text_of(path)} was written by a newer mhfd (version {version}; this one knows {newest}): "
            "upgrade this one"
        )
    return int(version)


@contextmanager
def named(path: Path, *, remedy: str | None = None) -> Iterator[None]:
    """SQLite's errors as ours: what is wrong, with which file, what to do (`remedy`: against all but a lock)."""
    try:
        yield
    except sqlite3.Error as e:
        where = text_of(path)
        code = getattr(e, "sqlite_errorcode", 0) or 0
        if remedy is not None and code & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StateError(f"{where} cannot be used ({e}): {remedy}") from e
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
                raise StateTrouble(f"{where} cannot be used ({e}): check the disk and the folder's permissions") from e
        raise
