"""A task whose taking was not heard of, and whose answer does not come by itself: its images are not left waiting."""

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
DEADLINE_S = 20.0


class Deaf:
    """An endpoint in this process. Of the second request the taking is not heard; what became of it is told to whoever
    looks, if anything did, and never to whoever listens."""

    def __init__(self, time: VirtualTime, sent: Callable[[list[Task]], None], *, works: bool) -> None:
        self._time, self._sent, self._works = time, sent, works
        self.group: UUID | None = None
        self.submitted = 0
        self._kept: dict[str, Any] = {}

    def group_for_more(self) -> UUID | None:
        return self.group

    def submit(self, function: UUID, arguments: dict[str, Any]) -> Task:
        future: Future[Any] = Future()
        task, id_ = Task(future, ID), str(uuid.uuid4())
        scores = function == FOCUS
        self.submitted += scores
        unheard = scores and self.submitted == 2

        def arrived() -> None:
            self.group = GROUP
            if unheard:
                self._kept[id_] = json.loads(json.dumps(run(**arguments))) if self._works else None
                future.set_exception(NetworkError("no answer", ConnectionError()))
                return
            future.task_id = id_  # type: ignore[attr-defined]  # as the SDK's
            self._sent([task])
            future.set_result(json.loads(json.dumps((run if scores else examine)(**arguments))))

        self._time.after(0.1, arrived)
        return task

    def tasks(self, group: UUID) -> list[Task]:
        assert group == GROUP
        found = []
        for id_ in self._kept:
            future: Future[Any] = Future()
            future.task_id = id_  # type: ignore[attr-defined]
            found.append(Task(future, ID))
        return found

    def look(self, ids: Iterable[str]) -> dict[str, Any]:
        return {id_: self._kept[id_] for id_ in ids if self._kept.get(id_) is not None}

    def status(self) -> EndpointStatus:
        return EndpointStatus(True, "online")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("works", [True, False])
def test_its_images_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    """Scored once where the service has the answer; asked again where nobody has."""
    facility, time = Facility(tmp_path, monkeypatch), VirtualTime()
    facility.allow()
    far: list[Deaf] = []

    def opened(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        far.append(Deaf(time, sent, works=works))
        return CallableEndpoint(cast("EndpointService", far[0]), {"mhfd_focus": FOCUS, "mhfd_examine": EXAMINE})

    runner = ComputeRunner(
        ID, opened, batch=1, tasks=2, deadline_s=DEADLINE_S, clock=time.clock, background=time.background(0.1)
    )
    scored: list[int] = []
    for number in range(2):
        path = facility.image(f"{number}.tif", SHARP[:64, :64])
        runner.submit(Batch(str(number), (Job(number, path, UNSEEN, 0, Params()),)))
        until = time.now + 10 * DEADLINE_S
        while time.now < until and runner.held:
            scored += [event.id for event in runner.events(1.0) if isinstance(event, Scored)]
    runner.close()
    assert scored == [0, 1]
    assert far[0].submitted == (2 if works else 3)
