"""A computing centre and Globus Compute in virtual time: workers, an outage, what the service refuses and loses.

Models of what is documented or was measured (docs/reference/flow.md, Limits); what they assume is in `Assumed`. The
SDK's own part is not here: the runner's tasks are ours (`compute.service.Task`), around futures that are answered by
the clock.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from benchmarks._virtual_time import VirtualTime

from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
from mhfd.contract.params import Params
from mhfd_client.compute.service import EndpointStatus, Task
from mhfd_client.errors import EndpointOffline, ServiceBusy, ServiceUnreachable, TaskFailed

GROUP_TASKS: Final = 200
REQUESTS, WINDOW_S = 20, 10.0
RESULT_BYTES: Final = 10_000_000
REPORT_BYTES: Final = 20_000  # a full report with its focus map; a summary has at most 600


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not documented and has to be assumed."""

    workers: int = 4
    image_s: float = 0.1  # of one worker, reading 8.5 MB included
    image_bytes: int = 8_500_000
    transfer_bytes_s: float = 500e6  # of all a person's transfers together
    transfer_least_s: tuple[float, float] = (5.0, 10.0)
    state_s: float = 0.5  # Flows' own, of a state that is no Wait
    web_s: float = 0.1  # a request and its answer
    read_bytes_s: float = 500e6  # of the disk at the instrument
    failing: float = 0.01  # of every action


class Chance:
    """What goes wrong, by a seed; and how often it did."""

    def __init__(self, seed: int, failing: float) -> None:
        self.random, self._failing = random.Random(seed), failing  # noqa: S311 - a simulation
        self.hits: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def fails(self, what: str) -> bool:
        """Whether it goes wrong this time."""
        self.asked[what] += 1
        if self.random.random() >= self._failing:
            return False
        self.hits[what] += 1
        return True

    def uuid(self) -> str:
        """An id that the same seed gives again."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


class Centre:
    """Workers that take one task after the other; down once, from then until then."""

    def __init__(self, time: VirtualTime, assumed: Assumed, down: tuple[float, float] | None = None) -> None:
        self.time, self.assumed = time, assumed
        self.down_until: float | None = None
        self.scored: Counter[str] = Counter()
        self.started_s = 0.0
        self.busy_s = 0.0
        self.lost = 0
        self._life = 0
        self._idle = assumed.workers
        self._queue: deque[tuple[Sequence[str], Callable[[], None]]] = deque()
        if down is not None:
            time.after(down[0], lambda: self._go(down[1]))
            time.after(down[1], self._come)

    @property
    def up(self) -> bool:
        """Whether it is there."""
        return self.down_until is None

    @property
    def outstanding(self) -> int:
        """Tasks that it has."""
        return len(self._queue) + self.assumed.workers - self._idle

    def work(self, names: Sequence[str], done: Callable[[], None]) -> None:
        """Score these, one after the other, and say so. What is being worked on when it goes down is never answered."""
        self._queue.append((names, done))
        self._begin()

    def _begin(self) -> None:
        while self.up and self._idle and self._queue:
            self._idle -= 1
            names, done = self._queue.popleft()
            took, life = self.assumed.image_s * len(names), self._life
            self.time.after(took, partial(self._end, names, done, took, life))

    def _end(self, names: Sequence[str], done: Callable[[], None], took: float, life: int) -> None:
        if life != self._life:
            return
        self._idle += 1
        self.busy_s += took
        self.scored.update(names)
        done()
        self._begin()

    def _go(self, until: float) -> None:
        self.lost += self.assumed.workers - self._idle
        self.down_until = until
        self._life += 1

    def _come(self) -> None:
        self.down_until, self._idle, self.started_s = None, self.assumed.workers, self.time.now
        self._begin()


class Requests:
    """What the service takes from a person: 20 requests in any 10 s."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._taken: deque[float] = deque()
        self.most = self.refused = self.count = 0

    def take(self) -> None:
        """One more; ServiceBusy."""
        now = self._time.now
        while self._taken and self._taken[0] <= now - WINDOW_S:
            self._taken.popleft()
        if len(self._taken) >= REQUESTS:
            self.refused += 1
            raise ServiceBusy("429, as documented", self._taken[0] + WINDOW_S - now)
        self._taken.append(now)
        self.count += 1
        self.most = max(self.most, len(self._taken))


