"""A file server, hosts and workers that are pretended, so that every order of what they do can be tried.

Each asker is a thread, and one runs at a time: before anything that it does to a file it waits to be let on. It can be
killed there, and never writes again; left there for hours, as one that is stopped; its clock can be wrong, its disk
full. What is asked is the real `AskedWork`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkRequest
from mhfd.remote.ledger import Ledger
from mhfd.remote.long.asked import AskedWork, LongVerb, WorkSeen
from mhfd.remote.long.claims import Claims, LeaseTimes
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.machine import Holder, HostMachine
from mhfd.remote.long.turn import LongWork
from mhfd.remote.refusal import Refusal, problem
from mhfd.site import Site

STEPS: Final = 5
_LIMIT_S: Final = 60.0


class Killed(BaseException):
    """This worker is no more."""


@dataclass
class World:
    """What all share."""

    now: float = 1e6
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    folders: dict[str, list[int]] = field(default_factory=dict)
    open: list[list[int]] = field(default_factory=list)
    full: bool = False
    askers: list[Asker] = field(default_factory=list)
    saved: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each save that returned: when it had looked last whether the work is its own; its turn, its place."""
    steps: int = 0
    turns: int = 0

    def ask(self, host: str, *, skew_s: float = 0.0, cancel: bool = False) -> Asker:
        """Somebody asks, on that host, whose clock is so wrong."""
        self.askers.append(Asker(self, host, skew_s, cancel))
        return self.askers[-1]

    def alive(self) -> list[Asker]:
        """Who has not ended."""
        return [one for one in self.askers if not one.over]

    def close(self) -> None:
        """Nobody is left."""
        for one in self.alive():
            one.kill()


class Asker:
    """One task on a worker."""

    def __init__(self, world: World, host: str, skew_s: float, cancel: bool) -> None:
        self.world, self.host, self.skew_s = world, host, skew_s
        self.killed = self.over = False
        self.said: WorkAnswer | None = None
        self.refused: Refusal | None = None
        self.broken: Exception | None = None
        self.turns: set[str] = set()
        self.beat: Callable[[], None] | None = None
        self.beat_s = self._beat_at = 0.0
        self.looked = 0
        self.paused_s = 0.0
        """So long its whole machine was paused: its own clock does not know."""
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(cancel,), daemon=True)
        self._thread.start()
        self._wait()

    def go_on(self, steps: int = 1) -> None:
        """It is let on, so many times."""
        for _ in range(steps):
            if not self.over:
                self._go.release()
                self._wait()

    def kill(self) -> None:
        """As `kill -9`: whatever it was about to write is not written."""
        self.killed = True
        self.go_on(1)

    def step(self) -> None:
        """Here it waits to be let on."""
        if self.killed:
            raise Killed
        self._paused.release()
        self._go.acquire()
        if self.killed:
            raise Killed
        self.world.steps += 1

    def _compute(self) -> None:
        """It works for a while, and says so when it is time."""
        self.step()
        if self.beat is not None and self.world.now - self.paused_s - self._beat_at >= self.beat_s:
            self._beat_at = self.world.now - self.paused_s
            self.beat()

    def _wait(self) -> None:
        assert self._paused.acquire(timeout=_LIMIT_S), "it hangs"

    def _run(self, cancel: bool) -> None:
        try:
            self.step()
            self.said = self._asked(WorkRequest(key="a", into="/out", cancel=cancel, turn_s=30.0))
        except Refusal as e:
            self.refused = e
        except Killed:
            self.killed = True
        except Exception as e:
            self.broken = e
        finally:
            self.over = True
            self._paused.release()

    def _asked(self, request: WorkRequest) -> WorkAnswer:
        disk, machine = PretendDisk(self), PretendMachine(self)
        claims = SeenClaims(disk, machine, LeaseTimes())
        claims.asker = self
        verb = LongVerb("mhfd_count", WorkRequest, self._counted)
        ledger, seen = Ledger("mhfd_count", {}), WorkSeen("a", 0)
        return AskedWork(verb, request, Site(), ledger, disk, "/out/a", seen, claims, machine).answer()

    def _counted(self, _request: WorkRequest, work: LongWork) -> dict[str, Any]:
        """Counts, and writes each number to a file of its own."""
        at, kept = int(work.saved() or b"0"), self.world.open[int(work.folder.name)]
        self._compute()
        assert len(kept) >= at, "what was kept before a checkpoint is not there after it"
        del kept[at:]  # what was written after the last checkpoint
        while at < STEPS:
            self._compute()
            kept.append(at)
            self._compute()
            at += 1
            work.save(b"%d" % at, at)
            self.world.saved.append((self.looked, work._lease.number, at))
            work.beat(at)
        self._compute()
        return {"kept": list(kept)}


