"""How a task comes to its end, and what that means for the work it was about: over, asked again, or given back.

The half of the compute runner that hears; `compute.runner` is the half that hands over. What differs where a task is
about images is `compute.outcomes`'s.
"""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from mhfd.contract.request import Code
from mhfd.contract.work import ENDS
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.endpoint_health import EndpointHealth
from mhfd_client.compute.flight import Flight, Part
from mhfd_client.compute.lost_tasks import LostTasks
from mhfd_client.compute.probe import Probe
from mhfd_client.compute.service import Task
from mhfd_client.compute.tasks_out import TasksOut
from mhfd_client.errors import (
    ComputeError,
    FunctionError,
    FunctionNotAllowed,
    RequestTooLarge,
    ServiceUnreachable,
    TaskFailed,
    TaskUnknown,
    WorkerLost,
)
from mhfd_client.runners import Trouble
from mhfd_client.runners.far import FarRunner
from mhfd_client.runners.pending import Pending

log = logging.getLogger("mhfd.compute")


class EndingRunner(FarRunner):
    """Decides what becomes of what was asked in a task that has ended. Put together in `ComputeRunner`."""

    _id: UUID
    _flight: Flight
    _ledger: TasksOut
    _health: EndpointHealth
    _probe: Probe
    _lost: LostTasks
    _there: CallableEndpoint | None = None

    # -- how a task comes to its end

    def _watch(self, part: Part, task: Task) -> None:
        part.task = task
        task.then(lambda: self._inbox.put(lambda: self._ended(part, task)))

    def _watched(self, part: Part, task: Task) -> None:
        """This is done, and is the part's."""
        part.task = task
        self._ended(part, task)

    def _accepted(self, part: Part, group: UUID | None) -> None:
        if part.id is not None or part.task is None or part.task.id is None:
            return
        part.id, part.group = part.task.id, group
        early = self._lost.named(part.id)
        self._ledger.taken(part.name, part.id, group)
        self._begin(part)
        if early is not None and not part.task.done:
            self._watched(part, early)

    def _begin(self, part: Part) -> None:
        for one in part.open:
            self._begun(one)

    def _ended(self, part: Part, task: Task) -> None:
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

    def _returned(self, part: Part, plain: Any, *, by_itself: bool = True) -> None:
        """A task's function has returned this, whatever it is. `by_itself`: nobody had to look for it."""
        self._finish(part)
        try:
            self._told_of(part, plain, by_itself=by_itself)
        except ValueError as e:
            self._ailing(part, TaskFailed(str(e)))

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

    def _settled(self, found: Sequence[tuple[Part, Any]], again: Sequence[Part]) -> None:
        """These tasks without a name have answered; those were never taken, or are silent."""
        for part, plain in found:
            self._returned(part, plain)
        for part in again:
            self._asked_again(part)

    def _finish(self, part: Part) -> None:
        part.lost = False
        if part in self._flight.tasks_out:
            self._flight.tasks_out.remove(part)
        self._ledger.done(part.name)

    def _asked_again(self, part: Part) -> None:
        self._finish(part)
        if not part.late:
            self._again(part)

    def _again(self, part: Part) -> None:
        """What is open of it waits again."""
        for one in part.open[:1]:
            self._table(one).again(part.open)

    def _failed(self, part: Part, error: ComputeError) -> None:
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
            case RequestTooLarge() | FunctionError():
                self._undone(part, error)
            case _:
                self._health.turned_away(error)
                self._again(part)

    def _ailing(self, part: Part, error: TaskFailed) -> None:
        """A worker died of it, or the function failed."""
        self._probe.ask_again(self._clock())
        if part.late:
            return
        if not isinstance(error, WorkerLost):
            self._health.failing(error)
        self._undone(part, error)

    def _silent(self, part: Part) -> None:
        """It gave no answer in time, and the service has none: it is asked again."""
        log.info("a task is silent that has %d images or works: they are asked again", len(part.open))
        part.late = True
        self._probe.ask_again(self._clock())
        for one in part.open:
            one.tries += 1
        self._again(part)

    def _give_back(self, some: Sequence[Pending], why: str, *, blame: bool = False, code: str | None = None) -> None:
        super()._give_back(some, why, blame=blame, code=code)
        for part in self._flight.tasks_out:
            part.late = part.late or not part.open  # nobody waits for it

    def _refused(self, why: str, *, used_up: bool) -> None:
        (self._health.used_up if used_up else self._health.refused)(why)

    # -- what that means for work

    def _told_of(self, part: Part, plain: Any, *, by_itself: bool) -> None:
        """ValueError: it is no answer."""
        for one in part.asked:
            answer = one.work.read(plain)
            self._health.answered()
            if answer.state is not None:
                self._condition.over(Trouble.FAILING)
                self._health.not_used_up()
            if not part.late or answer.state in ENDS:
                self._heard(one, answer, str(self._id))

    def _undone(self, part: Part, error: ComputeError) -> None:
        """It failed, cannot be called, or is too large to be asked for."""
        if isinstance(error, TaskFailed):
            for one in part.open:
                self._in_vain(one, str(error))
            return
        codes = {FunctionNotAllowed: Code.NOT_ALLOWED, RequestTooLarge: Code.BAD_REQUEST}
        self._give_back(part.open, str(error), blame=True, code=codes.get(type(error), Code.NO_FUNCTION))


def _unheard(task: Task) -> bool:
    """Whether nobody knows what became of a task that is done."""
    try:
        task.result(0.0)
    except TaskUnknown:
        return True
    except ComputeError:
        return False
    return False
