"""The local runner: warm worker processes on this machine.

Decides which worker gets which image and what a failure means: an image whose worker dies, hangs or raises is tried
again alone in a worker, and when that fails as often as allowed it is set aside with a report that names it; the others
go on. A learned package that ends its worker or holds it up costs no report: the worker has given it before it asks. No
threads of its own touch its state: everything happens inside `submit`, `events` and `cancel`.
"""

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.request import Code
from mhfd.limits import Limits
from mhfd.threads import thread_count
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Scored, Started, Trouble, set_aside
from mhfd_client.runners.estimates.packages import AskedPackages
from mhfd_client.runners.estimates.speakers import Hearing, Speakers
from mhfd_client.runners.memory import ESTIMATING, allowed
from mhfd_client.runners.process import SetUp, Worker, WorkerReply

OVERDUE: Final = 2
"""Tries of an image that takes too long, at most: each costs a worker the whole time, and hardly one goes better."""
DEPTH: Final = 2  # images a worker has at hand: it need not wait for the station between two
STILLBORN: Final = 5  # so many workers in a row that died before they were ready: a person must act


@dataclass(slots=True, eq=False)
class _Task:
    token: str
    job: Job
    faults: int = 0
    due: float = 0.0  # not before, on the runner's clock
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class _Seat:
    """A place for a worker, and what the worker there has at hand, in its order."""

    worker: Worker | None = None
    ready: bool = False
    started: bool = False  # the first task is being scored
    since: float = 0.0  # when it last moved
    due: float = 0.0  # no new worker before
    doom: str | None = None  # why it was killed
    unpictured: bool = False  # its last picture was not kept
    hearing: Hearing | None = None  # an image is scored, and learned packages are asked about it
    titles: Mapping[str, str] | None = None  # of the packages that the worker asks, as it told
    tasks: deque[_Task] = field(default_factory=deque)


