"""Tests of who judges that a run makes due: every so many judged images, and when the champion meets what it never saw.

SQL only, inside the journal's own transactions: the count of judged images and the test that it makes due are one step,
so that a watch that is killed has both or neither. Who makes a test is not known here.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Final

from mhfd_client.journal.learned import Asked, last_lies
from mhfd_client.journal.rows import ChampionStrays, ChampionTold, RetestReason, RetestRow

CHAMPION: Final = "champion"
"""The note that says who judges."""
_COLUMNS: Final = "number, reason, image, judged, package, due_ns, tries, why, answer, done_ns"
_WELL: Final = 0.5
"""It is well again once at most so much of the share that made a test due is left."""

_OPEN_DRIFT: Final = "reason = 'drift' AND package = ? AND well_ns IS NULL"
"""There is one at most, of a package."""
_ASKED: Final = "CASE reason WHEN 'drift' THEN package ELSE ? END"
"""One on drift stays that of the package that drifted, whoever was asked: until it is well again there is no other."""


@dataclass(frozen=True, slots=True)
class RetestRule:
    """When a test is due.

    `every`: judged images from one to the next; 0: never, and none on drift. `window`: the champion's last estimates,
    `share`: of whose images more than this lie beyond all that it was taught with when it drifts.
    """

    every: int = 0
    window: int = 20
    share: float = 0.5


def make_due(db: sqlite3.Connection, rule: RetestRule, image: int, now_ns: int) -> None:
    """This image was judged for the first time; the trigger has counted it."""
    if not rule.every:
        return
    (judged,) = db.execute("SELECT images FROM judging WHERE id = 1").fetchone()
    judges = champion(lambda sql, *values: db.execute(sql, values).fetchall())
    package = None if judges is None else judges.package
    if judged % rule.every == 0:
        _insert(db, RetestReason.COUNT, image, judged, package, now_ns)
    if package is not None:
        _drift(db, rule, image, judged, package, now_ns)


def done(db: sqlite3.Connection, row: tuple[str, int], *, package: str | None, answer: str, now_ns: int) -> None:
    """It was answered, once; what is said of it again changes nothing."""
    sql = (
        f"UPDATE retest SET answer = ?, package = {_ASKED}, why = NULL, done_ns = ? "  # noqa: S608 - our own words
        "WHERE reason = ? AND number = ? AND answer IS NULL"
    )
    db.execute(sql, (answer, package, now_ns, *row))


def failed(db: sqlite3.Connection, row: tuple[str, int], *, package: str | None, why: str, tries: int) -> None:
    """It was tried so many times, and the last one failed. It stays due."""
    sql = (
        f"UPDATE retest SET why = ?, package = {_ASKED}, tries = max(tries, ?) "  # noqa: S608 - as above
        "WHERE reason = ? AND number = ? AND answer IS NULL"
    )
    db.execute(sql, (why, package, tries, *row))


def rows(asked: Asked, *, unanswered: bool = False) -> list[RetestRow]:
    """All of them, or those that are still to be made, in the order in which they became due."""
    only = "WHERE answer IS NULL " if unanswered else ""
    found = asked(f"SELECT {_COLUMNS} FROM retest {only}ORDER BY id")  # noqa: S608 - our own column names
    return [RetestRow(row[0], RetestReason(row[1]), *row[2:]) for row in found]


def strays(asked: Asked) -> ChampionStrays | None:
    """Whether the champion meets what it never saw; None: nobody has said who judges."""
    judges = champion(asked)
    if judges is None:
        return None
    since = asked(f"SELECT due_ns FROM retest WHERE {_OPEN_DRIFT}", judges.package)  # noqa: S608 - as above
    return ChampionStrays(judges, since[0][0] if since else None)


def champion(asked: Asked) -> ChampionTold | None:
    """Who judges, as the note says it; None: nobody has said."""
    row = next(iter(asked("SELECT json, at_ns FROM note WHERE name = ?", CHAMPION)), None)
    try:
        plain = json.loads(row[0]) if row else None
    except ValueError:
        return None
    if not isinstance(plain, dict):
        return None
    package, before = (one if isinstance(one, str) else None for one in (plain.get("package"), plain.get("before")))
    return ChampionTold(package, str(plain.get("title") or ""), row[1] if row else None, before)


def _insert(
    db: sqlite3.Connection, reason: RetestReason, image: int, judged: int, package: str | None, now_ns: int
) -> None:
    db.execute(
        "INSERT INTO retest (reason, number, image, judged, package, due_ns) "
        "SELECT ?1, 1 + ifnull(max(number), 0), ?2, ?3, ?4, ?5 FROM retest WHERE reason = ?1",
        (reason.value, image, judged, package, now_ns),
    )


def _drift(db: sqlite3.Connection, rule: RetestRule, image: int, judged: int, package: str, now_ns: int) -> None:
    """One test until it is well again."""
    seen = last_lies(lambda sql, *values: db.execute(sql, values).fetchall(), package, rule.window)
    if len(seen) < rule.window:
        return
    share = sum(one.beyond for one in seen) / len(seen)
    is_open = db.execute(f"SELECT 1 FROM retest WHERE {_OPEN_DRIFT}", (package,)).fetchone()  # noqa: S608 - as above
    if share > rule.share and not is_open:
        _insert(db, RetestReason.DRIFT, image, judged, package, now_ns)
    elif share <= _WELL * rule.share and is_open:
        db.execute(f"UPDATE retest SET well_ns = ? WHERE {_OPEN_DRIFT}", (now_ns, package))  # noqa: S608 - as above
