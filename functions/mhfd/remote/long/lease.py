"""One turn's hold on a piece of work: kept alive, and given up when another one has it or nobody wants it.

While a turn lasts a thread touches its claim and says how far the work is. What ends a function is raised in the
function's own thread, where it saves or says how far it is.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mhfd.contract.work import Progress
from mhfd.remote.long.claims import Claims
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.machine import HostMachine
from mhfd.remote.refusal import Refusal

CANCEL: Final = "cancel"
"""The file that says that nobody wants the work any more."""
_PROGRESS: Final = "progress-"


class LetGo(BaseException):
    """A function is to end here. No `Exception`: what takes errors for a part of the work must not catch it."""


class TurnOver(LetGo):
    """... since its turn is over; it is called again."""


class CancelHeard(LetGo):
    """... since nobody wants its work any more."""


class LeaseLost(LetGo):
    """... since another one has its work."""


class WorkLease:
    """The hold of the claim of this number."""

    def __init__(self, disk: WorkDisk, claims: Claims, machine: HostMachine, number: int) -> None:
        self.number = number
        self.progress: Progress | None = None
        self._disk, self._claims, self._machine = disk, claims, machine
        self._alive_at = machine.monotonic()
        self._cancelled = self._lost = False
        self._told: Progress | None = None
        self._one = threading.Lock()

    def pulse(self) -> None:
        """Say that the work is alive and how far it is; look whether it is still ours, and wanted. Or a `Refusal`."""
        with self._one:
            if self._claims.highest() != self.number:
                self._lost = True
                return
            self._claims.touch(self.number)
            self._alive_at = self._machine.monotonic()
            self._cancelled = self._cancelled or self._disk.time_of(CANCEL) is not None
            self._tell()

    def _tell(self) -> None:
        told = self.progress
        if told is None or told is self._told:
            return
        self._told = told
        with contextlib.suppress(Refusal):  # a full disk: it is the work that needs the room
            self._disk.put(f"{_PROGRESS}{self.number:06}", told.model_dump_json().encode(), lasting=False)

    def must_hold(self) -> None:
        """By the disk, now."""
        self.pulse()
        if self._lost:
            raise LeaseLost

    def hear(self) -> None:
        """What was found by the last heartbeat. Where there was none for too long, look: this process was stopped."""
        if self._machine.monotonic() - self._alive_at > self._claims.times.lease_s:
            self.pulse()
        if self._lost:
            raise LeaseLost
        if self._cancelled:
            raise CancelHeard

    @contextmanager
    def kept(self) -> Iterator[None]:
        """It is kept alive as long as this lasts."""

        def beat() -> None:
            with contextlib.suppress(Refusal):  # the disk may be back by the next one
                self.pulse()

        try:
            with self._machine.meanwhile(beat, every_s=self._claims.times.beat_s):
                yield
        finally:
            with contextlib.suppress(Refusal):  # then it ends by itself
                self._claims.let_go(self.number)


def told(disk: WorkDisk, number: int) -> Progress | None:
    """How far the work is, as the turn of that number says."""
    data = disk.read(f"{_PROGRESS}{number:06}")
    try:
        return None if data is None else Progress.model_validate_json(data)
    except ValueError:
        return None
