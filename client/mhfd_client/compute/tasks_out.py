"""Which tasks are out for which images, in a file beside the journal: so that a crash does not lose sight of them.

The journal says which images a runner has; this says which tasks of the service those are. One line a step, appended:
a line before a task is handed over, one when the service has taken it, one when it is answered. A process that is
killed loses none of it. A power failure may lose the last lines: then the images are asked again, and the journal
takes one answer. Only the runner of the station writes here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from mhfd_client.runners.line_file import Notes


@dataclass(slots=True)
class TaskOut:
    """A task that is out. Without `task`, nobody knows whether the service has taken it."""

    part: str
    token: str
    ids: tuple[int, ...]
    group: str | None = None
    task: str | None = None


class TasksOut:
    """The file of one station for one endpoint; what another endpoint has is forgotten.

    Args:
        file: Where; nothing to keep no file.
    """

    def __init__(self, file: Path | None, endpoint: UUID) -> None:
        self._open: dict[str, TaskOut] = {}
        self._notes = Notes(file, {"endpoint": str(endpoint)}, self._take, lambda: map(asdict, self._open.values()))

    def of(self, token: str) -> list[TaskOut]:
        """What is out for a token."""
        return [out for out in self._open.values() if out.token == token]

    def sending(self, part: str, token: str, ids: Sequence[int], group: UUID | None) -> None:
        """This is handed over next."""
        out = self._open[part] = TaskOut(part, token, tuple(ids), None if group is None else str(group))
        self._notes.say(asdict(out))

    def taken(self, part: str, task: str, group: UUID | None) -> None:
        """The service has it."""
        if out := self._open.get(part):
            out.task, out.group = task, None if group is None else str(group)
            self._notes.say(asdict(out))

    def done(self, part: str) -> None:
        """It is answered, or was never taken."""
        if self._open.pop(part, None) is not None:
            self._notes.say({"done": part})

    def close(self) -> None:
        self._notes.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "done" in line:
            self._open.pop(line["done"], None)
        else:
            self._open[line["part"]] = TaskOut(**(line | {"ids": tuple(line["ids"])}))
