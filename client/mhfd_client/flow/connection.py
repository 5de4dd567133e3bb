"""The way to Globus Flows: opened, given up and opened again by the thread that asks there, never by the station's."""

from collections.abc import Callable
from typing import Any

from mhfd_client.flow.service import FlowService
from mhfd_client.runners.background import Questions
from mhfd_client.runners.questions import QuestionReply


class FlowConnection:
    """The service, while there is one.

    Args:
        open_service: Reaches it; called in another thread, again and again until it does not raise.
        questions: Ask for us, in that thread; their replies are to be given to `heard`.
        clock: In seconds, from anywhere.
        hold_s: Between two tries.
    """

    def __init__(
        self,
        open_service: Callable[[], FlowService],
        questions: Questions,
        clock: Callable[[], float],
        hold_s: float,
    ) -> None:
        self._open_service, self._clock, self._hold = open_service, clock, hold_s
        self._thread = questions
        self._latest: FlowService | None = None  # the thread's: opened, and maybe not heard of yet
        self._due = 0.0
        self.service: FlowService | None = None

    def asks(self, about: str) -> bool:
        """Whether the answer to this is still to come."""
        return self._thread.asks(about)

    def ask(self, about: str, question: Callable[[FlowService], Any]) -> None:
        """Have the service asked this, if there is one."""
        service = self.service
        if service is not None:
            self._thread.ask(about, lambda: question(service))

    def heard(self, reply: QuestionReply) -> None:
        """The reply was taken; from here on the service is there, if it was opened."""
        self._thread.heard(reply)
        if reply.about == "open" and reply.error is None:
            self.service = reply.value

    def open_when_due(self) -> None:
        """Have it opened, when there is none and it was not tried just now."""
        now = self._clock()
        if self.service is None and now >= self._due and not self._thread.asks("open"):
            self._due = now + self._hold
            self._thread.ask("open", self._open)

    def rest(self, seconds: float) -> None:
        """Do not open it before."""
        self._due = max(self._due, self._clock() + seconds)

    def reopen(self) -> None:
        """A login that was made meanwhile counts only for a new app."""
        service, self.service = self.service, None
        self._due = self._clock() + self._hold
        if service is not None:
            self._thread.ask(f"close {id(service)}", service.close)

    def close(self) -> None:
        """After what is being asked."""
        self._thread.ask("close", self._let_go)
        self._thread.close()

    def _open(self) -> FlowService:
        self._latest = self._open_service()
        return self._latest

    def _let_go(self) -> None:
        if self._latest is not None:
            self._latest.close()
