"""The compute runner: an endpoint of Globus Compute, which may be slow, away, full, or forgetful.

What happens to an image, and why none is lost or scored twice into the journal: docs/explanation/remote-runner.md. It
decides which images go together, and when; what a failure means is `compute.outcomes`'s, the SDK's ways are
`compute.service`'s, and what takes time is asked by a thread of its own (`runners.questions`).

Nothing that goes wrong there is raised: it becomes a `Health`, and is tried again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from mhfd_client.compute.callable_endpoint import CallableEndpoint, OpenEndpoint
from mhfd_client.compute.endpoint_health import LOOK_S, EndpointHealth
from mhfd_client.compute.flight import Flight, FlyingImage, FlyingTask, request
from mhfd_client.compute.lost_tasks import LostTasks
from mhfd_client.compute.outcomes import OutcomeRunner
from mhfd_client.compute.probe import Probe
from mhfd_client.compute.service import EndpointStatus, Task
from mhfd_client.compute.tasks_out import TasksOut
from mhfd_client.errors import ComputeError, ComputeRefused, GroupUnknown, StationError
from mhfd_client.runners import Batch, Job, Trouble
from mhfd_client.runners.background import THREADS, Background
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.questions import QuestionReply

log = logging.getLogger("mhfd.compute")

IDLE_LOOK_S: Final = 60.0


class ComputeRunner(OutcomeRunner):
    """Scores on an endpoint.

    Args:
        endpoint: Its id.
        open_endpoint: Reaches it; called in another thread, again and again until it does not raise.
        there: What the endpoint calls our files.
        ledger: File that remembers what is out.
        batch: Images of one task, at most.
        tasks: Tasks that are out at once: two for each GPU keep it busy.
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
        self._flight = Flight(batch=batch, tasks=tasks, deadline_s=deadline_s)
        super().__init__(self._flight, Condition(), clock, background)
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
        return self._flight.batch * self._flight.most_tasks

    @property
    def given_up(self) -> bool:
        """Whether the endpoint has been away for longer than anybody wants to wait."""
        since = [s for kind in (Trouble.OFFLINE, Trouble.REFUSED) if (s := self._condition.since(kind)) is not None]
        return self._give_up is not None and bool(since) and self._clock() - min(since) >= self._give_up

    def _accept(self, batch: Batch) -> None:
        self._out += batch.unserved(self.name)
        for job in batch.images:
            self._flight.add(self._image(batch.token, job))

    def _image(self, token: str, job: Job) -> FlyingImage:
        return FlyingImage(self._name_there(job.path), token=token, job=job)

    def cancel(self, token: str) -> None:
        """What is out cannot be called back: its answer will be left aside. Images that share its tasks go again."""
        shared = [part for part in self._flight.out if any(image.token == token for image in part.open)]
        self._give_back(self._flight.of(token), "cancelled")
        for part in shared:
            part.late = True
            self._flight.again(part.open)

    def reattach(self, batch: Batch) -> bool:
        """Whether something of it was handed over. What became of that is found out, and asked again if nothing did."""
        images = {job.id: self._image(batch.token, job) for job in batch.images}
        seen: set[int] = set()
        for out in self._ledger.of(batch.token):
            mine = [images[id_] for id_ in out.ids if id_ in images]
            if not mine:
                self._ledger.done(out.part)
                continue
            group = None if out.group is None else UUID(out.group)
            self._flight.tasks_out.append(
                FlyingTask(mine, out.part, at=self._clock(), group=group, id=out.task, lost=True)
            )
            seen.update(image.job.id for image in mine)
        if not seen:
            return False
        for id_, image in images.items():
            self._flight.add(image, wait=id_ not in seen)
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
        if self._flight.waiting and self._there is not None and len(self._flight.out) < self._flight.most_tasks:
            alarms.append(max(0.02, self._flight.due() - now, self._health.pace.due(), self._health.hold_until - now))
        return min(alarms)

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
        flight, out = self._flight, len(self._flight.out)
        if self._health.shut(now) or not self._health.pace.free:
            return False
        one_by_one = self._condition.worst in (Trouble.REFUSED, Trouble.FAILING)
        if out and (one_by_one or there.far.group is None):
            return False
        if there.far.group is None and self._probe.untaken:
            return False  # the first request makes the group by which all others are found
        together = 1 if one_by_one else self._together
        if flight.most_tasks - out < together:
            return False
        group = there.far.group_for_more()
        parts: list[FlyingTask] = []
        while len(parts) < together and (images := flight.next(now, most=1 if one_by_one else self._most)):
            parts.append(FlyingTask(images, at=now, says_version=flight.says_version))
            flight.tasks_out.append(parts[-1])
            for token in {image.token for image in images}:
                ids = [image.job.id for image in images if image.token == token]
                self._ledger.sending(parts[-1].name, token, ids, group)
        if parts:
            self._health.pace.spend()
        requests = [request(part.images, says_version=part.says_version) for part in parts]
        tasks = [there.far.submit(there.focus, one) for one in requests]  # at once, for the SDK to put them together
        for part, task in zip(parts, tasks, strict=True):
            self._watch(part, task)
        return bool(parts)

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
        if self._health.live_since is None or self._questions.asks("late"):
            return
        late = self._flight.overdue(self._health.live_since, now)
        silent = self._lost.silent(self._health.live_since, now)
        if (late or silent) and self._health.pace.free:
            self._health.pace.spend()
            ids = [id_ for id_ in [*(part.id for part in late), *(task.id for task in silent)] if id_ is not None]
            self._questions.ask("late", lambda: (late, silent, there.far.look(ids) if ids else {}))

    def _despair(self) -> None:
        """With somebody else to score meanwhile, images are not kept for an endpoint that is away."""
        if self.given_up and len(self._flight):
            self._give_back([image for part in self._flight.tasks_out for image in part.open], "the endpoint is away")
            self._give_back(list(self._flight.waiting), "the endpoint is away")

    # -- what was found out

    def _replied(self, reply: QuestionReply) -> None:
        self._questions.heard(reply)
        if self._closed:
            return
        if reply.error is not None:
            self._unanswered(reply.about, reply.error)
            return
        match reply.about:
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
        elif about != "late":
            self._health.turned_away(error)

    def _told(self, status: EndpointStatus) -> None:
        now = self._clock()
        if not self._flight.waiting and all(part.id is not None for part in self._flight.out):
            self._health.service_took()  # while a request has no answer yet, nobody knows whether it is taken
        if self._health.told(status, [part.at for part in self._flight.out], self._probe.out):
            self._probe.ask_again(now, forget=True)
        back_at = self._health.without_ours_since(status) if status.online else None
        for part in self._flight.out:
            if back_at is not None and part.at < back_at and not part.lost:
                part.at = min(part.at, now - 1e6)
                part.images[0].tries = 0

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

    def _looked_up(self, late: Sequence[FlyingTask], silent: Sequence[Task], answers: Mapping[str, Any]) -> None:
        self._settled(*self._lost.looked_up(silent, answers))
        for part in late:
            if part not in self._flight.tasks_out or part.late:
                continue
            if part.id is not None and part.id in answers:
                self._returned(part, answers[part.id], by_itself=False)
                continue
            log.info("a task with %d images is silent: they are asked again", len(part.open))
            part.late = True
            self._probe.ask_again(self._clock())
            for image in part.open:
                image.tries += 1
            if len(part.images) == 1 and part.images[0].open and part.images[0].tries > 1:
                self._guilty(part.images[0], "gave no answer in time", self._health.reports)
            else:
                self._flight.again(part.open)
        for part in [part for part in self._flight.tasks_out if part.late and not part.open]:
            self._finish(part)