class VirtualEndpoint:
    """As `compute.service.EndpointService`, to one centre."""

    def __init__(
        self, centre: Centre, requests: Requests, chance: Chance, id_: UUID, sent: Callable[[list[Task]], None]
    ) -> None:
        self._centre, self._requests, self._chance, self.id, self._sent = centre, requests, chance, id_, sent
        self._time = centre.time
        self.group: UUID | None = None
        self._in_group = 0
        self._tasks: dict[UUID, dict[str, Future[Any]]] = {}  # as the service has them
        self.largest_result = 0

    def group_for_more(self) -> UUID | None:
        """The group of the next task; a full one is left."""
        if self._in_group >= GROUP_TASKS:
            self.new_group()
        return self.group

    def new_group(self) -> None:
        """The next task begins a new one."""
        self.group, self._in_group = None, 0

    def submit(self, function: UUID, arguments: Any) -> Task:
        """Ask for it; what comes of it is told later."""
        future: Future[Any] = Future()
        task = Task(future, self.id)
        self._in_group += 1
        self._time.after(self._centre.assumed.web_s, lambda: self._arrived(task, future, arguments))
        return task

    def status(self) -> EndpointStatus:
        """Whether it is there, and what it has."""
        self._requests.take()
        if self._chance.fails("look at the endpoint"):
            raise ServiceUnreachable("503, pretended")
        up, told = self._centre.up, self._centre.outstanding
        details = {"start_unix": self._centre.started_s, "total_workers": self._centre.assumed.workers}
        return EndpointStatus(up, "online" if up else "offline", details | {"outstanding_tasks": told})

    def tasks(self, group: UUID) -> list[Task]:
        """Of a group, as if they had been submitted here."""
        self._requests.take()
        self._requests.take()
        return [Task(future, self.id) for future in self._tasks.get(group, {}).values()]

    def look(self, ids: Iterable[str]) -> dict[str, Any]:
        """What is answered of these."""
        self._requests.take()
        all_tasks = {id_: future for tasks in self._tasks.values() for id_, future in tasks.items()}
        found = {id_: all_tasks[id_] for id_ in ids if id_ in all_tasks}
        return {id_: one.result() for id_, one in found.items() if one.done() and one.exception() is None}

    def close(self) -> None:
        """Nothing is left behind."""

    def _arrived(self, task: Task, future: Future[Any], arguments: Any) -> None:
        try:
            self._requests.take()
        except ServiceBusy as e:
            future.set_exception(e)
            return
        if not self._centre.up:
            future.set_exception(EndpointOffline("it is not running, pretended"))
            return
        fails = self._chance.fails("send a task")
        if fails and self._chance.random.random() < 0.5:
            future.set_exception(ServiceUnreachable("502 before it was taken, pretended"))
            return
        mine = Future[Any]() if fails else future
        self._take(mine, arguments)
        if fails:
            future.set_exception(ServiceUnreachable("502 after it was taken, pretended"))
        else:
            self._sent([task])

    def _take(self, future: Future[Any], arguments: Any) -> None:
        if self.group is None:
            self.group = UUID(self._chance.uuid())
            for old in list(self._tasks)[:-3]:
                if all(one.done() for one in self._tasks[old].values()):
                    del self._tasks[old]
        future.task_id = self._chance.uuid()  # type: ignore[attr-defined]
        self._tasks.setdefault(self.group, {})[future.task_id] = future  # type: ignore[attr-defined]
        names = list(arguments.get("paths", ()))
        self._centre.work(names, lambda: self._worked(future, names, arguments))

    def _worked(self, future: Future[Any], names: list[str], arguments: Any) -> None:
        if self._chance.fails("run a task"):
            outcome: Any = TaskFailed("the endpoint's function failed, pretended")
        else:
            outcome = answer(names, arguments, self._centre)
            size = len(names) * (600 if arguments.get("detail") == "summary" else REPORT_BYTES)
            self.largest_result = max(self.largest_result, size)
            assert size < RESULT_BYTES
        told = future.set_exception if isinstance(outcome, Exception) else future.set_result
        self._time.after(self._centre.assumed.web_s, lambda: told(outcome))


_PARAMS: Final = Params()
_PARAMS_ID: Final = _PARAMS.id
REPORT: Final = FocusReport(
    method=Method(id="mhfd-robust"),
    image=ImageInfo(),
    finding=Finding.OK,
    params=_PARAMS,
    params_id=_PARAMS_ID,
    provenance=Provenance(version="0", backend="pretended", device="pretended", threads=1),
)
_PLAIN: Final = REPORT.model_dump(mode="json", exclude_defaults=True)


def answer(names: Sequence[str], arguments: Any, centre: Centre) -> dict[str, Any]:
    """What the function returns: every image has its report."""
    now = centre.time.now_ns()
    expect = arguments.get("expect") or [{"size": None}] * len(names)
    bare = arguments.get("detail") == "none"
    reports = [
        {} if bare else _PLAIN | {"image": {"path": name, "bytes": seen["size"]}}
        for name, seen in zip(names, expect, strict=True)
    ]
    began = now - round(centre.assumed.image_s * len(names) * 1e9)
    return {"ok": True, "reports": reports, "errors": [], "began_ns": began, "ended_ns": now}
