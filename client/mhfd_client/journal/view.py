"""What the journal says, for whoever asks: the loop, the page, the command line, another process.

Reads only, and no read locks the station out (WAL). `Journal` adds the writing.
"""

import logging
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import ValidationError

from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import FocusReport
from mhfd_client.arrival.events import Inode, Scoring
from mhfd_client.errors import RowDamaged, StateError, StateMissing
from mhfd_client.files import text_of
from mhfd_client.journal import learned, retests
from mhfd_client.journal.as_rows import (
    IMAGE,
    SCORE,
    VERDICT,
    Row,
    image_of,
    label_of,
    score_of,
    shown_of,
    verdict_column,
    verdict_of,
)
from mhfd_client.journal.folder import refuse_emptied
from mhfd_client.journal.rows import (
    Beat,
    ChampionStrays,
    ChampionTold,
    ImageRow,
    LabelRow,
    Lies,
    OpenBatch,
    RetestRow,
    ScoreRow,
    State,
    Told,
    TroubleRow,
    VerdictRow,
)
from mhfd_client.journal.schema import APPLICATION_ID, MIGRATIONS
from mhfd_client.journal.sqlite import loaded, named, opened, stored, version_of
from mhfd_client.naming import Crowd, Place

FILE: Final = "journal.db"
_FEW: Final = 500  # places: more are found by reading them all
_NEAR: Final = 200  # sections
log = logging.getLogger("mhfd.journal")


class Newest(NamedTuple):
    """How far a journal has come: the newest ids of each kind, 0 while there is none."""

    image: int = 0
    verdict: int = 0
    label: int = 0


