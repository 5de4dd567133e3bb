"""A pixel size that a person says: images whose files do not say it are judged by those of that size."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.focus_reports import report, settled
from tests.rigs.runs import sharp_run

from mhfd_client.journal.rows import Outcome
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.settings.load import load
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.station.rejudge import rejudge
from mhfd_client.verdicts.judge import RunJudge


def blurred(judge: RunJudge, pixel_nm: float | None) -> Outcome:
    return judge.see(99, report(1000.0, 0.01, pixel_nm=pixel_nm), Place(15, "r1-c1"))[0].verdict.kind


def test_what_is_said_is_taken_where_the_file_says_nothing() -> None:
    assert blurred(settled(settings=VerdictSettings(pixel_nm=8.0)), None) is Outcome.OUT_OF_FOCUS
    assert blurred(settled(settings=VerdictSettings(pixel_nm=2.0)), None) is Outcome.UNDETERMINED
    assert blurred(settled(settings=VerdictSettings(pixel_nm=8.0)), 2.0) is Outcome.UNDETERMINED, "the file is believed"


def test_it_may_be_said_later_and_what_turns_gets_its_focus_map(tmp_path: Path) -> None:
    """Judged again with it, from the stored reports."""
    with sharp_run(tmp_path, sections=12) as run:
        row = run.journal.image(run.image(12, density=1000.0, ratio=0.01, pixel_nm=None))
        before = run.journal.verdicts(row.id)[-1].outcome
    assert before is Outcome.UNDETERMINED
    where = {"state.dir": run.state, "verdict.pixel_nm": 8.0}
    rejudge(run.root, load(env={}, args=where), why="the size of a pixel was said")
    with JournalView.read(run.state) as view:
        assert view.verdicts(row.id)[-1].outcome is Outcome.OUT_OF_FOCUS
    assert [path.parent.name for path in run.state.rglob("*.mhfd.ome.tif")] == ["S_012"]


def test_a_size_that_could_not_be_read_before_says_what_to_do() -> None:
    judge = RunJudge()
    for i in range(12):
        judge.see(i, report(pixel_nm=None, version=1), Place(i, "r1-c1"))
    said = judge.see(12, report(pixel_nm=8.0), Place(12, "r1-c1"))[0].verdict.sentence
    assert "its file says a pixel size, and those of 12 others say none or were scored before it could be read" in said
    assert "`mhfd rescore DIR --method`" in said
    known = RunJudge(VerdictSettings(pixel_nm=8.0))
    for i in range(12):
        known.see(i, report(pixel_nm=None, version=1), Place(i, "r1-c1"))
    assert known.see(12, report(pixel_nm=8.0), Place(12, "r1-c1"))[0].verdict.kind is Outcome.IN_FOCUS
