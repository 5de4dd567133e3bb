"""Connections that say nothing must not keep out those that do.

Anybody who reaches the port can open connections, before any token is asked for, and all of a login node comes from one
address. So a connection has to have sent its whole request by a deadline, and of those that have not, only so many are
kept: the one that has waited longest makes room for the newest. A browser sends at once and never waits.
"""

import asyncio
from collections import OrderedDict
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

WHOLE_S: Final = 10.0
"""From opening a connection, or from the last answer on it, to the end of the next request."""
WAITING: Final = 64
"""Connections without a request that are kept open."""


class PatientProtocol(H11Protocol):
    """The server's protocol, with an end to its patience."""

    waiting: ClassVar[OrderedDict["PatientProtocol", None]] = OrderedDict()
    """Those without a whole request, the longest first. In one process there is one server."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the class above
        """Begin to wait; who has waited longest goes when there are too many."""
        super().connection_made(transport)
        self._wait()
        while len(self.waiting) > WAITING:
            longest, _ = self.waiting.popitem(last=False)
            longest.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of a request; only a whole one ends the waiting."""
        super().data_received(data)
        if self._whole():
            self._stop()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self._whole():
            self._wait()

    def hang_up(self) -> None:
        """Without a word: there was no request to answer."""
        self._stop()
        self.transport.abort()

    def _whole(self) -> bool:
        """Whether a request is here to its end and its answer is under way."""
        cycle = cast("Any", self.cycle)
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _wait(self) -> None:
        self._stop()
        self.waiting[self] = None
        self._deadline = self.loop.call_later(WHOLE_S, self.hang_up)

    def _stop(self) -> None:
        self.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
