"""How the flow does: what is wrong with it now, and until when nothing new is asked of it. It decides no image."""

from collections.abc import Callable
from typing import Final

from mhfd_client.errors import FlowError, FlowRefused, FlowsUnreachable, LoginError
from mhfd_client.runners import Trouble
from mhfd_client.runners.condition import Condition

_HELD_MOST_S: Final = 3600.0  # however long it is until the next day of a quota
HOLD_S: Final = 30.0  # between two tries of what was refused


class FlowStanding:
    """Well, or not, and since how many runs.

    Args:
        condition: What is said of it.
        clock: In seconds, from anywhere.
        hold_s: Between two tries of what was refused.
        backoff_s: After a run that did not go well; doubled with each.
        waits: What waits meanwhile, in words.
    """

    def __init__(
        self, condition: Condition, clock: Callable[[], float], *, hold_s: float, backoff_s: float, waits: str
    ) -> None:
        self._condition, self._clock, self._hold, self._backoff = condition, clock, hold_s, backoff_s
        self._safe = f"Nothing is lost: {waits}"
        self._ills = 0  # runs that did not go well, since the last that did
        self._held = False  # the endpoint does nothing for us now
        self.hold_until = 0.0

    def well(self) -> None:
        """A run went well."""
        self._ills = 0
        self._held = False
        self.hold_until = 0.0
        self._condition.over(Trouble.FAILING, Trouble.REFUSED, Trouble.QUEUED)

    def ill(self, why: str, *, hold: bool = True) -> None:
        """A run did not. `hold`: and no other goes before a while."""
        now = self._clock()
        self._condition.on(Trouble.FAILING, why, now)
        if hold:
            self._ills += 1
            self.hold_until = now + min(self._hold * 10, self._backoff * 2.0 ** min(self._ills, 10))

    def held(self, why: str, wait_s: float) -> None:
        """The endpoint does nothing for us now: no fault of what is asked for. A run would move images for nothing.

        `wait_s`: until it is tried again, an hour at most: it may be mended, or give more, before.
        """
        now = self._clock()
        self._held = True
        self._condition.over(Trouble.FAILING)
        self._condition.on(Trouble.REFUSED, f"refused: {why}. {self._safe}", now)
        self.hold_until = now + min(_HELD_MOST_S, wait_s + self._hold)

    def let_in(self, *also: Trouble) -> None:
        """The service does what it is asked, though the endpoint may do nothing for us."""
        self._condition.over(*also, *(() if self._held else (Trouble.REFUSED,)))

    def turned_away(self, error: Exception, login: str) -> bool:
        """The service did not do it. True: another login may help, which is to be looked for."""
        now = self._clock()
        if isinstance(error, FlowsUnreachable):
            self._condition.on(Trouble.OFFLINE, f"{error}. {self._safe}", now, error)
            return False
        if isinstance(error, LoginError):
            error = type(error)(f"{error}; for this flow: {login}")
        self._condition.on(Trouble.REFUSED, f"refused: {error}. {self._safe}", now, error)
        self.hold_until = now + self._hold
        return not isinstance(error, FlowError) or isinstance(error, FlowRefused)
