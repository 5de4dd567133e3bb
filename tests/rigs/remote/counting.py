"""Who counts instead of training: steps and checkpoints in a training's folder as the real one keeps them, no torch.

What it counts depends on what it finds in the folder alone, so that a step that was lost or done twice is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.learning.dataset import Dataset
from mhfd.learning.trained import NetworkTrained, Training
from mhfd.learning.training.told import CheckpointSaved, EpochDone, StepDone, TrainingBegun
from tests.rigs import packages

STEPS = 6


@dataclass(frozen=True)
class CountedCost:
    """What it will take, in the form of the real one."""

    seconds: float = 7200.0
    node_hours: float = 2.0
    gpu_hours: float = 0.0
    words: str = "about 2 h on 1 worker: 2 node-hours"


@dataclass
class Counter:
    """`before` is called before each step, with its number: a test has its say there."""

    before: Callable[[int], object] = lambda _step: None
    cost: CountedCost = field(default_factory=CountedCost)
    given: list[dict[str, Any]] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    """The steps, in the order in which they were done."""
    running: int = 0
    """How many are under way: 0 once it has been left, however that was."""

    def __call__(self, dataset: Path, plan: TrainingPlan, **options: Any) -> Training:
        self.given.append({"dataset": dataset, "plan": plan, **options})
        self.running += 1
        try:
            return self._trained(Dataset.read(dataset, images=False), plan, **options)
        finally:
            self.running -= 1

    def _trained(
        self,
        dataset: Dataset,
        plan: TrainingPlan,
        *,
        folder: Path,
        out: Path,
        layout: WorkerLayout | None,
        told: Callable[[Any], object],
        saved: Callable[[CheckpointSaved], object],
        costs: Callable[[Any], object] | None,
        **_: Any,
    ) -> Training:
        checkpoints = folder / "checkpoints"
        checkpoints.mkdir(parents=True, exist_ok=True)
        job = TrainingJob(plan=plan, layout=layout or WorkerLayout(), dataset="anywhere", digest=dataset.digest)
        (folder / "job.json").write_text(job.model_dump_json())
        names = sorted(path.name for path in checkpoints.iterdir())
        step, said = _read(checkpoints / names[-1]) if names else (0, dataset.digest)
        told(
            TrainingBegun(
                step=step,
                steps=STEPS,
                examples=4,
                validated_on=2,
                parameters=3,
                device="cpu",
                workers=job.layout.workers,
            )
        )
        if costs is not None:
            costs(self.cost)
        while step < STEPS:
            self.before(step + 1)
            step += 1
            self.counted.append(step)
            said = hashlib.sha256(f"{said} {step} {plan.seed}".encode()).hexdigest()
            told(_step(step))
            if step % 2 == 0:
                told(_epoch(step))
            path = checkpoints / f"step-{step:06}.ckpt"
            path.write_text(f"{step} {said}")
            saved(CheckpointSaved(step=step, steps=STEPS, file=path.name, digest=said, seconds=float(step)))
        package = packages.written(out, title=said[:12])
        network = NetworkTrained(
            digest=said,
            parameters=3,
            step=STEPS,
            steps=STEPS,
            images=24,
            workers=1,
            threads=1,
            epochs=({"epoch": 3},),
            untrained={"validation_loss": 0.9},
        )
        return Training(package, plan.lesson, ("counted",), (), {"teach": 1.0}, network)


def _read(path: Path) -> tuple[int, str]:
    step, said = path.read_text().split()
    return int(step), said


def _step(step: int) -> StepDone:
    return StepDone(
        step=step,
        epoch=step / 2,
        loss=1 / step,
        rate=0.001,
        seconds=0.1,
        exchange_s=0.0,
        waited_s=0.0,
        memory_bytes=1,
    )


def _epoch(step: int) -> EpochDone:
    return EpochDone(
        epoch=step // 2,
        step=step,
        loss=1 / step,
        rate=0.001,
        validation_loss=0.5,
        top1=0.75,
        top5=None,
        seconds=float(step),
        images=4 * step,
    )
