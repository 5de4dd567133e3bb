"""Time that passes only when everybody waits: an ordered list of what happens when, and a runner's background in it.

One thread does everything, so that a day takes minutes, and the same seed gives the same day. Knows no service.
"""

from __future__ import annotations

import heapq
import itertools
import queue
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from mhfd_client.runners.background import Background, Do
from mhfd_client.runners.questions import QuestionReply

EPOCH_S: Final = 1_790_000_000
"""When the day begins, in seconds since 1970."""


class VirtualTime:
    """Where it stands, and what happens later."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Do]] = []
        self._order = itertools.count()
        self._spent = 0.0

    def clock(self) -> float:
        """In seconds since the day began."""
        return self.now

    def today_s(self) -> float:
        """In seconds since 1970."""
        return EPOCH_S + self.now

    def now_ns(self) -> int:
        """In nanoseconds since 1970."""
        return round((EPOCH_S + self.now) * 1e9)

    def after(self, seconds: float, do: Do) -> None:
        """Do this then."""
        heapq.heappush(self._events, (self.now + max(0.0, seconds), next(self._order), do))

    def go_on(self, until: float, stop: Callable[[], bool]) -> None:
        """Let happen what happens, until then or until `stop` says so."""
        while not stop():
            if not self._events or self._events[0][0] > until:
                self.now = max(self.now, until)
                return
            at, _, do = heapq.heappop(self._events)
            self.now = max(self.now, at)
            do()

    def spend(self, seconds: float) -> None:
        """What is being asked just now takes so much longer."""
        self._spent += seconds

    def spent(self) -> float:
        """What was said so since the last time."""
        spent, self._spent = self._spent, 0.0
        return spent

    def background(self, latency_s: float) -> Background:
        """For a runner. `latency_s`: that a question takes at least."""
        return Background(
            now_ns=self.now_ns,
            news=lambda: VirtualNews(self),
            questions=lambda answered: VirtualQuestions(self, answered, latency_s),
        )


class VirtualNews:
    """Who waits for news lets the time pass."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._news: deque[Do | None] = deque()

    def put(self, item: Do | None, /) -> None:
        """Leave this to be done."""
        self._news.append(item)

    def get(self, *, timeout: float) -> Do | None:
        """The next; queue.Empty when none comes in so long."""
        self._time.go_on(self._time.now + timeout, lambda: bool(self._news))
        return self.get_nowait()

    def get_nowait(self) -> Do | None:
        """The next that is there; queue.Empty."""
        if not self._news:
            raise queue.Empty
        return self._news.popleft()


class VirtualQuestions:
    """Asks one after the other, as the thread does, and takes the time that each says."""

    def __init__(self, time: VirtualTime, answered: Callable[[QuestionReply], None], latency_s: float) -> None:
        self._time, self._answered, self._latency = time, answered, latency_s
        self._asking: set[str] = set()
        self._waiting: deque[tuple[str, Callable[[], Any]]] = deque()
        self._busy = False

    def asks(self, about: str) -> bool:
        """Whether the answer to this is still to come."""
        return about in self._asking

    def ask(self, about: str, question: Callable[[], Any]) -> None:
        """Have this asked, unless it is being asked already."""
        if about in self._asking:
            return
        self._asking.add(about)
        self._waiting.append((about, question))
        if not self._busy:
            self._busy = True
            self._time.after(0.0, self._next)

    def heard(self, reply: QuestionReply) -> None:
        """The reply was taken."""
        self._asking.discard(reply.about)

    def close(self) -> None:
        """Nothing is left behind."""

    def _next(self) -> None:
        about, question = self._waiting.popleft()
        self._time.spent()
        try:
            reply = QuestionReply(about, question())
        except Exception as e:
            reply = QuestionReply(about, error=e)
        self._time.after(self._latency + self._time.spent(), lambda: self._told(reply))

    def _told(self, reply: QuestionReply) -> None:
        self._answered(reply)
        self._busy = bool(self._waiting)
        if self._busy:
            self._next()
