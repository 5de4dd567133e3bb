"""An endpoint that is open, with the functions that may be called there: what a runner is given to work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from mhfd_client.compute.service import EndpointService, Task
from mhfd_client.errors import FunctionUnknown, GroupUnknown


def _none_else(name: str) -> UUID:
    raise FunctionUnknown(f"function: {name} was not asked for when the endpoint was opened")


@dataclass(slots=True)
class CallableEndpoint:
    """The endpoint, and the functions that may be called there, by name."""

    far: EndpointService
    functions: dict[str, UUID] = field(default_factory=dict)
    find: Callable[[str], UUID] = _none_else
    """Asks the service for another one. ComputeError."""
    let_go: Callable[[], None] = lambda: None

    def failed(self, error: Exception) -> None:
        """What the service has forgotten is not gone on with."""
        if isinstance(error, GroupUnknown):
            self.far.new_group()

    def close(self) -> None:
        """Stop listening, and let go of the connections."""
        self.far.close()
        self.let_go()


OpenEndpoint = Callable[[Callable[[list[Task]], None]], CallableEndpoint]
"""Opens it; is given what to call with the tasks that the service has taken."""