class SeenClaims(Claims):
    """Says when it was looked at."""

    asker: Asker

    def highest(self) -> int:
        found = super().highest()
        self.asker.looked = self.asker.world.steps
        return found


class PretendMachine(HostMachine):
    """Its clock is the world's; of its processes it knows those of its host."""

    def __init__(self, asker: Asker) -> None:
        self._asker, self._world = asker, asker.world

    def monotonic(self) -> float:
        return self._world.now - self._asker.paused_s

    def wait(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:
            self._asker.step()

    @contextmanager
    def meanwhile(self, do: Callable[[], None], *, every_s: float) -> Iterator[None]:
        """Now and then while the asker computes."""
        self._asker.beat, self._asker.beat_s = do, every_s
        try:
            yield
        finally:
            self._asker.beat = None

    def begin(self) -> Holder:
        self._world.turns += 1
        turn = str(self._world.turns)
        self._asker.turns.add(turn)
        return Holder(host=self._asker.host, boot="1", namespace="1", pid=1, started="1", turn=turn)

    def end(self, holder: Holder) -> None:
        if not self._asker.killed:
            self._asker.turns.discard(holder.turn)

    def gone(self, holder: Holder) -> bool:
        if holder.host != self._asker.host:
            return False
        return not any(holder.turn in one.turns and not one.killed for one in self._world.askers)


class PretendDisk(WorkDisk):
    """The file server, as one of its clients sees it."""

    def __init__(self, asker: Asker) -> None:
        super().__init__(-1)
        self._asker, self._world = asker, asker.world

    def _step(self) -> None:
        self._asker.step()

    def _time(self) -> float:
        return self._world.now + self._asker.skew_s

    def names(self) -> list[str]:
        self._step()
        return [*self._world.files, *self._world.folders]

    def read(self, name: str) -> bytes | None:
        self._step()
        found = self._world.files.get(name)
        return None if found is None else found[0]

    def time_of(self, name: str) -> int | None:
        self._step()
        found = self._world.files.get(name)
        return None if found is None else int(found[1] * 1e9)

    def now(self) -> int:
        self._step()
        return int(self._time() * 1e9)

    def put(self, name: str, data: bytes, *, lasting: bool = True) -> None:
        with self._written(name, data):
            self._step()
            self._world.files[name] = (data, self._time())

    def put_first(self, name: str, data: bytes) -> bool:
        with self._written(name, data):
            self._step()
            if name in self._world.files:
                return False
            self._world.files[name] = (data, self._time())
            self._step()
        return True

    @contextmanager
    def _written(self, name: str, data: bytes) -> Iterator[None]:
        """Under a temporary name, which a killed one leaves."""
        self._step()
        if self._world.full:
            raise Refusal(problem(Code.CANNOT_WRITE, "no room", "make some"))
        half = f".{name}.{id(data)}.tmp"
        self._world.files[half] = (data[: len(data) // 2], self._time())
        yield
        self._world.files.pop(half, None)

    def touch(self, name: str, at_ns: int | None = None) -> None:
        self._step()
        if name in self._world.files:
            time = self._time() if at_ns is None else at_ns / 1e9
            self._world.files[name] = (self._world.files[name][0], time)

    def drop(self, name: str) -> None:
        self._step()
        self._world.files.pop(name, None)

    @contextmanager
    def folder(self, name: str) -> Iterator[int]:
        self._step()
        self._world.open.append(self._world.folders.setdefault(name, []))
        yield len(self._world.open) - 1

    def move(self, name: str, to: str) -> None:
        self._step()
        self._world.folders[to] = self._folder(name)
        del self._world.folders[name]

    def copy(self, name: str, to: str) -> None:
        self._step()
        copied = list(self._folder(name))
        self._step()
        self._world.folders[to] = copied

    def drop_folder(self, name: str) -> None:
        self._step()
        self._world.folders.pop(name, None)

    def size(self, name: str) -> int:
        self._step()
        return len(self._folder(name))

    def _folder(self, name: str) -> list[int]:
        if name not in self._world.folders:
            raise Refusal(problem(Code.CANNOT_WRITE, "it is gone", "ask again"))
        return self._world.folders[name]
