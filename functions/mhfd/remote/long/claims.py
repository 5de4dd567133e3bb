"""Whose a piece of work is: a list of claims, one file each, numbered, that only ever grows.

Who takes the work up puts the next number, which only one can (`placing.put_first`); the highest number counts, and
nothing else does. The same list ends the work: its last entry holds the answer, so there is one, and whoever lost the
work without knowing finds that number taken. A claim is whole from the moment it is there, and is never written again.

A claim is alive as long as it is touched. It is over when its holder said so (its time is 0), when its process is known
to be gone, or when it was not touched for `lease_s` and then, while somebody watched, for `watch_s` more. The watching
is for file systems whose times are those of each machine's own clock (Lustre).
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from mhfd.contract.base import SCHEMA_VERSION, Wire
from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.machine import Holder, HostMachine
from mhfd.remote.refusal import Refusal, problem

_NAME: Final = re.compile(r"claim-([0-9]{6,12})")
_SMALL: Final = {"begin", "claim", "progress"}
_KEPT: Final = 16
"""Claims that stay below the highest. So many must be added while a folder is listed before a reader could miss all."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long who is silent still has the work.

    A heartbeat costs a file server three small calls, so that hundreds of workers cost it nothing at one in 5 s. Six of
    them are lost before anybody looks closer, which a server that is started anew or a paused machine may take. Two and
    a bit are watched for.
    """

    beat_s: float = 5.0
    lease_s: float = 30.0
    watch_s: float = 12.0


class Claim(Wire):
    """One entry: a turn, or the end."""

    schema_version: Literal[1] = SCHEMA_VERSION
    function: str
    request: str
    """The hash of what is asked: the same key with another one is not the same work."""
    holder: Holder
    at_ns: int
    end: WorkAnswer | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """A claim where it stands. `said`: None where its file is damaged."""

    number: int
    said: Claim | None


class Claims:
    """The list of one piece of work."""

    def __init__(
        self,
        disk: WorkDisk,
        machine: HostMachine,
        times: LeaseTimes,
    ) -> None:
        self._disk, self._machine, self.times = disk, machine, times

    def highest(self) -> int:
        """The number that counts; 0: none yet."""
        return max(map(_number, self._disk.names()), default=0)

    def last(self) -> Numbered | None:
        """The claim that counts."""
        while number := self.highest():
            found = self.numbered(number)
            if found is not None:
                return found
        return None

    def numbered(self, number: int) -> Numbered | None:
        """That one, if it is still there."""
        data = self._disk.read(name_of(number))
        return None if data is None else Numbered(number, _read(data))

    def add(self, number: int, claim: Claim) -> bool:
        """The next one, and whether it counts: not where another was quicker, or the list has gone on long since."""
        data = json.dumps(claim.model_dump(mode="json")).encode() + b"\n"
        return self._disk.put_first(name_of(number), data) and self.highest() == number

    # -- is it alive?

    def touch(self, number: int) -> None:
        """It is alive now."""
        self._disk.touch(name_of(number))

    def let_go(self, number: int) -> None:
        """Its turn is over. Takes no room on a disk, so that it can be said on a full one."""
        self._disk.touch(name_of(number), 0)

    def surely_over(self, found: Numbered) -> bool:
        """Whether its holder does nothing more, by its own word or because it is gone."""
        if self._disk.time_of(name_of(found.number)) == 0:
            return True
        return found.said is not None and self._machine.gone(found.said.holder)

    def over(self, found: Numbered) -> bool:
        """Whether another one may take the work up. May watch for `watch_s`."""
        if self.surely_over(found):
            return True
        touched = self._disk.time_of(name_of(found.number))
        if touched is None:
            return False
        age_s = (self._disk.now() - touched) / 1e9
        if abs(age_s) < self.times.lease_s:
            return False
        # A time that lies ahead is another clock's: nothing is known of its age but what is seen from now on.
        return self._silent(found.number, touched, self.times.watch_s if age_s > 0 else self.times.lease_s)

    def _silent(self, number: int, touched: int, for_s: float) -> bool:
        until = self._machine.monotonic() + for_s
        while (left := until - self._machine.monotonic()) > 0:
            self._machine.wait(min(1.0, left))
            if self._disk.time_of(name_of(number)) != touched or self.highest() != number:
                return False
        return True

    def tidy(self, number: int) -> None:
        """Without the small files of turns far below this one, and what dead processes were about to write."""
        for name in self._disk.names():
            kind, _, turn = name.partition("-")
            if kind in _SMALL and turn.isdecimal() and int(turn) < number - _KEPT:
                self._disk.drop(name)
        self._disk.tidy()


def name_of(number: int) -> str:
    """Of a claim's file."""
    return f"claim-{number:06}"


def _number(name: str) -> int:
    """0: it is no claim's."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found is not None and name_of(int(found[1])) == name else 0


def _read(data: bytes) -> Claim | None:
    """None: damaged."""
    try:
        plain = json.loads(data)
        must_be_known(plain)
        return Claim.model_validate(plain)
    except (ValueError, ValidationError):
        return None


def must_be_known(plain: Any) -> None:
    """A `Refusal` where a newer mhfd wrote it: it is not damaged."""
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if type(version) is int and version > SCHEMA_VERSION:
        why = "that work was last taken up by a worker with a newer mhfd than this one"
        raise Refusal(problem(Code.INTERNAL, why, "ask the endpoint's administrator to upgrade all its workers"))
