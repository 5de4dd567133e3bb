"""One damaged row, one odd name, one odd file in the inbox: named, put aside, and the rest goes on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rigs.runs import Run, sharp_run

from mhfd_client.errors import RowDamaged, StateError
from mhfd_client.journal.rows import Outcome, State
from mhfd_client.journal.view import JournalView
from mhfd_client.results import run_report
from mhfd_client.results.retake import retakes
from mhfd_client.results.sidecars import Recorder, sidecar_of
from mhfd_client.results.status import status
from mhfd_client.settings.load import load
from mhfd_client.settings.options import NamesSettings, VerdictSettings
from mhfd_client.station.inbox import GivenLabel, Inbox, images_waiting, put, take_in
from mhfd_client.station.rejudge import record_all
from mhfd_client.verdicts.from_journal import JournalJudge, rejudged


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with sharp_run(tmp_path) as run:
        yield run


def damage(run: Run, sql: str) -> None:
    """What a disk does: no rule of the schema is asked."""
    db = sqlite3.connect(run.state / "journal.db", isolation_level=None)
    db.execute("PRAGMA ignore_check_constraints = ON")
    for trigger in ("verdict_kept_update", "image_sum_update", "note_sum_update"):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(sql)
    db.close()


DAMAGES = {
    "cut-off": "UPDATE report SET json = substr(json, 1, 50) WHERE image = 5",
    "not-utf8": "UPDATE report SET json = CAST(X'FF7B' AS TEXT) WHERE image = 5",
    "another-form": "UPDATE report SET json = '{}' WHERE image = 5",
    "verdict": "UPDATE verdict SET detail = '{\"kind\": ' WHERE image = 5",
    "verdict-form": "UPDATE verdict SET detail = '{\"kind\": 7}' WHERE image = 5",
    "sentence": "UPDATE verdict SET sentence = CAST(X'FFFE' AS TEXT) WHERE image = 5",
    "outcome": "UPDATE verdict SET outcome = 'in_focvs' WHERE image = 5",
    "state": "UPDATE image SET state = 'recordee' WHERE id = 5",
    "note": "UPDATE note SET json = '{' ",
}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES)
def test_one_damaged_row_ends_no_reader(run: Run, sql: str) -> None:
    blurred = run.image(20, density=1500.0, ratio=0.01)
    run.journal.note("question", "null")
    damage(run, sql)
    with JournalView.read(run.state) as view:
        now = status(view, NamesSettings())
        assert [one.image for one in now.retake] == [blurred]
        assert sum(now.outcomes.values()) >= 12
        judge = JournalJudge(view, VerdictSettings())
        assert judge.knows(6)
        assert len(rejudged(view, VerdictSettings(threshold=0.5), "other settings")) == 2
        assert retakes(view.told(), view.last_labels(), view.readable_report)
        run_report.render(view, load(env={}))


def test_what_is_said_of_a_damaged_report(run: Run) -> None:
    damage(run, DAMAGES["cut-off"])
    row = run.journal.image(5)
    assert row.report is not None
    with pytest.raises(RowDamaged, match=r"^S_004/tile_r1-c1.tif: its report in the journal is damaged .*mhfd rescore"):
        run.journal.report(row.report)


def test_sidecars_of_the_others_are_written(run: Run) -> None:
    for image in (4, 5, 6):
        row = run.journal.image(image)
        assert row.verdict is not None
        run.journal.judged(image, run.journal.verdict(row.verdict))
    damage(run, DAMAGES["cut-off"])
    record_all(run.journal, Recorder(run.state, run.journal, load(env={})))
    assert [run.journal.image(n).state for n in (4, 5, 6)] == [State.RECORDED, State.JUDGED, State.RECORDED]


def test_a_folder_that_is_called_as_a_sidecar(tmp_path: Path) -> None:
    """An image x.tif beside a folder x.tif.mhfd.json with images in it; and a folder that is called as that one was."""
    paths = ["x.tif", "x.tif.mhfd.json/y.tif", "x.tif.mhfd.json~/y.tif"]
    files = [sidecar_of(tmp_path, path) for path in paths]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    assert len(set(files)) == 3


def _folder(file: Path) -> None:
    (file / "inside").mkdir(parents=True)


def _secret(file: Path) -> None:
    file.write_bytes(b"{}")
    file.chmod(0)


ODD: dict[str, Callable[[Path], object]] = {
    "folder": _folder,
    "pipe": os.mkfifo,
    "loop": lambda file: file.symlink_to(file),
    "rubbish": lambda file: file.write_bytes(b"\xff\x00rubbish"),
    "deep": lambda file: file.write_bytes(b"[" * 100_000),
    "large": lambda file: file.write_bytes(b" " * (2 << 20)),
    "surrogate": lambda file: file.write_bytes(b'{"image": 1, "sharp": true, "who": "\\ud800"}'),
    "secret": _secret,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_file_in_the_inbox_is_put_aside(run: Run, make: Callable[[Path], object]) -> None:
    odd = run.state / "inbox" / f"{1:020d}-odd.json"
    inbox = Inbox(run.state, run.judge)
    make(odd)
    put(run.state, GivenLabel(image=3, sharp=True, who="me"))
    assert images_waiting(run.state) >= {3}
    take_in(run.journal, inbox)
    assert run.journal.last_labels()[3].sharp
    assert not os.path.lexists(odd)
    assert os.path.lexists(odd.parent / "aside" / odd.name)
    (why,) = inbox.strange
    assert str(odd) in why
    assert "say it again" in why
    take_in(run.journal, inbox)
    assert len(list(inbox.strange)) == 1


def test_an_inbox_that_is_no_folder(run: Run) -> None:
    (run.state / "inbox").write_text("")
    with pytest.raises(StateError, match=r"cannot use .*inbox: File exists"):
        Inbox(run.state, run.judge)


def test_an_image_without_a_readable_report_cannot_be_told(run: Run) -> None:
    """Through the loop it is undetermined, and named: see the station's tests; here, that a list still counts it."""
    damage(run, DAMAGES["outcome"])
    with JournalView.read(run.state) as view:
        assert status(view, NamesSettings()).outcomes[Outcome.UNDETERMINED] >= 1
