"""The images of each step, for one worker: decoded, and copied to a GPU, while the step before runs. Needs torch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from mhfd.learning.training.examples import Copy, DecodedAhead, Example, copy_of, order, part
from mhfd.learning.training.workers.prepared import PreparedTraining


@dataclass(frozen=True)
class Batch:
    """What a worker has of a step; no images where there are fewer than workers."""

    images: Any
    """(n, channels, height, width)"""
    truth: Any
    waited_s: float
    """For images that were not decoded yet."""

    @property
    def empty(self) -> bool:
        """Nothing of this step is this worker's."""
        return self.images is None


class Batches:
    """The batches of a worker from a step on, as long as it is asked; a context manager.

    Args:
        prepared: The training.
        first: The step to begin with.
        worker: Which of them this is.
        workers: How many there are.
        device: Where they go.
        threads: That decode.
    """

    def __init__(
        self, prepared: PreparedTraining, *, first: int, worker: int, workers: int, device: Any, threads: int
    ) -> None:
        self._prepared, self._worker, self._workers = prepared, worker, workers
        self._copying = Copying(device)
        self._sizes = (len(places) for _, _, places in self._parts(first))
        size = -(-prepared.plan.batch // workers)
        self._decoded = DecodedAhead(prepared.examples, self._requests(first), threads=threads, ahead=size)

    def next(self) -> Batch:
        """Of the next step. UsageError: an image cannot be read."""
        begun = time.monotonic()
        some = [next(self._decoded) for _ in range(next(self._sizes))]
        waited = time.monotonic() - begun
        return Batch(None, None, waited) if not some else Batch(*self._copying.of(some), waited)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoded.close()

    def _requests(self, first: int) -> Iterator[tuple[int, Copy | None]]:
        plan = self._prepared.plan
        for epoch, shown, places in self._parts(first):
            for place in places.tolist():
                yield int(shown[place]), copy_of(plan, epoch=epoch, position=place)

    def _parts(self, first: int) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
        """Of each step from one on its epoch, the order of it, and the places in it that are this worker's."""
        plan, each = self._prepared.plan, self._prepared.steps_in_epoch
        epoch, shown = -1, np.zeros(0, np.intp)
        step = first
        while True:
            if step // each != epoch:
                epoch = step // each
                shown = order(self._prepared.taught, self._prepared.examples.classes, seed=plan.seed, epoch=epoch)
            places = part(
                shown, step_in_epoch=step % each, batch=plan.batch, worker=self._worker, workers=self._workers
            )
            yield epoch, shown, places
            step += 1


class Copying:
    """Examples as tensors on a device. To a GPU they go from pinned memory, beside what it computes."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._beside = torch.cuda.Stream(device) if device.type == "cuda" else None

    def of(self, examples: list[Example]) -> tuple[Any, Any]:
        """Their images and their truths, each as one tensor."""
        made = [torch.from_numpy(np.stack(each)) for each in zip(*((e.x, e.y) for e in examples), strict=True)]
        if self._beside is None:
            return made[0], made[1]
        now = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._beside):
            there = [one.pin_memory().to(self._device, non_blocking=True) for one in made]
        now.wait_stream(self._beside)  # what is asked of the GPU from here on; the host goes on
        for one in there:
            one.record_stream(now)
        return there[0], there[1]
