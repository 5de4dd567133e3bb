"""How the endpoint is, as far as it can be seen from here: what it says by its answers, its refusals and its silence.

It tells what is wrong and since when, and keeps no image, asks nothing and decides nothing about failures.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from mhfd_client.compute.pace import Pace
from mhfd_client.compute.service import EndpointStatus
from mhfd_client.errors import (
    ComputeRefused,
    EndpointOffline,
    GroupUnknown,
    ServiceBusy,
    ServiceUnreachable,
    TaskUnknown,
    TaskUnsent,
)
from mhfd_client.runners import Trouble
from mhfd_client.runners.condition import Condition

LOOK_S: Final = 10.0  # how often we ask how the endpoint is, when something is wrong or late
HOLD_S: Final = 30.0  # between two tries of what was refused
QUEUED_S: Final = 15.0  # an endpoint that is there and has not begun after so long is said to be queued
WAIT: Final = "Nothing is lost: what was asked for waits"


class EndpointHealth:
    """See the module.

    Args:
        endpoint: Its id, for the words.
        deadline_s: An endpoint that is online and silent for so long may hang.
        clock: In seconds, from anywhere.
    """

    def __init__(self, endpoint: UUID, condition: Condition, deadline_s: float, clock: Callable[[], float]) -> None:
        self._id, self._condition, self._deadline, self._clock = endpoint, condition, deadline_s, clock
        self.pace = Pace(clock)
        self.hold_until = 0.0
        self.live_since: float | None = None  # it has answered since it came (back)
        self.heard_at = clock()
        self.proofs = self.reports = 0
        self._back_at = 0.0
        self._busy_since: float | None = None  # the service asks us to wait
        self._used_up = False  # of a day's quota there
        self._started: Any = None  # which start of the endpoint we know

    def shut(self, now: float) -> bool:
        """Nothing may be asked of it now."""
        return self._condition.worst is Trouble.OFFLINE or now < self.hold_until

    def opened(self) -> None:
        """The way to it is open."""
        self._condition.over(Trouble.OFFLINE, Trouble.REFUSED)
        self.hold_until = 0.0

    def answered(self) -> None:
        """It has answered."""
        now = self._clock()
        self.proofs += 1
        self.heard_at = now
        if self.live_since is None:
            self.live_since = now
        self.service_took()
        self._condition.over(Trouble.QUEUED, Trouble.OFFLINE)

    def reported(self, count: int) -> None:
        """So many reports have come."""
        if count:
            self.reports += count
            self._condition.over(Trouble.FAILING, Trouble.REFUSED)
            self._used_up = False
            self.hold_until = 0.0

    def service_took(self) -> None:
        """The service has taken or answered something."""
        if self._busy_since is not None:
            self._busy_since = None
            self._condition.over(Trouble.QUEUED)

    def took(self) -> None:
        """The service has taken tasks: we are let in, though a quota there may be used up."""
        self.service_took()
        if not self._used_up:
            self._condition.over(Trouble.REFUSED)

    def turned_away(self, error: Exception) -> None:
        """The service took nothing."""
        match error:
            case ServiceBusy():
                self.pace.hold(error.wait_s)
                self._busy(error)
            case EndpointOffline() | ServiceUnreachable():
                self.offline(error)
            case GroupUnknown() | TaskUnsent():
                pass
            case _:
                self.refused(error)

    def offline(self, error: Exception) -> None:
        """It is not there, or cannot be reached."""
        self._condition.on(Trouble.OFFLINE, f"{error}. {WAIT}", self._clock(), error)
        self.live_since = None

    def refused(self, error: Exception | str) -> None:
        """It does not let us."""
        known = error if isinstance(error, Exception) else ComputeRefused(f"endpoint {self._id}: {error}")
        self._condition.on(Trouble.REFUSED, f"refused: {error}. {WAIT}", self._clock(), known)
        self.hold_until = self._clock() + HOLD_S

    def used_up(self, why: str) -> None:
        """What the administrator gives us for a day is used up there: nobody's fault, and over on the next day."""
        self._used_up = True
        self.refused(why)

    def not_used_up(self) -> None:
        """It has answered, and of no quota."""
        if self._used_up:
            self._used_up = False
            self._condition.over(Trouble.REFUSED)

    def failing(self, error: Exception) -> None:
        """It is there, and what it does fails."""
        self._condition.on(Trouble.FAILING, f"{error}; it is tried again", self._clock(), error)

    def told(self, status: EndpointStatus, out: Sequence[float], probe: Sequence[float]) -> bool:
        """What the service says of it. Whether it has just come back: then the probe is lost.

        `out`, `probe`: when each of the calls that wait for an answer was made.
        """
        now = self._clock()
        if not status.online:
            self.offline(
                EndpointOffline(
                    f"endpoint {self._id} is offline: on its machine, `globus-compute-endpoint start` brings it back"
                )
            )
            return False
        started = status.details.get("start_unix")
        again = self._started is not None and started is not None and started != self._started
        back = self._condition.since(Trouble.OFFLINE) is not None or again
        if back:
            self._back_at, self.live_since = now, None
        waiting = [*out, *(() if back else probe)]
        self._started = started or self._started
        self._condition.over(Trouble.OFFLINE)
        workers = status.details.get("total_workers")
        waited = now - max(self.heard_at, min(waiting, default=now))
        if waiting and waited >= QUEUED_S and (self.live_since is None or workers == 0):
            nodes = " It waits for a node: its batch system has one in its queue." if workers == 0 else ""
            self._queued(
                f"endpoint {self._id} is there and has not begun.{nodes} Nothing has to be done; if it lasts, ask its "
                "administrator"
            )
            if workers == 0:
                self.live_since = None
        elif waiting and waited >= self._deadline:
            self._queued(
                f"endpoint {self._id} is online and answers nothing any more: its workers may hang. If it lasts, its "
                f"administrator starts it again. {WAIT}"
            )
        return back

    def without_ours_since(self, status: EndpointStatus) -> float | None:
        """It came back then, and has nothing of what it was asked before."""
        idle = all(status.details.get(key) == 0 for key in ("outstanding_tasks", "pending_tasks"))
        return self._back_at if idle and self.live_since is not None and self.live_since > self._back_at > 0 else None

    def _queued(self, why: str) -> None:
        self._condition.on(Trouble.QUEUED, why, self._clock(), TaskUnknown(why))

    def _busy(self, error: ServiceBusy) -> None:
        """Once is nothing; for as long as a look takes, it is told."""
        now = self._clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if now - self._busy_since >= LOOK_S:
            self._condition.on(Trouble.QUEUED, f"{error}. {WAIT}", now, error)
