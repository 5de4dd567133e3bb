"""A thread that asks the service what takes time, one question after the other, and hands the answers back.

So that the station's loop never waits for the network. It knows nothing of what it asks.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class QuestionReply:
    """What became of a question."""

    about: str
    value: Any = None
    error: Exception | None = None


class QuestionThread:
    """Questions by name: of each name at most one is being asked.

    Args:
        answered: Called with each reply, in its thread.
    """

    def __init__(self, answered: Callable[[QuestionReply], None]) -> None:
        self._answered = answered
        self._questions: queue.SimpleQueue[tuple[str, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._asking: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="mhfd-compute", daemon=True)
        self._thread.start()

    def asks(self, about: str) -> bool:
        """Whether the answer to this is still to come."""
        return about in self._asking

    def ask(self, about: str, question: Callable[[], Any]) -> None:
        """Have this asked, unless it is being asked already."""
        if about not in self._asking:
            self._asking.add(about)
            self._questions.put((about, question))

    def heard(self, reply: QuestionReply) -> None:
        """The reply was taken: the next question of this name may be asked."""
        self._asking.discard(reply.about)

    def close(self) -> None:
        """Ask no more. A question that is being asked ends by itself."""
        self._questions.put(None)

    def _work(self) -> None:
        while (item := self._questions.get()) is not None:
            about, question = item
            try:
                reply = QuestionReply(about, question())
            except Exception as e:
                reply = QuestionReply(about, error=e)
            self._answered(reply)
