"""The durable record: the only owner of an image's state.

Each method is one step and one transaction: done or not done, and harmless when repeated. One station writes (the
folder is locked), others read (`JournalView`). It knows nothing of runners, files or focus.

A process that is killed loses nothing that was committed. When the power goes, commits since the last sync may be
lost, which means work repeated, never a wrong or broken journal. So a sync (a few ms) is paid where the loss would
be more than that: before work is handed to a runner that goes on without us, and with the heartbeat, which bounds
what a power failure can cost to about a second.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Final

from mhfd.contract.estimate import EstimateMade
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client import files, mounts
from mhfd_client.arrival.events import Unchanged, Whole
from mhfd_client.errors import StateError
from mhfd_client.journal import retests
from mhfd_client.journal.folder import Lock, prepare, refuse_emptied
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.rows import ChampionTold, ImageRow, RetestReason, State, VerdictRow
from mhfd_client.journal.schema import APPLICATION_ID, MIGRATIONS
from mhfd_client.journal.sqlite import named, opened, stored
from mhfd_client.journal.view import FILE, JournalView, stored_inode, version_now
from mhfd_client.naming import Place

log = logging.getLogger("mhfd.journal")
_CLOSED: Final = (State.SCORED, State.JUDGED, State.RECORDED, State.REPLACED)


class Journal(JournalView):
    """The journal of one watched folder, open for writing."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        path: Path,
        lock: Lock,
        now: Callable[[], int],
        tests: RetestRule,
    ) -> None:
        super().__init__(connect(), path)
        self._connect, self._lock = connect, lock
        self._now, self._tests = now, tests
        self._depth = 0
        self._started_ns = now()

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        root: str | os.PathLike[str],
        busy_s: float = 5.0,
        now: Callable[[], int] = time.time_ns,
        mount_table: Path = mounts.MOUNTINFO,
        migrations: Sequence[str] = MIGRATIONS,
        tests: RetestRule = RetestRule(),  # noqa: B008 - frozen
    ) -> Journal:
        """Lock the folder, make or migrate the journal, and check that it is this root's.

        `tests`: when a test of who judges is due.
        """
        folder = prepare(state_dir, table=mount_table)
        root = os.path.realpath(root)
        path = folder / FILE
        with ExitStack() as undo:
            lock = Lock(folder, root=root)
            undo.callback(lock.close)
            refuse_emptied(path)
            with named(path):
                connect = partial(opened, path, partial(_set_up, path, migrations), busy_s=busy_s)
                journal = cls(connect, path, lock, now, tests)
            undo.callback(JournalView.close, journal)
            journal._claim(root)
            undo.pop_all()
        return journal

    def close(self) -> None:
        """Let go of the database, then of the folder."""
        super().close()
        self._lock.close()

    def reopen(self) -> None:
        """A connection that a failing disk may have spoilt is exchanged for a new one; the folder stays locked.

        Raises like any step when that fails too, and changes nothing then.
        """
        with named(self.path):
            fresh = self._connect()
        with suppress(sqlite3.Error):
            self._db.close()
        self._db = fresh

    @contextmanager
    def together(self, *, durable: bool = False) -> Iterator[None]:
        """Several steps in one transaction. `durable`: on the disk before this returns."""
        if self._depth:
            yield
            return
        with named(self.path):
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            with named(self.path):
                yield
                self._db.execute("COMMIT")
        finally:
            self._depth = 0
            if self._db.in_transaction:
                with suppress(sqlite3.Error):  # a disk that refuses even that: see `reopen`
                    self._db.execute("ROLLBACK")

    # -- the road of one image

    def arrived(self, whole: Whole, place: Place) -> ImageRow | None:
        """A file is here, whole: a new revision of its path. None when it is known.

        Older revisions that no report was made of are closed as replaced: their bytes are gone.
        """
        path, times = stored(whole.path), (int(whole.first_seen * 1e9), int(whole.whole_at * 1e9))
        inode = None if whole.inode is None else stored_inode(whole.inode)
        with self.together():
            touched = whole.inode is not None and self.touched(whole.path, whole.inode) is not None
            if self.known(whole.path, whole.size, whole.mtime_ns) and not touched:
                return None
            self._db.execute(
                "UPDATE image SET state = 'replaced', token = NULL WHERE path = ? AND state IN ('whole', 'submitted')",
                (path,),
            )
            (image_id,) = self._db.execute(
                "INSERT INTO image (path, revision, size, mtime_ns, section, tile, state, arrived_ns, whole_ns, inode) "
                "SELECT ?1, 1 + ifnull(max(revision), 0), ?2, ?3, ?4, ?5, 'whole', ?6, ?7, ?8 "
                "FROM image WHERE path = ?1 RETURNING id",
                (path, whole.size, whole.mtime_ns, place.section, place.tile, *times, inode),
            ).fetchone()
            return self.image(image_id)

    def again(self, image_id: int, why: str) -> ImageRow | None:
        """A judged image is to be scored again: a new revision of the same file. What was said of it before stays.

        None where a newer revision is there: repeating it changes nothing.
        """
        sql = (
            "INSERT INTO image (path, revision, size, mtime_ns, inode, section, tile, state, why, arrived_ns, "
            "whole_ns) "
            "SELECT path, revision + 1, size, mtime_ns, inode, section, tile, 'whole', ?2, ?3, ?3 FROM image AS old "
            "WHERE id = ?1 AND state IN ('judged', 'recorded') "
            "AND revision = (SELECT max(revision) FROM image WHERE path = old.path) RETURNING id"
        )
        with self.together():
            new = self._db.execute(sql, (image_id, why, self._now())).fetchone()
            return None if new is None else self.image(new[0])

    def unchanged(self, file: Unchanged) -> None:
        """The newest revision of a path has this inode now, and the bytes that were scored."""
        sql = (
            "UPDATE image SET inode = ?2 WHERE path = ?1 AND size = ?3 AND mtime_ns = ?4 "
            "AND revision = (SELECT max(revision) FROM image WHERE path = ?1)"
        )
        with self.together():
            values = stored(file.path), stored_inode(file.inode), file.size, file.mtime_ns
            self._db.execute(sql, values)

    def intent(self, ids: Sequence[int], token: str, runner: str, params: Params, *, durable: bool = True) -> None:
        """These images go to a runner next. The token is here before the runner hears of it."""
        now = self._now()
        with self.together(durable=durable):
            self._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", (token, runner, params.model_dump_json(), now))
            for image_id in ids:
                done = self._db.execute(
                    "UPDATE image SET state = 'submitted', token = ?, attempts = attempts + 1, submitted_ns = ?, "
                    "started_ns = NULL WHERE id = ? AND state = 'whole'",
                    (token, now, image_id),
                )
                if done.rowcount != 1:
                    raise StateError(
                        f"image {image_id} is {self.image(image_id).state}, not whole: it is not submitted"
                    )

    def scored(
        self,
        image_id: int,
        report: FocusReport,
        *,
        at_ns: int | None = None,
        started_ns: int | None = None,
        transferred_ns: int | None = None,
        returned_ns: int | None = None,
        submitted_ns: int | None = None,
        estimates: Sequence[EstimateMade] = (),
    ) -> bool:
        """A report came back. False, and nothing changes, when this revision has one with these parameters already,
        or was replaced meanwhile. The times: when it was scored, and what the runner knows of the road there and back.
        `estimates`: what learned packages say of it, kept once each.
        """
        at = self._now() if at_ns is None else at_ns
        with self.together():
            if self.image(image_id).state in _CLOSED:
                return False
            told = ("params_id", "finding", "dof", "density", "cross_spectrum", "tissue")
            values = {name: getattr(report, name) for name in told}
            new = self._insert("report", image=image_id, **values, json=report.model_dump_json(), at_ns=at)
            if new is None:
                return False
            self._db.execute(
                "UPDATE image SET state = 'scored', token = NULL, report = ?, scored_ns = ?, "
                "started_ns = ifnull(?, started_ns), submitted_ns = ifnull(?, submitted_ns), transferred_ns = ?, "
                "returned_ns = ? WHERE id = ?",
                (new, at, started_ns, submitted_ns, transferred_ns, returned_ns, image_id),
            )
            for made in estimates:
                said = made.estimate
                self._insert(
                    "estimate",
                    returning="image",
                    image=image_id,
                    package=said.package,
                    json=said.model_dump_json(),
                    features=None if made.features is None else base64.b64encode(made.features).decode(),
                    at_ns=at,
                )
            self._keep_word(self.image(image_id), report.image.sha256)
        return True

    def _keep_word(self, row: ImageRow, sha256: str | None) -> None:
        """What people said of the revision before holds for this one, if its bytes are the same."""
        for earlier in reversed(self.revisions(row.path, before=row.revision)):
            before = self.image(earlier).report
            if before is None:
                continue  # replaced before it was scored
            report = self.readable_report(before)
            if report is not None and sha256 is not None and report.image.sha256 == sha256:
                self._db.execute(
                    "INSERT INTO label (image, sharp, fine, again, note, who, after, at_ns) "
                    "SELECT ?, sharp, fine, again, note, who, (SELECT ifnull(max(id), 0) FROM verdict), at_ns "
                    "FROM label WHERE image = ? ORDER BY id",
                    (row.id, earlier),
                )
            return

    def judged(self, image_id: int, verdict: VerdictRow) -> VerdictRow:
        """A verdict on the image's report is added and becomes the current one."""
        now = self._now()
        with self.together():
            row = self.image(image_id)
            if row.report is None:
                raise StateError(f"image {image_id} is {row.state}: there is no report to judge")
            said = {f.name: getattr(verdict, f.name) for f in fields(VerdictRow) if f.name not in ("id", "at_ns")}
            new = self._insert("verdict", image=image_id, report=row.report, **said, at_ns=now)
            assert new is not None  # noqa: S101 - its id is its own
            self._db.execute(
                "UPDATE image SET state = 'judged', judged_ns = ifnull(judged_ns, ?) WHERE id = ?", (now, image_id)
            )
            if row.judged_ns is None:
                retests.make_due(self._db, self._tests, image_id, now)
            return self.verdict(new)

    def recorded(self, image_id: int) -> None:
        """The current verdict's sidecar is written. Repeating it changes nothing."""
        now = self._now()
        with self.together():
            row = self.image(image_id)
            if row.state is State.RECORDED:
                return
            if row.state is not State.JUDGED:
                raise StateError(f"image {image_id} is {row.state}: there is no verdict to record")
            self._db.execute("INSERT INTO record VALUES (?, ?) ON CONFLICT DO NOTHING", (row.verdict, now))
            self._db.execute(
                "UPDATE image SET state = 'recorded', recorded_ns = ifnull(recorded_ns, ?) WHERE id = ?",
                (now, image_id),
            )

    def returned(self, token: str, why: str, *, ids: Sequence[int] | None = None, blame: bool = False) -> list[int]:
        """A runner gave work back unscored: all of a batch, or some of it. Back to whole; returns which.

        Blame counts a fault of the image itself, not of the runner or the road to it.
        """
        sql = (
            "UPDATE image SET state = 'whole', token = NULL, why = ?, faults = faults + ? "
            "WHERE token = ? AND (? OR id = ?) RETURNING id"
        )
        with self.together():
            each = [(why, blame, token, image_id is None, image_id) for image_id in ([None] if ids is None else ids)]
            return sorted(image for values in each for (image,) in self._db.execute(sql, values))

    # -- tests of who judges

    def champion_told(self, champion: ChampionTold) -> None:
        """Who judges in this run from now on; said where it is another one. Repeating it changes nothing."""
        with self.together():
            was = self.champion()
            if was == champion:
                return
            before = None if was is None else was.before if was.package == champion.package else was.speaker
            note = {"package": champion.package, "title": champion.title, "before": before}
            self.note(retests.CHAMPION, json.dumps(note))
            if was is not None and was.package != champion.package:
                log.warning("the champion here is %s from now on, in place of %s", champion.speaker, before)

    def retested(self, reason: RetestReason, number: int, *, package: str | None, answer: str) -> None:
        """A test was answered, by JSON. Repeating it changes nothing."""
        with self.together():
            row = reason.value, number
            retests.done(self._db, row, package=package, answer=answer, now_ns=self._now())

    def retest_failed(self, reason: RetestReason, number: int, *, package: str | None, why: str, tries: int) -> None:
        """A test was tried so many times in vain; it stays due. Repeating it changes nothing."""
        with self.together():
            retests.failed(self._db, (reason.value, number), package=package, why=why, tries=tries)

    # -- people

    def labelled(
        self,
        image_id: int,
        *,
        sharp: bool | None,
        fine: bool = False,
        again: bool = False,
        note: str | None = None,
        task: bool | None = None,
        who: str | None = None,
    ) -> None:
        """A person said whether an image is sharp, or what is to be done about it. Repeating it changes nothing.

        What is said of the one part leaves the other as it was. Nothing said takes back: what was to be done (`task`),
        whether it is sharp (not `task`), or both (None). The sidecar has labels too: it is to be written again.
        """
        silent = sharp is None and not fine and not again
        of_focus = sharp is not None or task is False or (silent and task is None)
        of_task = fine or again or task is True or (silent and task is None)
        with self.together():
            sql = "SELECT sharp, fine, again, note FROM label WHERE image = ? ORDER BY id DESC LIMIT 1"
            last = self._one(sql, image_id) or (None, 0, 0, None)
            said = (sharp if of_focus else last[0], *((fine, again, note if again else None) if of_task else last[1:]))
            if said == last:
                return
            self._db.execute(
                "INSERT INTO label (image, sharp, fine, again, note, who, after, at_ns) "
                "SELECT ?, ?, ?, ?, ?, ?, ifnull(max(id), 0), ? FROM verdict",
                (image_id, *said, who, self._now()),
            )
            self._db.execute("UPDATE image SET state = 'judged' WHERE id = ? AND state = 'recorded'", (image_id,))

    def note(self, name: str, text: str) -> None:
        """What the station has to say to people under this name from now on."""
        with self.together():
            self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", (name, text, self._now()))

    # -- around it

    def beat(self, doing: str, *, in_flight: int, capacity: int) -> None:
        """A sign of life, synced with all that was committed before."""
        with self.together(durable=True):
            station = self._started_ns, os.getpid(), socket.gethostname()
            sql = "INSERT OR REPLACE INTO heartbeat VALUES (1, ?, ?, ?, ?, ?, ?, ?)"
            self._db.execute(sql, (self._now(), *station, doing, in_flight, capacity))

    def trouble(self, kind: str, path: str | None, why: str) -> None:
        """Something is wrong from now on. Repeating it only renews the words."""
        with self.together():
            self._db.execute(
                "INSERT INTO trouble (kind, path, why, since_ns) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, ifnull(path, '')) WHERE until_ns IS NULL DO UPDATE SET why = excluded.why",
                (kind, None if path is None else stored(path), why, self._now()),
            )

    def recovered(self, kind: str | None = None, path: str | None = None) -> None:
        """A trouble is over; without a kind, all are (a station that starts sees for itself what is wrong)."""
        with self.together():
            self._db.execute(
                "UPDATE trouble SET until_ns = ?1 WHERE until_ns IS NULL "
                "AND (?2 IS NULL OR (kind = ?2 AND ifnull(path, '') = ifnull(?3, '')))",
                (self._now(), kind, None if path is None else stored(path)),
            )

    def _insert(self, table: str, *, returning: str = "id", **values: object) -> int | None:
        """A new row's id; None where a row that must be the only one is there already."""
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) "  # noqa: S608
        new = self._db.execute(sql + f"ON CONFLICT DO NOTHING RETURNING {returning}", tuple(values.values())).fetchone()
        return None if new is None else int(new[0])

    def _claim(self, root: str) -> None:
        with self.together(durable=True):
            self._db.execute(
                "INSERT INTO station VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING", (stored(root), self._now())
            )
            owner = self.root()
        if owner != root:
            raise StateError(
                f"state folder {files.text_of(self.path.parent)} belongs to {files.text_of(owner)}, "
                f"not to {files.text_of(root)}; give this folder its own with --state"
            )


def _set_up(path: Path, migrations: Sequence[str], db: sqlite3.Connection) -> None:
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StateError(
            f"{files.text_of(path)}: the file system does not support SQLite's WAL (got {mode!r}); "
            "give a folder on a local disk with --state"
        )
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {16 << 20}")
    version = version_now(path, db)
    for number, sql in enumerate(migrations[version:], start=version + 1):
        try:
            db.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {sql}; "
                f"PRAGMA user_version = {number}; COMMIT"
            )
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
