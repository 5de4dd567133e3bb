"""A service that asks us to wait again and again is told about, whatever else it answers meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from benchmarks._virtual_time import VirtualTime

from mhfd.contract.params import Params
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService, EndpointStatus, Task
from mhfd_client.errors import ServiceBusy
from mhfd_client.runners import UNSEEN, Batch, Health, Job

ID, FOCUS, GROUP = (UUID(int=n) for n in (1, 2, 9))


class Busy:
    """Takes seconds to refuse each request, and says at any time that the endpoint is online."""

    group = GROUP

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def group_for_more(self) -> UUID:
        return GROUP

    def submit(self, function: UUID, arguments: dict[str, Any]) -> Task:
        future: Future[Any] = Future()
        self._time.after(7.0, lambda: future.set_exception(ServiceBusy("asks us to wait (429)", 1.0)))
        return Task(future, ID)

    def status(self) -> EndpointStatus:
        return EndpointStatus(True, "online")

    def close(self) -> None:
        pass


def test_a_status_says_nothing_of_a_request_that_has_no_answer_yet(tmp_path: Path) -> None:
    time = VirtualTime()

    def opened(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        return CallableEndpoint(cast("EndpointService", Busy(time)), {"mhfd_focus": FOCUS})

    runner = ComputeRunner(ID, opened, deadline_s=600.0, clock=time.clock, background=time.background(0.1))
    runner.submit(Batch("a", (Job(1, str(tmp_path / "a.tif"), UNSEEN, 0, Params()),)))
    told: list[str] = []
    while time.now < 60:
        told += [event.detail for event in runner.events(1.0) if isinstance(event, Health) and not event.ok]
    runner.close()
    assert any("(429)" in why for why in told), told