class JournalView:
    """Read access to the journal of a state folder."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path

    @classmethod
    def read(cls, state_dir: Path) -> Self:
        """Open an existing journal for reading, beside a running station or without one.

        A view may be handed to another thread, but two threads must not share one.
        """
        path = state_dir / FILE
        if not path.is_file():
            raise StateMissing(f"no journal in {text_of(state_dir)}: start `mhfd watch` first, or give --state")
        refuse_emptied(path)
        with named(path):
            return cls(opened(path, partial(_up_to_date, path), read_only=True), path)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- the images

    def known(self, path: str, size: int, mtime_ns: int) -> bool:
        """Is this the newest revision of the path that the journal has?"""
        sql = "SELECT size, mtime_ns FROM image WHERE path = ? ORDER BY revision DESC LIMIT 1"
        return self._one(sql, stored(path)) == (size, mtime_ns)

    def touched(self, path: str, inode: Inode) -> str | Scoring | None:
        """Of a path whose newest revision had another inode when it came: the hash of the bytes that were scored."""
        sql = (
            "SELECT i.inode, i.state, CASE WHEN json_valid(r.json) THEN json_extract(r.json, '$.image.sha256') END "
            "FROM image i LEFT JOIN report r ON r.id = i.report WHERE i.path = ? ORDER BY i.revision DESC LIMIT 1"
        )
        before, state, digest = self._one(sql, stored(path)) or (None, None, None)
        if before in (None, stored_inode(inode)):
            return None
        if state in (State.WHOLE, State.SUBMITTED):
            return Scoring.UNDER_WAY
        return digest or Scoring.UNHASHED

    def image(self, image_id: int) -> ImageRow:
        """One image; StateError where there is none of this id."""
        for row in self._images("WHERE id = ?", image_id):
            return row
        raise StateError(f"the journal has no image {image_id}")

    def pending(self, state: State, *, limit: int) -> list[ImageRow]:
        """The next images in a state, oldest first, those that were at fault last."""
        return self._images("WHERE state = ? ORDER BY faults, id LIMIT ?", state, limit)

    def images(self, *, after: int = 0, limit: int = 1000) -> list[ImageRow]:
        """All images by id, a page at a time: pass the last id of the page before."""
        return self._images("WHERE id > ? ORDER BY id LIMIT ?", after, limit)

    def ids(self, state: State) -> list[int]:
        """Which images are in a state."""
        return [image for (image,) in self._all("SELECT id FROM image WHERE state = ? ORDER BY id", state)]

    def counts(self) -> dict[State, int]:
        """How many images are in each state."""
        found: dict[str, int] = dict(self._all("SELECT state, count(*) FROM image GROUP BY state"))
        return {state: found.get(state, 0) for state in State}

    def files(self) -> int:
        """How many files have come, however often each was written or scored."""
        return int(self._all("SELECT count(DISTINCT path) FROM image")[0][0])

    def open_batches(self) -> list[OpenBatch]:
        """What runners have and have not answered."""
        sql = (
            "SELECT b.token, b.runner, b.params, i.id FROM image i JOIN batch b ON b.token = i.token "
            "WHERE i.token IS NOT NULL ORDER BY b.at_ns, b.token, i.id"
        )
        found: dict[str, OpenBatch] = {}
        for token, runner, params, image_id in self._all(sql):
            ids = (*found[token].ids, image_id) if token in found else (image_id,)
            found[token] = OpenBatch(token, runner, params, ids)
        return list(found.values())

    def out(self, runner: str) -> dict[tuple[str, int], str]:
        """The images that a runner of this name has: token and id, with the path, in the order in which they came."""
        sql = (
            "SELECT i.token, i.id, i.path FROM image i JOIN batch b ON b.token = i.token "
            "WHERE i.token IS NOT NULL AND b.runner = ? ORDER BY i.id"
        )
        return {(token, image): loaded(path) for token, image, path in self._all(sql, runner)}

    # -- reports and verdicts

    def report(self, report_id: int) -> FocusReport:
        """What scoring said, whole. RowDamaged where it cannot be read."""
        sql = "SELECT r.json, i.path FROM report r LEFT JOIN image i ON i.id = r.image WHERE r.id = ?"
        row = self._one(sql, report_id)
        if row is None:
            raise StateError(f"the journal has no report {report_id}")
        try:
            return FocusReport.model_validate_json(row[0])
        except ValidationError as e:
            name = f"image of report {report_id}" if row[1] is None else text_of(loaded(row[1]))
            raise RowDamaged(
                f"{name}: its report in the journal is damaged ({e.errors()[0]['msg']}); `mhfd check` looks at all of "
                "them, `mhfd rescore` has it scored again"
            ) from None

    def readable_report(self, report_id: int) -> FocusReport | None:
        """The same for lists, which a damaged one must not end: None for it."""
        try:
            return self.report(report_id)
        except RowDamaged as e:
            log.warning("%s", e)
            return None

    def estimates(self, images: Collection[int] | None = None) -> dict[int, tuple[Estimate, ...]]:
        """What learned packages said of these images, or of all, by image. One that cannot be read is left out."""
        return learned.estimates(self._all, images)

    def speakers(self) -> list[tuple[str, str, int, int]]:
        """Each learned package that was asked: its name, its title, of how many images it spoke, and did not."""
        return learned.speakers(self._all)

    def last_lies(self, package: str, *, window: int) -> list[Lies]:
        """How the last images lie to what a package was taught with, the newest first: at most so many."""
        return learned.last_lies(self._all, package, window)

    def shown_nearby(self, row: ImageRow, *, most: int) -> dict[str, list[bytes]]:
        """What each package was shown of the images in focus nearest to this one, on its tile: at most so many each.

        In focus is what a person calls sharp, and what has such a verdict and nobody calls blurred. What is further
        away than `_NEAR` sections, or images where there are none, is not near.
        """
        at, number = ("i.section", row.section) if row.section is not None else ("i.id", row.id)
        sql = (
            f"SELECT e.features FROM image i JOIN estimate e ON e.image = i.id AND e.package = ?1 "  # noqa: S608
            f"JOIN verdict v ON v.id = i.verdict WHERE i.tile IS ?2 AND {at} BETWEEN ?3 - ?4 AND ?3 + ?4 "
            "AND i.id <> ?5 AND e.features IS NOT NULL "
            "AND ifnull((SELECT sharp FROM label WHERE image = i.id ORDER BY id DESC LIMIT 1), v.outcome = 'in_focus') "
            f"ORDER BY abs({at} - ?3), i.id DESC LIMIT ?6"
        )
        found: dict[str, list[bytes]] = {}
        for (package,) in self._all("SELECT DISTINCT package FROM estimate"):
            rows = self._all(sql, package, row.tile, number, _NEAR, row.id, most)
            if rows:
                found[package] = [shown for (features,) in rows if (shown := shown_of(features)) is not None]
        return found

    def verdicts(self, image_id: int) -> list[VerdictRow]:
        """The history of an image, oldest first; the last is the current one."""
        return self._verdicts("WHERE image = ? ORDER BY id", image_id)

    def verdict(self, verdict_id: int) -> VerdictRow:
        """One verdict of any history."""
        for row in self._verdicts("WHERE id = ?", verdict_id):
            return row
        raise StateError(f"the journal has no verdict {verdict_id}")

    def latest(self, *, limit: int) -> list[ScoreRow]:
        """What was scored last, newest first."""
        sql = (
            f"SELECT {SCORE} FROM report r JOIN image i ON i.id = r.image AND i.report = r.id "  # noqa: S608 - as above
            "LEFT JOIN verdict v ON v.id = i.verdict ORDER BY r.id DESC LIMIT ?"
        )
        return [score_of(row) for row in self._all(sql, limit)]

    def told(self, *, since: int = 0) -> Iterator[Told]:
        """Every judged image, in the order in which they were first judged.

        `since`: only those whose current verdict is newer than the one of this id.
        """
        images = ", ".join(f"i.{f.name}" for f in fields(ImageRow))
        verdicts = ", ".join(verdict_column(f.name, "v.") for f in fields(VerdictRow))
        sql = (
            f"SELECT (SELECT min(id) FROM verdict WHERE image = i.id) AS first, {SCORE}, {images}, {verdicts} "  # noqa: S608
            "FROM image i JOIN report r ON r.id = i.report JOIN verdict v ON v.id = i.verdict "
            "WHERE v.id > ? ORDER BY first"
        )
        image = 1 + len(fields(ScoreRow))
        verdict = image + len(fields(ImageRow))
        with named(self.path):
            for row in self._db.execute(sql, (since,)):
                try:
                    yield Told(image_of(row[image:verdict]), score_of(row[1:image]), verdict_of(row[verdict:]), row[0])
                except RowDamaged as e:
                    log.warning("%s", e)

    def methods(self) -> list[tuple[int, int]]:
        """How many judged files have a measurement by the same parameters and method, and one such report's id.

        Of the newest revisions; those of before the others first.
        """
        sql = (
            "SELECT count(*), min(r.id) FROM image i JOIN report r ON r.id = i.report "
            "WHERE i.state IN ('judged', 'recorded') AND r.finding = 'ok' "
            "AND i.revision = (SELECT max(revision) FROM image WHERE path = i.path) GROUP BY r.params_id ORDER BY 2"
        )
        return [(count, report) for count, report in self._all(sql)]

    def measured_with(self, params_id: str) -> list[ImageRow]:
        """The judged files whose newest revision has a measurement with this id."""
        which = (
            "AS i WHERE state IN ('judged', 'recorded') "
            "AND report IN (SELECT id FROM report WHERE params_id = ? AND finding = 'ok') "
            "AND revision = (SELECT max(revision) FROM image WHERE path = i.path) ORDER BY id"
        )
        return self._images(which, params_id)

    def revisions(self, path: str, *, before: int) -> list[int]:
        """The images that are earlier revisions of this path."""
        sql = "SELECT id FROM image WHERE path = ? AND revision < ? ORDER BY revision"
        return [row[0] for row in self._all(sql, stored(path), before)]

    def find(self, path: str) -> ImageRow | None:
        """The newest revision of a path."""
        return next(iter(self._images("WHERE path = ? ORDER BY revision DESC LIMIT 1", stored(path))), None)

    # -- for whoever looks again and again

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside belongs together."""
        self._all("BEGIN")
        try:
            yield
        finally:
            self._all("COMMIT")

    def version(self) -> int:
        """Another number when somebody has written."""
        return int(self._all("PRAGMA data_version")[0][0])

    def identity(self) -> str:
        """Tells this journal from another one in the same place."""
        row = self._one("SELECT created_ns FROM station")
        return "" if row is None else str(row[0])

    def newest(self) -> Newest:
        """How far the journal has come."""
        sql = "SELECT (SELECT max(id) FROM image), (SELECT max(id) FROM verdict), (SELECT max(id) FROM label)"
        return Newest(*(number or 0 for number in self._all(sql)[0]))

    def arrivals(self, *, after: int = 0) -> dict[Place, int]:
        """Where images newer than this one have come, judged or not, and when the last came there."""
        # The plus keeps SQLite from reading a whole index for the sake of its order.
        sql = "SELECT section, tile, max(arrived_ns) FROM image WHERE id > ? GROUP BY +section, +tile"
        return {Place(section, tile): at for section, tile, at in self._all(sql, after)}

    def other_at(self, place: Place, path: str) -> str | None:
        """Another file at this place."""
        sql = "SELECT path FROM image WHERE tile IS ? AND section IS ? AND path <> ? LIMIT 1"
        row = self._one(sql, place.tile, place.section, stored(path))
        return None if row is None else loaded(row[0])

    def crowds(self, places: Collection[Place] | None = None) -> list[Crowd]:
        """The places of sections that several files have, in their order; of these places only, when they are few."""
        sql = "SELECT section, tile, count(DISTINCT path), min(path), max(path) FROM image WHERE "
        each = "GROUP BY tile, section HAVING min(path) <> max(path)"
        if places is None or len(places) > _FEW:
            rows = self._all(f"{sql} section IS NOT NULL {each}")
        else:
            which = [(place.tile, place.section) for place in places if place.section is not None]
            rows = [row for one in which for row in self._all(f"{sql} tile IS ? AND section = ? {each}", *one)]
        found = [Crowd(Place(s, t), n, loaded(a), loaded(b)) for s, t, n, a, b in rows]
        return sorted(found, key=lambda crowd: crowd.place.key)

    def without_section(self, *, after: int = 0) -> int:
        """How many files have none, of those that came after this image."""
        sql = "SELECT count(*) FROM image WHERE id > ? AND section IS NULL AND revision = 1"
        return int(self._all(sql, after)[0][0])

    # -- people

    def last_labels(self) -> dict[int, LabelRow]:
        """The newest label of each image; one that was taken back is none."""
        labels = {label.image: label for label in self.labels()}
        return {image: label for image, label in labels.items() if label.says}

    def labels(self, image_id: int | None = None) -> list[LabelRow]:
        """What people said, in the order they said it; of one image or of all."""
        which, values = ("", ()) if image_id is None else (" WHERE image = ?", (image_id,))
        sql = f"SELECT image, sharp, after, fine, who, at_ns, again, note FROM label{which} ORDER BY id"  # noqa: S608
        found: list[LabelRow] = []
        newest: dict[int, LabelRow] = {}
        for row in self._all(sql, *values):
            found.append(label_of(row, newest.get(row[0])))
            newest[row[0]] = found[-1]
        return found

    def was_recorded(self, verdict_id: int) -> bool:
        """Whether a sidecar with this verdict was written."""
        return self._one("SELECT 1 FROM record WHERE verdict = ?", verdict_id) is not None

    def notes(self) -> dict[str, str]:
        """What the station has to say to people now: JSON by name."""
        return dict(self._all("SELECT name, json FROM note WHERE json_valid(json) ORDER BY name"))

    def moments(self, *, since_ns: int = 0) -> list[tuple[int, int | None]]:
        """When each image was whole and first judged, but those replaced before, and those judged before that time."""
        sql = "SELECT whole_ns, judged_ns FROM image WHERE state <> 'replaced' AND ifnull(judged_ns, ?1) >= ?1"
        return [(whole, judged) for whole, judged in self._all(sql, since_ns)]

    def retests(self) -> list[RetestRow]:
        """The tests of who judges, in the order in which they became due."""
        return retests.rows(self._all)

    def strays(self) -> ChampionStrays | None:
        """Whether the champion meets what it never saw; None: nobody has said who judges."""
        return retests.strays(self._all)

    def open_retests(self) -> list[RetestRow]:
        """Those that are still to be made."""
        return retests.rows(self._all, unanswered=True)

    def champion(self) -> ChampionTold | None:
        """Who judges in this run; None: nobody has said."""
        return retests.champion(self._all)

    # -- the station

    def root(self) -> str:
        """The folder that is watched; empty before a station has run."""
        row = self._one("SELECT root FROM station")
        return "" if row is None else loaded(row[0])

    def heartbeat(self) -> Beat | None:
        """The station's last sign of life."""
        row = self._one("SELECT at_ns, started_ns, pid, host, doing, in_flight, capacity FROM heartbeat")
        return None if row is None else Beat(*row)

    def troubles(self, *, limit: int = 100) -> list[TroubleRow]:
        """What is wrong now, then what was, newest first."""
        sql = (
            "SELECT kind, path, why, since_ns, until_ns FROM trouble "
            "ORDER BY until_ns IS NOT NULL, until_ns DESC, id DESC LIMIT ?"
        )
        return [TroubleRow(k, None if p is None else loaded(p), w, s, u) for k, p, w, s, u in self._all(sql, limit)]

    def _images(self, which: str, *values: object) -> list[ImageRow]:
        sql = f"SELECT {IMAGE} FROM image {which}"  # noqa: S608 - our own column names
        return [image_of(row) for row in self._all(sql, *values)]

    def _verdicts(self, which: str, *values: object) -> list[VerdictRow]:
        sql = f"SELECT {VERDICT} FROM verdict {which}"  # noqa: S608 - as above
        return [verdict_of(row) for row in self._all(sql, *values)]

    def _all(self, sql: str, *values: object) -> list[Row]:
        with named(self.path):
            return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str, *values: object) -> Row | None:
        return next(iter(self._all(sql, *values)), None)


def stored_inode(inode: Inode) -> str:
    """As the journal keeps it: numbers of inodes may be too large for its own."""
    return f"{inode.ctime_ns}:{inode.number}"


def version_now(path: Path, db: sqlite3.Connection) -> int:
    """How many migrations a journal has seen; raises for one that this program cannot use."""
    newest = len(MIGRATIONS)
    return version_of(db, path, owner=APPLICATION_ID, newest=newest, instead="give another folder with --state")


def _up_to_date(path: Path, db: sqlite3.Connection) -> None:
    if version_now(path, db) < len(MIGRATIONS):
        raise StateMissing(
            f"{text_of(path)} was written by an older mhfd: start `mhfd watch` once to bring it up to date"
        )
