"""What a task's end means for its images: a report, another try, or set aside with the reason.

The half of the compute runner that hears; `compute.runner` is the half that hands over. A failure counts as an image's
own only when it failed alone while the endpoint did well otherwise.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.request import Code
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.endpoint_health import HOLD_S, EndpointHealth
from mhfd_client.compute.flight import Flight, FlyingImage, FlyingTask
from mhfd_client.compute.lost_tasks import LostTasks
from mhfd_client.compute.probe import Probe
from mhfd_client.compute.service import Task
from mhfd_client.compute.tasks_out import TasksOut
from mhfd_client.errors import ComputeError, RequestTooLarge, ServiceUnreachable, TaskFailed, TaskUnknown, WorkerLost
from mhfd_client.runners.answers import EndpointAnswer, Reason, read
from mhfd_client.runners.far_images import FarImagesRunner
from mhfd_client.runners.pending import Pending
from mhfd_client.runners.versions import newer_there

BLAMELESS: Final = {"too_many", "left_out"}
LATER: Final = {*BLAMELESS, "out_of_time", "changed"}  # problems that fewer images, or another try, may not have
OURS: Final = {"out_of_memory", "out_of_time", "internal", "invalid", "refused_path"}  # an image's own fault, perhaps


class OutcomeRunner(FarImagesRunner):
    """Decides what becomes of images whose task has ended. Its parts are put together in `ComputeRunner`."""

    _id: UUID
    _flight: Flight
    _ledger: TasksOut
    _health: EndpointHealth
    _probe: Probe
    _lost: LostTasks
    _there: CallableEndpoint | None = None
    _attempts: int
    _backoff: float
    _believes: bool
    _most: int  # images of a task, as far as it is known to go well

    # -- how a task comes to its end

    def _watch(self, part: FlyingTask, task: Task) -> None:
        part.task = task
        task.then(lambda: self._inbox.put(lambda: self._ended(part, task)))

    def _watched(self, part: FlyingTask, task: Task) -> None:
        """This is done, and is the part's."""
        part.task = task
        self._ended(part, task)

    def _accepted(self, part: FlyingTask, group: UUID | None) -> None:
        if part.id is not None or part.task is None or part.task.id is None:
            return
        part.id, part.group = part.task.id, group
        early = self._lost.named(part.id)
        self._ledger.taken(part.name, part.id, group)
        self._begin(part)
        if early is not None and not part.task.done:
            self._watched(part, early)

    def _begin(self, part: FlyingTask) -> None:
        for image in part.open:
            self._begun(image)

    def _ended(self, part: FlyingTask, task: Task) -> None:
        """A task is done, well or not."""
        if part.task is not task or part not in self._flight.tasks_out:
            return
        self._accepted(part, part.group)
        try:
            plain = task.result(0.0)
        except ComputeError as e:
            self._failed(part, e)
        else:
            self._returned(part, plain)

    def _returned(self, part: FlyingTask, plain: Any, *, by_itself: bool = True) -> None:
        """A task's function has returned this, whatever it is. `by_itself`: nobody had to look for it."""
        self._finish(part)
        try:
            answer = read(plain, len(part.images))
        except ValueError as e:
            self._ailing(part, TaskFailed(str(e)))
        else:
            self._answered(part, answer, by_itself=by_itself)

    def _nameless(self, task: Task) -> None:
        """A task whose taking was not heard of says whose it is."""
        if self._probe.answered(task):
            return
        ours = self._flight.named(task.id)
        if ours is not None and not ours.lost:  # of its two futures this is the one that the SDK answers
            if ours.task is not None and not ours.task.done and not _unheard(task):
                self._watched(ours, task)
            return
        found, again = self._lost.told(task)
        self._settled([] if found is None else [found], again)

    def _settled(self, found: Sequence[tuple[FlyingTask, EndpointAnswer]], again: Sequence[FlyingTask]) -> None:
        """These tasks without a name have answered; those were never taken, or are silent."""
        for part, answer in found:
            self._finish(part)
            self._answered(part, answer)
        for part in again:
            self._asked_again(part)

    def _finish(self, part: FlyingTask) -> None:
        part.lost = False
        if part in self._flight.tasks_out:
            self._flight.tasks_out.remove(part)
        self._ledger.done(part.name)

    def _asked_again(self, part: FlyingTask) -> None:
        self._finish(part)
        if not part.late:
            self._flight.again(part.open)

    # -- what it said

    def _answered(self, part: FlyingTask, answer: EndpointAnswer, *, by_itself: bool = True) -> None:
        self._health.answered()
        now = self._clock()
        if by_itself and not part.late and part.id is not None and answer.reports:
            self._flight.took((now - max(part.at, self._health.live_since or part.at)) / len(part.images))
        if answer.whole is not None:
            self._whole(part, answer.whole)
            return
        moments = self._moments(part, answer)
        self._health.reported(len(answer.reports))
        if not any(reason.code == Code.QUOTA for reason in answer.reasons.values()):
            self._health.not_used_up()
        for index, image in enumerate(part.images):
            if index in answer.reports:
                self._scored(image, answer.reports[index], moments)
            elif image.open:
                self._unscored(part, image, answer.reasons.get(index) or Reason("left_out", "the endpoint left it out"))

    def _moments(self, part: FlyingTask, answer: EndpointAnswer) -> tuple[int | None, int]:
        """When work on a task began and ended, on this machine's clock.

        The worker's clock is believed as far as it agrees with ours; else the way there and back took equally long.
        """
        now = self._now_ns()
        if answer.worked is None or not part.at:
            return None, now
        began, ended = answer.worked
        sent = now - round((self._clock() - part.at) * 1e9)
        if not sent <= began <= ended <= now:
            way = max(0, (now - sent) - (ended - began)) // 2
            began, ended = sent + way, now - way
        return began, ended

    def _scored(self, image: FlyingImage, report: FocusReport, moments: tuple[int | None, int]) -> None:
        newer = newer_there(report, image.job.params)
        if newer is not None:
            self._health.refused(newer)
            if image.open:
                self._flight.again([image])
            return
        if image.job.params.version_of(report.params_id) is None:
            if image.open:
                self._guilty(image, f"was scored with other parameters ({report.params_id})", self._proof)
            return
        began, ended = moments
        self._answer(image, report, str(self._id), ended, started_ns=began)

    def _unscored(self, part: FlyingTask, image: FlyingImage, reason: Reason) -> None:
        if part.late:
            return  # it waits or is out again already
        together = len(part.images) > 1
        match reason.code:
            case Code.QUOTA if not self._believes:
                self._health.used_up(str(reason))
                self._flight.again([image])
            case "changed":
                self._give_back([image], str(reason.why), code=reason.code)
            case code if self._believes and code not in LATER:
                self._give_back([image], str(reason), blame=True, code=_of_contract(code))
            case "unavailable":
                self._give_back([image], str(reason.why), blame=True, code=reason.code)
            case code if together and code in (LATER if self._believes else BLAMELESS):
                self._fewer(part)
                self._flight.again([image])
            case "refused_path" if not self._health.reports:
                self._health.refused(str(reason))
                self._flight.again([image])
            case code if code in OURS or not together:
                self._guilty(image, str(reason.why), self._proof, code=_of_contract(code))
            case _:
                image.alone = True
                self._flight.again([image])

    def _whole(self, part: FlyingTask, reason: Reason) -> None:
        """The endpoint did not take the request at all."""
        if _wants_another_form(part, reason):
            self._flight.says_version = not part.says_version
        elif reason.code in BLAMELESS and len(part.images) > 1:
            self._fewer(part)
        else:
            self._health.refused(str(reason))
        if not part.late:
            self._flight.again(part.open)

    def _refused(self, why: str, *, used_up: bool) -> None:
        (self._health.used_up if used_up else self._health.refused)(why)

    # -- what failed

    def _failed(self, part: FlyingTask, error: ComputeError) -> None:
        if self._there is not None:
            self._there.failed(error)
        lost = isinstance(error, TaskUnknown) or (isinstance(error, ServiceUnreachable) and not part.late)
        if lost and not part.lost:
            part.task = None
            part.lost = True  # it may be worked on
            self._lost.due = min(self._lost.due, self._clock())
            if isinstance(error, ServiceUnreachable):
                self._health.offline(error)
            return
        self._finish(part)
        if part.late:
            return
        match error:
            case TaskFailed():
                self._ailing(part, error)
            case RequestTooLarge() if len(part.images) > 1:
                self._fewer(part)
                self._flight.again(part.open)
            case RequestTooLarge():
                for image in part.open:
                    self._set_aside(image, f"could not be asked for: {error}")
            case _:
                self._health.turned_away(error)
                self._flight.again(part.open)

    def _ailing(self, part: FlyingTask, error: TaskFailed) -> None:
        """A worker died of it, or the function failed: one of the images may be the reason, or none."""
        self._probe.ask_again(self._clock())
        if part.late:
            return
        died = isinstance(error, WorkerLost)
        if not died:
            self._health.failing(error)
        if len(part.images) > 1:
            for image in part.open:
                image.alone = image.ailed or died
                image.ailed = True
            self._flight.again(part.open)
            return
        for image in part.open:
            proof = self._health.reports if not died else None if self._believes else self._health.proofs
            self._guilty(image, f"makes the endpoint fail: {error}", proof)

    @property
    def _proof(self) -> int | None:
        return None if self._believes else self._health.reports

    def _guilty(self, image: FlyingImage, why: str, proof: int | None, *, code: str | None = None) -> None:
        """It failed alone. That counts as its own fault as long as the endpoint does well otherwise.

        `proof`: how often it has done well; nothing: it counts anyway.
        """
        image.alone = True
        image.tries += 1
        if proof is None or image.failures == 0 or proof > image.proof:
            image.failures += 1
        image.proof = proof or 0
        if image.failures >= self._attempts:
            self._set_aside(image, f"set aside after {image.failures} tries: {why}", code=code)
            return
        image.due = self._clock() + min(HOLD_S, self._backoff * 2.0 ** min(image.tries - 1, 10))
        self._flight.again([image], last=True)

    def _fewer(self, part: FlyingTask) -> None:
        self._most = max(1, len(part.images) // 2)

    def _give_back(self, some: Sequence[Pending], why: str, *, blame: bool = False, code: str | None = None) -> None:
        super()._give_back(some, why, blame=blame, code=code)
        for part in self._flight.tasks_out:
            part.late = part.late or not part.open  # nobody waits for it


def _unheard(task: Task) -> bool:
    """Whether nobody knows what became of a task that is done."""
    try:
        task.result(0.0)
    except TaskUnknown:
        return True
    except ComputeError:
        return False
    return False


def _of_contract(code: str) -> str | None:
    """The endpoint's own code; what we made of an answer that we cannot read is none."""
    return None if code == "invalid" else code


def _wants_another_form(part: FlyingTask, reason: Reason) -> bool:
    """An older endpoint takes no request of our version; once it is upgraded it takes none without."""
    if part.says_version:
        return reason.code == Code.BAD_REQUEST and reason.field == "schema_version"
    return reason.code == Code.OLD_STATION
