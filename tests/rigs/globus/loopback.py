"""A whole Globus Compute on this machine, for demos and benchmarks: broker, stand-in, one endpoint, and calls to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

from mhfd_client.compute import registration
from mhfd_client.compute.quick_executor import STOCK_S
from mhfd_client.compute.service import FAST_S, EndpointService, client_of, let_go
from tests.rigs.globus.broker import Broker
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.link import Link
from tests.rigs.globus.sdk import forget_executors, redirected
from tests.rigs.globus.service import Service
from tests.rigs.globus.tidy import tidy_watchers

APART_S = 0.15
"""Between two calls: the SDK takes eight a second before it slows down."""


@contextmanager
def loopback(folder: Path, *, delay_ms: float = 0) -> Iterator[Service]:
    """The service, and this process redirected to it. `delay_ms`: each way, between clients and everything else."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(folder / "rabbitmq"))
        service = stack.enter_context(Service(broker))
        url = service.url
        if delay_ms:
            url = stack.enter_context(Link.to(url, delay_ms=delay_ms)).through(url)
            wire = stack.enter_context(Link.to(broker.url, delay_ms=delay_ms))
            service.compute.client_url = wire.through(broker.url)
        stack.enter_context(redirected(url, folder / "globus"))
        stack.enter_context(tidy_watchers())
        yield service
        forget_executors()


def fast_program(folder: Path) -> str:
    """The program that `mhfd endpoint init --fast-results` installs."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "globus-compute-endpoint"
    source = resources.files("mhfd_endpoint").joinpath("fast_results.py").read_text()
    program.write_text(f"#!{sys.executable}\n{source}")
    program.chmod(0o755)
    return str(program)


class Calls:
    """Calls of our functions on one endpoint, and how long they took."""

    def __init__(self, far: EndpointService, focus: UUID, examine: UUID) -> None:
        self.far, self._focus, self._examine = far, focus, examine

    def echo(self, count: int) -> list[float]:
        """Seconds of each of so many calls that do nothing, one after the other."""
        took = []
        for n in range(count):
            took.append(self._timed(self._examine, {"only_echo": True, "echo": "x"})[0])
            time.sleep(APART_S + 0.5 * (0.618 * n % 1))  # or all calls meet the polls at the same moment
        return took

    def focus(self, paths: list[str]) -> tuple[float, dict[str, Any]]:
        """Seconds, and the answer, of one request."""
        return self._timed(self._focus, {"paths": paths})

    def send(self, paths: list[str]) -> Any:
        """A request that is not waited for."""
        return self.far.submit(self._focus, {"paths": paths})

    def _timed(self, function: UUID, arguments: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        start = time.perf_counter()
        answer = self.far.submit(function, arguments).result(120)
        return time.perf_counter() - start, answer


@contextmanager
def called(
    endpoint: ChildEndpoint | CoreEndpoint,
    *,
    fast: bool = True,
    functions: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Calls]:
    """An endpoint, for whoever calls it as mhfd does.

    Args:
        endpoint: One that runs.
        fast: Results are looked at as mhfd does, and not as the SDK does.
        functions: The ids of ours, where they are registered.
        options: What a user asks of the endpoint's configuration.
    """
    client = client_of()
    far = EndpointService(client, UUID(endpoint.id), fast_poll_s=FAST_S if fast else STOCK_S, config=options)
    known = functions or {}
    ids = [
        UUID(known[name]) if name in known else registration.ensure(client, name)
        for name in ("mhfd_focus", "mhfd_examine")
    ]
    try:
        yield Calls(far, *ids)
    finally:
        far.close()
        let_go(client)
