"""Asks the system something that it may never answer, as of a mount whose server is gone, and waits a moment only.

What hangs in the system cannot be ended: the thread that asked stays, and as long as it does the same thing is not
asked again. So a dead mount costs a worker one thread and its first request one moment, however often it is named.
"""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOMENT_S: Final = 2.0


class Silent(Exception):
    """There is no answer, yet."""


class _Question(Generic[T]):
    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._ask, self._answer, self._error = ask, None, None
        self._known = threading.Event()
        threading.Thread(target=self._run, name=f"asks for {name}", daemon=True).start()

    _answer: T | None
    _error: Exception | None

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except Exception as e:
            self._error = e
        self._known.set()

    def answer(self, wait_s: float) -> T:
        """What came of it."""
        if not self._known.wait(wait_s):
            raise Silent
        if self._error is not None:
            raise self._error
        return self._answer  # type: ignore[return-value]  # None only where it is the answer


_open: dict[str, _Question[object]] = {}


def asked(name: str, ask: Callable[[], T], *, wait_s: float | None = None) -> T:
    """What `ask` gives or raises. `Silent` after a moment, or at once while the last answer of that name is out."""
    before = _open.get(name)
    if before is not None:
        try:
            before.answer(0)
        except Silent:
            raise
        except Exception:  # noqa: S110 - an answer at last, of long ago: it is asked anew
            pass
    question = _Question(name, ask)
    _open[name] = question  # type: ignore[assignment]  # covariant in what it answers
    found = question.answer(MOMENT_S if wait_s is None else wait_s)
    _open.pop(name, None)
    return found
