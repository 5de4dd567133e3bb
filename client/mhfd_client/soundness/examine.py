"""A state folder, looked at whole; and mended, as far as that can be proven."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mhfd_client.alerts import store as alerts
from mhfd_client.errors import StateError, StateLocked, StateMissing
from mhfd_client.files import text_of
from mhfd_client.journal import schema, sums
from mhfd_client.journal.folder import Lock, refuse_emptied
from mhfd_client.journal.sqlite import named, opened
from mhfd_client.journal.view import FILE, JournalView
from mhfd_client.settings.load import Loaded
from mhfd_client.soundness.database import Database
from mhfd_client.soundness.flaw import Kind, StateFlaw
from mhfd_client.soundness.from_sidecars import FromSidecars
from mhfd_client.soundness.rows import row_flaws
from mhfd_client.soundness.sidecars import sidecar_flaws
from mhfd_client.soundness.small_files import label_flaws, leftover_flaws, picture_flaws

_ROUNDS: Final = 4
"""A repair may bring to light what could not be read before."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found."""

    state_dir: Path
    running: bool
    images: int
    mended: tuple[StateFlaw, ...]
    flaws: tuple[StateFlaw, ...]
    """What is unsound now."""

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "state_dir": text_of(self.state_dir),
            "running": self.running,
            "images": self.images,
            "sound": not self.flaws,
            "flaws": [flaw.as_json() for flaw in self.flaws],
            "mended": [flaw.as_json() for flaw in self.mended],
        }


def examine(root: str, state_dir: Path, loaded: Loaded) -> Soundness:
    """Look at all of it; nothing is changed. May be done beside a running station."""
    _there(state_dir)
    running = _in_use(state_dir, root)
    return Soundness(state_dir, running, _count(state_dir), (), tuple(_flaws(state_dir, loaded, running=running)))


def repair(root: str, state_dir: Path, loaded: Loaded) -> Soundness:
    """Look, mend what can be made anew, and look again. StateLocked while a station runs."""
    _there(state_dir)
    mended: list[StateFlaw] = []
    with closing(Lock(state_dir, root=os.path.realpath(root))):
        for _ in range(_ROUNDS):
            flaws = list(_flaws(state_dir, loaded, running=False))
            done = [flaw for flaw in flaws if flaw.mend is not None and flaw.mend()]
            mended += done
            if not done:
                break
        return Soundness(state_dir, False, _count(state_dir), tuple(mended), tuple(flaws))


def _there(state_dir: Path) -> None:
    journal = state_dir / FILE
    if not journal.is_file():
        raise StateMissing(f"no journal in {text_of(state_dir)}: start `mhfd watch` first, or give --state")
    refuse_emptied(journal)
    if _older(journal, len(schema.MIGRATIONS)):
        raise StateMissing(
            f"{text_of(journal)} was written by an older mhfd: start `mhfd watch` once to bring it up to date"
        )


def _older(path: Path, newest: int) -> bool:
    """Whether a database is an older program's. One whose number is damaged has a sum that says so."""
    try:
        with closing(opened(path, read_only=True)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (summed,) = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (sums.TABLE,)).fetchone()
            return 0 < version < newest and (not summed or sums.version_holds(db))
    except (sqlite3.Error, UnicodeDecodeError):  # the latter: by what SQLite says of it
        return False  # that is said of it


def _in_use(state_dir: Path, root: str) -> bool:
    try:
        Lock(state_dir, root=os.path.realpath(root)).close()
    except StateLocked:
        return True
    return False


def _databases(state_dir: Path) -> Iterator[Database]:
    journal = state_dir / FILE
    yield Database(
        journal,
        sums.JOURNAL,
        schema.APPLICATION_ID,
        len(schema.MIGRATIONS),
        "".join(schema.MIGRATIONS),
        wal=True,
        do="put back a copy of it; or move it away, and `mhfd watch` scores every image again",
        candidates=FromSidecars(state_dir, journal),
    )
    if (state_dir / alerts.FILE).is_file() and not _older(state_dir / alerts.FILE, alerts.VERSION):
        yield Database(
            state_dir / alerts.FILE,
            alerts.SUMMED,
            alerts.APPLICATION_ID,
            alerts.VERSION,
            alerts.SCHEMA,
            wal=False,
            do="`--repair` puts it aside: only the memory of what was alerted is in it",
            expendable=True,
        )


def _flaws(state_dir: Path, loaded: Loaded, *, running: bool) -> Iterator[StateFlaw]:
    for database in _databases(state_dir):
        found = list(database.flaws())
        yield from found
        if database.path.name == FILE and not any(flaw.kind is Kind.DATABASE for flaw in found):
            seen = {flaw.name for flaw in found}
            with named(database.path), closing(opened(database.path, read_only=True)) as db:
                yield from (flaw for flaw in row_flaws(db) if f"{database.name}, {flaw.name}" not in seen)
            yield from sidecar_flaws(partial(_view, state_dir), loaded, state_dir)
    yield from picture_flaws(state_dir)
    yield from label_flaws(state_dir)
    yield from leftover_flaws(state_dir, running=running)


@contextmanager
def _view(state_dir: Path) -> Iterator[JournalView]:
    """The journal, even where its version is in doubt."""
    path = state_dir / FILE
    with named(path), closing(opened(path, read_only=True)) as db:
        yield JournalView(db, path)


def _count(state_dir: Path) -> int:
    try:
        with _view(state_dir) as view:
            return sum(view.counts().values())
    except (StateError, ValueError):
        return 0
