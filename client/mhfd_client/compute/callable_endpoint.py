"""An endpoint that is open, with the functions that may be called there: what a runner is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from mhfd_client.compute.service import EndpointStatus, Task
from mhfd_client.errors import GroupUnknown

GROUP_TASKS: Final = 200  # of one group: all are looked at when one is looked for


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


@dataclass(slots=True)
class CallableEndpoint:
    """The endpoint, and the functions that may be called there."""

    far: Far
    focus: UUID
    examine: UUID | None = None
    let_go: Callable[[], None] = lambda: None
    _in_group: int = 0

    def call(self, function: UUID, arguments: Mapping[str, Any]) -> Task:
        """Call one of them. Returns at once."""
        self._in_group += 1
        return self.far.submit(function, arguments)

    def group_for_more(self) -> UUID | None:
        """The group of the next task; a full one is left."""
        if self._in_group >= GROUP_TASKS:
            self._leave_group()
        return self.far.group

    def failed(self, error: Exception) -> None:
        """What the service has forgotten is not gone on with."""
        if isinstance(error, GroupUnknown):
            self._leave_group()

    def close(self) -> None:
        """Stop listening, and let go of the connections."""
        self.far.close()
        self.let_go()

    def _leave_group(self) -> None:
        self.far.new_group()
        self._in_group = 0
