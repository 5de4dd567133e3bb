"""The SDK's threads for results leave the sockets of their event loops to the garbage collector: here they are closed.

Collected in the middle of some test, they would fail it with a warning that is not its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def tidy_watchers() -> Iterator[None]:
    """While this holds, a thread that ends closes what it opened."""
    from globus_compute_sdk.sdk.executor import _ResultWatcher

    watcher: Any = _ResultWatcher
    connect, run = watcher._connect, watcher.run
    opened: dict[Any, list[Any]] = {}

    def connecting(self: Any) -> Any:
        connection = connect(self)
        opened.setdefault(self, []).append(connection.ioloop)
        return connection

    def running(self: Any) -> None:
        try:
            run(self)
        finally:
            for loop in opened.pop(self, ()):
                loop.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watcher, "_connect", connecting)
        patch.setattr(watcher, "run", running)
        yield
