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


Call = Callable[[UUID, dict[str, Any], Future[Any]], object]
"""Has a function answer: by its id, with these arguments, into that future."""


class Here:
    """As `EndpointService`. `later`: what is handed over has arrived, and can be called."""

    def __init__(
        self, sent: Callable[[list[Task]], None], call: Call, later: Callable[[Callable[[], None]], object]
    ) -> None:
        self._sent, self._call, self._later = sent, call, later
        self.group: UUID | None = None

    def group_for_more(self) -> UUID | None:
        return self.group

    def submit(self, function: UUID, arguments: Mapping[str, Any]) -> Task:
        future: Future[Any] = Future()
        task = Task(future, ID)

        def arrived() -> None:
            self.group = UUID(int=9)
            future.task_id = str(uuid.uuid4())  # type: ignore[attr-defined]  # as the SDK's
            self._sent([task])
            self._call(function, dict(arguments), future)

        self._later(arrived)
        return task

    def status(self) -> EndpointStatus:
        return EndpointStatus(True, "online")

    def close(self) -> None:
        """It listens to nothing."""


def over_the_wire(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What a function answers, with JSON both ways."""
    return json.loads(json.dumps(function(**json.loads(json.dumps(arguments)))))


def here(
    time: VirtualTime, sent: Callable[[list[Task]], None], functions: Mapping[str, Callable[..., Any]]
) -> CallableEndpoint:
    """As a runner calls it: these functions, by their names, a tenth of a second after they are called."""
    ids = {name: UUID(int=number) for number, name in enumerate(functions, 2)}
    named = {id_: functions[name] for name, id_ in ids.items()}

    def call(function: UUID, arguments: dict[str, Any], future: Future[Any]) -> None:
        future.set_result(over_the_wire(named[function], arguments))

    return CallableEndpoint(cast("EndpointService", Here(sent, call, lambda do: time.after(0.1, do))), ids)
