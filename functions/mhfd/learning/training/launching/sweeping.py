"""How many workers a machine bears: a few steps of the real training with each way to share its batch.

The batch is the plan's, whatever is faster: what a batch is worth is seen by accuracy alone. What would not fit into
memory is not tried. Loads no torch.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from mhfd.contract.training import TrainingJob, WorkerLayout
from mhfd.errors import TrainingFailed
from mhfd.learning.training.examples import open_examples
from mhfd.learning.training.launching.following import follow
from mhfd.learning.training.launching.layouts import candidates, fewer_threads
from mhfd.learning.training.launching.machine import NodeMachine, machine_here
from mhfd.learning.training.launching.swept import Swept, SweptFor, SweptRow, keep, kept, node_batch
from mhfd.learning.training.nets import count, head_of, net_of
from mhfd.learning.training.told import StepDone, Told, TrainingStopped

_STEPS: Final = 4
_LONG_S: Final = 20.0
"""Of measured steps: after it no further one is waited for."""
_NO_STEP_S: Final = 180.0
"""Without a first step a way of sharing is given up."""
_ALL_S: Final = 360.0
"""After it nothing more is tried."""
_ALIKE: Final = 1.03
"""Nearer than this two figures are the same: then the fewer threads are taken, and the fewer workers."""
_A_WORKER: Final = 300 << 20
"""Bytes that a worker takes before it has seen an image."""

Start = Callable[..., AbstractContextManager[Iterable[Told]]]
"""`follow`, or what does as if."""
ImageShape = tuple[int, int, int]
"""Channels, height, width."""


@dataclass(frozen=True, slots=True)
class _NoStep(Exception):
    seconds: float


def kept_choice(job: TrainingJob, sweeps: Path, *, image: ImageShape | None = None) -> WorkerLayout | None:
    """What the last sweep of such a machine with such a network, image and batch chose; None: there was none.

    Args:
        job: Whose layout says on how many nodes, and on which device.
        sweeps: Where sweeps are kept.
        image: What is shown, if it is known already: else the dataset is looked at.
    """
    found = kept(sweeps, _of(job, image or _image_of(job), machine_here()))
    return None if found is None else _as_wanted(found.choice, job.layout)


def sweep(
    job: TrainingJob,
    folder: Path,
    sweeps: Path,
    *,
    told: Callable[[str], object] | None = None,
    beat: Callable[[], object] | None = None,
    image: ImageShape | None = None,
    ways: Sequence[tuple[int, int]] | None = None,
    machine: NodeMachine | None = None,
    start: Start = follow,
    at_most_s: float = _ALL_S,
) -> Swept:
    """Measure, choose, and keep.

    Args:
        job: What is to be trained. Of its layout count nodes and device; one node is measured: this one.
        folder: For the measurements; removed in the end.
        sweeps: Where sweeps are kept.
        told: Told a line for each way that was tried.
        beat: Called at least once a second; may raise.
        image: What is shown, if it is known already.
        ways: Workers and threads to measure, these and no others. None: those that share all cores, and the best of
            them with fewer threads.
        machine: This one; another one in tests.
        start: Starts the workers: another one in tests.
        at_most_s: Seconds after which nothing more is tried.

    Raises:
        TrainingFailed: Not one way could be measured: why, as the first said it.
    """
    here, shown = machine or machine_here(), image or _image_of(job)
    of = _of(job, shown, here)
    measuring = _Measuring(job, folder, of, here, _needs(job, shown), told or (lambda _line: None), beat, start)
    began = time.monotonic()
    late = False
    for shared in ways or candidates(here, batch=of.batch, on_gpus=_on_gpus(job.layout, here)):
        if late := bool(measuring.measured) and time.monotonic() - began > at_most_s:
            break
        measuring.add(*shared)
    while measuring.measured and not (late or ways):
        best = measuring.best()
        shared_next = fewer_threads((best.workers, best.threads), measuring.tried)
        if shared_next is None:
            break
        measuring.add(*shared_next)
        late = time.monotonic() - began > at_most_s
        if measuring.best() == best:
            break
    shutil.rmtree(folder, ignore_errors=True)
    if not measuring.measured:
        why = measuring.rows[0].why
        raise TrainingFailed(f"no way to share the work among workers could be measured: {why}", "no_sweep")
    swept = measuring.swept(of, late=late)
    keep(sweeps, swept)
    return swept


class _Measuring:
    """The ways that were tried."""

    def __init__(
        self,
        job: TrainingJob,
        folder: Path,
        of: SweptFor,
        machine: NodeMachine,
        needs: Callable[[int, int], int],
        told: Callable[[str], object],
        beat: Callable[[], object] | None,
        start: Start,
    ) -> None:
        self._job, self._folder, self._of, self._machine, self._needs = job, folder, of, machine, needs
        self._told, self._beat, self._start = told, beat, start
        self.rows: list[SweptRow] = []

    @property
    def measured(self) -> list[SweptRow]:
        """Those that have figures."""
        return [row for row in self.rows if row.images_s is not None]

    @property
    def tried(self) -> list[tuple[int, int]]:
        """Workers and threads of each."""
        return [(row.workers, row.threads) for row in self.rows]

    def best(self) -> SweptRow:
        """The fastest; of those that are as fast, the one with the fewest threads, and then the fewest workers."""
        most = max(row.images_s or 0.0 for row in self.measured)
        alike = [row for row in self.measured if (row.images_s or 0.0) * _ALIKE >= most]
        return min(alike, key=lambda row: (row.workers * row.threads, row.workers))

    def add(self, workers: int, threads: int) -> None:
        """Measure one way."""
        local = -(-self._of.batch // workers)
        row = SweptRow(workers=workers, threads=threads, local_batch=local)
        needs, there = self._needs(workers, local), self._machine.memory_bytes
        if there is not None and needs > there and not _on_gpus(self._job.layout, self._machine):
            why = f"not tried: takes {needs / 1e9:.3g} GB at least, and {there / 1e9:.3g} GB may be taken"
            row = row.model_copy(update={"why": why})
        else:
            row = self._run(row)
        self.rows.append(row)
        said = row.why or f"{row.images_s:.3g} images/s, {(row.memory_bytes or 0) / 1e9:.2g} GB"
        self._told(f"{workers} worker{'s' * (workers > 1)} of {threads} thread{'s' * (threads > 1)}: {said}")

    def _run(self, row: SweptRow) -> SweptRow:
        layout = WorkerLayout(workers=row.workers, threads=row.threads, device=self._job.layout.device)
        plan = self._job.plan.model_copy(update={"batch": self._of.batch})
        job = self._job.model_copy(update={"layout": layout, "plan": plan, "measure_only": _STEPS})
        steps: list[StepDone] = []
        began = time.monotonic()

        def beat() -> None:
            if self._beat is not None:
                self._beat()
            if not steps and time.monotonic() - began > _NO_STEP_S:
                raise _NoStep(_NO_STEP_S)

        folder = self._folder / f"{row.workers}x{row.threads}"
        try:
            with self._start(job, folder, beat=beat) as told:
                for one in told:
                    if isinstance(one, TrainingStopped):
                        return row.model_copy(update={"why": one.why})
                    if isinstance(one, StepDone):
                        steps.append(one)
                        if sum(step.seconds for step in steps) > _LONG_S:
                            break
        except _NoStep as late:
            return row.model_copy(update={"why": f"no step within {late.seconds:g} s"})
        if not steps:
            return row.model_copy(update={"why": "the workers ended without a step"})
        step_s = fmean(step.seconds for step in steps)
        return row.model_copy(
            update={
                "images_s": self._of.batch / step_s,
                "step_s": step_s,
                "exchange_s": fmean(step.exchange_s for step in steps),
                "waited_s": fmean(step.waited_s for step in steps),
                "memory_bytes": row.workers * max(step.memory_bytes for step in steps),
                "steps": len(steps),
            }
        )

    def swept(self, of: SweptFor, *, late: bool) -> Swept:
        """What was found."""
        best = self.best()
        most = max(self.measured, key=lambda row: row.images_s or 0.0)
        others = [row for row in self.measured if row is not best]
        named = f"{best.workers} worker{'s' * (best.workers > 1)} of {best.threads} thread{'s' * (best.threads > 1)}"
        if not others:
            why = f"{named}: all that could be measured"
        elif best is most:
            second = max(others, key=lambda row: row.images_s or 0.0)
            why = (
                f"{named}: the most images a second, {best.images_s:.3g}; {second.workers} of {second.threads} come "
                f"next with {second.images_s:.3g}"
            )
        else:
            why = (
                f"{named}: {best.images_s:.3g} images/s, as many as any within {_ALIKE - 1:.0%}, and with the fewest "
                "threads"
            )
        if late:
            why += "; time ran out before all were tried"
        choice = WorkerLayout(workers=best.workers, threads=best.threads)
        return Swept(of=of, rows=tuple(self.rows), choice=_as_wanted(choice, self._job.layout), why=why)


def _as_wanted(choice: WorkerLayout, wanted: WorkerLayout) -> WorkerLayout:
    """On as many nodes, and on the device, that somebody wants."""
    return choice.model_copy(update={"nodes": wanted.nodes, "device": wanted.device})


def _on_gpus(layout: WorkerLayout, machine: NodeMachine) -> bool:
    return layout.device == "gpu" or (layout.device == "auto" and machine.gpus > 0)


def _of(job: TrainingJob, image: ImageShape, machine: NodeMachine) -> SweptFor:
    channels, height, width = image
    device = "gpu" if _on_gpus(job.layout, machine) else "cpu"
    return SweptFor(
        machine=machine.name,
        learner=job.plan.learner,
        channels=channels,
        side=(height, width),
        batch=node_batch(job),
        device=device,
    )


def _image_of(job: TrainingJob) -> ImageShape:
    """What is shown: the headers of the dataset's images are read for it."""
    net = net_of(job.plan.lesson, job.plan.learner)
    examples = open_examples(Path(job.dataset), job.plan.lesson, multiple=net.multiple, copies=job.plan.copies)
    return examples.channels, *examples.side


def _needs(job: TrainingJob, image: ImageShape) -> Callable[[int, int], int]:
    """Bytes that so many workers with so many images each take at least."""
    channels, height, width = image
    net, head = net_of(job.plan.lesson, job.plan.learner), head_of(job.plan.lesson)
    an_image = count(net, channels=channels, outputs=head.outputs, side=(height, width), batch=1).activation_bytes
    return lambda workers, local: workers * (_A_WORKER + local * an_image)
