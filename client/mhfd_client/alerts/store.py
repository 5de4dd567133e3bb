"""What must survive a restart: which episodes are open, and who has not been told yet. `STATE/alerts.db`.

Its own file, so that the journal belongs to images alone. Saved as a whole in one transaction: it is small. Nothing in
it is secret. What people answer to an episode (`answers`) is a table that the station only reads: whoever hears it
writes it, also beside a running station.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_client.alerts.digest import Digest
from mhfd_client.alerts.episodes import Episode
from mhfd_client.alerts.message import Alert, Rule
from mhfd_client.files import text_of
from mhfd_client.journal import sums
from mhfd_client.journal.sqlite import named, opened, version_of
from mhfd_client.journal.sums import Summed
from mhfd_client.times import iso_z

log = logging.getLogger("mhfd.alerts")

FILE: Final = "alerts.db"
APPLICATION_ID: Final = 0x6D686661
VERSION: Final = 2
_KEPT: Final = 1000
_DIGESTS: Final = 20
_REMEDY: Final = "check the disk, or move the file away: only the memory of what was alerted is in it"
_ANSWER: Final = """
-- What people said to an episode.
CREATE TABLE answer (episode INTEGER PRIMARY KEY, acknowledged TEXT, snoozed_until REAL) STRICT;
"""
_DIGEST: Final = """
-- The digests that were sent, JSON.
CREATE TABLE digest (number INTEGER PRIMARY KEY, at REAL NOT NULL, digest TEXT NOT NULL) STRICT;
"""
SUMMED: Final = (
    Summed(
        "episode",
        ("number",),
        ("number", "rule", "opened", "calm", "closed", "provisional", "text", "end", "facts", "images", "more"),
    ),
    Summed("pending", ("sink", "place"), ("sink", "place", "unknown", "alert")),
    Summed("sink", ("name",), ("name", "failures", "error", "error_at", "sent", "sent_at", "untold")),
    Summed("answer", ("episode",), ("episode", "acknowledged", "snoozed_until")),
    Summed("digest", ("number",), ("number", "at", "digest")),
)
"""What `mhfd check` proves of it."""
SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE episode (
    number INTEGER PRIMARY KEY, rule TEXT NOT NULL, opened REAL NOT NULL, calm REAL, closed REAL,
    provisional INTEGER NOT NULL, text TEXT NOT NULL, end TEXT NOT NULL, facts TEXT NOT NULL, images TEXT NOT NULL,
    more TEXT NOT NULL DEFAULT '{{}}'
) STRICT;
CREATE UNIQUE INDEX episode_open ON episode (rule) WHERE closed IS NULL;
-- Messages that a sink has not taken yet, in order.
CREATE TABLE pending (
    sink TEXT NOT NULL, place INTEGER NOT NULL, unknown INTEGER NOT NULL, alert TEXT NOT NULL,
    PRIMARY KEY (sink, place)
) STRICT;
-- How each sink is.
CREATE TABLE sink (
    name TEXT PRIMARY KEY, failures INTEGER NOT NULL, error TEXT, error_at REAL, sent INTEGER NOT NULL, sent_at REAL,
    untold INTEGER NOT NULL
) STRICT;
{_ANSWER}{_DIGEST}
{sums.migration(SUMMED, version=VERSION)}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""
_FROM_1: Final = f"""
BEGIN IMMEDIATE;
ALTER TABLE episode ADD COLUMN more TEXT NOT NULL DEFAULT '{{}}';
{_ANSWER}{_DIGEST}
{sums.migration(SUMMED, version=VERSION)}
PRAGMA user_version = {VERSION};
COMMIT;
"""
_MORE: Final = ("said", "worse", "withdrawn", "named", "told")
"""Fields of an episode that are kept as one JSON text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What people said to an episode."""

    acknowledged: str | None = None
    snoozed_until: float | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that waits for a sink. `unknown`: the sink has not heard of its episode at all."""

    alert: Alert
    unknown: bool


