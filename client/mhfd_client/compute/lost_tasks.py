"""Tasks that nobody listens for: of a process that died, or whose connection broke, or whose taking was not heard of.

They are looked up by their groups. A task without a name says whose it is by what it has done. One that stays silent
is no reason to wait for ever: the service is asked for its answer, and where it has none the images are asked again.

A list may hold what is being handed over at the same moment. Of two futures of one task the SDK answers one, whichever
was there first: so the one of the list is listened to as well, and no name that is known by then is waited for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from mhfd_client.compute.flight import Flight, Part
from mhfd_client.compute.service import Task
from mhfd_client.errors import ComputeError, TaskUnknown


class LostTasks:
    """What the service has of ours.

    Args:
        flight: Has them, marked `lost`.
        nameless: Called, from some thread, when a task that nobody knows the images of is done.
    """

    def __init__(self, flight: Flight, nameless: Callable[[Task], None]) -> None:
        self._flight, self._nameless = flight, nameless
        self.due = 0.0
        self._waited_for: dict[Task, float] = {}  # tasks of ours that nobody knows the images of, and since when
        self._known: set[str | None] = set()
        self._early: dict[str | None, Task] = {}  # done before anybody knew whose they are

    def named(self, id_: str | None) -> Task | None:
        """This name is known now: of a task of ours, or of the probe. What became of it, if that is known already."""
        self._known.add(id_)
        self._waited_for = {task: since for task, since in self._waited_for.items() if task.id != id_}
        return self._early.pop(id_, None)

    def groups(self, current: UUID | None) -> set[UUID]:
        """Where they may be; in the current group if nobody knows."""
        return {group for task in self._flight.lost if (group := task.group or current) is not None}

    def found(
        self, groups: Sequence[tuple[UUID, list[Task]]], now: float, probe: str | None = None
    ) -> tuple[list[tuple[Part, Task]], list[Part]]:
        """Those that the service knows, and those that have to be asked again, by what is in these groups.

        `probe`: the name of the call that looks whether the endpoint works, if one is out.
        """
        by_id = {ours.id: ours for ours in self._flight.tasks_out if ours.id is not None}
        adopted = []
        for group, tasks in groups:
            for task in tasks:
                ours = by_id.get(task.id or "")
                if ours is not None and ours.lost:
                    ours.lost, ours.group = False, group
                    adopted.append((ours, task))
                elif ours is not None or task.id == probe or task.id not in self._known:
                    if ours is None and task.id != probe:
                        self._known.add(task.id)
                        self._waited_for[task] = now
                    task.then(lambda task=task: self._nameless(task))  # type: ignore[misc]
        looked_at = [group for group, _ in groups]
        gone = [ours for ours in self._flight.lost if ours.id is not None and ours.group in looked_at]
        return adopted, gone + self._never_taken()

    def told(self, task: Task) -> tuple[tuple[Part, Any] | None, list[Part]]:
        """Whose answer this is, if it is any's; and those that have to be asked again."""
        self._waited_for.pop(task, None)
        try:
            plain = task.result(0.0)
        except TaskUnknown:  # we lost sight of it before it answered: it is looked up again
            self._known.discard(task.id)
            self.due = 0.0
            return None, []
        except ComputeError:
            return None, self._never_taken()
        its = self._whose(plain)
        if its is None:
            self._early[task.id] = task
        return its, self._never_taken()

    def silent(self, live_since: float, now: float) -> list[Task]:
        """The tasks without a name that have said nothing for longer than one may take."""
        patience = self._flight.patience()
        return [task for task, since in self._waited_for.items() if now - max(since, live_since) > patience]

    def looked_up(self, tasks: Sequence[Task], answers: Mapping[str, Any]) -> tuple[list[tuple[Part, Any]], list[Part]]:
        """The same of these, which were silent, by what the service has of them; the others are not waited for."""
        found = []
        for task in tasks:
            waited_for = self._waited_for.pop(task, None) is not None
            its = self._whose(answers.get(task.id or "")) if waited_for else None
            if its is not None:
                found.append(its)
        return found, self._never_taken()

    def _whose(self, plain: Any) -> tuple[Part, Any] | None:
        """Whose answer this is, if it is any's."""
        ours = next((ours for ours in self._flight.lost if ours.told_by(plain)), None)
        if ours is None:
            return None
        ours.lost = False
        return ours, plain

    def _never_taken(self) -> list[Part]:
        """What no task was found for, once all have said whose they are."""
        return [] if self._waited_for else [ours for ours in self._flight.lost if ours.id is None]
