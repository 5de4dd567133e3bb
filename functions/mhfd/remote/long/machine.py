"""The machine that a turn runs on: its processes, told so that one can know at once that another is gone; its clock.

A process is known by the boot of its machine, its namespace of processes, its number there and the moment it started.
Of one in another namespace or on another machine nothing is known here: see `claims`.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from mhfd.contract.base import Wire

_DEAD: Final = {"Z", "X", "x"}
_LAST_WORD_S: Final = 5.0
"""Nobody waits longer for what hangs in a file system that is away."""
_here: set[str] = set()
"""The turns that are under way in this very process."""


class Holder(Wire):
    """A process, and which of its turns."""

    host: str
    boot: str | None
    namespace: str | None
    pid: int
    started: str | None
    turn: str


class HostMachine:
    """See the module."""

    # -- its clock

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Until they are over."""
        time.sleep(seconds)

    @contextmanager
    def meanwhile(self, do: Callable[[], None], *, every_s: float) -> Iterator[None]:
        """As long as this lasts, do that in a thread of its own."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(every_s):
                do()

        thread = threading.Thread(target=go_on, name="holds the work", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_LAST_WORD_S)

    # -- its processes

    def begin(self) -> Holder:
        """This process, in a turn of its own."""
        turn = secrets.token_hex(8)
        _here.add(turn)
        pid = os.getpid()
        return Holder(
            host=socket.gethostname(),
            boot=_boot(),
            namespace=_namespace(),
            pid=pid,
            started=_started(pid),
            turn=turn,
        )

    def end(self, holder: Holder) -> None:
        """A turn of this process is over."""
        _here.discard(holder.turn)

    def gone(self, holder: Holder) -> bool:
        """Whether it is known that this holder does nothing more."""
        if holder.boot is None or (holder.boot, holder.namespace) != (_boot(), _namespace()):
            return False
        if holder.pid == os.getpid() and holder.started == _started(holder.pid):
            return holder.turn not in _here
        try:
            os.kill(holder.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # another account's
            return False
        started = _started(holder.pid)
        return started is not None and (started == "" or started != holder.started)


def _started(pid: int) -> str | None:
    """When a process started, in ticks since boot; empty of one that is dead; None where it cannot be known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    if len(fields) < 20:
        return None
    return "" if fields[0] in _DEAD else fields[19]


@cache
def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None


@cache
def _namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