@dataclass(slots=True)
class Delivery:
    """How telling a sink goes."""

    name: str
    failures: int = 0
    """In a row; 0: it is well."""
    error: str | None = None
    """The last one, also when it is over."""
    error_at: float | None = None
    sent: int = 0
    sent_at: float | None = None
    untold: int = 0

    def state(self, waiting: int | None = None) -> str:
        """In words, for `mhfd status` and its like."""
        if self.failures:
            at = "" if self.error_at is None else f" at {iso_z(self.error_at)}"
            tries = f"{self.failures} {'try' if self.failures == 1 else 'tries'}"
            more = "" if waiting is None else f"; {waiting} waiting"
            return f"failing, {tries} so far, the last{at}: {self.error}{more}"
        if self.sent_at is None:
            return "nothing sent yet"
        return f"well; {self.sent} sent, the last at {iso_z(self.sent_at)}"


@dataclass(frozen=True, slots=True)
class Overview:
    """All that is kept."""

    episodes: tuple[Episode, ...] = ()
    """The newest first."""
    sinks: tuple[Delivery, ...] = ()
    pending: dict[str, tuple[Unsent, ...]] = field(default_factory=dict)
    digest: Digest | None = None
    """The last one that was sent."""

    @property
    def open(self) -> tuple[Episode, ...]:
        """What is not over."""
        return tuple(episode for episode in self.episodes if episode.closed is None)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        waiting = {name: [one.alert.model_dump(mode="json") for one in some] for name, some in self.pending.items()}
        sinks = [asdict(sink) | {"waiting": waiting.get(sink.name, [])} for sink in self.sinks]
        digest = None if self.digest is None else self.digest.model_dump(mode="json")
        return {"episodes": [asdict(episode) for episode in self.episodes], "sinks": sinks, "digest": digest}


class AlertStore:
    """The one writer. Used by one thread."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / FILE
        with named(self.path, remedy=_REMEDY):
            self._db = opened(self.path, partial(_set_up, self.path), busy_s=1.0, any_thread=True)

    def load(self) -> Overview:
        """What was saved last."""
        with named(self.path, remedy=_REMEDY):
            return _load(self._db, VERSION)

    def answers(self) -> dict[int, Answer]:
        """What people have said, by the episode's number. sqlite3.Error: it cannot be read now."""
        return _answers(self._db)

    def save(
        self,
        episodes: Iterable[Episode],
        deliveries: Iterable[Delivery],
        pending: dict[str, Sequence[Unsent]],
        digests: Iterable[tuple[float, Digest]] = (),
    ) -> None:
        """These episodes and digests (others stay as they are), and how the sinks are. sqlite3.Error: nothing is."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR REPLACE INTO episode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(_row, sorted(episodes, key=lambda e: (e.closed is None, e.number))),  # never two open ones a rule
            )
            db.execute(
                "DELETE FROM episode WHERE closed IS NOT NULL AND number <= (SELECT max(number) FROM episode) - ?",
                (_KEPT,),
            )
            db.execute("DELETE FROM answer WHERE episode NOT IN (SELECT number FROM episode)")
            db.executemany(
                "INSERT INTO digest (at, digest) VALUES (?, ?)", ((at, one.model_dump_json()) for at, one in digests)
            )
            db.execute("DELETE FROM digest WHERE number <= (SELECT max(number) FROM digest) - ?", (_DIGESTS,))
            db.execute("DELETE FROM sink")
            db.executemany(
                "INSERT INTO sink VALUES (?, ?, ?, ?, ?, ?, ?)",
                map(astuple, deliveries),
            )
            db.execute("DELETE FROM pending")
            db.executemany(
                "INSERT INTO pending VALUES (?, ?, ?, ?)",
                (
                    (name, place, int(one.unknown), one.alert.model_dump_json())
                    for name, some in pending.items()
                    for place, one in enumerate(some)
                ),
            )
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def close(self) -> None:
        """Nothing is saved after this."""
        self._db.close()


def overview(state_dir: Path) -> Overview:
    """What a station's alerts are, beside it or without it. Empty when no station has kept any."""
    path = state_dir / FILE
    if not path.is_file():
        return Overview()
    with named(path, remedy=_REMEDY), closing(opened(path, read_only=True)) as db:
        version = _version(path, db)
        return _load(db, version) if version else Overview()


