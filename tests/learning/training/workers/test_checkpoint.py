"""What a training goes on from: whole or not believed."""

import os
from pathlib import Path

import numpy as np
import pytest

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.training.told import EpochDone
from mhfd.learning.training.workers import checkpoint
from mhfd.learning.training.workers.checkpoint import (
    TrainingCheckpoint,
    TrainingState,
    best_of,
    latest,
    read,
    save,
    training_id,
)

JOB = TrainingJob(
    plan=TrainingPlan(lesson="focus", learner="small"), layout=WorkerLayout(), dataset="labels", digest="d" * 64
)


def _epoch(step: int, *, top1: float | None, loss: float = 1.0) -> EpochDone:
    return EpochDone(
        epoch=step,
        step=step,
        loss=loss,
        rate=0.1,
        validation_loss=loss,
        top1=top1,
        top5=None,
        seconds=1.0,
        images=step,
    )


def _checkpoint(step: int, *history: EpochDone, of: str = training_id(JOB)) -> TrainingCheckpoint:
    weights = {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3) + step,
        "a.bias": np.array([0.1, -0.2], np.float32),
    }
    momentum = {name: -array for name, array in weights.items()}
    state = TrainingState(of=of, step=step, steps=9, digest="e" * 64, seconds=1.5, history=history)
    return TrainingCheckpoint(state, weights, momentum, {"said": np.array([[1, 2]], np.float32)})


def _steps(folder: Path) -> list[int]:
    return [int(path.stem.removeprefix("step-")) for path in sorted((folder / checkpoint.FOLDER).iterdir())]


def test_what_was_saved_is_read_to_the_bit(tmp_path: Path) -> None:
    saved = _checkpoint(3, _epoch(2, top1=0.1 + 0.2))

    found = read(save(tmp_path, saved))

    assert found.state == saved.state
    for kind in ("weights", "momentum", "answers"):
        mine, theirs = getattr(saved, kind), getattr(found, kind)
        assert sorted(mine) == sorted(theirs)
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_weights_are_read_by_who_knows_no_training(tmp_path: Path) -> None:
    path = save(tmp_path, _checkpoint(3))

    assert {name: array.shape for name, array in read(path).weights.items()} == {"a.weight": (2, 3), "a.bias": (2,)}


def test_the_last_two_and_the_best_validated_are_kept(tmp_path: Path) -> None:
    history: tuple[EpochDone, ...] = ()
    for step, top1 in ((1, 0.5), (2, 0.9), (3, 0.9), (4, 0.6), (5, 0.7), (6, 0.8)):
        history += (_epoch(step, top1=top1),)
        save(tmp_path, _checkpoint(step, *history))

    assert _steps(tmp_path) == [2, 5, 6]
    best = best_of(tmp_path)
    assert best is not None
    assert best.state.step == 2


def test_without_an_accuracy_the_smallest_loss_is_the_best(tmp_path: Path) -> None:
    history = (_epoch(1, top1=None, loss=0.3), _epoch(2, top1=None, loss=0.2), _epoch(3, top1=None, loss=0.4))
    for number in (1, 2, 3):
        save(tmp_path, _checkpoint(number, *history[:number]))

    best = best_of(tmp_path)
    assert best is not None
    assert best.state.step == 2


def test_a_folder_without_any_begins_at_the_beginning(tmp_path: Path) -> None:
    assert latest(tmp_path, JOB) == (None, ())
    assert best_of(tmp_path) is None


@pytest.mark.parametrize("cut", [0, 10, 100, 500, -1])
def test_a_torn_one_is_not_believed_and_the_one_before_it_taken(tmp_path: Path, cut: int) -> None:
    save(tmp_path, _checkpoint(3))
    torn = save(tmp_path, _checkpoint(4))
    torn.write_bytes(torn.read_bytes()[:cut])

    found, refused = latest(tmp_path, JOB)

    assert found is not None
    assert found.state.step == 3
    assert [str(torn) in why for why in refused] == [True]


def test_each_altered_byte_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path, _checkpoint(3))
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(UsageError, match="step-000003"):
            read(path)


def test_one_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    save(tmp_path, _checkpoint(3, of="f" * 64))

    found, refused = latest(tmp_path, JOB)

    assert found is None
    assert "another training" in refused[0]


def test_the_layout_is_no_part_of_which_training_it_is() -> None:
    more = JOB.model_copy(update={"layout": WorkerLayout(workers=4)})
    other = JOB.model_copy(update={"plan": TrainingPlan(lesson="focus", learner="small", seed=1)})

    assert training_id(more) == training_id(JOB) != training_id(other)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / checkpoint.FOLDER
    home.mkdir()
    (home / "step-000007.ckpt").write_bytes(b"PK\x03\x04 something else")
    (home / "step-000008.ckpt").mkdir()

    found, refused = latest(tmp_path, JOB)

    assert found is None
    assert len(refused) == 2


def test_what_does_not_fit_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, _checkpoint(3))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, _checkpoint(4))

    assert _steps(tmp_path) == [3]


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    save(tmp_path, _checkpoint(3))
    left = tmp_path / checkpoint.FOLDER / "step-000004.ckpt.part"
    left.write_bytes(b"half")

    checkpoint.sweep_parts(tmp_path)

    assert _steps(tmp_path) == [3]
