"""What the runs of a runner carry, and what is believed of what they bring back: images, or one work each.

The runner decides when a run is asked for, and that it is asked for once; its load says what is in it. The arithmetic
is the runner's thread's; what touches files is given as something to call, for a thread of its own.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from mhfd.contract.work import WorkAnswer
from mhfd_client.flow.images import FlowImages
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.run_end import RunEnd
from mhfd_client.flow.service import FlowService, Run
from mhfd_client.flow.work_load import FlowWorks
from mhfd_client.runners import Job
from mhfd_client.runners.pending import Pending
from mhfd_client.runners.work import Work

OneT = TypeVar("OneT", bound=Pending)


class Load(Protocol[OneT]):
    """One kind of load."""

    waits: str
    """What waits, in words."""
    foreign: str
    """Why the other kind comes back."""

    @property
    def line(self) -> FlowImages | FlowWorks:
        """What waits for a run, or is in one."""

    def pending(self, token: str, asked: Job | Work, now: float) -> OneT | None:
        """What is asked for, as it waits for a run; None where it is none of this kind."""

    def unmovable(self, one: OneT) -> str:
        """Why Globus cannot be asked for it; empty when it can."""

    def name(self, one: OneT) -> str:
        """What it is called in a run."""

    def unfit(self, own: OwnRun[OneT]) -> Callable[[], list[tuple[str, bool] | None]]:
        """Of each of a run: why it cannot be moved as it is, and whether that is a fault of its own."""

    def body(self, own: OwnRun[OneT]) -> dict[str, Any]:
        """The input of a run."""

    def label(self, own: OwnRun[OneT]) -> str:
        """What the run is called at Globus."""

    def look(self, service: FlowService, run: str) -> Run:
        """How a run stands, with as much of it as this load needs."""

    def going(self, own: OwnRun[OneT], run: Run) -> WorkAnswer | None:
        """How far it is, where that is news."""

    def collect(self, own: OwnRun[OneT]) -> Callable[[], Any]:
        """What a run has brought back."""

    def end(self, own: OwnRun[OneT], run: Run, found: Any) -> RunEnd[OneT]:
        """What an end means, with what was brought back."""

    def discard(self, own: OwnRun[OneT]) -> Callable[[], None]:
        """What a run brought back was taken."""
