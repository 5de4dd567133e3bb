"""A file that is written again: its old bytes are not in focus, and stay listed until the new ones are judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.focus_reports import sharp
from tests.rigs.runs import Run, sharp_run

from mhfd_client.arrival.events import Whole
from mhfd_client.journal.rows import ImageRow, Outcome, VerdictRow
from mhfd_client.naming import Place
from mhfd_client.results.retake import retakes
from mhfd_client.results.status import status
from mhfd_client.settings.options import NamesSettings, VerdictSettings
from mhfd_client.verdicts import wording
from mhfd_client.verdicts.from_journal import JournalJudge, rejudged


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with sharp_run(tmp_path) as run:
        yield run


def _again(run: Run, section: int) -> ImageRow:
    path = f"S_{section:03d}/tile_r1-c1.tif"
    row = run.journal.arrived(Whole(path, 10, 2, 200.0, 201.0), Place(section, "r1-c1"))
    assert row is not None
    for image, verdict in run.judge.withdraw(row):
        run.journal.judged(image, verdict)
    return row


def _current(run: Run, image: int) -> VerdictRow:
    row = run.journal.image(image)
    assert row.verdict is not None
    return run.journal.verdict(row.verdict)


def test_it_is_not_in_focus_any_more(run: Run) -> None:
    before = run.journal.find("S_004/tile_r1-c1.tif")
    assert before is not None
    assert _current(run, before.id).outcome is Outcome.IN_FOCUS
    _again(run, 4)
    now = _current(run, before.id)
    assert (now.outcome, now.reason) == (Outcome.UNDETERMINED, wording.WRITTEN_AGAIN)
    assert "written again" in now.sentence


def test_it_is_said_once(run: Run) -> None:
    row = _again(run, 4)
    assert run.judge.withdraw(row) == []


def test_what_is_to_be_imaged_again_stays_so_until_the_new_bytes_are_judged(run: Run) -> None:
    blurred = run.image(20, density=1500.0, ratio=0.01)
    assert _current(run, blurred).outcome is Outcome.OUT_OF_FOCUS
    _again(run, 20)
    listed = retakes(run.journal.told(), {}, run.journal.report)
    assert [one.image for one in listed] == [blurred]


def test_neither_a_restart_nor_judging_again_brings_it_back(run: Run) -> None:
    before = run.journal.find("S_004/tile_r1-c1.tif")
    assert before is not None
    _again(run, 4)
    JournalJudge(run.journal, VerdictSettings())
    answers, _ = rejudged(run.journal, VerdictSettings(threshold=0.5), "other settings")
    assert before.id not in dict(answers)


def test_one_that_is_judged_after_the_new_bytes_came_is_not_in_focus_either(run: Run) -> None:
    path = "S_004/tile_r1-c1.tif"
    row = run.journal.find(path)
    assert row is not None
    _again(run, 4)
    judge = JournalJudge(run.journal, VerdictSettings())
    old = run.image(30)
    old_row = run.journal.image(old)
    newer = run.journal.arrived(Whole(old_row.path, 10, 2, 200.0, 201.0), old_row.place)
    assert newer is not None
    ((image, verdict), *_) = judge.judge(old_row, sharp(0))
    assert image == old
    assert (verdict.outcome, verdict.reason) == (Outcome.UNDETERMINED, wording.WRITTEN_AGAIN)


def test_a_file_counts_once_by_its_newest_verdict(run: Run) -> None:
    run.image(4, mtime_ns=2)
    now = status(run.journal, NamesSettings())
    assert sum(now.outcomes.values()) == 12
