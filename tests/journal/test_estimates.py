"""What learned packages say of an image is in the journal once, with the report, or not at all."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.rigs import jobs
from tests.rigs.estimates import CAUSE, FOCUS, RADIUS, made
from tests.rigs.runs import Run

from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.errors import StateMissing
from mhfd_client.journal import schema
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.learning.nearby import NEAREST, nearby
from mhfd_client.naming import Place
from mhfd_client.settings.load import load
from mhfd_client.soundness.examine import examine, repair

TWO = (made(RADIUS, 1.0, 2.0, radius_px=2.1, sd=0.5), made(CAUSE, refusal="it is not sure"))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with closing(Run(tmp_path)) as run:
        yield run


def arrived(journal: Journal, path: str = "a.tif") -> int:
    row = journal.arrived(Whole(path, 10, 5, 1.0, 2.0), Place(7, "r1-c1"))
    assert row is not None
    journal.intent([row.id], f"token of {path}", "local", Params())
    return row.id


def test_they_come_with_the_report_once(run: Run) -> None:
    image = arrived(run.journal)
    report = jobs.report("a.tif", Params())
    assert run.journal.scored(image, report, estimates=TWO)
    assert not run.journal.scored(image, report, estimates=[made(RADIUS, radius_px=9.0), made(FOCUS, p=0.5)])
    assert run.journal.estimates() == {image: tuple(one.estimate for one in TWO)}
    assert run.journal.estimates([image, 99]) == run.journal.estimates()
    assert run.journal.speakers() == [(CAUSE, "mhfd-cause", 0, 1), (RADIUS, "mhfd-radius", 1, 0)]


def test_a_package_that_answers_twice_is_heard_once(run: Run) -> None:
    image = arrived(run.journal)
    assert run.journal.scored(image, jobs.report("a.tif", Params()), estimates=(TWO[0], made(RADIUS, radius_px=9.0)))
    assert run.journal.estimates() == {image: (TWO[0].estimate,)}


def test_a_station_that_dies_between_has_neither_or_both(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever statement is the last that is done, a start after it finds a report with its estimates, or no report."""
    image, report = arrived(run.journal), jobs.report("a.tif", Params())
    real, left = run.journal._insert, 0

    def dies(table: str, **values: object) -> int | None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return real(table, **values)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(run.journal, "_insert", dies)
    for steps in range(3):
        left = steps
        with pytest.raises(KeyboardInterrupt):
            run.journal.scored(image, report, estimates=TWO)
        assert run.journal.estimates() == {}
        assert run.journal.image(image).state is State.SUBMITTED
    left = 99
    assert run.journal.scored(image, report, estimates=TWO)
    assert len(run.journal.estimates()[image]) == 2


def test_one_that_is_damaged_is_left_out_and_found_by_its_sum(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    image = run.image(1, estimates=TWO)
    with sqlite3.connect(run.state / "journal.db") as db:
        db.execute("UPDATE estimate SET json = replace(json, 'radius_px', 'radish_px') WHERE package = ?", (RADIUS,))
    db.close()
    with caplog.at_level(logging.WARNING, "mhfd.journal"):
        assert [one.package for one in run.journal.estimates()[image]] == [CAUSE]
    assert "package 3f2a0000 said is damaged" in caplog.text
    run.close()
    (flaw,) = [one for one in examine(str(run.root), run.state, load(env={})).flaws if ", estimate " in one.name]
    assert "estimate 1/3f2a" in flaw.name
    assert "(S_001/tile_r1-c1.tif)" in flaw.name
    assert "mhfd rescore" in flaw.do


def test_one_changed_byte_of_it_is_mended(run: Run) -> None:
    run.image(1, estimates=TWO)
    run.close()
    with closing(sqlite3.connect(run.state / "journal.db", isolation_level=None)) as db:
        db.execute("UPDATE estimate SET json = replace(json, 'radius_px', 'ridius_px') WHERE package = ?", (RADIUS,))
    (mended,) = [one for one in repair(str(run.root), run.state, load(env={})).mended if ", estimate " in one.name]
    assert f"estimate 1/{RADIUS}" in mended.name
    with closing(JournalView.read(run.state)) as view:
        assert len(view.estimates()[1]) == 2


def test_a_journal_of_before_gets_the_table_and_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    root, state = tmp_path / "wafer7", tmp_path / "state"
    root.mkdir()
    with Journal.open(state, root=root, migrations=schema.MIGRATIONS[:6]) as journal:
        arrived(journal)
    with pytest.raises(StateMissing, match="older mhfd: start `mhfd watch` once"):
        examine(str(root), state, load(env={}))
    with Journal.open(state, root=root) as journal:
        assert journal.scored(1, jobs.report("a.tif", Params()), estimates=TWO)
        assert len(journal.estimates()) == 1
    assert [str(flaw) for flaw in examine(str(root), state, load(env={})).flaws if "journal" in str(flaw)] == []


# -- what the sharp images near one show


def test_the_baseline_is_the_median_of_the_sharp_images_nearest(run: Run) -> None:
    for section in range(1, 31):
        run.image(section, estimates=[made(FOCUS, float(section), 5.0, p=0.1)])
    run.image(20, path="blurred.tif", density=100.0, ratio=0.001, estimates=[made(FOCUS, 900.0, 900.0, p=0.9)])
    run.image(21, tile="r2-c1", estimates=[made(FOCUS, 700.0, 700.0, p=0.1)])
    row = run.journal.image(run.image(40, estimates=[made(FOCUS, 1.0, 1.0, p=0.1)]))
    nearest = range(31 - NEAREST, 31)
    assert nearby(run.journal, row) == {FOCUS: [sum(nearest) / NEAREST, 5.0]}
    sharp = run.journal.find("S_030/tile_r1-c1.tif")
    assert sharp is not None
    run.journal.labelled(sharp.id, sharp=False)
    assert nearby(run.journal, row)[FOCUS][0] == sum(range(30 - NEAREST, 30)) / NEAREST, "somebody calls it blurred"


def test_without_sharp_images_near_there_is_no_baseline(run: Run) -> None:
    row = run.journal.image(run.image(1, estimates=[made(FOCUS, 1.0, p=0.1)]))
    assert nearby(run.journal, row) == {}
    far = run.journal.image(run.image(900, estimates=[made(FOCUS, 1.0, p=0.1)]))
    assert nearby(run.journal, far) == {}
