"""Images on their way to an endpoint: which wait, which are out in which task, and how many go together next.

A table and its arithmetic: no clock, no network, no decision about failures.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from mhfd import __version__
from mhfd.contract.request import ScoreRequest
from mhfd_client.compute.service import Task
from mhfd_client.runners import UNSEEN
from mhfd_client.runners.pending import PendingImage, PendingTable

ARGUMENT_BYTES: Final = 500_000
"""Of one task: several go in one request, which may have 10 MB."""
UNKNOWN_PACE_S: Final = 5.0  # what an image may take, as long as none has been seen


@dataclass(slots=True, eq=False)
class FlyingImage(PendingImage):
    """One image that is not answered yet."""

    there: str  # what the endpoint calls it
    alone: bool = False  # it goes without others, which must not suffer
    ailed: bool = False  # a task that it shared failed: once that is nobody's fault


@dataclass(slots=True, eq=False)
class FlyingTask:
    """Images that are out in one task."""

    images: list[FlyingImage]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    task: Task | None = None
    at: float = 0.0
    group: UUID | None = None
    id: str | None = None  # the service's name for the task, once it has taken it
    says_version: bool = True  # its request does
    late: bool = False  # given up; its answer is still welcome
    lost: bool = False  # nobody listens for it, or nobody knows whether it is out

    @property
    def open(self) -> list[FlyingImage]:
        return [image for image in self.images if image.open]


class Flight(PendingTable[FlyingImage]):
    """All images that a runner has.

    Args:
        batch: Images of one task, at most.
        tasks: Tasks that are out at once, at most.
        deadline_s: Of a task, besides what the images that are out take; doubled with each try.
    """

    def __init__(self, *, batch: int, tasks: int, deadline_s: float) -> None:
        super().__init__()
        self.batch, self.most_tasks, self._deadline = batch, tasks, deadline_s
        self._per_image: float | None = None
        self.tasks_out: list[FlyingTask] = []
        self.says_version = True  # in the next requests

    @property
    def out(self) -> list[FlyingTask]:
        """The tasks that are waited for."""
        return [task for task in self.tasks_out if not task.late]

    @property
    def lost(self) -> list[FlyingTask]:
        """Those that nobody listens for, or that nobody knows whether they are out."""
        return [task for task in self.tasks_out if task.lost]

    def named(self, id_: str | None) -> FlyingTask | None:
        """The task that the service calls so."""
        return next((task for task in self.tasks_out if task.id == id_), None) if id_ is not None else None

    def next(self, now: float, *, most: int) -> list[FlyingImage]:
        """The images of the next task: one at once when little waits, as many as are fair when much does."""
        ready = [image for image in self.waiting if image.due <= now]
        if not ready:
            return []
        free = max(1, self.most_tasks - len(self.out))
        size = min(most, self.batch, -(-len(ready) // free))
        chosen: list[FlyingImage] = []
        weight = 0
        for image in ready:
            if chosen and (image.alone or image.job.params != chosen[0].job.params):
                continue
            weight += 6 * len(image.there) + 80
            if chosen and weight > ARGUMENT_BYTES:
                break
            chosen.append(image)
            if len(chosen) >= size or image.alone:
                break
        taken = set(map(id, chosen))
        self.waiting = [image for image in self.waiting if id(image) not in taken]
        return chosen

    def took(self, per_image: float) -> None:
        """An image of a task that was answered took so long."""
        self._per_image = per_image if self._per_image is None else 0.7 * self._per_image + 0.3 * per_image

    def patience(self, tries: int = 0) -> float:
        """How long a task may be silent whose images were asked so often before."""
        per_image = UNKNOWN_PACE_S if self._per_image is None else self._per_image
        grace = 3 * per_image * sum(len(task.open) for task in self.out)
        return grace + self._deadline * 2.0 ** min(tries, 6)

    def overdue(self, live_since: float, now: float) -> list[FlyingTask]:
        """The tasks that were silent for too long, counted from when the endpoint has begun to answer."""
        late = []
        for task in self.out:
            tries = max((image.tries for image in task.images), default=0)
            if not task.lost and now - max(task.at, live_since) > self.patience(tries):
                late.append(task)
        return late

    def whose(self, paths: Sequence[str], among: Iterable[FlyingTask]) -> FlyingTask | None:
        """The task whose images these are: for one that says only what it has scored."""
        wanted = [path for path in paths if path]
        for task in among:
            if wanted and len(paths) <= len(task.images) and set(wanted) <= {image.there for image in task.images}:
                return task
        return None


def request(images: Sequence[FlyingImage], *, says_version: bool = True) -> dict[str, Any]:
    """What the endpoint's function is called with. Names that are no UTF-8 travel as Python has them.

    `says_version`: of the request, by which an endpoint knows that we read its reports, and ours, for its log; an older
    one takes neither.
    """
    job = images[0].job
    fields: dict[str, Any] = ScoreRequest(paths=("-",), params=job.params).model_dump(
        mode="json", exclude_defaults=True
    )
    jobs = [image.job for image in images]
    expect = [None if job.size == UNSEEN else {"size": job.size, "mtime_ns": job.mtime_ns} for job in jobs]
    if says_version:
        fields["schema_version"] = ScoreRequest.model_fields["schema_version"].default
        fields["client"] = f"mhfd {__version__}"
    return fields | {"paths": [image.there for image in images], "expect": expect}
