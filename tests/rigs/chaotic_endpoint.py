"""An endpoint of Globus Compute in virtual time, and a service before it, that both fail as they do: answers are lost,
requests are refused, and the endpoint is killed with all that it was doing. Its works are the protocol of long work
without the work.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast
from uuid import UUID

from benchmarks._virtual_time import VirtualTime
from globus_sdk import NetworkError

from mhfd.contract.focus_report import Provenance
from mhfd.contract.work import Progress, WorkAnswer, WorkState
from mhfd.remote import run
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService, EndpointStatus, Task
from mhfd_client.errors import EndpointOffline, FunctionNotAllowed, ServiceBusy, WorkerLost
from mhfd_client.runners.work import Work

ID = UUID(int=1)
WORK = "mhfd_hash_folder"
IDS = {"mhfd_focus": UUID(int=2), "mhfd_examine": UUID(int=3), WORK: UUID(int=4)}


@dataclass(slots=True)
class Kept:
    """One piece of work on the endpoint's disk."""

    needs_s: float
    done_s: float = 0.0
    holder: str | None = None
    cancels: bool = False
    taken_up: int = 0
    end: dict[str, Any] | None = None
    asked: int = 0
    lag_s: float = 0.0
    """So much later is heard what came of a turn."""
    turn_s: float | None = None
    """How long one lasts, whatever was asked."""


@dataclass(slots=True)
class Chances:
    """Of each that goes wrong."""

    unheard: float = 0.0
    busy: float = 0.0
    dies: float = 0.0
    never_comes: float = 0.0


@dataclass(slots=True)
class Ordered:
    """A task that the service has."""

    group: UUID
    futures: list[Future[Any]] = field(default_factory=list)
    result: Any = None
    error: Exception | None = None
    known: bool = False


