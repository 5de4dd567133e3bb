"""Tests of who judges: exactly one every so many judged images, whatever is killed or repeated; one on drift."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs import REPOSITORY, jobs
from tests.rigs.estimates import FOCUS, RADIUS, made

from mhfd.contract.estimate import UNLIKE
from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.journal import schema
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.rows import ChampionStrays, ChampionTold, Outcome, RetestReason, State, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.settings.load import load
from mhfd_client.soundness.examine import examine

SHARP = VerdictRow(Outcome.IN_FOCUS, "Sharp: 7 features.")
FAR = f"{UNLIKE} (1.4 of its reach)"
IMAGES, EVERY = 200, 20


def open_at(folder: Path, **rule: Any) -> Journal:
    (folder / "wafer7").mkdir(exist_ok=True)
    return Journal.open(folder / "state", root=folder / "wafer7", tests=RetestRule(**rule))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_at(tmp_path, every=5, window=4) as journal:
        yield journal


def scored(journal: Journal, number: int, *refusals: str | None, revision: int = 1, far: float | None = None) -> int:
    row = journal.arrived(Whole(f"{number:03}.tif", 10, revision, 1.0, 2.0), Place(number))
    assert row is not None
    said = [made(FOCUS, refusal=why) if why else made(FOCUS, p=0.1) for why in refusals]
    said += [] if far is None else [made(FOCUS, p=0.1, far=far)]
    assert journal.scored(row.id, jobs.report(row.path, Params()), estimates=said)
    return row.id


def judge(journal: Journal, number: int, *refusals: str | None) -> int:
    image = scored(journal, number, *refusals)
    journal.judged(image, SHARP)
    return image


def told(journal: JournalView) -> list[tuple[str, int, int]]:
    return [(row.name, row.image, row.judged) for row in journal.retests()]


def run(folder: Path) -> None:
    """All that is left of the images, from wherever the journal stands: as a station goes on after a start."""
    with open_at(folder, every=EVERY) as journal:
        print("open", flush=True)  # noqa: T201
        for row in journal.pending(State.WHOLE, limit=IMAGES):
            journal.scored(row.id, jobs.report(row.path, Params()))
        for row in journal.pending(State.SCORED, limit=IMAGES):
            journal.judged(row.id, SHARP)
        for number in range(journal.files(), IMAGES):
            image = scored(journal, number)
            print(number, flush=True)  # noqa: T201
            journal.judged(image, SHARP)
            if number % 3 == 0:
                journal.judged(image, SHARP)  # its verdict is given again


def test_every_so_many_judged_images_the_last_one_is_the_test_s(tmp_path: Path) -> None:
    run(tmp_path)
    with closing(JournalView.read(tmp_path / "state")) as view:
        assert told(view) == [(f"count-{k}", EVERY * k, EVERY * k) for k in range(1, 11)]


def test_three_kills_and_ten_tests(tmp_path: Path) -> None:
    for after in ("24", "61", "141"):
        command = [sys.executable, "-m", "tests.journal.test_retests", str(tmp_path)]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() == after:
                    break
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    run(tmp_path)
    with closing(JournalView.read(tmp_path / "state")) as view:
        assert told(view) == [(f"count-{k}", EVERY * k, EVERY * k) for k in range(1, 11)]
        assert view.counts()[State.JUDGED] == IMAGES
    flaws = examine(str(tmp_path / "wafer7"), tmp_path / "state", load(env={})).flaws
    assert [str(flaw) for flaw in flaws if "retest" in str(flaw) or "judging" in str(flaw)] == []


STEPS = st.lists(st.sampled_from(["judge", "again", "rescore", "restart", "roll back", "two"]), max_size=60)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, every=st.integers(1, 7))
def test_whatever_happens_in_between(tmp_path_factory: pytest.TempPathFactory, steps: list[str], every: int) -> None:
    """A test for each `every` revisions that were judged, with the one that was judged then."""
    folder = tmp_path_factory.mktemp("run")
    judged: list[int] = []
    journal = open_at(folder, every=every)
    for number, step in enumerate(steps):
        if step == "judge":
            judged.append(judge(journal, number))
        elif step == "two":
            with journal.together():
                judged += [judge(journal, 100 + number), judge(journal, 300 + number)]
        elif step == "roll back":
            with suppress(LookupError), journal.together():
                judge(journal, number)
                raise LookupError
        elif step == "restart":
            journal.close()
            journal = open_at(folder, every=every)
        elif judged and step == "again":
            journal.judged(judged[0], SHARP)
        elif judged and (new := journal.again(judged[-1], "why")) is not None:
            journal.scored(new.id, jobs.report(new.path, Params()))
            journal.judged(new.id, SHARP)
            judged.append(new.id)
    with closing(journal):
        wanted = [(f"count-{k}", judged[k * every - 1], k * every) for k in range(1, len(judged) // every + 1)]
        assert told(journal) == wanted


def test_never_is_the_default(tmp_path: Path) -> None:
    with open_at(tmp_path) as journal:
        journal.champion_told(ChampionTold(FOCUS))
        for number in range(40):
            judge(journal, number, FAR)
        assert journal.retests() == []


def test_an_answer_is_taken_once_and_a_failure_leaves_it_due(journal: Journal) -> None:
    for number in range(5):
        judge(journal, number)
    count = RetestReason.COUNT
    for _ in range(2):  # the same file of the inbox, after a kill
        journal.retest_failed(count, 1, package=None, why="no network", tries=1)
    (row,) = journal.retests()
    assert (row.tries, row.why, row.answer, row.done_ns) == (1, "no network", None, None)
    journal.retested(count, 1, package=FOCUS, answer='{"a": 1}')
    journal.retested(count, 1, package=None, answer='{"a": 2}')
    journal.retest_failed(count, 1, package=None, why="late", tries=2)
    (row,) = journal.retests()
    assert (row.tries, row.why, row.answer, row.package) == (1, None, '{"a": 1}', FOCUS)
    assert row.done_ns is not None


def test_drift_asks_once_until_it_is_well_again(journal: Journal) -> None:
    """More than half of the last four lie beyond its reach."""
    journal.champion_told(ChampionTold(FOCUS, "mhfd-focus"))
    says: list[str | None] = [FAR, FAR, FAR, None, FAR, FAR, FAR, None, None, None, None, FAR, FAR, FAR]
    for number, why in enumerate(says):
        judge(journal, number, why)
    assert [row.judged for row in journal.retests() if row.reason is RetestReason.DRIFT] == [4, 14]
    assert [row.name for row in journal.retests()] == ["drift-1", "count-1", "count-2", "drift-2"]
    assert {row.package for row in journal.retests()} == {FOCUS}


def test_the_champion_strays_from_its_drift_until_it_is_well_or_another_judges(journal: Journal) -> None:
    champion = ChampionTold(FOCUS, "mhfd-focus")
    assert journal.strays() is None
    journal.champion_told(champion)
    seen: list[ChampionStrays | None] = []
    for number, why in enumerate([FAR] * 5 + [None] * 4 + [FAR] * 3):
        judge(journal, number, why)
        seen.append(journal.strays())
    drifts = [row for row in journal.retests() if row.reason is RetestReason.DRIFT]
    first, second = (ChampionStrays(champion, row.due_ns) for row in drifts)
    knows = ChampionStrays(champion)
    assert seen == [knows] * 3 + [first] * 4 + [knows] * 4 + [second]
    journal.champion_told(ChampionTold(None, "mhfd"))
    assert journal.strays() == ChampionStrays(ChampionTold(None, "mhfd"))


def test_a_test_on_drift_that_fails_or_is_answered_by_another_stays_the_one_of_its_champion(journal: Journal) -> None:
    """Whoever was asked in the end, it was due because this one met what it never saw."""
    journal.champion_told(ChampionTold(FOCUS, "mhfd-focus"))
    drift = RetestReason.DRIFT
    for number in range(4):
        judge(journal, number, FAR)
    journal.retest_failed(drift, 1, package=None, why="no network", tries=1)
    judge(journal, 4, FAR)
    journal.retested(drift, 1, package=RADIUS, answer="{}")
    judge(journal, 5, FAR)
    assert [(row.name, row.package) for row in journal.retests() if row.reason is drift] == [("drift-1", FOCUS)]


def test_rings_beyond_the_edge_drift_where_a_package_answers_to_everything(journal: Journal) -> None:
    journal.champion_told(ChampionTold(FOCUS, "mhfd-focus"))
    for number, far in enumerate([0.4, 1.2, 1.0, 0.9, 1.01, 3.0, 7.5, 0.2, 0.3, 0.1]):
        image = scored(journal, number, far=far)
        journal.judged(image, SHARP)
    assert [row.judged for row in journal.retests() if row.reason is RetestReason.DRIFT] == [7]
    assert [one.beyond for one in journal.last_lies(FOCUS, window=5)] == [False, False, False, True, True]


def test_of_estimates_of_before_the_refusal_alone_counts(journal: Journal) -> None:
    """The journal has lines without a distance, and with what is no number."""
    journal.champion_told(ChampionTold(FOCUS, "mhfd-focus"))
    for number in range(4):
        image = scored(journal, number, FAR if number else None)
        sql = "UPDATE estimate SET json = json_remove(json, '$.far') WHERE image = ?"
        journal._db.execute(
            sql if number else sql.replace("_remove(json, '$.far')", "_set(json, '$.far', 'x')"), (image,)
        )
        journal.judged(image, SHARP)
    assert [(one.far, one.unlike) for one in journal.last_lies(FOCUS, window=9)] == [(None, True)] * 3 + [(None, False)]
    assert [row.judged for row in journal.retests() if row.reason is RetestReason.DRIFT] == [4]
    assert [len(one) for one in journal.estimates().values()] == [1] * 3, "the one with a word for a number is damaged"


def test_no_drift_of_who_does_not_judge_or_for_another_reason(journal: Journal) -> None:
    for number in range(8):
        judge(journal, number, FAR)
    for number in range(8, 16):
        judge(journal, number, "nothing was measured: the image is blank")
        journal.champion_told(ChampionTold(FOCUS if number > 10 else None))
    assert {row.reason for row in journal.retests()} == {RetestReason.COUNT}


def test_a_journal_of_before_counts_what_it_had(tmp_path: Path) -> None:
    root, state = tmp_path / "wafer7", tmp_path / "state"
    root.mkdir()
    with Journal.open(state, root=root, migrations=schema.MIGRATIONS[:7]) as journal:
        image = scored(journal, 0)
        assert journal._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'retest'").fetchone() == (0,)
        journal._db.execute("INSERT INTO verdict VALUES (1, ?, 1, 'in_focus', 0, 'Sharp.', NULL, '{}', 5)", (image,))
        journal._db.execute("UPDATE image SET state = 'judged', judged_ns = 5 WHERE id = ?", (image,))
    with open_at(tmp_path, every=2) as journal:
        assert journal.retests() == []
        judge(journal, 1)
        assert told(journal) == [("count-1", 2, 2)]
    assert [str(one) for one in examine(str(root), state, load(env={})).flaws if "journal" in str(one)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO retest (reason, number, image, judged, due_ns) VALUES ('count', 1, 1, 5, 1)",
        "INSERT INTO retest (reason, number, image, judged, due_ns) VALUES ('whim', 1, 1, 5, 1)",
        "UPDATE retest SET answer = '{}'",
        "INSERT INTO judging VALUES (2, 0)",
    ],
)
def test_schema_refuses(journal: Journal, statement: str) -> None:
    for number in range(5):
        judge(journal, number)
    with pytest.raises(sqlite3.IntegrityError):
        journal._db.execute(statement)


if __name__ == "__main__":
    run(Path(os.fsdecode(sys.argv[1])))
