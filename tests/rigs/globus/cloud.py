"""All of it at once: broker, stand-in and a real endpoint, for demos, benchmarks and use by hand.

As a program: `python -m tests.rigs.globus.cloud --dir DIR` says in one line of JSON where it is and what environment
reaches it, and stays until SIGTERM, Ctrl-C, or the end of the process that started it. It measures and tests nothing
itself.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mhfd_endpoint import fast_results
from tests.rigs.globus.broker import HOW, Broker, installed
from tests.rigs.globus.child_endpoint import ChildEndpoint, Engine
from tests.rigs.globus.leash import hold
from tests.rigs.globus.link import Link
from tests.rigs.globus.sdk import code_path, variables
from tests.rigs.globus.service import Service


@dataclass(frozen=True, slots=True)
class Cloud:
    """What runs. `url` is the web service as clients reach it, by way of the delay where there is one."""

    folder: Path
    url: str
    broker: Broker
    service: Service
    endpoint: ChildEndpoint

    @property
    def env(self) -> dict[str, str]:
        """What a process needs in its environment to reach it. Logins and ids of functions stay in the folder, too."""
        state = {"XDG_STATE_HOME": str(self.folder / "client")}
        return variables(self.url, self.folder / "globus") | state | {"PYTHONPATH": code_path()}

    def as_json(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "endpoint": self.endpoint.id,
            "data": str(self.endpoint.root),
            "log": str(self.endpoint.log),
            "env": self.env,
            "pids": {"cloud": os.getpid(), **self.broker.pids, "endpoint": self.endpoint.process.pid},
        }


@contextmanager
def cloud(
    folder: Path,
    *,
    data: Path | None = None,
    kind: Engine = "workers",
    delay_ms: float = 0,
    fast: bool = False,
) -> Iterator[Cloud]:
    """While this holds, it is there.

    Args:
        folder: Everything is kept below it.
        data: What the endpoint may read; a new folder by default.
        kind: What runs the tasks: a real worker process, or a thread of the endpoint.
        delay_ms: Added to each round trip from clients and from endpoints to the services.
        fast: The endpoint sends results at once, as `mhfd endpoint init --fast-results` makes it.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(folder / "broker"))
        service = stack.enter_context(Service(broker))
        url = service.url
        if delay_ms:
            web, messages = (
                stack.enter_context(Link.to(to, delay_ms=delay_ms / 2)) for to in (service.url, broker.url)
            )
            url = web.through(url)
            service.compute.endpoint_url = service.compute.client_url = messages.through(broker.url)
        program = str(fast_program(folder)) if fast else fast_results.PROGRAM
        endpoint = ChildEndpoint(service, folder / "endpoints", kind=kind, root=data, program=program)
        yield Cloud(folder, url, broker, service, stack.enter_context(endpoint))


def fast_program(folder: Path) -> Path:
    """The wrapper that administrators may install, installed here."""
    made = folder / "bin" / fast_results.PROGRAM
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(f"#!{sys.executable}\n{Path(fast_results.__file__).read_text()}")
    made.chmod(0o755)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.rigs.globus.cloud", description="Globus Compute on loopback."
    )
    parser.add_argument("--dir", type=Path, required=True, help="a folder for everything it keeps")
    parser.add_argument("--data", type=Path, help="the folder that tasks may read and write; default: a new one")
    parser.add_argument("--kind", choices=["workers", "thread"], default="workers", help="what runs the tasks")
    parser.add_argument("--delay-ms", type=float, default=0, help="added to each round trip to the services")
    parser.add_argument("--fast-results", action="store_true", help="the endpoint sends results at once")
    args = parser.parse_args()
    if installed() is None:
        sys.exit(HOW)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    hold(os.getppid())
    with cloud(args.dir, data=args.data, kind=args.kind, delay_ms=args.delay_ms, fast=args.fast_results) as running:
        sys.stdout.write(f"{json.dumps(running.as_json())}\n")
        sys.stdout.flush()
        while True:
            signal.pause()


def _end(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # it is ending
    sys.exit(0)


if __name__ == "__main__":
    main()
