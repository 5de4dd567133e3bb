"""The real workers by the real torchrun, followed: the same network, whatever was killed and wherever they ran."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rigs.little_training import job, taught
from tests.rigs.made_srun import job_of, put_on_path
from tests.rigs.made_workers import having

from mhfd.contract.training import TrainingJob, WorkerLayout
from mhfd.learning.training.launching import follow, kept_choice, sweep
from mhfd.learning.training.told import StepDone, Told, TrainingEnded, TrainingStopped, WorkersRestarted

pytestmark = [pytest.mark.learn, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def undisturbed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingEnded:
    """How two workers on one machine end."""
    return ended(followed(job(dataset, workers=2), tmp_path_factory.mktemp("undisturbed")))


def followed(a_job: TrainingJob, folder: Path, at_first_step: Callable[[], object] | None = None) -> list[Told]:
    """What was told."""
    heard: list[Told] = []
    with follow(a_job, folder) as told:
        for one in told:
            if at_first_step is not None and isinstance(one, StepDone) and one.step == 3:
                at_first_step()
                at_first_step = None
            heard.append(one)
    assert not having(str(folder))
    return heard


def ended(told: list[Told]) -> TrainingEnded:
    assert isinstance(told[-1], TrainingEnded), told[-1]
    return told[-1]


def a_worker(folder: Path) -> int:
    """The last of them."""
    found = []
    for pid in having(str(folder)):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"mhfd.learning.training.workers" in words and b"torch.distributed.run" not in words:
            found.append(pid)
    return max(found)


def test_a_worker_that_is_killed_changes_nothing(dataset: Path, undisturbed: TrainingEnded, tmp_path: Path) -> None:
    told = followed(job(dataset, workers=2, save_s=0.01), tmp_path, lambda: os.kill(a_worker(tmp_path), signal.SIGKILL))

    (restarted,) = (one for one in told if isinstance(one, WorkersRestarted))
    assert restarted.why.startswith("a worker was killed (signal 9)")
    assert ended(told) == undisturbed


def test_two_nodes_of_one_worker_are_as_one_of_two(
    dataset: Path, undisturbed: TrainingEnded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (job_of(2) | {"PATH": put_on_path(tmp_path / "bin")}).items():
        monkeypatch.setenv(name, value)
    on_two = job(dataset).model_copy(update={"layout": WorkerLayout(workers=1, nodes=2, device="cpu")})

    assert ended(followed(on_two, tmp_path / "training")) == undisturbed


def test_a_torch_that_does_not_load_ends_in_words(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken/torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('libtorch_cpu.so: undefined symbol')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    (last,) = followed(job(dataset, workers=2), tmp_path / "training")

    assert isinstance(last, TrainingStopped)
    assert "libtorch_cpu.so: undefined symbol" in last.why


@pytest.mark.soak
def test_a_worker_that_hangs_is_given_up_and_all_go_on(
    dataset: Path, undisturbed: TrainingEnded, tmp_path: Path
) -> None:
    patient = job(dataset, workers=2, save_s=0.01).model_copy(update={"patience_s": 5})
    told = followed(patient, tmp_path, lambda: os.kill(a_worker(tmp_path), signal.SIGSTOP))

    (restarted,) = (one for one in told if isinstance(one, WorkersRestarted))
    assert "another one did not answer in time" in restarted.why
    assert ended(told) == undisturbed


@pytest.mark.soak
def test_this_machine_is_swept(dataset: Path, tmp_path: Path) -> None:
    a_job = job(dataset)
    found = sweep(a_job, tmp_path / "sweep", tmp_path / "sweeps")

    assert all(row.images_s and row.memory_bytes for row in found.rows)
    assert kept_choice(a_job, tmp_path / "sweeps") == found.choice
