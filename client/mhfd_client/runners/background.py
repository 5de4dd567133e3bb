"""What a runner whose work is done elsewhere has of the world: the time of day, how it waits, and who asks for it.

By default threads and the machine's own clock. A simulation gives its own, in which nothing waits and nothing races
(`benchmarks/virtual_day.py`); its monotonic clock is the runner's `clock`. Decides nothing.
"""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mhfd_client.runners.questions import QuestionReply, QuestionThread

Do = Callable[[], None]


class News(Protocol):
    """What others have left to do for the runner. As `queue.SimpleQueue`; the waiting is in `get`."""

    def put(self, item: Do | None, /) -> None:
        """Leave this to be done; nothing: only end a waiting `get`."""

    def get(self, *, timeout: float) -> Do | None:
        """The next, waiting for it; queue.Empty."""

    def get_nowait(self) -> Do | None:
        """The next that is there; queue.Empty."""


class Questions(Protocol):
    """Asks what takes time, of each name one at once. As `QuestionThread`."""

    def asks(self, about: str) -> bool:
        """Whether the answer to this is still to come."""

    def ask(self, about: str, question: Callable[[], Any]) -> None:
        """Have this asked, unless it is being asked already."""

    def heard(self, reply: QuestionReply) -> None:
        """The reply was taken: the next question of this name may be asked."""

    def close(self) -> None:
        """Ask no more."""


@dataclass(frozen=True, slots=True)
class Background:
    """See the module."""

    now_ns: Callable[[], int] = time.time_ns
    """Since 1970."""
    news: Callable[[], News] = queue.SimpleQueue
    questions: Callable[[Callable[[QuestionReply], None]], Questions] = QuestionThread
    """Made with what is called with each reply, in any thread."""


THREADS: Final = Background()
"""What every runner has outside of a simulation."""
