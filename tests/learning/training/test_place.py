"""The folder of a training: named by what decides the network, gone on in, and cleaned when a package holds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs import labelled

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.training import place
from mhfd.learning.training.place import FinishedTraining, TrainingCourse
from mhfd.learning.training.told import EpochDone

PLAN = TrainingPlan(lesson="focus", learner="small")
EPOCH = EpochDone(
    epoch=1, step=4, loss=0.7, rate=0.001, validation_loss=0.6, top1=0.75, top5=None, seconds=3.5, images=100
)
NOTE = FinishedTraining(
    package="f" * 64,
    words=("trained",),
    warnings=(),
    digest="a" * 64,
    parameters=12,
    step=4,
    images=100,
    course=TrainingCourse(epochs=(EPOCH,), steps=8, seconds=3.5, workers=2, threads=1),
)


def begun(folder: Path) -> Path:
    """A folder as workers leave it: a job, and two checkpoints."""
    place.made(folder, afresh=False)
    job = TrainingJob(plan=PLAN, layout=WorkerLayout(workers=2), dataset="labels", digest="d" * 64)
    (folder / "job.json").write_text(job.model_dump_json())
    (folder / "checkpoints").mkdir()
    for step in (4, 8):
        (folder / "checkpoints" / f"step-{step:06}.ckpt").write_bytes(b"weights")
    (folder / "errors.log").write_text("a warning")
    return folder


def test_a_name_is_of_plan_and_dataset() -> None:
    name = place.training_name(PLAN, "d" * 64)
    assert name.startswith("focus-small-")
    assert place.training_name(PLAN.model_copy(), "d" * 64) == name
    others = {place.training_name(PLAN, "e" * 64), place.training_name(PLAN.model_copy(update={"seed": 1}), "d" * 64)}
    assert len(others | {name}) == 3


def test_a_training_that_saved_something_goes_on_with_its_own_layout(tmp_path: Path) -> None:
    folder = begun(tmp_path / "one")
    job = place.begun(folder)
    assert job is not None
    assert job.layout.workers == 2
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    assert place.begun(folder) is None
    (folder / "job.json").write_text("{")
    assert place.begun(folder) is None
    assert place.begun(tmp_path / "none") is None


def test_what_is_finished_keeps_its_note_and_the_checkpoint_of_its_package(tmp_path: Path) -> None:
    folder = begun(tmp_path / "one")
    best = folder / "checkpoints" / "step-000004.ckpt"
    place.finish(folder, NOTE, best=best)
    assert place.finished(folder) == NOTE
    assert [path.name for path in (folder / "checkpoints").iterdir()] == [best.name]
    assert not (folder / "errors.log").exists()


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    folder = begun(tmp_path / "one")
    (folder / "finished.json").write_text('{"package": 3')
    assert place.finished(folder) is None
    assert place.finished(tmp_path / "none") is None


def test_afresh_leaves_nothing_of_what_was(tmp_path: Path) -> None:
    folder = begun(tmp_path / "one")
    place.finish(folder, NOTE, best=folder / "checkpoints" / "step-000004.ckpt")
    place.made(folder, afresh=True)
    assert place.finished(folder) is None
    assert not (folder / "checkpoints").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/one: the training cannot be kept there: Not a directory"):
        place.made(tmp_path / "file" / "one", afresh=False)


def test_where_no_package_can_lie_is_named_before_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"out: no package can be written into .*file"):
        place.can_take(tmp_path / "file")
    place.can_take(tmp_path / "packages")
    assert not any((tmp_path / "packages").iterdir())


def test_rows_without_a_folder_get_one_in_the_trainings(tmp_path: Path) -> None:
    rows = labelled.dataset(tmp_path / "images", groups=3, each=1)
    home = place.dataset_in(tmp_path / "one", rows)
    assert Dataset.read(home).digest == rows.digest
    assert place.dataset_in(tmp_path / "one", tmp_path / "labels") == tmp_path / "labels"
