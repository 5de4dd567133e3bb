"""The stand-in as a whole: one server that is Compute and Auth, in front of a broker."""

from __future__ import annotations

from typing import Any, Self

from tests.rigs.globus import compute_routes
from tests.rigs.globus.broker import Broker
from tests.rigs.globus.compute_state import ComputeState
from tests.rigs.globus.stand_ins import StandIns
from tests.rigs.globus.web import Fault, Log, Outcome, Server

REAL_RATE = (20, 10.0)
"""The real service answers 429 to more than 20 requests in 10 s."""


class Service:
    """Started by `with`. Others' stand-ins add their routes to `server`."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.compute = ComputeState(broker.url)
        self.server = Server()
        self.globus = StandIns(self.server)
        self.globus.tasks = self.compute.tasks
        compute_routes.add_routes(self.server, self.compute)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def log(self) -> Log:
        return self.server.log

    def fail(self, match: str, outcome: Outcome, times: int = 1, **how: Any) -> Fault:
        """Make the next requests that match go wrong: see `web.Fault`."""
        return self.server.fail(match, outcome, times, **how)

    def limit_rate(self) -> None:
        """From now on, no more requests than the real service takes."""
        self.server.rate = REAL_RATE

    def reset(self) -> None:
        """Well again, with an empty log. What is registered stays."""
        self.server.reset()
        self.globus.reset()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.globus.close()
        self.server.close()
        self.compute.close()
