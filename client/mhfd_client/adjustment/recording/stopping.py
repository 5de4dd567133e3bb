"""What ends a recorder: a signal, or a time. Knows nothing of what is recorded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals_or_after(seconds: float | None) -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, by whoever ends the process politely, or when so many seconds are over."""
    stop = threading.Event()
    old = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    timer = None if seconds is None else threading.Timer(seconds, stop.set)
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield stop
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in old.items():
            signal.signal(number, handler)