class LocalRunner:
    """Scores in worker processes.

    Args:
        workers: How many; nothing for one a core, or two when a GPU is used (one reads while the other computes).
        threads: Threads of each; nothing for its share of the cores.
        device: `auto` uses a GPU where there is one.
        deadline_s: A worker that takes longer over an image is killed.
        start_s: The same for its start.
        attempts: Tries before an image is set aside.
        backoff_s: Wait before the second try; doubled with each further one. Also between workers that do not start.
        memory_bytes: What a worker may take for an image; nothing for what the dearest one within the limits costs, or
            for the worker's share of the machine, if that is less.
        limits: How large an image may be; nothing for the usual ones.
        score: The scoring function, `module:function`, called with (path, params=, device=, threads=), and with
            `limits=` where some are given.
        thumbnails: A folder for small pictures of what was scored; the scoring function is then called with
            `thumbnail=` too, the file to write. Pictures that cannot be written are a trouble that is said once; what
            is said of the images is the same.
        packages: Learned packages that are asked about each image once it is scored; the scoring function is then
            called with `look=` too. One that takes too long is stopped, with its worker; the image keeps its report.
    """

    name = "local"
    outlives = False

    def __init__(
        self,
        *,
        workers: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        deadline_s: float = 120.0,
        start_s: float = 60.0,
        attempts: int = 2,
        backoff_s: float = 1.0,
        memory_bytes: int | None = None,
        limits: Limits | None = None,
        score: str | None = None,
        thumbnails: Path | None = None,
        packages: AskedPackages | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if device == "auto" and not any(Path("/dev").glob("nvidia[0-9]*")):
            device = "cpu"  # so that no worker looks for CUDA in vain
        cores = thread_count()
        workers = workers or (cores if device == "cpu" else 2)
        score = score or ("mhfd.api:score" if thumbnails is None else "mhfd_client.runners.thumbnails:score")
        pictures = None if thumbnails is None else os.fspath(thumbnails)
        memory = (memory_bytes or allowed(workers, limits or Limits())) + (ESTIMATING if packages else 0)
        told = None if limits is None else asdict(limits)
        asked = () if packages is None else (packages.names, os.fspath(packages.library), packages.instrument)
        self._set_up = SetUp(score, device, threads or max(1, cores // workers), memory, told, pictures, *asked)
        self._estimate_s = 0.0 if packages is None else packages.deadline_s
        self._speakers = Speakers()
        self._deadline, self._start_limit, self._attempts = deadline_s, start_s, attempts
        self._backoff = backoff_s
        self._clock = clock
        self._seats = [_Seat() for _ in range(workers)]
        self._waiting: deque[_Task] = deque()
        self._inbox: queue.SimpleQueue[WorkerReply | None] = queue.SimpleQueue()
        self._out: list[Event] = []
        self._stillborn = 0
        self._failure: str | None = None
        self._closed = False

    @property
    def capacity(self) -> int:
        return len(self._seats) * DEPTH * 2

    def submit(self, batch: Batch) -> None:
        if self._closed:
            raise RunnerError("local runner: it is closed and takes no more work")
        free = self.capacity - len(self._waiting) - sum(len(seat.tasks) for seat in self._seats)
        if len(batch.jobs) > free:
            raise RunnerError(f"local runner: {len(batch.jobs)} images for {free} free of {self.capacity} places")
        self._out += batch.unserved(self.name)
        self._waiting.extend(_Task(batch.token, job) for job in batch.images)
        self._tend()

    def events(self, timeout: float) -> Sequence[Event]:
        self._hear(0.0)  # what was said while nobody asked: a worker that has answered is not overdue
        self._tend()
        if not self._out and not self._failure and not self._closed:
            self._hear(timeout)
            self._tend()
        if not self._out and self._failure:
            raise RunnerError(self._failure)
        found, self._out = self._out, []
        return found

    def wake(self) -> None:
        self._inbox.put(None)

    def cancel(self, token: str) -> None:
        dropped = [task for task in self._waiting if task.token == token]
        self._waiting = deque(task for task in self._waiting if task.token != token)
        for seat in self._seats:
            if any(task.token == token for task in seat.tasks):  # what its worker has at hand cannot be taken back
                for task in seat.tasks:
                    task.cancelled |= task.token == token
                self._kill(seat, "cancelled")
        if dropped:
            self._out.append(Returned(token, tuple(task.job.id for task in dropped), "cancelled"))

    def reattach(self, batch: Batch) -> bool:
        return False  # workers die with the station

    def close(self) -> None:
        self._closed = True
        workers = [seat.worker for seat in self._seats if seat.worker is not None]
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()

    # -- hearing

    def _hear(self, timeout: float) -> None:
        """Wait for a reply, at most until the next deadline; then take all there are."""
        try:
            reply = self._inbox.get(timeout=max(0.0, min(timeout, self._next_alarm())))
            while True:
                if reply is not None:
                    self._heard(reply)
                reply = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _heard(self, reply: WorkerReply) -> None:
        seat = next(seat for seat in self._seats if seat.worker is reply.worker)
        seat.since = self._clock()
        match reply.kind:
            case "ready":
                seat.ready = True
                if self._stillborn:
                    self._stillborn = 0
                    self._out.append(Health(True, "workers start again"))
            case "started":
                seat.started = True
                self._out.append(Started(seat.tasks[0].token, reply.id, reply.at_ns))
            case "speakers":
                self._out += self._speakers.met(reply.payload, seat.hearing)
                seat.titles = None if seat.hearing is None else seat.hearing.titles
            case "asking" | "said" | "estimated":
                self._spoken(seat, reply)
            case "unpictured" | "pictured":
                self._pictured(seat, reply)
            case "ended":
                self._ended(seat, reply.worker.end)
            case "broken":
                self._failure = f"local runner: a worker cannot load {self._set_up.score}: {reply.payload.decode()}"
            case _:
                seat.started = False
                self._answered(seat.tasks.popleft(), reply, seat)

    def _spoken(self, seat: _Seat, reply: WorkerReply) -> None:
        """Nobody waits for it where the report was none."""
        if seat.hearing is None:
            return
        if reply.kind != "estimated":
            self._speakers.heard(seat.hearing, reply.kind, reply.payload)
            return
        self._out.append(seat.hearing.scored)
        seat.hearing = None

    def _pictured(self, seat: _Seat, reply: WorkerReply) -> None:
        """Said once, whichever worker finds out; over when they all keep theirs again."""
        before = any(one.unpictured for one in self._seats)
        seat.unpictured = reply.kind == "unpictured"
        now = any(one.unpictured for one in self._seats)
        if now and not before:
            why = f"small pictures are not kept ({reply.payload.decode()}); scores and verdicts are not touched by that"
            self._out.append(Health(False, why, Trouble.PICTURES))
        elif before and not now:
            self._out.append(Health(True, "small pictures are kept again", Trouble.PICTURES))

    def _answered(self, task: _Task, reply: WorkerReply, seat: _Seat) -> None:
        words = reply.payload.decode() if reply.kind not in ("scored", "measured") else ""
        match reply.kind:
            case "scored" | "measured":
                try:
                    report = FocusReport.model_validate_json(reply.payload)
                except ValidationError as e:
                    self._fault(task, f"gave a report that is not valid: {e.errors()[0]['msg']}")
                else:
                    scored = Scored(task.token, task.job.id, report, reply.at_ns)
                    if reply.kind == "scored":
                        self._out.append(scored)
                    else:  # it goes on once the packages have said their say
                        titles = self._speakers.titles if seat.titles is None else seat.titles
                        seat.hearing = Hearing(scored, titles)
            case "raised":
                self._fault(task, words)
            case "changed":
                self._out.append(Returned(task.token, (task.job.id,), words))
            case "unavailable":
                self._out.append(Returned(task.token, (task.job.id,), words, blame=True, code=Code.UNAVAILABLE))
            case _:  # "wrong": no image of this batch can be scored with these arguments
                self._failure = f"local runner: {words}"
                self._waiting.append(task)

    def _ended(self, seat: _Seat, how: str) -> None:
        if seat.hearing is not None:
            self._out += self._speakers.cut_off(seat.hearing, seat.doom or f"ended its worker ({how})")
            seat.hearing = None
        was_ready, doom, tasks = seat.ready, seat.doom, seat.tasks
        guilty = tasks[0] if tasks and seat.started else None
        seat.worker, seat.ready, seat.started, seat.doom, seat.tasks = None, False, False, None, deque()
        seat.titles = None
        if not was_ready and not self._failure:
            self._stillborn += 1
            seat.due = self._clock() + self._backoff * 2 ** (self._stillborn - 1)
            why = f"a worker ended before it was ready: {doom or how}"
            self._out.append(Health(False, why))
            if self._stillborn >= STILLBORN:
                self._failure = f"local runner: {STILLBORN} times in a row {why}"
        for task in reversed(tasks):
            if task.cancelled:
                self._out.append(Returned(task.token, (task.job.id,), "cancelled"))
            elif task is guilty and doom != "cancelled":
                self._fault(task, doom or f"killed its worker ({how})", most=OVERDUE if doom else None)
            else:
                self._waiting.appendleft(task)

    def _fault(self, task: _Task, why: str, *, most: int | None = None) -> None:
        task.faults += 1
        if task.faults >= min(self._attempts, most or self._attempts):
            times = f"set aside after {task.faults} tries: " if task.faults > 1 else "set aside: "
            report = set_aside(task.job.path, task.job.params, times + why)
            self._out.append(Scored(task.token, task.job.id, report, time.time_ns()))
        else:
            task.due = self._clock() + self._backoff * 2 ** (task.faults - 1)
            self._waiting.append(task)

    # -- tending

    def _tend(self) -> None:
        """Start missing workers, kill those that hang, hand out work."""
        if self._closed or self._failure:
            return
        now = self._clock()
        for seat in self._seats:
            if seat.worker is None and seat.due <= now:
                seat.worker, seat.since = Worker(self._set_up, self._inbox), now
            elif seat.worker is not None and now >= self._alarm(seat):
                self._kill(seat, self._overdue(seat))
        for depth in range(DEPTH):  # every worker gets its first before any gets its second
            for seat in self._seats:
                if seat.ready and not seat.doom and len(seat.tasks) == depth:
                    self._hand_out(seat, now)

    def _hand_out(self, seat: _Seat, now: float) -> None:
        if any(task.faults for task in seat.tasks):
            return  # a suspect is alone in its worker
        task = next((t for t in self._waiting if t.due <= now and not (t.faults and seat.tasks)), None)
        if task is None or seat.worker is None:
            return
        self._waiting.remove(task)
        if not seat.tasks and seat.hearing is None:
            seat.since = now
        seat.tasks.append(task)
        seat.worker.send(task.job, self._speakers.aside)

    def _kill(self, seat: _Seat, why: str) -> None:
        if seat.worker is not None and seat.doom is None:
            seat.doom = why
            seat.worker.kill()

    def _alarm(self, seat: _Seat) -> float:
        """When this worker has taken too long over what it does now."""
        if seat.doom or (seat.ready and not seat.tasks and seat.hearing is None):
            return float("inf")
        if seat.hearing is not None:
            return seat.since + self._estimate_s
        return seat.since + (self._deadline if seat.started else self._start_limit)

    def _overdue(self, seat: _Seat) -> str:
        if seat.hearing is not None:
            return f"took longer than {self._estimate_s:g} s"
        if seat.started:
            return f"took longer than {self._deadline:g} s; crop it, or raise deadline_s"
        return f"did not start within {self._start_limit:g} s"

    def _next_alarm(self) -> float:
        alarms = [self._alarm(seat) if seat.worker else seat.due for seat in self._seats]
        idle = any(seat.ready and not seat.tasks for seat in self._seats)
        alarms += [task.due for task in self._waiting if idle]
        return min(alarms) - self._clock()
