"""The compute runner: an endpoint of Globus Compute, which may be slow, away, full, or forgetful.

What happens to an image, and why none is lost or scored twice into the journal: docs/explanation/remote-runner.md. It
decides which images go together, when, and what a failure means; the SDK's ways are `compute.service`'s, and what
takes time is asked by a thread of its own (`runners.questions`).

Nothing that goes wrong there is raised: it becomes a `Health`, and is tried again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd_client.compute.flight import Flight, FlyingImage, FlyingTask, request
from mhfd_client.compute.pace import Pace
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.service import EndpointStatus, Task
from mhfd_client.compute.tasks_out import TasksOut
from mhfd_client.errors import (
    ComputeError,
    ComputeRefused,
    EndpointOffline,
    GroupUnknown,
    RequestTooLarge,
    ServiceBusy,
    ServiceUnreachable,
    StationError,
    TaskFailed,
    TaskUnknown,
    TaskUnsent,
    WorkerLost,
)
from mhfd_client.runners import Batch, Job, Trouble
from mhfd_client.runners.answers import EndpointAnswer, Reason, read
from mhfd_client.runners.condition import Condition
from mhfd_client.runners.far import FarRunner
from mhfd_client.runners.questions import QuestionReply, QuestionThread

log = logging.getLogger("mhfd.compute")

LOOK_S: Final = 10.0  # how often we ask how the endpoint is, when something is wrong or late
IDLE_LOOK_S: Final = 60.0
HOLD_S: Final = 30.0  # between two tries of what was refused
QUEUED_S: Final = 15.0  # an endpoint that is there and has not begun after so long is said to be queued
GROUP_TASKS: Final = 200  # of one group: all are looked at when one is looked for
UNKNOWN_PACE_S: Final = 5.0  # what an image may take, as long as none has been seen
BLAMELESS: Final = {"too_many", "left_out"}
OURS: Final = {"out_of_memory", "out_of_time", "internal", "invalid", "refused_path"}  # an image's own fault, perhaps


class Far(Protocol):
    """What is used of `compute.service.Endpoint`."""

    @property
    def group(self) -> UUID | None: ...
    def submit(self, function: UUID, arguments: Mapping[str, Any]) -> Task: ...
    def status(self) -> EndpointStatus: ...
    def tasks(self, group: UUID) -> list[Task]: ...
    def look(self, ids: Sequence[str]) -> dict[str, Any]: ...
    def new_group(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CallableEndpoint:
    """The endpoint, and the functions that may be called there."""

    far: Far
    focus: UUID
    examine: UUID | None = None
    let_go: Callable[[], None] = lambda: None

    def close(self) -> None:
        self.far.close()
        self.let_go()


class ComputeRunner(FarRunner[FlyingImage]):
    """Scores on an endpoint.

    Args:
        endpoint: Its id.
        open_road: Reaches it; called in another thread, again and again until it does not raise. Gets what is to be
            called with the tasks that the service has taken.
        paths: What the endpoint calls our files.
        ledger: File that remembers what is out.
        batch: Images of one task, at most.
        tasks: Tasks that are out at once: two for each GPU keep it busy.
        deadline_s: A task that is silent for so long (and for what the images before it take) is given up and its
            images are asked again. Counted only while the endpoint is there and answers.
        attempts: Failures of its own before an image is set aside.
        backoff_s: Wait before an image is tried again; doubled with each failure.
        give_up_s: Images come back unscored when the endpoint has been away for so long; nothing: they wait.
    """

    name = "compute"

    def __init__(
        self,
        endpoint: UUID,
        open_road: Callable[[Callable[[list[Task]], None]], CallableEndpoint],
        *,
        paths: PathMap | None = None,
        ledger: Path | None = None,
        batch: int = 32,
        tasks: int = 4,
        deadline_s: float = 120.0,
        attempts: int = 3,
        backoff_s: float = 1.0,
        give_up_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(Condition(), clock)
        self._id, self._paths = endpoint, PathMap() if paths is None else paths
        self._open_road = open_road
        self._deadline, self._attempts, self._backoff, self._give_up = deadline_s, attempts, backoff_s, give_up_s
        self._ledger = TasksOut(ledger, endpoint)
        self._questions = QuestionThread(lambda reply: self._inbox.put(lambda: self._replied(reply)))
        self._pace = Pace(clock=clock)
        self._flight = Flight(batch=batch, tasks=tasks)
        self._most = batch  # images of a task, as far as it is known to go well
        self._road: CallableEndpoint | None = None
        self._latest: CallableEndpoint | None = None  # the questions': opened, and maybe not heard of yet
        self._lost: list[FlyingTask] = []  # out, but nobody listens for them; or nobody knows whether they are out
        self._strays: list[Task] = []  # tasks of ours that nobody knows the images of
        self._probe: Task | None = None
        self._probe_due: float | None = 0.0
        self._road_due = self._look_due = self._find_due = self._hold_until = 0.0
        self._live_since: float | None = None  # it has answered since it came (back)
        self._back_at = 0.0
        self._busy_since: float | None = None  # the service asks us to wait
        self._started: Any = None  # which start of the endpoint we know
        self._proofs = self._reports = self._in_group = 0
        self._heard_at = clock()
        self._per_image: float | None = None
        self._probe_at = 0.0
        self._looked_at = -IDLE_LOOK_S
        self._known: set[str | None] = set()  # tasks that are accounted for
        self._tend()

    # -- the seam

    @property
    def held(self) -> int:
        """Images that are here, in work or waiting."""
        return len(self._flight)

    @property
    def _room(self) -> int:
        return self._flight.batch * self._flight.tasks

    @property
    def given_up(self) -> bool:
        """Whether the endpoint has been away for longer than anybody wants to wait."""
        since = [s for kind in (Trouble.OFFLINE, Trouble.REFUSED) if (s := self._condition.since(kind)) is not None]
        return self._give_up is not None and bool(since) and self._clock() - min(since) >= self._give_up

    def _accept(self, batch: Batch) -> None:
        self._flight.add(self._image(batch.token, job) for job in batch.jobs)

    def _image(self, token: str, job: Job) -> FlyingImage:
        return FlyingImage(self._paths.there(job.path), token=token, job=job)

    def cancel(self, token: str) -> None:
        """What is out cannot be called back: its answer will be left aside. Images that share its tasks go again."""
        shared = [part for part in self._flight.out if any(image.token == token for image in part.open)]
        self._give_back(self._flight.of(token), "cancelled")
        for part in shared:
            part.late = True
            self._flight.again(part.open)

    def reattach(self, batch: Batch) -> bool:
        """Whether something of it was handed over. What became of that is found out, and asked again if nothing did."""
        images = {job.id: self._image(batch.token, job) for job in batch.jobs}
        seen: set[int] = set()
        for out in self._ledger.of(batch.token):
            mine = [images[id_] for id_ in out.ids if id_ in images]
            if not mine:
                self._ledger.done(out.part)
                continue
            group = None if out.group is None else UUID(out.group)
            self._lost.append(FlyingTask(mine, out.part, at=self._clock(), group=group, id=out.task))
            self._flight.parts.append(self._lost[-1])
            seen.update(image.job.id for image in mine)
        if not seen:
            return False
        self._flight.add((image for id_, image in images.items() if id_ in seen), wait=False)
        self._flight.add(image for id_, image in images.items() if id_ not in seen)
        return True

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._questions.ask("close", self._let_go)
        self._questions.close()
        if self._road is not None:
            self._road.close()
        self._ledger.close()

    def _open(self) -> CallableEndpoint:
        self._latest = self._open_road(self._sent)
        return self._latest

    def _let_go(self) -> None:
        """In the questions' thread, the last of all."""
        if self._latest is not None and self._latest is not self._road:
            self._latest.close()

    # -- hearing

    def _sent(self, tasks: list[Task]) -> None:
        """In a thread of the SDK's."""
        self._inbox.put(lambda: self._taken(tasks))

    def _watch(self, part: FlyingTask, task: Task) -> None:
        part.task = task
        task.then(lambda: self._inbox.put(lambda: self._ended(part, task)))

    def _taken(self, tasks: Sequence[Task]) -> None:
        """The service has these."""
        self._pace.give_back(max(0, len(tasks) - 1))  # they went together
        self._free()
        self._condition.over(Trouble.REFUSED)
        group = None if self._road is None else self._road.far.group
        for part in [part for part in self._flight.parts if part.task in tasks]:
            self._accepted(part, group)

    def _accepted(self, part: FlyingTask, group: UUID | None) -> None:
        if part.id is not None or part.task is None or part.task.id is None:
            return
        part.id, part.group = part.task.id, group
        self._ledger.taken(part.name, part.id, group)
        self._begin(part)

    def _begin(self, part: FlyingTask) -> None:
        for image in part.open:
            self._begun(image)

    def _ended(self, part: FlyingTask, task: Task) -> None:
        """A task is done, well or not."""
        if part.task is not task or part not in self._flight.parts:
            return
        self._accepted(part, part.group)
        try:
            answer = read(task.result(0.0), len(part.images))
        except ValueError as e:
            self._finish(part)
            self._ailing(part, TaskFailed(str(e)))
        except ComputeError as e:
            self._failed(part, e)
        else:
            self._finish(part)
            self._answered(part, answer)

    def _finish(self, part: FlyingTask) -> None:
        if part in self._flight.parts:
            self._flight.parts.remove(part)
        if part in self._lost:
            self._lost.remove(part)
        self._ledger.done(part.name)

    def _proven(self) -> None:
        """The endpoint has answered."""
        now = self._clock()
        self._proofs += 1
        self._heard_at = now
        if self._live_since is None:
            self._live_since = now
        self._free()
        self._condition.over(Trouble.QUEUED, Trouble.OFFLINE)

    def _free(self) -> None:
        """The service has taken or answered something."""
        if self._busy_since is not None:
            self._busy_since = None
            self._condition.over(Trouble.QUEUED)

    # -- what a task said

    def _answered(self, part: FlyingTask, answer: EndpointAnswer) -> None:
        self._proven()
        now = self._clock()
        if not part.late and part.id is not None and answer.reports:
            took = (now - max(part.at, self._live_since or part.at)) / len(part.images)
            self._per_image = took if self._per_image is None else 0.7 * self._per_image + 0.3 * took
        if answer.whole is not None:
            self._whole(part, answer.whole)
            return
        moments = self._moments(part, answer)
        if answer.reports:
            self._reports += len(answer.reports)
            self._condition.over(Trouble.FAILING, Trouble.REFUSED)
            self._hold_until = 0.0
        for index, image in enumerate(part.images):
            if index in answer.reports:
                self._scored(image, answer.reports[index], moments)
            elif image.open:
                self._unscored(part, image, answer.reasons.get(index) or Reason("left_out", "the endpoint left it out"))

    def _moments(self, part: FlyingTask, answer: EndpointAnswer) -> tuple[int | None, int]:
        """When work on a task began and ended, on this machine's clock.

        The worker's clock is believed as far as it agrees with ours; else the way there and back took equally long.
        """
        now = time.time_ns()
        if answer.worked is None or not part.at:
            return None, now
        began, ended = answer.worked
        sent = now - round((self._clock() - part.at) * 1e9)
        if not sent <= began <= ended <= now:
            way = max(0, (now - sent) - (ended - began)) // 2
            began, ended = sent + way, now - way
        return began, ended

    def _scored(self, image: FlyingImage, report: FocusReport, moments: tuple[int | None, int]) -> None:
        if report.params_id != image.job.params.id:
            if image.open:
                self._guilty(image, f"was scored with other parameters ({report.params_id})", self._reports)
            return
        began, ended = moments
        self._answer(image, report, str(self._id), ended, started_ns=began)

    def _unscored(self, part: FlyingTask, image: FlyingImage, reason: Reason) -> None:
        if part.late:
            return  # it waits or is out again already
        match reason.code:
            case "changed":
                self._give_back([image], str(reason.why))
            case "unavailable":
                self._give_back([image], str(reason.why), blame=True)
            case code if code in BLAMELESS and len(part.images) > 1:
                self._most = max(1, len(part.images) // 2)
                self._flight.again([image])
            case "refused_path" if not self._reports:
                self._refused(str(reason))
                self._flight.again([image])
            case code if code in OURS or len(part.images) == 1:
                self._guilty(image, str(reason.why), self._reports)
            case _:
                image.alone = True
                self._flight.again([image])

    def _whole(self, part: FlyingTask, reason: Reason) -> None:
        """The endpoint did not take the request at all."""
        if reason.code in BLAMELESS and len(part.images) > 1:
            self._most = max(1, len(part.images) // 2)
        else:
            self._refused(str(reason))
        if not part.late:
            self._flight.again(part.open)

    # -- what failed

    def _failed(self, part: FlyingTask, error: ComputeError) -> None:
        self._out_of_group(error)
        lost = isinstance(error, TaskUnknown) or (isinstance(error, ServiceUnreachable) and not part.late)
        if lost and part not in self._lost:
            part.task = None
            self._lost.append(part)  # it may be worked on
            self._find_due = min(self._find_due, self._clock())
            if isinstance(error, ServiceUnreachable):
                self._offline(str(error))
            return
        self._finish(part)
        if part.late:
            return
        match error:
            case TaskFailed():
                self._ailing(part, error)
            case RequestTooLarge() if len(part.images) > 1:
                self._most = max(1, len(part.images) // 2)
                self._flight.again(part.open)
            case RequestTooLarge():
                for image in part.open:
                    self._set_aside(image, f"could not be asked for: {error}")
            case _:
                self._turned_away(error)
                self._flight.again(part.open)

    def _turned_away(self, error: Exception) -> None:
        """The service took nothing."""
        match error:
            case ServiceBusy():
                self._pace.hold(error.wait_s)
                self._busy(str(error))
            case EndpointOffline() | ServiceUnreachable():
                self._offline(str(error))
            case GroupUnknown() | TaskUnsent():
                pass
            case _:
                self._refused(str(error))

    def _out_of_group(self, error: Exception) -> None:
        if isinstance(error, GroupUnknown) and self._road is not None:
            self._road.far.new_group()
            self._in_group = 0

    def _ailing(self, part: FlyingTask, error: TaskFailed) -> None:
        """A worker died of it, or the function failed: one of the images may be the reason, or none."""
        self._probe_due = self._clock()
        if part.late:
            return
        if not isinstance(error, WorkerLost):
            self._condition.on(Trouble.FAILING, f"{error}; it is tried again", self._clock())
        if len(part.images) > 1:
            for image in part.open:
                image.alone = True
            self._flight.again(part.open)
            return
        for image in part.open:
            proof = self._proofs if isinstance(error, WorkerLost) else self._reports
            self._guilty(image, f"makes the endpoint fail: {error}", proof)

    def _guilty(self, image: FlyingImage, why: str, proof: int) -> None:
        """It failed alone. That counts as its own fault as long as the endpoint does well otherwise."""
        image.alone = True
        image.tries += 1
        if image.failures == 0 or proof > image.proof:
            image.failures += 1
        image.proof = proof
        if image.failures >= self._attempts:
            self._set_aside(image, f"set aside after {image.failures} tries: {why}")
            return
        image.due = self._clock() + min(HOLD_S, self._backoff * 2.0 ** min(image.tries - 1, 10))
        self._flight.again([image], last=True)

    def _close(self, image: FlyingImage) -> bool:
        return self._flight.close(image)

    def _give_back(self, images: Sequence[FlyingImage], why: str, *, blame: bool = False) -> None:
        super()._give_back(images, why, blame=blame)
        for part in self._flight.parts:
            part.late = part.late or not part.open  # nobody waits for it

    def _offline(self, why: str) -> None:
        self._condition.on(Trouble.OFFLINE, f"{why}. Nothing is lost: images wait", self._clock())
        self._live_since = None

    def _busy(self, why: str) -> None:
        """Once is nothing; for as long as a look takes, it is told."""
        now = self._clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if now - self._busy_since >= LOOK_S:
            self._condition.on(Trouble.QUEUED, f"{why}. Nothing is lost: images wait", now)

    def _refused(self, why: str) -> None:
        self._condition.on(Trouble.REFUSED, f"refused: {why}. Nothing is lost: images wait", self._clock())
        self._hold_until = self._clock() + HOLD_S

    # -- tending

    def _alarm(self) -> float:
        now = self._clock()
        alarms = [1.0]
        if self._flight.waiting and self._road is not None:
            alarms += [max(0.02, self._flight.due() - now), max(0.02, self._pace.due())]
        return min(alarms)

    def _tend(self) -> None:
        if self._closed:
            return
        now = self._clock()
        if self._road is None:
            if now >= self._road_due:
                self._road_due = now + LOOK_S
                self._questions.ask("road", self._open)
        else:
            self._look(self._road, now)
            self._find(self._road, now)
            self._overdue(self._road, now)
            self._ask_how_it_is(self._road, now)
            while self._hand_out(self._road, now):
                pass
        self._despair()
        self._out += self._condition.take()

    def _hand_out(self, road: CallableEndpoint, now: float) -> bool:
        """Send a task, if one may go."""
        flight = self._flight
        trouble = self._condition.worst
        if trouble is Trouble.OFFLINE or now < self._hold_until or not self._pace.free:
            return False
        one_by_one = trouble in (Trouble.REFUSED, Trouble.FAILING)
        if len(flight.out) >= (1 if one_by_one or (road.far.group is None) else flight.tasks):
            return False
        if road.far.group is None and self._probe is not None and self._probe.id is None and not self._probe.done:
            return False  # the first call makes the group by which all others are found
        images = flight.next(now, most=1 if one_by_one else self._most)
        if not images:
            return False
        if self._in_group >= GROUP_TASKS:
            road.far.new_group()
            self._in_group = 0
        self._in_group += 1
        self._pace.spend()
        tokens = {image.token for image in images}
        part = FlyingTask(images, at=now)
        flight.parts.append(part)
        for token in tokens:
            ids = [image.job.id for image in images if image.token == token]
            self._ledger.sending(part.name, token, ids, road.far.group)
        self._watch(part, road.far.submit(road.focus, request(images)))
        return True

    def _ask_how_it_is(self, road: CallableEndpoint, now: float) -> None:
        """A small call of its own: tells an endpoint that works from one that is only there."""
        if self._probe is not None:
            if self._probe.done:
                probe, self._probe = self._probe, None
                self._examined(probe)
            return
        due = self._probe_due
        if due is None or now < due or road.examine is None or not self._pace.free:
            return
        if self._condition.worst is Trouble.OFFLINE or now < self._hold_until:
            return
        self._probe_due = None
        self._pace.spend()
        self._in_group += 1
        self._probe = road.far.submit(road.examine, {})
        self._probe_at = now
        self._probe.then(lambda: self._inbox.put(None))

    def _examined(self, probe: Task) -> None:
        try:
            answer = probe.result(0.0)
        except ComputeError as e:
            self._out_of_group(e)
            if isinstance(e, TaskFailed | TaskUnknown):
                self._condition.on(Trouble.FAILING, f"{e}; it is tried again", self._clock())
            else:
                self._turned_away(e)
            self._probe_due = self._clock() + LOOK_S
            return
        self._proven()
        errors = answer.get("errors") if isinstance(answer, Mapping) else None
        if isinstance(answer, Mapping) and answer.get("ok") is False and isinstance(errors, list) and errors:
            reason = read({"errors": errors[:1]}).whole
            self._refused(str(reason))
            self._probe_due = self._hold_until
        elif self._condition.worst is Trouble.FAILING and not self._flight.parts:
            self._condition.over(Trouble.FAILING)

    def _look(self, road: CallableEndpoint, now: float) -> None:
        """What does the service say of the endpoint?"""
        waits = bool(self._flight.out) or (self._probe is not None)
        late = waits and now - self._heard_at > LOOK_S
        every = LOOK_S if self._condition.worst or late else IDLE_LOOK_S
        due = min(self._look_due, self._looked_at + every)
        if now >= due and self._pace.free and not self._questions.asks("status"):
            self._pace.spend()
            self._looked_at = now
            self._look_due = now + every
            self._questions.ask("status", road.far.status)

    def _find(self, road: CallableEndpoint, now: float) -> None:
        """Tasks that nobody listens for are looked up by their groups."""
        if not self._lost or now < self._find_due or self._questions.asks("find") or self._pace.free < 2:
            return
        self._find_due = now + LOOK_S
        groups = {part.group or road.far.group for part in self._lost} - {None}
        self._pace.spend(2 * len(groups))
        far = road.far
        self._questions.ask("find", lambda: [(group, far.tasks(group)) for group in groups if group is not None])

    def _overdue(self, road: CallableEndpoint, now: float) -> None:
        """Tasks that were silent for too long: has the service their answer? Then again."""
        if self._live_since is None or self._questions.asks("late"):
            return
        images = sum(len(part.open) for part in self._flight.out)
        per_image = UNKNOWN_PACE_S if self._per_image is None else self._per_image
        late = []
        for part in self._flight.out:
            grace = self._deadline * 2 ** min(max((i.tries for i in part.images), default=0), 6)
            grace += 3 * per_image * images
            if part not in self._lost and now - max(part.at, self._live_since) > grace:
                late.append(part)
        if late and self._pace.free:
            self._pace.spend()
            ids = [part.id for part in late if part.id is not None]
            far = road.far
            self._questions.ask("late", lambda: (late, far.look(ids) if ids else {}))

    def _despair(self) -> None:
        """With somebody else to score meanwhile, images are not kept for an endpoint that is away."""
        if self.given_up and len(self._flight):
            self._give_back([image for part in self._flight.parts for image in part.open], "the endpoint is away")
            self._give_back(list(self._flight.waiting), "the endpoint is away")
            self._flight.waiting.clear()

    # -- what was found out

    def _replied(self, reply: QuestionReply) -> None:
        self._questions.heard(reply)
        if self._closed:
            return
        if reply.error is not None:
            self._unanswered(reply)
            return
        match reply.about:
            case "road":
                self._road = reply.value
                self._condition.over(Trouble.OFFLINE, Trouble.REFUSED)
                self._hold_until = 0.0
                self._look_due = self._clock()
            case "status":
                self._told(reply.value)
            case "find":
                self._found(reply.value)
            case "late":
                self._looked_up(*reply.value)

    def _unanswered(self, reply: QuestionReply) -> None:
        error = reply.error
        if error is None:
            return
        if not isinstance(error, ComputeError | StationError):
            log.error("%s: %s: %s", reply.about, type(error).__name__, error, exc_info=error)
        if reply.about == "find" and isinstance(error, GroupUnknown | ComputeRefused):
            for part in list(self._lost):  # too long ago: it is asked again
                self._asked_again(part)
        elif reply.about != "late":
            self._turned_away(error)

    def _told(self, status: EndpointStatus) -> None:
        now = self._clock()
        if not self._flight.waiting:
            self._free()
        if not status.online:
            self._offline(
                f"endpoint {self._id} is offline: on its machine, `globus-compute-endpoint start` brings it back"
            )
            return
        started = status.details.get("start_unix")
        again = self._started is not None and started is not None and started != self._started
        if self._condition.since(Trouble.OFFLINE) is not None or again:
            self._back_at, self._live_since = now, None
            self._probe_due = now
            self._probe = None
        self._started = started or self._started
        self._condition.over(Trouble.OFFLINE)
        workers = status.details.get("total_workers")
        out = [part.at for part in self._flight.out] + ([self._probe_at] if self._probe is not None else [])
        waited = now - max(self._heard_at, min(out, default=now))
        if out and waited >= QUEUED_S and (self._live_since is None or workers == 0):
            nodes = " It waits for a node: its batch system has one in its queue." if workers == 0 else ""
            self._condition.on(
                Trouble.QUEUED,
                f"endpoint {self._id} is there and has not begun.{nodes} Nothing has to be done; if it lasts, ask its "
                "administrator",
                now,
            )
            if workers == 0:
                self._live_since = None
        elif out and waited >= self._deadline:
            self._condition.on(
                Trouble.QUEUED,
                f"endpoint {self._id} is online and answers nothing any more: its workers may hang. If it lasts, its "
                "administrator starts it again. Nothing is lost: images wait",
                now,
            )
        idle = all(status.details.get(key) == 0 for key in ("outstanding_tasks", "pending_tasks"))
        if idle and self._live_since is not None and self._live_since > self._back_at > 0:
            for part in self._flight.out:  # it came back without them
                if part.at < self._back_at and part not in self._lost:
                    part.at = min(part.at, now - 1e6)
                    part.images[0].tries = 0

    def _found(self, groups: Sequence[tuple[UUID, list[Task]]]) -> None:
        """What the service has of ours: by its name, or by what it will say."""
        self._condition.over(Trouble.OFFLINE)
        by_id = {part.id: part for part in self._flight.parts if part.id is not None}
        for group, tasks in groups:
            for task in tasks:
                part = by_id.get(task.id or "")
                if part is not None and part in self._lost:
                    self._lost.remove(part)
                    part.group = group
                    self._watch(part, task)
                    self._begin(part)
                elif part is None and task.id not in self._known:
                    self._known.add(task.id)
                    self._strays.append(task)
                    task.then(lambda task=task: self._inbox.put(lambda: self._stray(task)))  # type: ignore[misc]
        for part in list(self._lost):
            if part.id is not None and any(part.group == group for group, _ in groups):
                self._asked_again(part)  # the service does not know it any more
        self._without_strays()

    def _stray(self, task: Task) -> None:
        """A task whose answer to our call was lost says whose it is."""
        self._strays.remove(task)
        try:
            answer = read(task.result(0.0))
        except TaskUnknown:  # we lost sight of it before it answered: it is looked up again
            self._known.discard(task.id)
            self._find_due = self._clock()
            return
        except (ComputeError, ValueError):
            answer = None
        if answer is not None and answer.paths:
            paths = [answer.paths[index] for index in sorted(answer.paths)]
            part = self._flight.whose(paths, self._lost)
            if part is not None:
                self._finish(part)
                self._answered(part, answer)
        self._without_strays()

    def _without_strays(self) -> None:
        """What no task was found for was never taken."""
        if not self._strays:
            for part in [part for part in self._lost if part.id is None]:
                self._asked_again(part)

    def _asked_again(self, part: FlyingTask) -> None:
        self._finish(part)
        if not part.late:
            self._flight.again(part.open)

    def _looked_up(self, late: Sequence[FlyingTask], answers: Mapping[str, Any]) -> None:
        for part in late:
            if part not in self._flight.parts or part.late:
                continue
            if part.id is not None and part.id in answers:
                self._finish(part)
                try:
                    self._answered(part, read(answers[part.id], len(part.images)))
                except ValueError as e:
                    self._ailing(part, TaskFailed(str(e)))
                continue
            log.info("a task with %d images is silent: they are asked again", len(part.open))
            part.late = True
            self._probe_due = self._clock()
            for image in part.open:
                image.tries += 1
            if len(part.images) == 1 and part.images[0].open and part.images[0].tries > 1:
                self._guilty(part.images[0], "gave no answer in time", self._reports)
            else:
                self._flight.again(part.open)
        for part in [part for part in self._flight.parts if part.late and not part.open]:
            self._finish(part)