class Chaotic:
    """Both of them. `down`: from when to when the endpoint is not there."""

    def __init__(
        self,
        time: VirtualTime,
        needs_s: Mapping[str, float],
        chances: Chances | None = None,
        *,
        seed: int = 0,
        down: tuple[float, float] | None = None,
    ) -> None:
        self.time, self._chances, self._random = time, chances or Chances(), Random(seed)  # noqa: S311
        self.works = {key: Kept(seconds) for key, seconds in needs_s.items()}
        self.allowed, self.known = set(IDS), set(IDS) - {WORK}
        self.up, self.starts = True, 1
        self.group: UUID | None = None
        self._groups = 0
        self._tasks: dict[str, Ordered] = {}
        self._running: set[str] = set()
        self.sent: Callable[[list[Task]], None] = lambda _: None
        if down is not None:
            time.after(down[0], self._killed)
            time.after(down[1], self._started)

    def opened(self, sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        self.sent, self.group = sent, None
        ids = {name: id_ for name, id_ in IDS.items() if name in self.known}
        return CallableEndpoint(cast("EndpointService", self), ids, self._find)

    def runner(self, **options: Any) -> ComputeRunner:
        plain: dict[str, Any] = {"batch": 1, "tasks": 2, "deadline_s": 20.0}
        background = self.time.background(0.1)
        return ComputeRunner(ID, self.opened, clock=self.time.clock, background=background, **plain | options)

    def _find(self, name: str) -> UUID:
        if name not in self.allowed:
            raise FunctionNotAllowed(f"endpoint {ID} allows {name} not: ask its administrator")
        return IDS[name]

    def _killed(self) -> None:
        """With all that it was doing; the service never hears of it."""
        self.up = False
        self._running.clear()
        for work in self.works.values():
            work.holder = None

    def _started(self) -> None:
        self.up, self.starts = True, self.starts + 1

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance

    # -- as `EndpointService`

    def group_for_more(self) -> UUID | None:
        return self.group

    def submit(self, function: UUID, arguments: Mapping[str, Any]) -> Task:
        future: Future[Any] = Future()
        task = Task(future, ID)
        given = json.loads(json.dumps(arguments))
        self.time.after(0.1, lambda: self._arrived(function, given, future, task))
        return task

    def _arrived(self, function: UUID, arguments: dict[str, Any], future: Future[Any], task: Task) -> None:
        if not self.up:
            return future.set_exception(EndpointOffline("not running"))
        if self._happens(self._chances.busy):
            return future.set_exception(ServiceBusy("asks us to wait (429)", 2.0))
        if self.group is None:
            self._groups += 1
            self.group = UUID(int=100 + self._groups)
        id_ = str(uuid.UUID(int=self._random.getrandbits(128)))
        self._tasks[id_] = ordered = Ordered(self.group)
        self._running.add(id_)
        if self._happens(self._chances.unheard):
            future.set_exception(NetworkError("no answer", ConnectionError()))
        else:
            ordered.futures.append(future)
            future.task_id = id_  # type: ignore[attr-defined]  # as the SDK's
            self.sent([task])
        if function == IDS[WORK]:
            return self._work(id_, arguments)
        plain = run(**arguments) if function == IDS["mhfd_focus"] else {"ok": True, "errors": []}
        return self.time.after(0.5, lambda: self._ends(id_, json.loads(json.dumps(plain))))

    def _ends(self, id_: str, plain: Any, error: Exception | None = None) -> None:
        if id_ not in self._running:
            return
        self._running.discard(id_)
        ordered = self._tasks[id_]
        ordered.result, ordered.error, ordered.known = plain, error, True
        if not self._happens(self._chances.never_comes):
            for future in ordered.futures:
                _tell(future, ordered)

    def tasks(self, group: UUID) -> list[Task]:
        found = []
        for id_, ordered in self._tasks.items():
            if ordered.group == group:
                future: Future[Any] = Future()
                future.task_id = id_  # type: ignore[attr-defined]
                ordered.futures.append(future)
                if ordered.known:
                    _tell(future, ordered)
                found.append(Task(future, ID))
        return found

    def look(self, ids: Iterable[str]) -> dict[str, Any]:
        known = {id_: self._tasks[id_] for id_ in ids if id_ in self._tasks}
        return {id_: one.result for id_, one in known.items() if one.known and one.error is None}

    def status(self) -> EndpointStatus:
        details = {"start_unix": self.starts, "outstanding_tasks": len(self._running), "pending_tasks": 0}
        return EndpointStatus(self.up, "online" if self.up else "offline", details)

    def new_group(self) -> None:
        self.group = None

    def close(self) -> None:
        self.sent = lambda _: None

    # -- long work, without the work

    def _work(self, id_: str, asked: dict[str, Any]) -> None:
        work, step = self.works[asked["key"]], self.time.after
        work.asked += 1
        work.cancels |= bool(asked.get("cancel"))
        if work.end is not None:
            return step(0.1, lambda: self._ends(id_, work.end))
        if work.holder is not None:
            return step(0.1, lambda: self._ends(id_, _answer(asked, work, WorkState.ELSEWHERE)))
        if work.cancels:
            work.end = _answer(asked, work, WorkState.CANCELLED)
            return step(0.1, lambda: self._ends(id_, work.end))
        work.holder, work.taken_up = id_, work.taken_up + 1
        turn_s = min(work.turn_s or float(asked["turn_s"]), work.needs_s - work.done_s)
        if self._happens(self._chances.dies):
            return step(turn_s / 2, lambda: self._dies(id_, work))
        return step(turn_s, lambda: self._turn(id_, asked, work, turn_s))

    def _dies(self, id_: str, work: Kept) -> None:
        if work.holder == id_:
            work.holder = None
            self._ends(id_, None, WorkerLost("the endpoint's worker died"))

    def _turn(self, id_: str, asked: dict[str, Any], work: Kept, turn_s: float) -> None:
        if work.holder != id_:
            return
        work.holder, work.done_s = None, work.done_s + turn_s
        state = WorkState.DONE if work.done_s >= work.needs_s else WorkState.MORE
        said = _answer(asked, work, WorkState.CANCELLED if work.cancels and state is WorkState.MORE else state)
        if said["state"] != WorkState.MORE:
            work.end = said
        self.time.after(work.lag_s, lambda: self._ends(id_, said))


def _answer(asked: Mapping[str, Any], work: Kept, state: WorkState) -> dict[str, Any]:
    return WorkAnswer(
        ok=True,
        key=asked["key"],
        state=state,
        taken_up=work.taken_up,
        progress=Progress(done=work.done_s, total=work.needs_s, unit="s", at_ns=0),
        result={"seconds": work.done_s} if state is WorkState.DONE else None,
        provenance=Provenance(version="1", backend="none", device="none", threads=0),
    ).model_dump(mode="json")


def _tell(future: Future[Any], ordered: Ordered) -> None:
    if future.done():
        return
    if ordered.error is not None:
        future.set_exception(ordered.error)
    else:
        future.set_result(ordered.result)


def work_of(number: int, key: str, **request: Any) -> Work:
    """What is asked, as a client asks it."""
    return Work(number, key, WORK, {"key": key, "into": "/out", "turn_s": 60.0} | request, WorkAnswer.model_validate)
