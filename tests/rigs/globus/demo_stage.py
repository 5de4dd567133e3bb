"""What both demos stand on: an endpoint as an administrator sets it up, and words for whoever looks on.

A demo says what it does and what it waits for. Where one of its programs ends as it should not, it says which, with the
exit code and the last lines of it, and ends with exit code 1.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.rigs.globus import unprivileged
from tests.rigs.globus.broker import HOW, installed
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.loopback import called, loopback
from tests.rigs.globus.processes import Program
from tests.rigs.globus.service import Service

MHFD: Final = str(Path(sys.executable).with_name("mhfd"))
LEAST_S: Final = 3.0
"""Between two lines of what is waited for."""
AGAIN_S: Final = 10.0
"""After so long the same line is said again, then after twice as long, and so on."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}{os.linesep}")
    sys.stdout.flush()


def played(demo: Callable[[Path], int]) -> int:
    """The exit code of a demo, in a folder of its own; 2 when this machine lacks what it needs."""
    if installed() is None:
        sys.stderr.write(f"{HOW}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends, too
    with tempfile.TemporaryDirectory(prefix="mhfd-demo-", ignore_cleanup_errors=True) as scratch:
        try:
            return demo(Path(scratch))
        except AssertionError as e:  # of a program, or of something that never came
            say(f"FAILED: {e}")
            return 1


@contextmanager
def far_away(folder: Path) -> Iterator[tuple[Service, CoreEndpoint]]:
    """The services, and an endpoint made from the template that we ship, by the commands of its how-to. It is warm."""
    way, why_not = unprivileged.way()
    if way is None:
        raise AssertionError(f"{why_not}: run it as another user")
    say("a broker (RabbitMQ) and stand-ins of Globus' web services: starting, some 5 s ...")
    with loopback(folder) as service, unprivileged.home(way) as home:
        say("an endpoint, as its administrator sets it up, some 10 s:")
        with CoreEndpoint(service, home, way, tell=lambda line: say(f"  {line}")) as endpoint:
            say("the endpoint is online; the first task starts a process and a worker, some 10 s ...")
            with called(endpoint, functions=endpoint.functions) as calls:
                calls.echo(1)
            yield service, endpoint


def typed(name: str, *arguments: str, env: Mapping[str, str], folder: Path) -> Program:
    """A command of mhfd, started; what it says is kept below `folder`."""
    return Program([MHFD, *arguments], env=env, cwd=folder, output=folder / f"{arguments[0]}.out", name=name)


class Waiting:
    """Says how far it is and what is waited for: when that changes, and ever more rarely while it does not."""

    def __init__(self, tell: Callable[[str], None] = say, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._words, self._since, self._told, self._again = "", clock(), float("-inf"), AGAIN_S

    def on(self, words: str) -> None:
        now = self._clock()
        if now - self._told < LEAST_S:
            return
        if words != self._words:
            self._words, self._since, self._again = words, now, AGAIN_S
            self._tell(f"  {words}")
        elif now - self._since >= self._again:
            self._tell(f"  ... for {now - self._since:.0f} s now: {words}")
            self._again *= 2
        else:
            return
        self._told = now
