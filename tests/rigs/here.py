"""An endpoint without a service: its functions run in this process, in virtual time, with JSON both ways."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, cast
from uuid import UUID

from benchmarks._virtual_time import VirtualTime

from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.service import EndpointService, EndpointStatus, Task

ID: Final = UUID(int=1)


class Here:
    """An endpoint in this process: the real functions, a tenth of a second after they are called."""

    def __init__(
        self, time: VirtualTime, sent: Callable[[list[Task]], None], functions: Mapping[UUID, Callable[..., Any]]
    ) -> None:
        self._time, self._sent, self._functions = time, sent, functions
        self.group: UUID | None = None

    def group_for_more(self) -> UUID | None:
        return self.group

    def submit(self, function: UUID, arguments: dict[str, Any]) -> Task:
        future: Future[Any] = Future()
        task = Task(future, ID)

        def arrived() -> None:
            self.group = UUID(int=9)
            future.task_id = str(uuid.uuid4())  # type: ignore[attr-defined]  # as the SDK's
            self._sent([task])
            future.set_result(json.loads(json.dumps(self._functions[function](**json.loads(json.dumps(arguments))))))

        self._time.after(0.1, arrived)
        return task

    def status(self) -> EndpointStatus:
        return EndpointStatus(True, "online")

    def close(self) -> None:
        pass


def here(
    time: VirtualTime, sent: Callable[[list[Task]], None], functions: Mapping[str, Callable[..., Any]]
) -> CallableEndpoint:
    """As a runner calls it: these functions, by their names."""
    ids = {name: UUID(int=number) for number, name in enumerate(functions, 2)}
    service = Here(time, sent, {ids[name]: function for name, function in functions.items()})
    return CallableEndpoint(cast("EndpointService", service), ids)
