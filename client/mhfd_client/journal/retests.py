"""Tests of who judges that a run makes due: every so many judged images, and when the champion meets what it never saw.

SQL only, inside the journal's own transactions: the count of judged images and the test that it makes due are one step,
so that a watch that is killed has both or neither. Who makes a test is not known here.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mhfd.contract.estimate import UNLIKE
from mhfd_client.journal.rows import ChampionStrays, ChampionTold, RetestReason, RetestRow

CHAMPION: Final = "champion"
"""The note that says who judges."""
_COLUMNS: Final = "number, reason, image, judged, package, due_ns, tries, why, answer, done_ns"
_WELL: Final = 0.5
"""It is well again once at most so much of the share that made a test due is left."""

Asked = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class RetestRule:
    """When a test is due.

    `every`: judged images from one to the next; 0: never, and none on drift. `window`: the champion's last estimates,
    `share`: of which more than this lie beyond its reach when it drifts.
    """

    every: int = 0
    window: int = 20
    share: float = 0.5


def make_due(db: sqlite3.Connection, rule: RetestRule, image: int, now_ns: int) -> None:
    """This image was judged for the first time; the trigger has counted it."""
    if not rule.every:
        return
    (judged,) = db.execute("SELECT images FROM judging WHERE id = 1").fetchone()
    champion = told(db.execute("SELECT json FROM note WHERE name = ?", (CHAMPION,)).fetchone())
    package = None if champion is None else champion.package
    if judged % rule.every == 0:
        _insert(db, RetestReason.COUNT, image, judged, package, now_ns)
    if package is not None:
        _drift(db, rule, image, judged, package, now_ns)


def done(db: sqlite3.Connection, row: tuple[str, int], *, package: str | None, answer: str, now_ns: int) -> None:
    """It was answered, once; what is said of it again changes nothing."""
    sql = (
        "UPDATE retest SET answer = ?, package = ?, why = NULL, done_ns = ? "
        "WHERE reason = ? AND number = ? AND answer IS NULL"
    )
    db.execute(sql, (answer, package, now_ns, *row))


def failed(db: sqlite3.Connection, row: tuple[str, int], *, package: str | None, why: str, tries: int) -> None:
    """It was tried so many times, and the last one failed. It stays due."""
    sql = (
        "UPDATE retest SET why = ?, package = ?, tries = max(tries, ?) "
        "WHERE reason = ? AND number = ? AND answer IS NULL"
    )
    db.execute(sql, (why, package, tries, *row))


def rows(asked: Asked) -> list[RetestRow]:
    """All of them, in the order in which they became due."""
    found = asked(f"SELECT {_COLUMNS} FROM retest ORDER BY id")  # noqa: S608 - our own column names
    return [RetestRow(row[0], RetestReason(row[1]), *row[2:]) for row in found]


def strays(asked: Asked) -> ChampionStrays | None:
    """Since when the champion meets what it never saw; None: it does not, or nobody has said who judges."""
    champion = told(next(iter(asked("SELECT json FROM note WHERE name = ?", CHAMPION)), None))
    if champion is None:
        return None
    sql = "SELECT image, due_ns FROM retest WHERE reason = 'drift' AND package = ? AND well_ns IS NULL LIMIT 1"
    since = next(iter(asked(sql, champion.package)), None)
    return ChampionStrays(champion, *since) if since else ChampionStrays(champion)


def told(row: tuple[Any, ...] | None) -> ChampionTold | None:
    """Who judges, as the note says it; None: nobody has said."""
    try:
        plain = json.loads(row[0]) if row else None
    except ValueError:
        return None
    if not isinstance(plain, dict):
        return None
    package = plain.get("package")
    return ChampionTold(package if isinstance(package, str) else None, str(plain.get("title") or ""))


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
    seen = db.execute(
        "SELECT json_valid(json) AND instr(ifnull(json_extract(json, '$.refusal'), ''), ?) = 1 FROM estimate "
        "WHERE package = ? ORDER BY image DESC LIMIT ?",
        (UNLIKE, package, rule.window),
    ).fetchall()
    if len(seen) < rule.window:
        return
    share = sum(far for (far,) in seen) / len(seen)
    is_open = db.execute(
        "SELECT 1 FROM retest WHERE reason = 'drift' AND package = ? AND well_ns IS NULL LIMIT 1", (package,)
    ).fetchone()
    if share > rule.share and not is_open:
        _insert(db, RetestReason.DRIFT, image, judged, package, now_ns)
    elif share <= _WELL * rule.share and is_open:
        db.execute(
            "UPDATE retest SET well_ns = ? WHERE reason = 'drift' AND package = ? AND well_ns IS NULL",
            (now_ns, package),
        )
