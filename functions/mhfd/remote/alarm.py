"""Ends work that takes too long, in the middle of it: a task must not hold its worker for ever.

The system's timer interrupts the thread that tasks run in, between two steps of Python. A step in C code (a codec, a
kernel, one read of a file) is not interrupted; what each can take is bounded by the sizes that a site allows. In
another thread than a process's first there is no timer, and nothing is ended.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_AGAIN_S: Final = 1.0  # somebody on the way may have caught it


class Overdue(BaseException):
    """The time is over. No Exception: whoever takes what is wrong with a file for a finding must not catch it."""


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise `Overdue` in the middle of what is done here, once it has taken so long."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Overdue

    began = time.monotonic()
    others, interval = signal.setitimer(signal.ITIMER_REAL, 0)  # a timer of whoever runs us goes on afterwards
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), _AGAIN_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            signal.setitimer(signal.ITIMER_REAL, max(others - (time.monotonic() - began), 1e-3), interval)
