"""Trainings that are small enough for a test, and the real workers of them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.training.told import TOLD, EpochDone, StepDone, Told, TrainingEnded, TrainingStopped
from mhfd.learning.training.workers.telling import Teller
from tests.rigs.shown import labelled, shown_row


def taught(
    root: Path,
    *,
    groups: int = 5,
    each: int = 6,
    side: int = 64,
    target: Callable[[int], dict[str, Any]] = labelled,
) -> Path:
    """A dataset of so many images in each group; every third is blurred, and the last group is for the test."""
    rows = tuple(
        shown_row(root / "images", number, group=f"scope/{number // each}/day", shape=(side, side), **target(number))
        for number in range(groups * each)
    )
    keys = sorted({one.group.key for one in rows})
    Dataset(rows, dict.fromkeys(keys, Side.TRAIN) | {keys[-1]: Side.TEST}).write(root)
    return root


def job(
    dataset: Path, *, workers: int = 1, measure_only: int | None = None, save_s: float = 60, **plan: Any
) -> TrainingJob:
    """A short one."""
    said = {"lesson": "focus", "learner": "small", "epochs": 4, "batch": 6, "warmup_epochs": 1.0} | plan
    return TrainingJob(
        plan=TrainingPlan(**said),
        layout=WorkerLayout(workers=workers, device="cpu"),
        dataset=str(dataset),
        digest="d" * 64,
        save_s=save_s,
        measure_only=measure_only,
        patience_s=60,
    )


@dataclass
class Ran:
    """What workers said."""

    told: list[Told] = field(default_factory=list)
    code: int | None = None
    errors: str = ""

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of a kind."""
        return [one for one in self.told if isinstance(one, kind)]

    @property
    def ended(self) -> TrainingEnded:
        """Well."""
        assert isinstance(self.told[-1], TrainingEnded), (self.told[-1:], self.errors[-4000:])
        return self.told[-1]

    @property
    def stopped(self) -> TrainingStopped:
        """For good."""
        assert isinstance(self.told[-1], TrainingStopped), (self.told[-1:], self.errors[-4000:])
        return self.told[-1]

    @property
    def epochs(self) -> list[EpochDone]:
        """Each."""
        return self.of(EpochDone)

    @property
    def steps(self) -> list[StepDone]:
        """Each."""
        return self.of(StepDone)


@contextmanager
def started(made: TrainingJob, folder: Path, *, restarts: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """torchrun with the workers of a job; whatever of it is left at the end is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(made.model_dump_json())
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(made.layout.workers)]
    command += ["--max-restarts", str(restarts), "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    command += ["--local-addr", "127.0.0.1", "-m", "mhfd.learning.training.workers", str(folder)]
    with (folder / "errors.txt").open("ab") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=_environment(), start_new_session=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def workers_of(folder: Path) -> list[int]:
    """The processes of the workers of a training."""
    return _processes("mhfd.learning.training.workers", str(folder), without="torch.distributed.run")


def agents_of(folder: Path) -> list[int]:
    """The processes of its torchrun."""
    return [pid for pid in _processes("torch.distributed.run", str(folder)) if pid not in workers_of(folder)]


def run(made: TrainingJob, folder: Path, *, restarts: int = 0) -> Ran:
    """To its end."""
    ran = Ran()
    with started(made, folder, restarts=restarts) as process:
        assert process.stdout is not None
        ran.told = [TOLD.validate_json(line) for line in process.stdout]
        ran.code = process.wait()
    ran.errors = (folder / "errors.txt").read_text()
    return ran


class _Heard(Teller):
    """What a worker says, kept; whoever listens hears each as it is said."""

    def __init__(self, folder: Path, listener: Callable[[Told], object]) -> None:
        super().__init__(folder, io.StringIO(), first=True)
        self.told: list[Told] = []
        self._listener = listener

    def say(self, told: Told) -> None:
        """Keep it."""
        self.told.append(told)
        self._listener(told)


def alone(made: TrainingJob, folder: Path, *, listener: Callable[[Told], object] = id) -> Ran:
    """One worker in this process: without torchrun, and without importing torch each time."""
    from mhfd.learning.training.workers.program import work

    folder.mkdir(parents=True, exist_ok=True)
    teller = _Heard(folder, listener)
    work(made, folder, teller)
    return Ran(teller.told)


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def _processes(*said: str, without: str = "\0\0") -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if all(one in words for one in said) and without not in words:
                found.append(int(entry.name))
    return found
