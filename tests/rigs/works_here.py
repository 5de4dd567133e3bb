"""An endpoint in this process: the real functions, called in threads, with JSON both ways.

Above it everything is real: runner, driver, what is kept, notebook, command line.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import pytest

from mhfd import shim
from mhfd_client.compute.callable_endpoint import CallableEndpoint, OpenEndpoint
from mhfd_client.compute.service import EndpointService, Task
from mhfd_client.errors import EndpointOffline, FunctionNotAllowed
from mhfd_client.works import following
from tests.rigs.here import ID, Here, over_the_wire


class WorksHere:
    """What is asked of `ID`.

    Args:
        patch: Leads whoever reaches an endpoint here.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """Each call: of which function, with what."""
        self.options: list[dict[str, Any]] = []
        """What was chosen of its configuration, each time that it was reached."""
        self.answers: dict[str, Callable[..., Any]] = dict(shim.FUNCTIONS)
        self.online = True
        self.allowed: set[str] | None = None
        self._coming: list[threading.Thread] = []
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="works-here")
        patch.setattr(following, "reach", self._reached)

    def of(self, name: str) -> list[dict[str, Any]]:
        """What was asked of a function, in order."""
        self._all_come()
        return [request for one, request in self.asked if one == name]

    def close(self) -> None:
        self._all_come()
        self._pool.shutdown(cancel_futures=True)

    def _all_come(self) -> None:
        """Whoever asks twice leaves with the first answer: the other request may still be on its way."""
        for coming in tuple(self._coming):
            coming.join()

    @contextmanager
    def _reached(
        self, endpoint: UUID, function: str = "mhfd_focus", *, config: Mapping[str, Any] | None = None
    ) -> Iterator[OpenEndpoint]:
        assert endpoint == ID
        self.options.append(dict(config or {}))
        if not self.online:
            raise EndpointOffline(f"endpoint {endpoint} is offline: nothing was handed over")
        yield lambda sent: _callable(self, sent, [function])

    def identity(self, name: str) -> UUID:
        if self.allowed is not None and name not in self.allowed:
            raise FunctionNotAllowed(f"endpoint {ID} allows only the functions on its list, and {name} is not on it")
        return uuid.uuid5(ID, name)

    def come(self, arrived: Callable[[], None]) -> None:
        """What is handed over arrives a little later."""
        self._coming.append(threading.Thread(target=arrived))
        self._coming[-1].start()

    def call(self, function: UUID, arguments: dict[str, Any], future: Future[Any]) -> None:
        (name,) = [name for name in self.answers if uuid.uuid5(ID, name) == function]
        self.asked.append((name, arguments))
        self._pool.submit(self._answered, self.answers[name], arguments, future)

    @staticmethod
    def _answered(function: Callable[..., Any], arguments: dict[str, Any], future: Future[Any]) -> None:
        try:
            said = over_the_wire(function, arguments)
        except BaseException as error:  # as a worker's, whatever it is
            future.set_exception(error)
        else:
            future.set_result(said)


def _callable(here: WorksHere, sent: Callable[[list[Task]], None], functions: list[str]) -> CallableEndpoint:
    known = {name: here.identity(name) for name in functions}
    service = Here(sent, here.call, here.come)
    return CallableEndpoint(cast("EndpointService", service), functions=known, find=here.identity)
