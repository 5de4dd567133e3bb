"""Asks the system something that it may never answer, as of a mount whose server is gone, and waits a moment only.

What hangs in the system cannot be ended: the thread that asked stays, and as long as it does the same thing is not
asked again. So a dead mount costs a worker one thread and its first request one moment, however often it is named.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

MOMENT_S: Final = 5.0


class Silent(Exception):
    """There is no answer, yet."""


class _Question(Generic[T]):
    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._ask, self._answer, self._error = ask, None, None
        self._until = time.monotonic() + MOMENT_S
        self._known = threading.Event()
        threading.Thread(target=self._run, name=f"asks for {name}", daemon=True).start()

    _answer: T | None
    _error: Exception | None

    @property
    def over(self) -> bool:
        """Whether there is an answer."""
        return self._known.is_set()

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except Exception as e:
            self._error = e
        self._known.set()

    def answer(self) -> T:
        """What came of it, if it comes within a moment of its being asked."""
        if not self._known.wait(max(0.0, self._until - time.monotonic())):
            raise Silent
        if self._error is not None:
            raise self._error
        return self._answer  # type: ignore[return-value]  # None only where it is the answer


_open: dict[str, _Question[Any]] = {}
_lock = threading.Lock()


def asked(name: str, ask: Callable[[], T]) -> T:
    """What `ask` gives or raises. `Silent` after a moment, or at once where the same was asked longer ago.

    Who asks the same meanwhile, in another thread, waits for the same answer.
    """
    with _lock:
        question = _open.get(name)
        if question is None or question.over:  # over: an answer at last, of long ago
            question = _open[name] = _Question(name, ask)
    try:
        found: T = question.answer()
        return found
    finally:
        with _lock:
            if question.over and _open.get(name) is question:
                del _open[name]
