"""Workers that are killed, by whom and whenever: the others go on from the last checkpoint to the same network.

Also whom they do not outlive. The real processes, followed as a training is.
"""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from tests.rigs.little_training import agents_of, alone, job, run, started, taught, workers_of
from tests.rigs.made_workers import until

from mhfd.learning.training.launching.following import follow
from mhfd.learning.training.told import StepDone, Told, TrainingBegun, TrainingEnded

pytestmark = pytest.mark.learn

KILLS = 10


def test_a_killed_worker_is_gone_on_from_to_the_same_network(tmp_path: Path) -> None:
    made = job(taught(tmp_path / "data"), epochs=3)
    whole = alone(made, tmp_path / "whole")

    folder = tmp_path / "killed"
    told: list[Told] = []
    killed = 0
    with follow(made, folder) as following:
        for one in following:
            told.append(one)
            if isinstance(one, StepDone) and one.step == 5 and not killed:
                (killed,) = workers_of(folder)
                os.kill(killed, signal.SIGKILL)

    begun = [one for one in told if isinstance(one, TrainingBegun)]
    assert [one.step for one in begun] == [0, 3]
    assert isinstance(told[-1], TrainingEnded)
    assert told[-1].digest == whole.ended.digest


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    made = job(taught(tmp_path / "data"), epochs=10_000, workers=1)
    with started(made, tmp_path / "folder") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert workers_of(tmp_path / "folder")

        os.kill(process.pid, signal.SIGKILL)

        until(lambda: not workers_of(tmp_path / "folder"))


def test_nobody_to_tell_is_the_same_as_being_asked_to_stop(tmp_path: Path) -> None:
    made = job(taught(tmp_path / "data"), epochs=10_000)
    folder = tmp_path / "folder"
    with started(made, folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()

        assert process.wait() == 0

    assert list((folder / "checkpoints").glob("step-*.ckpt"))


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_ten_times_at_random_it_is_the_same_to_the_bit(tmp_path: Path, workers: int) -> None:
    made = job(taught(tmp_path / "data"), epochs=40, workers=workers, save_s=0.05)
    whole = run(made, tmp_path / "whole")
    chosen = np.random.default_rng(workers)

    folder = tmp_path / "killed"
    kills = 0
    ended: TrainingEnded | None = None
    while ended is None:
        with follow(made, folder) as following:  # anew, where all were killed at once
            for told in following:
                if isinstance(told, TrainingBegun):
                    at = told.step + int(chosen.integers(1, 10))
                elif isinstance(told, StepDone) and told.step >= at and kills < KILLS:
                    whom = ("worker", "agent", "all")[chosen.integers(3)]
                    for process in (workers_of if whom == "worker" else agents_of)(folder)[:1]:
                        os.kill(process, signal.SIGKILL)
                    kills += 1
                    at = made.plan.epochs * made.plan.batch  # the lines on their way are of the killed
                    if whom == "all":
                        break
                ended = told if isinstance(told, TrainingEnded) else ended

    assert kills == KILLS
    assert ended.digest == whole.ended.digest
