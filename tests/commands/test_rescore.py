"""`mhfd rescore` as an operator types it, after a disk that failed had images set aside."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result
from tests.rigs.focus_reports import sharp

from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.cli import main
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import Outcome, State
from mhfd_client.journal.view import JournalView
from mhfd_client.microscope.plan import RunPlan
from mhfd_client.microscope.write import simulate_run
from mhfd_client.naming import Place
from mhfd_client.results.sidecars import Recorder, sidecar_of
from mhfd_client.runners import set_aside
from mhfd_client.settings.load import Loaded, load
from mhfd_client.station.assembly import assembled
from mhfd_client.station.rejudge import record_all
from mhfd_client.station.wishes import wishes
from mhfd_client.verdicts.from_journal import JournalJudge, verdict_of
from mhfd_client.verdicts.verdict import Cause

FAST = ("--set", "arrival.patience_s=0.5", "--set", "arrival.settle_s=0.2", "--until-idle", 1, "--no-page")


class Folder(NamedTuple):
    root: Path
    state: Path
    first: str  # the first image, which was set aside like all others

    def __call__(self, command: str, *args: object) -> Result:
        words = [command, str(self.root), *map(str, args), "--state", str(self.state)]
        return CliRunner().invoke(main, words, catch_exceptions=False)

    def loaded(self) -> Loaded:
        return load(None, args={"state.dir": self.state})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sem") / "wafer7"
    for _ in simulate_run(root, RunPlan.of(1, sections=8, size=256, failures=0.0), at_once=True):
        pass
    return root


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Folder:
    """Eight good images, of which a station with a broken disk has said that none can be scored."""
    root, state = tmp_path / "wafer7", tmp_path / "state"
    shutil.copytree(images, root)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.tif"))
    made = Folder(root, state, files[0])
    with Journal.open(state, root=root) as journal:
        judge = JournalJudge(journal, made.loaded().settings.verdict)
        for number, path in enumerate(files):
            found = (root / path).stat()
            row = journal.arrived(Whole(path, found.st_size, found.st_mtime_ns, 1.0, 2.0), Place(number, None))
            assert row is not None
            why = "set aside after 2 tries: makes scoring fail with OSError: [Errno 28] No space left on device"
            report = set_aside(path, Params(), why)
            journal.intent([row.id], f"batch {number}", "local", Params())
            journal.scored(row.id, report)
            for image, verdict in judge.judge(journal.image(row.id), report):
                journal.judged(image, verdict)
        record_all(journal, Recorder(state, journal, made.loaded()))
    return made


def test_what_was_set_aside_is_scored_again_and_the_old_report_stays(folder: Folder) -> None:
    seen = folder("rescore", "--reason", "set-aside", "--dry-run")
    assert seen.exit_code == 0
    assert "No space left on device" in seen.stdout
    assert "8 would be scored again" in seen.stdout
    said = folder("rescore", "--reason", "set-aside")
    assert (said.exit_code, "8 will be scored again: mhfd watch" in said.stdout) == (0, True)
    watched = folder("watch", *FAST)
    assert (watched.exit_code, "8 of 8 images may go on" in watched.stderr) == (0, True), watched.stderr
    with JournalView.read(folder.state) as view:
        rows = view.images()
        assert [(row.revision, row.state) for row in rows] == [(1, State.RECORDED)] * 8 + [(2, State.RECORDED)] * 8
        reports = [view.report(row.report or 0) for row in rows]
        assert [report.method.id for report in reports] == ["set_aside"] * 8 + ["mhfd-robust"] * 8
        assert all(row.why == "scored again: set-aside" for row in rows[8:])
    for revision, finding in ((1, "unreadable"), (2, "ok")):
        told = json.loads(sidecar_of(folder.state, folder.first, revision).read_bytes())
        assert told["report"]["finding"] == finding
    assert folder("retake").stdout == "nothing to image again\n"
    status = json.loads(folder("status", "--json").stdout)
    assert (status["failed"], status["pending"]) == (0, 0)
    again = folder("rescore", "--reason", "set-aside", "--reason", "unreadable")
    assert (again.exit_code, again.stdout) == (0, "nothing to score again\n")


@pytest.fixture
def measured(images: Path, tmp_path: Path) -> Folder:
    """Eight images that an older mhfd has measured; a person has spoken of the first two."""
    root, state = tmp_path / "wafer7", tmp_path / "state"
    shutil.copytree(images, root)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.tif"))
    made = Folder(root, state, files[0])
    with Journal.open(state, root=root) as journal:
        judge = JournalJudge(journal, made.loaded().settings.verdict)
        for number, path in enumerate(files):
            found = (root / path).stat()
            row = journal.arrived(Whole(path, found.st_size, found.st_mtime_ns, 1.0, 2.0), Place(number, None))
            assert row is not None
            report = sharp(number, version=1)
            sha256 = hashlib.sha256((root / path).read_bytes()).hexdigest()
            report = report.model_copy(update={"image": report.image.model_copy(update={"sha256": sha256})})
            journal.intent([row.id], f"batch {number}", "local", Params())
            journal.scored(row.id, report)
            for image, verdict in judge.judge(journal.image(row.id), report):
                journal.judged(image, verdict)
        for image, said in ((1, True), (2, False)):
            journal.labelled(image, sharp=said, again=image == 2, note="dirt" if image == 2 else None, who="Bo")
            for each, verdict in judge.hear(image, sharp=said):
                journal.judged(each, verdict)
        record_all(journal, Recorder(state, journal, made.loaded()))
    return made


def test_what_an_older_method_measured_is_offered_and_never_done_by_itself(measured: Folder) -> None:
    """The old report stays; what a person said of the same bytes holds."""
    watched = measured("watch", *FAST)
    with JournalView.read(measured.state) as view:
        assert [row.revision for row in view.images()] == [1] * 8, watched.stderr
    seen = measured("rescore", "--method", "--dry-run")
    assert seen.exit_code == 0
    assert "8 images measured by version 1 of the method (mhfd 0). Between versions only the density is" in seen.stdout
    assert "8 would be scored again" in seen.stdout
    assert "8 will be scored again: mhfd watch" in measured("rescore", "--method").stdout
    watched = measured("watch", *FAST)
    with JournalView.read(measured.state) as view:
        rows = view.images()
        reports = [view.report(row.report or 0) for row in rows]
        assert [(row.revision, r.params.version_of(r.params_id)) for row, r in zip(rows, reports, strict=True)] == [
            (1, 1)
        ] * 8 + [(2, METHOD_VERSION)] * 8
        assert {row.why for row in rows[8:]} == {"scored again: by a newer method"}
        again = {row.path: row.id for row in rows[8:]}
        kept = view.last_labels()
        for old in rows[:2]:
            label = kept[again[old.path]]
            assert (label.words, label.note, label.sharp_by) == (
                kept[old.id].words,
                kept[old.id].note,
                kept[old.id].sharp_by,
            )
            said = verdict_of(view.verdicts(again[old.path])[0])
            assert (said.cause, said.reason) == (Cause.OPERATOR, None)
        assert [view.verdicts(again[old.path])[-1].outcome for old in rows[:2]] == [
            Outcome.IN_FOCUS,
            Outcome.OUT_OF_FOCUS,
        ]
        assert set(kept) == {1, 2, *(again[old.path] for old in rows[:2])}
    assert measured("rescore", "--method").stdout.endswith("nothing to score again\n")


def test_a_word_does_not_hold_for_other_bytes(measured: Folder) -> None:
    with Journal.open(measured.state, root=measured.root) as journal:
        judge = JournalJudge(journal, measured.loaded().settings.verdict)
        row = journal.again(1, "scored again: asked for")
        assert row is not None
        report = sharp(0)
        report = report.model_copy(update={"image": report.image.model_copy(update={"sha256": "0" * 64})})
        journal.intent([row.id], "batch of others", "local", Params())
        journal.scored(row.id, report)
        assert row.id not in journal.last_labels()
        assert "you confirmed" not in judge.judge(journal.image(row.id), report)[0][1].sentence


def test_one_image_is_scored_again_whatever_it_says(folder: Folder) -> None:
    assert folder("rescore", "--image", folder.root / folder.first).exit_code == 0
    with JournalView.read(folder.state) as view:
        assert [row.path for row in view.pending(State.WHOLE, limit=9)] == [folder.first]
    said = folder("rescore", "--image", folder.first)
    assert (said.exit_code, "is being scored" in said.stderr) == (2, True)


def test_beside_a_running_station(folder: Folder) -> None:
    """It takes the wish in by itself; one that is damaged is put aside, and stops nobody."""
    with assembled(folder.root, folder.loaded(), until_idle=1.0) as parts:
        said = folder("rescore", "--reason", "unreadable")
        assert "8 are scored again by the running station" in said.stdout
        assert len(list(wishes(folder.state / "inbox"))) == 1
        (folder.state / "inbox" / "rescore-0.json").write_text('{"images": [1')
        summary = parts.station.run()
    assert (summary.scored, summary.left, summary.counts[State.RECORDED]) == (8, 0, 16)
    assert not list((folder.state / "inbox").glob("*.json"))


def test_a_file_that_is_gone_or_differs_is_named_and_left_out(folder: Folder) -> None:
    files = sorted(folder.root.rglob("*.tif"))
    files[0].unlink()
    files[1].write_bytes(b"another one")
    said = folder("rescore", "--reason", "set-aside")
    assert said.exit_code == 1
    assert f"{folder.first}: not scored again: the file is gone" in said.stderr
    assert "not scored again: the file is another one now" in said.stderr
    assert "6 will be scored again" in said.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "say which: --reason set-aside, --image IMAGE, or --method"),
        (("--reason", "disk"), "'disk' is none of set-aside, incomplete, unreadable"),
        (("--image", "gone.tif"), "gone.tif is not in the journal"),
    ],
)
def test_what_cannot_be_meant(folder: Folder, args: tuple[str, ...], words: str) -> None:
    said = folder("rescore", *args)
    assert (said.exit_code, words in said.stderr) == (2, True), said.stderr