def answer(state_dir: Path, number: int, change: Callable[[Episode], Answer]) -> Episode:
    """Keep what a person says to an episode; UsageError when there is none of this number.

    `change`: from the episode to what is to be kept. May refuse it.
    """
    path = state_dir / FILE
    if not path.is_file():
        raise UsageError(f"number: nothing has rung in this run ({text_of(path)} is not there)")
    with named(path, remedy=_REMEDY), closing(opened(path, partial(_set_up, path))) as db:
        db.execute("BEGIN IMMEDIATE")  # two people may speak at once
        try:
            episodes = _load(db, VERSION).episodes
            found = next((episode for episode in episodes if episode.number == number), None)
            if found is None:
                known = f"{episodes[-1].number} to {episodes[0].number}" if episodes else "none yet"
                raise UsageError(f"number: there is no alert {number} (there are: {known}); see `mhfd alert list`")
            said = change(found)
            db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", (number, *astuple(said)))
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    return replace(found, acknowledged=said.acknowledged, snoozed_until=said.snoozed_until)


def _set_up(path: Path, db: sqlite3.Connection) -> None:
    db.execute("PRAGMA synchronous = FULL")
    if (version := _version(path, db)) < VERSION:
        db.executescript(_FROM_1 if version else SCHEMA)


def _version(path: Path, db: sqlite3.Connection) -> int:
    return version_of(db, path, owner=APPLICATION_ID, newest=VERSION, instead="move it away")


def _row(e: Episode) -> tuple[object, ...]:
    facts, images = json.dumps(e.facts), json.dumps(e.images)
    more = json.dumps({name: getattr(e, name) for name in _MORE})
    return e.number, e.rule.value, e.opened, e.calm, e.closed, int(e.provisional), e.text, e.end, facts, images, more


def _answers(db: sqlite3.Connection) -> dict[int, Answer]:
    return {number: Answer(*said) for number, *said in db.execute("SELECT * FROM answer")}


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """A damaged row is left out, and keeps nobody from the others: an alert that still stands rings anew."""
    try:
        yield
    except (ValueError, TypeError) as e:
        log.warning("%s in %s cannot be read and is left out: %s", what, FILE, e)


def _episode(row: tuple[Any, ...], answer: Answer) -> Episode:
    number, rule, opened_, text, provisional, facts, images, calm, closed, end, more = row
    known = json.loads(facts), tuple(json.loads(images)), calm, closed, end
    episode = Episode(number, Rule(rule), opened_, text, bool(provisional), *known)
    fields = json.loads(more or "{}")
    fields |= {"named": tuple(fields.get("named", ()))} | asdict(answer)
    return replace(episode, **fields)


def _load(db: sqlite3.Connection, version: int) -> Overview:
    """`version` 1: an older station's, of which only may be read."""
    answers = _answers(db) if version > 1 else {}
    more = "more" if version > 1 else "NULL"
    rows = db.execute(
        f"SELECT number, rule, opened, text, provisional, facts, images, calm, closed, end, {more} "  # noqa: S608 - ours
        "FROM episode ORDER BY number DESC"
    )
    episodes = []
    for row in rows:
        with _readable(f"alert {row[0]}"):
            episodes.append(_episode(row, answers.get(row[0], Answer())))
    pending: dict[str, list[Unsent]] = {}
    for name, unknown, alert in db.execute("SELECT sink, unknown, alert FROM pending ORDER BY sink, place"):
        with _readable(f"a message to {name}"):
            pending.setdefault(name, []).append(Unsent(Alert.model_validate_json(alert), bool(unknown)))
    sinks = tuple(Delivery(*row) for row in db.execute("SELECT * FROM sink ORDER BY name"))
    digest = None
    if version > 1:
        for (text,) in db.execute("SELECT digest FROM digest ORDER BY number DESC LIMIT 1"):
            with _readable("the digest"):
                digest = Digest.model_validate_json(text)
    return Overview(tuple(episodes), sinks, {name: tuple(some) for name, some in pending.items()}, digest)
