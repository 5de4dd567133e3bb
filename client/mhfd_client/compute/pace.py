"""How fast we may ask: the service takes 20 requests in 10 seconds from a client, and refuses the rest.

A bucket that holds a few requests and fills slowly: a single image goes at once, and under load requests are spread
evenly instead of being refused in bursts. It only counts; it never waits.
"""

import time
from collections.abc import Callable
from typing import Final

BURST: Final = 6
PER_S: Final = 1.3
"""In any 10 s: 6 + 13 requests, and one to spare."""


class Pace:
    """Requests that may be made now. To be used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._level, self._at = float(BURST), clock()
        self._closed_until = 0.0

    @property
    def free(self) -> int:
        """How many may be made now."""
        now = self._clock()
        self._level = min(BURST, self._level + (now - self._at) * PER_S)
        self._at = now
        return max(0, int(self._level + 1e-9)) if now >= self._closed_until else 0

    def spend(self, count: int = 1) -> None:
        """These are made, allowed or not: what was too much is made up for."""
        _ = self.free
        self._level -= count

    def give_back(self, count: int) -> None:
        """So many fewer were made: the SDK put tasks together into one request."""
        self._level = min(BURST, self._level + count)

    def hold(self, seconds: float) -> None:
        """The service asked us to wait."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def due(self) -> float:
        """In how many seconds one may be made."""
        now = self._clock()
        missing = 0.0 if self.free else max(0.0, 1 - self._level) / PER_S
        return max(missing, self._closed_until - now, 0.0)
