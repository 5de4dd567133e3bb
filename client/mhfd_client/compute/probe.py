"""A small call of its own: tells an endpoint that works from one that is only there."""

from collections.abc import Callable, Mapping
from typing import Final

from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.endpoint_health import LOOK_S, EndpointHealth
from mhfd_client.compute.service import Task
from mhfd_client.errors import ComputeError, TaskFailed, TaskUnknown
from mhfd_client.runners.answers import read

PATIENCE_S: Final = 600.0  # for the first that is not answered


class Probe:
    """The call of `mhfd_examine`, now and then.

    Args:
        health: Is told what comes of it.
        wake: Called, from some thread, once there is an answer.
    """

    def __init__(self, health: EndpointHealth, wake: Callable[[], None]) -> None:
        self._health, self._wake = health, wake
        self._task: Task | None = None
        self._at = 0.0
        self._due: float | None = 0.0
        self._patience = PATIENCE_S

    @property
    def out(self) -> list[float]:
        """When the one that is out was asked, if one is."""
        return [] if self._task is None else [self._at]

    @property
    def untaken(self) -> bool:
        """One is on its way to the service."""
        return self._task is not None and self._task.id is None and not self._task.done

    @property
    def id(self) -> str | None:
        """The service's name for the one that is out."""
        return None if self._task is None else self._task.id

    def answered(self, task: Task) -> bool:
        """Whether this is what became of the one that is out, which was listened for twice."""
        if self._task is None or self._task.done or task.id is None or self._task.id != task.id:
            return False
        self._task = task
        self._wake()
        return True

    def ask_again(self, now: float, *, forget: bool = False) -> None:
        """Something went wrong: look. `forget`: what is out will not be answered."""
        self._due = now
        if forget:
            self._task = None

    def tend(self, there: CallableEndpoint, now: float) -> bool:
        """Ask, or hear. Whether it has just gone well."""
        task = self._task
        if task is not None:
            if not task.done and now - self._at < self._patience:
                return False
            self._task = None
            if not task.done:  # its answer was lost, or it waits for a node: another one is asked, less and less often
                self._due, self._patience = now, 2 * self._patience
                return False
            return self._heard(there, task, now)
        examine = there.functions.get("mhfd_examine")
        if self._due is None or now < self._due or examine is None or not self._health.pace.free:
            return False
        if not self._health.shut(now):
            self._due = None
            self._health.pace.spend()
            self._task = there.far.submit(examine, {})
            self._at = now
            self._task.then(self._wake)
        return False

    def _heard(self, there: CallableEndpoint, task: Task, now: float) -> bool:
        try:
            answer = task.result(0.0)
        except ComputeError as e:
            there.failed(e)
            if isinstance(e, TaskFailed | TaskUnknown):
                self._health.failing(e)
            else:
                self._health.turned_away(e)
            self._due = now + LOOK_S
            return False
        self._health.answered()
        self._patience = PATIENCE_S
        errors = answer.get("errors") if isinstance(answer, Mapping) else None
        if isinstance(answer, Mapping) and answer.get("ok") is False and isinstance(errors, list) and errors:
            self._health.refused(str(read({"errors": errors[:1]}).whole))
            self._due = self._health.hold_until
            return False
        return True
