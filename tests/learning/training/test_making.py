"""What is heard of workers and what is made of it, without workers: test_whole_road.py has them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.errors import OptionNeedsExtra, TrainingFailed, UsageError
from mhfd.learning.training.hearing import Hearing
from mhfd.learning.training.launching import Cost
from mhfd.learning.training.making import batch_of, needs_torch, plan_of
from mhfd.learning.training.told import (
    CheckpointSaved,
    EpochDone,
    StepDone,
    Told,
    TrainingBegun,
    TrainingEnded,
    TrainingStopped,
    UntrainedNet,
)

BEGUN = TrainingBegun(step=0, steps=100, examples=60, validated_on=12, parameters=41_000, device="cpu", workers=2)
SAVED = CheckpointSaved(step=20, steps=100, file="step-000020.ckpt", digest="d" * 64, seconds=40)
EPOCH = EpochDone(
    epoch=3, step=30, loss=0.51234, rate=0.00312, validation_loss=0.6, top1=0.75, top5=None, seconds=90, images=900
)


def step(number: int, seconds: float = 2.0) -> StepDone:
    return StepDone(
        step=number, epoch=0.1, loss=1.0, rate=0.001, seconds=seconds, exchange_s=0.1, waited_s=0.0, memory_bytes=1
    )


def heard(tmp_path: Path, told: Sequence[Told], **options: Any) -> tuple[Hearing, list[str]]:
    """What was said of it."""
    said: list[str] = []
    job = TrainingJob(
        plan=TrainingPlan(lesson="focus", learner="small"), layout=WorkerLayout(), dataset="d", digest="d"
    )
    hearing = Hearing(job, tmp_path, say=said.append, **options)
    for one in told:
        hearing.hear(one)
    return hearing, said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": 0}, "epochs: expected greater than or equal to 1, got 0"),
        ({"batch": 4096}, "batch: expected less than or equal to 2048, got 4096"),
        ({"rate": -1.0}, "rate: expected greater than 0, got -1.0"),
        ({"rate": float("nan")}, "rate: expected "),
        ({"warmup_epochs": -1.0}, "warmup: expected greater than or equal to 0, got -1.0"),
        ({"copies": "C"}, "copies: expected 'none', 'turns', 'A' or 'B', got 'C'"),
        ({"until": 1.5}, "until: expected less than or equal to 1, got 1.5"),
        ({"validation": 1.0}, "validation: expected less than 1, got 1.0"),
        ({"seed": -1}, "seed: expected greater than or equal to 0, got -1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_plan_that_cannot_be_names_the_option(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as wrong:
        plan_of("focus", "small", **given)
    assert str(wrong.value).startswith(words)


def test_what_nobody_said_is_as_usual() -> None:
    assert plan_of("focus", "small", epochs=None, batch=8) == TrainingPlan(lesson="focus", learner="small", batch=8)


def test_the_usual_batch_is_no_larger_than_what_is_taught_and_another_one_is_refused() -> None:
    usual = plan_of("focus", "small")
    assert (batch_of(usual, 20).batch, batch_of(usual, 32).batch) == (20, 32)
    with pytest.raises(UsageError, match="batch: 64 images a step are more than the 20 that are taught"):
        batch_of(plan_of("focus", "small", batch=64), 20)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_it_says_what_to_install() -> None:
    with pytest.raises(OptionNeedsExtra, match=r"learner: small is a network, .*: pip install 'mhfd\[train\]'"):
        needs_torch("small")


def test_a_line_an_epoch_can_be_read_in_a_log(tmp_path: Path) -> None:
    _, said = heard(tmp_path, [UntrainedNet(validation_loss=0.83123, top1=0.5), EPOCH])
    assert said == [
        "validated 0.831 before the first step, top-1 50.0%",
        "epoch 3 of 20: loss 0.512, validated 0.6, top-1 75.0%, rate 0.0031, 1.5 min",
    ]


def test_ten_measured_steps_say_what_it_will_cost(tmp_path: Path) -> None:
    costs: list[Cost] = []
    told: list[Told] = [BEGUN, step(1, 60.0), step(2, 60.0), *(step(number) for number in range(3, 13))]
    _, said = heard(tmp_path, told, costs=costs.append)
    assert costs[0].seconds == pytest.approx(88 * 2.0, rel=0.5)
    assert said[-1] == f"from 10 measured steps: {costs[0].words}"
    _, said = heard(tmp_path, [*told, step(13, 500.0)])
    assert len(said) == 1


def test_a_training_that_takes_too_long_is_ended_early(tmp_path: Path) -> None:
    told: list[Told] = [BEGUN, *(step(number) for number in range(1, 13))]
    with pytest.raises(TrainingFailed, match=r"would take .* hours, and 0\.01 are let pass"):
        heard(tmp_path, told, at_most_hours=0.01)
    heard(tmp_path, told, at_most_hours=1)


def test_whoever_is_told_of_a_checkpoint_may_leave(tmp_path: Path) -> None:
    class Over(BaseException):
        pass

    def left(_saved: CheckpointSaved) -> None:
        raise Over

    with pytest.raises(Over):
        heard(tmp_path, [BEGUN, SAVED], saved=left)


def test_a_training_that_stopped_says_why_and_what_is_kept(tmp_path: Path) -> None:
    stopped = TrainingStopped(code="full", why="the disk is full", remedy="make room and type the same again")
    with pytest.raises(TrainingFailed) as failed:
        heard(tmp_path, [BEGUN, SAVED, stopped])
    assert failed.value.code == "full"
    assert str(failed.value).startswith("the disk is full; make room and type the same again. Step 20 of 100 is saved")
    with pytest.raises(TrainingFailed, match=r"type the same again$"):
        heard(tmp_path, [BEGUN, stopped])


def test_an_end_without_a_word_is_a_failure(tmp_path: Path) -> None:
    hearing, _ = heard(tmp_path, [BEGUN, SAVED])
    with pytest.raises(TrainingFailed, match="said not why"):
        hearing.is_over()
    hearing, _ = heard(tmp_path, [BEGUN, EPOCH, SAVED, TrainingEnded(why="epochs", step=100, digest="d" * 64)])
    hearing.is_over()


def test_it_says_where_it_goes_on_once(tmp_path: Path) -> None:
    again = BEGUN.model_copy(update={"step": 40})
    _, said = heard(tmp_path, [again, again])
    assert said == ["going on from step 40 of 100"]
