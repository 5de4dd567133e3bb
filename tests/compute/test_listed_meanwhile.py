"""What is handed over while lost tasks are looked up stands in that list too: its answer goes to who asked first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from benchmarks._virtual_time import VirtualTime
from globus_sdk import NetworkError
from tests.rigs.facility import SHARP, Facility

from mhfd.contract.params import Params
from mhfd.remote import examine, run
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService, EndpointStatus, Task
from mhfd_client.runners import UNSEEN, Batch, Job, Scored

ID, FOCUS, EXAMINE, GROUP = (UUID(int=n) for n in (1, 2, 3, 9))
DEADLINE_S, TAKEN_S = 120.0, 3.0


def plain(answer: Any) -> Any:
    return json.loads(json.dumps(answer))


def named(id_: str) -> Future[Any]:
    future: Future[Any] = Future()
    future.task_id = id_  # type: ignore[attr-defined]  # as the SDK's
    return future


class Listed:
    """An endpoint in this process. Of the second request the taking is not heard. What is handed over after it stands
    in the list of its group before we hear that it was taken, and the future of the list gets the answer."""

    def __init__(self, time: VirtualTime, sent: Callable[[list[Task]], None]) -> None:
        self._time, self._sent = time, sent
        self.group: UUID | None = None
        self.scored = 0
        self._calls: dict[str, Callable[[], Any]] = {}
        self._futures: dict[str, Future[Any]] = {}

    def group_for_more(self) -> UUID | None:
        return self.group

    def submit(self, function: UUID, arguments: dict[str, Any]) -> Task:
        future: Future[Any] = Future()
        task, id_ = Task(future, ID), str(uuid.uuid4())
        scores = function == FOCUS
        self.scored += scores
        unheard = scores and self.scored == 2
        self._calls[id_] = lambda: plain((run if scores else examine)(**arguments))

        def taken() -> None:
            self.group = GROUP
            if unheard:
                future.set_exception(NetworkError("no answer", ConnectionError()))
                return
            future.task_id = id_  # type: ignore[attr-defined]
            self._sent([task])
            self._futures.setdefault(id_, future)

        def done() -> None:
            answers = self._futures.get(id_)
            if answers is not None:
                answers.set_result(self._calls[id_]())

        self._time.after(TAKEN_S, taken)
        self._time.after(30.0 if unheard else 2 * TAKEN_S, done)
        return task

    def tasks(self, group: UUID) -> list[Task]:
        found = []
        for id_ in self._calls:
            if id_ not in self._futures:
                future = named(id_)
                self._futures[id_] = future
                found.append(Task(future, ID))
        return found

    def look(self, ids: Iterable[str]) -> dict[str, Any]:
        return {id_: self._calls[id_]() for id_ in ids}

    def status(self) -> EndpointStatus:
        return EndpointStatus(True, "online")

    def close(self) -> None:
        pass


def test_what_stands_in_a_list_of_lost_tasks_is_answered_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when somebody looks why it is silent: that is minutes later."""
    facility, time = Facility(tmp_path, monkeypatch), VirtualTime()
    facility.allow()
    far: list[Listed] = []

    def opened(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        far.append(Listed(time, sent))
        return CallableEndpoint(cast("EndpointService", far[0]), {"mhfd_focus": FOCUS, "mhfd_examine": EXAMINE})

    runner = ComputeRunner(
        ID, opened, batch=1, tasks=4, deadline_s=DEADLINE_S, clock=time.clock, background=time.background(0.1)
    )
    given: list[int] = []
    scored: list[int] = []

    def work() -> None:
        number = len(given)
        given.append(number)
        path = facility.image(f"{number}.tif", SHARP[:64, :64])
        runner.submit(Batch(str(number), (Job(number, path, UNSEEN, 0, Params()),)))

    def listen(until: float) -> None:
        while time.now < until and runner.held:
            scored.extend(event.id for event in runner.events(0.1) if isinstance(event, Scored))

    work()
    listen(60)
    work()  # its taking is not heard of
    listen(time.now + TAKEN_S + 1)
    began = time.now
    while runner.held and time.now < began + 2 * DEADLINE_S:
        if len(given) < 20 and runner.held < runner.capacity:
            work()
        listen(time.now + 1)
    runner.close()
    assert sorted(scored) == given
    assert time.now - began < DEADLINE_S / 2
