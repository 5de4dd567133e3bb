"""One training to an accuracy that was named beforehand, as `mhfd train` starts it: what it took, or that it did not.

Every row is a training of its own, with processes of its own, begun from nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks._table import markdown

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.learning.dataset import Dataset
from mhfd.learning.training.launching import follow
from mhfd.learning.training.told import EpochDone, StepDone, TrainingBegun, TrainingEnded, TrainingStopped

NOT_REACHED: Final = "not reached"
_FIRST_STEPS: Final = 3
"""That are not counted where a step is measured: the first ones make room for themselves."""


@dataclass(slots=True)
class Run:
    """What one training told."""

    plan: TrainingPlan
    layout: WorkerLayout
    epochs: list[EpochDone] = field(default_factory=list)
    steps: list[StepDone] = field(default_factory=list)
    begun: TrainingBegun | None = None
    why: str = ""
    wall_s: float = 0.0

    @property
    def reached(self) -> EpochDone | None:
        """The epoch after which it was as good as was wished."""
        wanted = self.plan.until or 1.0
        return next((one for one in self.epochs if one.top1 is not None and one.top1 >= wanted), None)

    @property
    def best(self) -> float:
        """The best that it was."""
        return max((one.top1 or 0.0 for one in self.epochs), default=0.0)

    @property
    def images_a_second(self) -> float:
        """Over all its training, validation and exchange included."""
        last = self.epochs[-1] if self.epochs else None
        return last.images / last.seconds if last is not None and last.seconds else 0.0

    def milliseconds(self, what: str) -> float:
        """The median of a step, or of a part of it."""
        found = [1e3 * float(getattr(step, what)) for step in self.steps[_FIRST_STEPS:] or self.steps]
        return statistics.median(found) if found else 0.0

    @property
    def memory_mb(self) -> float:
        """The most that the first worker had."""
        return max((step.memory_bytes for step in self.steps), default=0) / 1e6

    def row(self) -> tuple[object, ...]:
        """Of the table, in the order of HEADER."""
        reached = self.reached
        last = reached or (self.epochs[-1] if self.epochs else None)
        return (
            self.layout.workers,
            self.plan.batch,
            f"{self.epochs[0].step if self.epochs else 0}",
            reached.epoch if reached else f"{NOT_REACHED} in {self.plan.epochs}" if not self.why else self.why,
            f"{reached.seconds / 60:.2f}" if reached else "",
            f"{self.images_a_second:.0f}",
            f"{last.top1:.3f}" if last is not None and last.top1 is not None else "",
            f"{last.top5:.3f}" if last is not None and last.top5 is not None else "",
            f"{self.best:.3f}",
            f"{self.milliseconds('seconds'):.0f}",
            f"{self.milliseconds('exchange_s'):.1f}",
            f"{self.memory_mb:.0f}",
        )


HEADER: Final = (
    "workers",
    "batch",
    "updates an epoch",
    "epochs",
    "minutes",
    "images/s",
    "top 1",
    "top 5",
    "best top 1",
    "ms a step",
    "of it exchange",
    "MB a worker",
)


def trained(dataset: Path, plan: TrainingPlan, layout: WorkerLayout, folder: Path) -> Run:
    """Train it."""
    run = Run(plan, layout)
    job = TrainingJob(plan=plan, layout=layout, dataset=str(dataset), digest=Dataset.read(dataset).digest)
    began = time.perf_counter()
    with follow(job, folder) as told:
        for one in told:
            if isinstance(one, TrainingBegun):
                run.begun = one
            elif isinstance(one, StepDone):
                run.steps.append(one)
            elif isinstance(one, EpochDone):
                run.epochs.append(one)
            elif isinstance(one, TrainingStopped):
                run.why = f"ended: {one.why}"
            elif isinstance(one, TrainingEnded) and one.why == "measured":
                raise RuntimeError("a training of its own ended as a measurement")
    run.wall_s = time.perf_counter() - began
    return run


def table(runs: list[Run]) -> str:
    """Of several, those that did not get there among them."""
    return markdown(HEADER, [run.row() for run in runs])


def curves(run: Run) -> Iterator[tuple[float, float, float, float, float]]:
    """Epoch, loss, top 1, top 5 and rate."""
    for one in run.epochs:
        yield one.epoch, one.loss, one.top1 or 0.0, one.top5 or 0.0, one.rate
