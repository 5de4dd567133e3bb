"""The compute runner: an endpoint of Globus Compute, which may be slow, away, full, or forgetful.

What happens to an image, and why none is lost or scored twice into the journal: docs/explanation/remote-runner.md. It
decides what goes, and when; what a failure means is `compute.endings`'s and `compute.outcomes`'s, the SDK's ways are
`compute.service`'s, and what takes time is asked by a thread of its own (`runners.questions`).

Nothing that goes wrong there is raised: it becomes a `Health`, and is tried again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from mhfd_client.compute.callable_endpoint import CallableEndpoint, OpenEndpoint
from mhfd_client.compute.endpoint_health import LOOK_S, EndpointHealth
from mhfd_client.compute.flight import Flight, Part, WorkTask
from mhfd_client.compute.flying_images import FOCUS, FlyingImage, FlyingImages, ImagesTask
from mhfd_client.compute.lost_tasks import LostTasks
from mhfd_client.compute.outcomes import OutcomeRunner
from mhfd_client.compute.probe import Probe
from mhfd_client.compute.service import EndpointStatus, Task
from mhfd_client.compute.tasks_out import TasksOut
from mhfd_client.errors import ComputeError, ComputeRefused, FunctionError, GroupUnknown, StationError
from mhfd_client.runners import Batch, Job, Trouble
from mhfd_client.runners.background import THREADS, Background
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.pending import PendingWork
from mhfd_client.runners.questions import QuestionReply
from mhfd_client.runners.work import Work

log = logging.getLogger("mhfd.compute")

IDLE_LOOK_S: Final = 60.0


class ComputeRunner(OutcomeRunner):
    """Scores on an endpoint, and has works done there.

    Args:
        endpoint: Its id.
        open_endpoint: Reaches it; called in another thread, again and again until it does not raise.
        there: What the endpoint calls our files.
        ledger: File that remembers what is out.
        batch: Images of one task, at most.
        tasks: Tasks of images that are out at once: two for each GPU keep it busy. As many of works.
        together: Tasks that go in one request, once there is room for so many.
        deadline_s: A task that is silent for so long (and for what the images before it take) is given up and its
            images are asked again. Counted only while the endpoint is there and answers.
        attempts: Failures of its own before an image is set aside.
        backoff_s: Wait before an image is tried again; doubled with each failure.
        believes: For somebody who waits: what the endpoint says of an image is not asked again, and an image that fails
            alone is at fault though nothing else has gone well.
        give_up_s: Images come back unscored when the endpoint has been away for so long; nothing: they wait.
        background: The time of day, and whose threads wait and ask.
    """

    name = "compute"

    def __init__(
        self,
        endpoint: UUID,
        open_endpoint: OpenEndpoint,
        *,
        there: Callable[[str], str] = lambda path: path,
        ledger: Path | None = None,
        batch: int = 32,
        tasks: int = 4,
        together: int = 1,
        deadline_s: float = 120.0,
        attempts: int = 3,
        backoff_s: float = 1.0,
        believes: bool = False,
        give_up_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        background: Background = THREADS,
    ) -> None:
        self._flight, self._images = Flight(tasks=tasks, deadline_s=deadline_s), FlyingImages(batch)
        super().__init__(self._images, Condition(), clock, background)
        self._id, self._name_there, self._open_endpoint = endpoint, there, open_endpoint
        self._most, self._together, self._give_up = batch, together, give_up_s
        self._attempts, self._backoff, self._believes = attempts, backoff_s, believes
        self._ledger = TasksOut(ledger, endpoint)
        self._health = EndpointHealth(endpoint, self._condition, deadline_s, clock)
        self._probe = Probe(self._health, self.wake)
        self._lost = LostTasks(self._flight, lambda task: self._inbox.put(lambda: self._nameless(task)))
        self._questions = background.questions(lambda reply: self._inbox.put(lambda: self._replied(reply)))
        self._latest: CallableEndpoint | None = None  # the questions': opened, and maybe not heard of yet
        self._open_due = self._look_due = 0.0
        self._looked_at = -IDLE_LOOK_S
        self._tend()

    # -- the seam

    @property
    def _room(self) -> int:
        return self._images.batch * self._flight.most_tasks

    @property
    def given_up(self) -> bool:
        """Whether the endpoint has been away for longer than anybody wants to wait."""
        since = [s for kind in (Trouble.OFFLINE, Trouble.REFUSED) if (s := self._condition.since(kind)) is not None]
        return self._give_up is not None and bool(since) and self._clock() - min(since) >= self._give_up

    def _accept(self, batch: Batch) -> None:
        for one in batch.jobs:
            asked = self._asked(batch.token, one)
            self._table(asked).add(asked)

    def _asked(self, token: str, one: Job | Work) -> FlyingImage | PendingWork:
        if isinstance(one, Work):
            return PendingWork(token=token, work=one)
        return FlyingImage(self._name_there(one.path), token=token, job=one)

    def cancel(self, token: str) -> None:
        """Images that are out cannot be called back: their answer is left aside. Others of their tasks go again."""
        shared = [part for part in self._flight.out if any(one.token == token for one in part.open)]
        self._give_back(self._images.of(token), "cancelled")
        self._cancel_works(token)
        for part in shared:
            part.late = True
            self._again(part)

    def reattach(self, batch: Batch) -> bool:
        """Whether something of it was handed over. What became of that is found out, and asked again if nothing did."""
        asked = {one.id: self._asked(batch.token, one) for one in batch.jobs}
        seen: set[int] = set()
        for out in self._ledger.of(batch.token):
            mine = [asked[id_] for id_ in out.ids if id_ in asked]
            if not mine:
                self._ledger.done(out.part)
                continue
            group = None if out.group is None else UUID(out.group)
            kind: type[Part] = WorkTask if isinstance(mine[0], PendingWork) else ImagesTask
            self._flight.tasks_out.append(kind(mine, out.part, at=self._clock(), group=group, id=out.task, lost=True))
            seen.update(one.id for one in mine)
        if not seen and not batch.works:
            return False
        for id_, one in asked.items():
            if isinstance(one, PendingWork):
                one.asked = True
            self._table(one).add(one, wait=id_ not in seen)
        return True

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._questions.ask("close", self._let_go)
        self._questions.close()
        if self._there is not None:
            self._there.close()
        self._ledger.close()

    def _open(self) -> CallableEndpoint:
        self._latest = self._open_endpoint(lambda tasks: self._inbox.put(lambda: self._taken(tasks)))
        return self._latest

    def _let_go(self) -> None:
        """In the questions' thread, the last of all."""
        if self._latest is not None and self._latest is not self._there:
            self._latest.close()

    # -- tending

    def _alarm(self) -> float:
        now = self._clock()
        alarms = [1.0]
        if self._there is not None:
            for table, kind in ((self._images, ImagesTask), (self._works, WorkTask)):
                if table.waiting and self._free(kind) > 0:
                    pace, hold = self._health.pace.due(), self._health.hold_until - now
                    alarms.append(max(0.02, table.due() - now, pace, hold))
        return min(alarms)

    @property
    def _one_by_one(self) -> bool:
        return self._condition.worst in (Trouble.REFUSED, Trouble.FAILING)

    def _free(self, kind: type[Part]) -> int:
        """How many more tasks may be out."""
        return self._flight.free(kind, one_by_one=self._one_by_one)

    def _tend(self) -> None:
        if self._closed:
            return
        now = self._clock()
        if self._there is None:
            if now >= self._open_due:
                self._open_due = now + LOOK_S
                self._questions.ask("open", self._open)
        else:
            self._look(self._there, now)
            self._find(self._there, now)
            self._overdue(self._there, now)
            well = self._probe.tend(self._there, now) and not self._flight.tasks_out
            if well and self._condition.worst is Trouble.FAILING:
                self._condition.over(Trouble.FAILING)
            while self._hand_out(self._there, now):
                pass
        self._despair()
        self._out += self._condition.take()

    def _hand_out(self, there: CallableEndpoint, now: float) -> bool:
        """Send a request, if one may go."""
        if self._health.shut(now) or not self._health.pace.free:
            return False
        if there.far.group is None and (self._flight.out or self._probe.untaken):
            return False  # the first request makes the group by which all others are found
        parts = self._next_images(there, now) or self._next_work(there, now)
        if not parts:
            return False
        group = there.far.group_for_more()
        for part in parts:
            self._flight.tasks_out.append(part)
            for token in {one.token for one in part.asked}:
                self._ledger.sending(part.name, token, [one.id for one in part.asked if one.token == token], group)
        self._health.pace.spend()
        calls = [part.call for part in parts]  # all of them first: together, for the SDK to put them into one request
        tasks = [there.far.submit(there.functions[name], arguments) for name, arguments in calls]
        for part, task in zip(parts, tasks, strict=True):
            self._watch(part, task)
        return True

    def _next_images(self, there: CallableEndpoint, now: float) -> list[Part]:
        """Tasks of images that go in the next request."""
        free = self._free(ImagesTask)
        together = 1 if self._one_by_one else self._together
        if free < together or not self._images.waiting or not self._found_function(there, FOCUS):
            return []
        most = 1 if self._one_by_one else self._most
        parts: list[Part] = []
        while len(parts) < together and (images := self._images.next(now, most=most, free=free - len(parts))):
            parts.append(ImagesTask(images, at=now, says_version=self._images.says_version))
        return parts

    def _next_work(self, there: CallableEndpoint, now: float) -> list[Part]:
        """The first work that may go, whose function is known."""
        for work in self._works.waiting if self._free(WorkTask) > 0 else ():
            if work.due <= now and self._found_function(there, work.work.function):
                self._works.waiting.remove(work)
                work.asked = True
                return [WorkTask([work], at=now)]
        return []

    def _found_function(self, there: CallableEndpoint, name: str) -> bool:
        """Whether a function's id is known; else the service is asked."""
        if name not in there.functions:
            self._questions.ask(f"function {name}", partial(there.find, name))
        return name in there.functions

    def _taken(self, tasks: Sequence[Task]) -> None:
        """The service has these."""
        if self._together == 1:
            self._health.pace.give_back(max(0, len(tasks) - 1))  # they went together
        self._health.took()
        if self._probe.id is not None and (early := self._lost.named(self._probe.id)) is not None:
            self._probe.answered(early)
        group = None if self._there is None else self._there.far.group
        for part in [part for part in self._flight.tasks_out if part.task in tasks]:
            self._accepted(part, group)

    def _look(self, there: CallableEndpoint, now: float) -> None:
        """What does the service say of the endpoint?"""
        waits = bool(self._flight.out or self._probe.out)
        late = waits and now - self._health.heard_at > LOOK_S
        every = LOOK_S if self._condition.worst or late else IDLE_LOOK_S
        due = min(self._look_due, self._looked_at + every)
        if now >= due and self._health.pace.free and not self._questions.asks("status"):
            self._health.pace.spend()
            self._looked_at = now
            self._look_due = now + every
            self._questions.ask("status", there.far.status)

    def _find(self, there: CallableEndpoint, now: float) -> None:
        """Tasks that nobody listens for are looked up by their groups."""
        pace = self._health.pace
        if not self._flight.lost or now < self._lost.due or self._questions.asks("find") or pace.free < 2:
            return
        self._lost.due = now + LOOK_S
        groups = self._lost.groups(there.far.group)
        pace.spend(2 * len(groups))
        self._questions.ask("find", lambda: [(group, there.far.tasks(group)) for group in groups])

    def _overdue(self, there: CallableEndpoint, now: float) -> None:
        """Tasks that were silent for too long: has the service their answer? Then again."""
        if self._questions.asks("late") or self._condition.worst is Trouble.OFFLINE:
            return
        live_since = self._health.live_since
        late = self._flight.overdue(live_since, now)
        silent = [] if live_since is None else self._lost.silent(live_since, now)
        if (late or silent) and self._health.pace.free:
            self._health.pace.spend()
            ids = [id_ for id_ in [*(part.id for part in late), *(task.id for task in silent)] if id_ is not None]
            self._questions.ask("late", lambda: (late, silent, there.far.look(ids) if ids else {}))

    def _despair(self) -> None:
        """With somebody else to score meanwhile, images are not kept for an endpoint that is away."""
        if self.given_up and self._images:
            self._give_back(list(self._images), "the endpoint is away")

    # -- what was found out

    def _replied(self, reply: QuestionReply) -> None:
        self._questions.heard(reply)
        if self._closed:
            return
        if reply.error is not None:
            self._unanswered(reply.about, reply.error)
            return
        match reply.about:
            case about if about.startswith("function ") and self._there is not None:
                self._there.functions[about.split()[1]] = reply.value
            case "open":
                self._there = reply.value
                self._health.opened()
                self._look_due = self._clock()
            case "status":
                self._told(reply.value)
            case "find":
                self._found(reply.value)
            case "late":
                self._looked_up(*reply.value)

    def _unanswered(self, about: str, error: Exception) -> None:
        if not isinstance(error, ComputeError | StationError):
            log.error("%s: %s: %s", about, type(error).__name__, error, exc_info=error)
        if about == "find" and isinstance(error, GroupUnknown | ComputeRefused):
            for part in self._flight.lost:  # too long ago: it is asked again
                self._asked_again(part)
        elif isinstance(error, FunctionError) and about.startswith("function "):
            name = about.split()[1]
            works = [work for work in self._works if work.work.function == name]
            self._undone(ImagesTask([]) if name == FOCUS else WorkTask(works), error)
        elif about != "late":
            self._health.turned_away(error)

    def _told(self, status: EndpointStatus) -> None:
        now = self._clock()
        if not self._images.waiting and all(part.id is not None for part in self._flight.out):
            self._health.service_took()  # while a request has no answer yet, nobody knows whether it is taken
        if self._health.told(status, [part.silent_until for part in self._flight.out], self._probe.out):
            self._probe.ask_again(now, forget=True)
            for part in self._flight.out:
                if isinstance(part, WorkTask) and not part.lost:
                    part.late = True
                    self._again(part)  # the same question: whoever may have it still says so
        back_at = self._health.without_ours_since(status) if status.online else None
        for part in self._flight.out:
            if back_at is not None and part.at < back_at and not part.lost:
                part.at = min(part.at, now - 1e6)
                part.asked[0].tries = 0

    def _found(self, groups: Sequence[tuple[UUID, list[Task]]]) -> None:
        """What the service has of ours: by its name, or by what it will say."""
        self._condition.over(Trouble.OFFLINE)
        if self._health.live_since is None:  # or silence would not count, where nothing else is out that could answer
            self._probe.ask_again(self._clock())
        adopted, again = self._lost.found(groups, self._clock(), self._probe.id)
        for part, task in adopted:
            self._watch(part, task)
            self._begin(part)
        for part in again:
            self._asked_again(part)

    def _looked_up(self, late: Sequence[Part], silent: Sequence[Task], answers: Mapping[str, Any]) -> None:
        self._settled(*self._lost.looked_up(silent, answers))
        for part in late:
            if part not in self._flight.tasks_out or part.late:
                continue
            if part.id is not None and part.id in answers:
                self._returned(part, answers[part.id], by_itself=False)
                continue
            self._silent(part)
        for part in [part for part in self._flight.tasks_out if part.late and not part.open]:
            self._finish(part)
