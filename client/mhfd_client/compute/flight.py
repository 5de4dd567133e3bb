"""What is on its way to an endpoint: the tasks that are out, what each asks for, and how long it may be silent.

A table and its arithmetic: no clock, no network, no decision about failures.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from mhfd_client.compute.service import Task
from mhfd_client.runners.pending import Pending, PendingWork

UNKNOWN_PACE_S: Final = 5.0  # what an image may take, as long as none has been seen
_TURN_S: Final = 300.0  # of work that does not say it

AskedT = TypeVar("AskedT", bound=Pending)


@dataclass(slots=True, eq=False)
class FlyingTask(ABC, Generic[AskedT]):
    """What is asked for in one task."""

    asked: list[AskedT]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    task: Task | None = None
    at: float = 0.0
    group: UUID | None = None
    id: str | None = None  # the service's name for the task, once it has taken it
    late: bool = False  # given up; its answer is still welcome
    lost: bool = False  # nobody listens for it, or nobody knows whether it is out

    @property
    def open(self) -> list[AskedT]:
        return [one for one in self.asked if one.open]

    @property
    @abstractmethod
    def call(self) -> tuple[str, Mapping[str, Any]]:
        """The name of the function, and what it is called with."""

    @abstractmethod
    def told_by(self, plain: Any) -> bool:
        """Whether this is what became of it: for an answer that came without the task's name."""

    @abstractmethod
    def takes_s(self, pace_s: float) -> float:
        """How long it may work. `pace_s`: on an image."""

    @property
    def silent_until(self) -> float:
        """Nothing is to be heard of it before."""
        return self.at + self.takes_s(0.0)


@dataclass(slots=True, eq=False)
class WorkTask(FlyingTask[PendingWork]):
    """Work, which never shares a task."""

    @property
    def call(self) -> tuple[str, Mapping[str, Any]]:
        return self.asked[0].work.function, self.asked[0].request

    def told_by(self, plain: Any) -> bool:
        work = self.asked[0].work
        try:
            return work.read(plain).key == work.key
        except ValueError:
            return False

    def takes_s(self, pace_s: float) -> float:
        return float(self.asked[0].request.get("turn_s", _TURN_S))


Part = FlyingTask[Any]
"""Whatever it asks for."""


class Flight:
    """The tasks that are out.

    Args:
        tasks: At once, at most, of images and of works.
        deadline_s: Of a task, besides what all that are out may take; doubled with each try.
    """

    def __init__(self, *, tasks: int, deadline_s: float) -> None:
        self.most_tasks, self._deadline = tasks, deadline_s
        self._pace: float | None = None
        self.tasks_out: list[Part] = []

    @property
    def out(self) -> list[Part]:
        """The tasks that are waited for."""
        return [task for task in self.tasks_out if not task.late]

    @property
    def lost(self) -> list[Part]:
        """Those that nobody listens for, or that nobody knows whether they are out."""
        return [task for task in self.tasks_out if task.lost]

    def named(self, id_: str | None) -> Part | None:
        """The task that the service calls so."""
        return next((task for task in self.tasks_out if task.id == id_), None) if id_ is not None else None

    def free(self, kind: type[Part], *, one_by_one: bool = False) -> int:
        """How many more of these may go."""
        return (1 if one_by_one else self.most_tasks) - sum(isinstance(task, kind) for task in self.out)

    def took(self, pace_s: float) -> None:
        """An image of a task that was answered took so long."""
        self._pace = pace_s if self._pace is None else 0.7 * self._pace + 0.3 * pace_s

    def patience(self, tries: int = 0) -> float:
        """How long a task may be silent that was asked so often before."""
        pace = UNKNOWN_PACE_S if self._pace is None else self._pace
        return sum(task.takes_s(pace) for task in self.out) + self._deadline * 2.0 ** min(tries, 6)

    def overdue(self, live_since: float | None, now: float) -> list[Part]:
        """The tasks that were silent for too long, counted from when the endpoint has begun to answer.

        A work costs nothing if it is asked again before that, and it may be all that is out there to answer.
        """
        late = []
        for task in self.out:
            tries = max((one.tries for one in task.asked), default=0)
            since = task.at if isinstance(task, WorkTask) else live_since
            if since is not None and not task.lost and now - max(task.at, since) > self.patience(tries):
                late.append(task)
        return late
