"""One worker's training from its first step to how it ends: stopped, gone on from, over, or in trouble; in words."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.little_training import alone, job, taught
from tests.rigs.shown import labelled

from mhfd.learning.dataset import Dataset
from mhfd.learning.training.told import (
    CheckpointSaved,
    EpochDone,
    StepDone,
    Told,
    TrainingBegun,
    TrainingEnded,
    UntrainedNet,
)
from mhfd.learning.training.workers import STOP, checkpoint
from mhfd.learning.training.workers.beginning import put_parent

pytestmark = pytest.mark.learn


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 images are taught, and 6 validated on."""
    return taught(tmp_path_factory.mktemp("little") / "data")


class _Listener:
    """What follows a training line by line, and asks it to stop after so many steps."""

    def __init__(self, folder: Path, after: int) -> None:
        self._folder, self._after = folder, after

    def __call__(self, told: Told) -> None:
        if isinstance(told, StepDone) and told.step == self._after:
            (self._folder / STOP).touch()


def test_it_says_what_it_does_in_order(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, epochs=2), tmp_path)

    each: list[type[Any]] = [StepDone, StepDone, StepDone, EpochDone, CheckpointSaved]
    assert [type(told) for told in ran.told] == [TrainingBegun, UntrainedNet, *each, *each, TrainingEnded]
    begun, last = ran.told[0], ran.epochs[-1]
    assert isinstance(begun, TrainingBegun)
    assert (begun.step, begun.steps, begun.examples, begun.validated_on, begun.device) == (0, 6, 18, 6, "cpu")
    assert (last.images, last.step, ran.steps[-1].epoch) == (36, 6, 2.0)
    assert ran.ended.why == "epochs"
    assert all(done.memory_bytes > 50_000_000 for done in ran.steps)


@pytest.mark.parametrize("after", [1, 3, 4])
def test_stopped_and_gone_on_from_it_is_as_if_nothing_had_been(tmp_path: Path, dataset: Path, after: int) -> None:
    made = job(dataset, epochs=3, learner="small")
    whole = alone(made, tmp_path / "whole")

    first = alone(made, tmp_path / "twice", listener=_Listener(tmp_path / "twice", after))
    saved = first.told[-1]
    (tmp_path / "twice" / STOP).unlink()
    second = alone(made, tmp_path / "twice")

    assert isinstance(saved, CheckpointSaved)
    assert second.of(TrainingBegun)[0].step == saved.step < 9
    assert second.ended.digest == whole.ended.digest
    losses = {done.step: done.loss for done in first.steps + second.steps}
    assert list(losses.values()) == [done.loss for done in whole.steps]
    kept = checkpoint.best_of(tmp_path / "twice")
    assert kept is not None
    newest, _ = checkpoint.latest(tmp_path / "twice", made)
    assert newest is not None
    assert [newest.state.untrained] == whole.of(UntrainedNet) == first.of(UntrainedNet)
    assert second.of(UntrainedNet) == [], "it was known"
    timeless = {"seconds"}
    assert [done.model_dump(exclude=timeless) for done in newest.state.history] == [
        done.model_dump(exclude=timeless) for done in whole.epochs
    ]
    assert second.epochs[-1].seconds > saved.seconds


def test_each_step_may_be_saved(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, epochs=1, save_s=1e-9), tmp_path)

    assert [saved.step for saved in ran.of(CheckpointSaved)] == [1, 2, 3]


def test_what_is_over_says_so_again(tmp_path: Path, dataset: Path) -> None:
    made = job(dataset, epochs=1)
    first = alone(made, tmp_path)

    again = alone(made, tmp_path)

    assert [type(told) for told in again.told] == [TrainingBegun, TrainingEnded]
    assert again.ended.digest == first.ended.digest


def test_another_seed_begins_anew_in_the_same_folder(tmp_path: Path, dataset: Path) -> None:
    first = alone(job(dataset, epochs=1), tmp_path)
    other = alone(job(dataset, epochs=1, seed=1), tmp_path)

    assert other.of(TrainingBegun)[0].step == 0
    assert other.ended.digest != first.ended.digest


def test_it_learns_what_can_be_learned_and_ends_when_it_has(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, lesson="focus", epochs=60, until=0.9, rate=0.05, warmup_epochs=0.0), tmp_path)

    assert ran.ended.why == "until"
    assert ran.ended.words == ""
    assert (ran.epochs[-1].top1 or 0) >= 0.9 > max((done.top1 or 0 for done in ran.epochs[:-1]), default=0)
    best = checkpoint.best_of(tmp_path)
    assert best is not None
    assert best.state.step == ran.ended.step


