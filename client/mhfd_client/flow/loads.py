"""What the runs of a runner carry, and what is believed of what they bring back: images, or one work each.

The runner decides when a run is asked for, and that it is asked for once; its load says what is in it. The arithmetic
is the runner's thread's; what touches files is given as something to call, for a thread of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic

from mhfd.contract.work import WorkAnswer
from mhfd_client.flow.images import FlowImages, FlowWorks
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.run_end import RunEnd
from mhfd_client.flow.service import FlowService, Run
from mhfd_client.runners import Job
from mhfd_client.runners.pending import PendingT
from mhfd_client.runners.work import Work
from mhfd_flows.build import FlowRecipe


class Load(ABC, Generic[PendingT]):
    """One kind of load."""

    waits: ClassVar[str]
    """What waits, in words."""
    foreign: ClassVar[str]
    """Why the other kind comes back."""
    line: FlowImages | FlowWorks
    """What waits for a run, or is in one."""
    recipe: FlowRecipe | None = None
    """Of the flow, where it is none that any station has."""

    @abstractmethod
    def pending(self, token: str, asked: Job | Work, now: float) -> PendingT | None:
        """What is asked for, as it waits for a run; None where it is none of this kind."""

    @abstractmethod
    def unmovable(self, one: PendingT) -> str:
        """Why Globus cannot be asked for it; empty when it can."""

    @abstractmethod
    def name(self, one: PendingT) -> str:
        """What it is called in a run."""

    @abstractmethod
    def unfit(self, own: OwnRun[PendingT]) -> Callable[[], list[tuple[str, bool] | None]]:
        """Of each of a run: why it cannot be moved as it is, and whether that is a fault of its own."""

    @abstractmethod
    def body(self, own: OwnRun[PendingT]) -> dict[str, Any]:
        """The input of a run."""

    @abstractmethod
    def label(self, own: OwnRun[PendingT]) -> str:
        """What the run is called at Globus."""

    def tags(self, own: OwnRun[PendingT]) -> tuple[str, ...]:
        """What the run carries as tags, beside its key's."""
        return ()

    def look(self, service: FlowService, run: str) -> Run:
        """How a run stands, with as much of it as this load needs."""
        return service.look(run)

    def going(self, own: OwnRun[PendingT], run: Run) -> WorkAnswer | None:
        """How far it is, where that is news."""
        return None

    @abstractmethod
    def collect(self, own: OwnRun[PendingT]) -> Callable[[], Any]:
        """What a run has brought back."""

    @abstractmethod
    def end(self, own: OwnRun[PendingT], run: Run, found: Any, now_ns: int) -> RunEnd[PendingT]:
        """What an end means, with what was brought back; heard of now."""

    def discard(self, own: OwnRun[PendingT]) -> Callable[[], None]:
        """What a run brought back was taken; what is not is what was asked for, and stays."""
        return lambda: None
