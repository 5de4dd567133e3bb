"""Many workers are one: what a training becomes, however many share it. The real processes, as torchrun starts them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.little_training import Ran, alone, job, run, taught

from mhfd.learning.training.told import TrainingBegun
from mhfd.learning.training.workers.checkpoint import read

pytestmark = pytest.mark.learn

STEPS = 21


def _weights(folder: Path, ran: Ran) -> dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]:
    assert len(ran.steps) == STEPS == ran.ended.step
    return dict(read(folder / "checkpoints" / f"step-{STEPS:06}.ckpt").weights)


@pytest.mark.parametrize(
    ("learner", "workers"),
    [
        ("small", 4),
        pytest.param("mcnn", 2, marks=pytest.mark.soak),
        pytest.param("small", 2, marks=pytest.mark.soak),
        pytest.param("mcnn", 4, marks=pytest.mark.soak),
    ],
)
def test_workers_that_share_a_batch_learn_what_one_alone_does(tmp_path: Path, learner: str, workers: int) -> None:
    dataset = taught(tmp_path / "data")
    # 18 images are taught: two steps of 7, shared 1, 2, 2, 2 among four, and one of 4. A rate at which much changes.
    plan: dict[str, Any] = {"learner": learner, "batch": 7, "epochs": 7, "rate": 0.02, "warmup_epochs": 0.5}
    one, many = job(dataset, **plan), job(dataset, workers=workers, **plan)
    assert one.plan == many.plan

    first, other = alone(one, tmp_path / "one"), run(many, tmp_path / "many")

    mine, theirs = _weights(tmp_path / "one", first), _weights(tmp_path / "many", other)
    begun = other.of(TrainingBegun)[0]
    assert (begun.workers, begun.parameters) == (workers, sum(array.size for array in mine.values()))
    assert max(float(np.abs(mine[name] - theirs[name]).max()) for name in mine) <= 1e-6
    assert [done.loss for done in other.steps] == pytest.approx([done.loss for done in first.steps], rel=1e-5)
    assert [done.top1 for done in other.epochs] == [done.top1 for done in first.epochs]
    assert all(0 < done.exchange_s < done.seconds for done in other.steps)