def test_it_begins_with_what_its_parent_says(tmp_path: Path, dataset: Path) -> None:
    alone(job(dataset, epochs=20, rate=0.05), tmp_path / "parent")
    best = checkpoint.best_of(tmp_path / "parent")
    assert best is not None
    assert best.state.best is not None
    put_parent(tmp_path / "child", "a" * 64, dict(checkpoint.read(best.path).weights))

    ran = alone(job(dataset, epochs=1, parent="a" * 64), tmp_path / "child")

    (untrained,) = ran.of(UntrainedNet)
    assert untrained.validation_loss == pytest.approx(best.state.best.validation_loss, rel=1e-6)
    assert untrained.top1 == best.state.best.top1
    lost = alone(job(dataset, epochs=1, parent="b" * 64), tmp_path / "child")
    assert lost.stopped.code == "data"
    assert "another package" in lost.stopped.why


def test_one_that_only_guesses_says_so(tmp_path: Path) -> None:
    dice = np.random.default_rng(5)
    blank = taught(tmp_path / "data", target=lambda number: labelled(number) | {"bad": bool(dice.integers(2))})

    ran = alone(job(blank, epochs=1, rate=1e-6), tmp_path / "folder")

    last = ran.epochs[-1]
    assert last.guess is not None
    assert last.top1 is not None
    assert last.top1 <= last.guess
    assert "guessing" in ran.ended.words


def test_causes_have_a_top_five_and_answers_that_are_kept(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, lesson="cause", epochs=1), tmp_path)

    last = ran.epochs[-1]
    assert last.top1 is not None
    assert last.top5 is not None
    assert last.top1 <= last.top5
    kept = checkpoint.read(tmp_path / "checkpoints" / ran.of(CheckpointSaved)[-1].file)
    assert kept.answers["said"].shape == (6, 13)
    assert kept.answers["said"].sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    right = kept.answers["said"].argmax(axis=1) == kept.answers["y"][:, 0]
    assert float(right.mean()) == pytest.approx(last.top1)


def test_a_measured_one_learns_nothing_and_keeps_nothing(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, epochs=1, measure_only=5), tmp_path)

    assert [done.step for done in ran.steps] == [2, 3, 4, 5, 6]
    assert ran.ended.why == "measured"
    assert ran.of(EpochDone) == ran.of(CheckpointSaved) == []
    assert not (tmp_path / checkpoint.FOLDER).exists()


def test_a_rate_that_is_far_too_high_ends_in_words(tmp_path: Path, dataset: Path) -> None:
    ran = alone(job(dataset, epochs=100, rate=10.0, warmup_epochs=0.0), tmp_path)

    assert ran.stopped.code == "diverged"
    assert f"it began with a loss of {ran.steps[0].loss:.3g}, and at step" in ran.stopped.why
    assert "--rate" in ran.stopped.remedy
    assert len(ran.steps) < 100
    assert checkpoint.best_of(tmp_path) is not None


def test_a_loss_that_is_no_number_ends_in_words_and_is_not_kept(tmp_path: Path, dataset: Path) -> None:
    made = job(dataset, epochs=2)
    alone(job(dataset, epochs=2), tmp_path, listener=_Listener(tmp_path, 1))
    (tmp_path / STOP).unlink()
    found, _ = checkpoint.latest(tmp_path, made)
    assert found is not None
    huge = {name: np.full_like(array, 1e30) for name, array in found.weights.items()}
    checkpoint.save(tmp_path, checkpoint.TrainingCheckpoint(found.state, huge, found.momentum))

    ran = alone(made, tmp_path)

    assert ran.stopped.code == "not_finite"
    assert "at step 3 the loss is not a number" in ran.stopped.why
    assert ran.steps == ran.of(CheckpointSaved) == []


def test_an_image_that_changed_is_named_and_what_was_learned_stays(tmp_path: Path) -> None:
    dataset = taught(tmp_path / "data")
    folder = tmp_path / "folder"
    alone(job(dataset, epochs=1), folder)
    spoilt = Path(Dataset.read(dataset).rows[7].path)
    tifffile.imwrite(spoilt, np.zeros((64, 64), np.uint8), photometric="minisblack", metadata=None)

    ran = alone(job(dataset, epochs=1, copies="none"), tmp_path / "other")

    assert ran.stopped.code == "data"
    assert spoilt.name in ran.stopped.why
    assert checkpoint.best_of(folder) is not None


def test_a_full_disk_ends_in_words_and_what_was_saved_is_gone_on_from(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = job(dataset, epochs=2)
    whole = alone(made, tmp_path / "whole")
    full: list[int] = []
    sync = os.fsync

    def fsync(fd: int) -> None:
        full.append(fd)
        if len(full) > 2:  # a checkpoint's file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        ran = alone(made, tmp_path / "full")

    assert ran.stopped.code == "disk_full"
    assert "bytes" in ran.stopped.why
    assert [saved.step for saved in ran.of(CheckpointSaved)] == [3]
    again = alone(made, tmp_path / "full")
    assert again.of(TrainingBegun)[0].step == 3
    assert again.ended.digest == whole.ended.digest
