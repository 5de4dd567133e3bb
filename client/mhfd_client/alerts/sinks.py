"""The seam between an alert and whoever is told: `webhook` and `command`.

A sink sends one message and waits for its receipt, in a thread that is its own. It keeps nothing: what must be sent
again is `outlet`'s business. No secret (the path of an address, a header) is ever in a name, a result or an error.
"""

from typing import Protocol

from mhfd_client.alerts.message import Alert


class SinkFailed(Exception):
    """The message was not delivered: what happened, in words. `retry_after_s`: the receiver asked for that."""

    def __init__(self, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what, retry_after_s)
        self.what, self.retry_after_s = what, retry_after_s

    def __str__(self) -> str:
        return self.what


class Sink(Protocol):
    """Who is told."""

    @property
    def name(self) -> str:
        """The same after a restart, without secrets."""

    def send(self, alert: Alert) -> str:
        """Deliver it and say what the receiver said. SinkFailed when it did not take it; returns in bounded time."""
