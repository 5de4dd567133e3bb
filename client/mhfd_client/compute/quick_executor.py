"""The SDK's Executor, bent in three places: results are looked at more often, only one thread listens for those of a
task group, and we hear when a request went out.

The SDK looks at what came from the broker every half second, which nothing exposes: a result waits a quarter of a
second for nothing. Here the wait is lowered where the SDK's parts are as we know them. Each is looked for first
(`globus.private_names`): with a release that is made differently everything works, only slower, and a line says so.

Results of a group are one queue: a second listener takes away what the first one waits for. The SDK starts one when
two of its executors ask at the same moment, as a new one and one that looks for lost tasks do, and when a listener that
ends late takes its successor out of the SDK's list. So we remember who listens ourselves.

Nothing here knows of images. Importing this module does not import the SDK.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from mhfd_client.globus.private_names import (
    CLOSED,
    LOOP,
    POLL,
    TAKEN,
    WATCHER,
    anything,
    is_bool,
    is_number,
    is_there,
)

STOCK_S: Final = 0.5
"""How often the SDK looks by itself."""
_KIND_S: Final = 1.0  # a watcher that waits longer was told to by the service (high assurance): it is left alone
_listening = threading.Lock()  # of all executors of this process
_listeners: dict[Any, Any] = {}  # by group; those of this process that have not ended
_END_S: Final = 3.0  # one that is waiting to connect again ends later, by itself


def executor_class(poll_s: float, sent: Callable[[Sequence[Any]], None]) -> Any:
    """A subclass of the installed SDK's Executor.

    Args:
        poll_s: How often results are looked at; nothing is changed for `STOCK_S`.
        sent: Called, in the SDK's thread, with the futures of each request that the service has taken.
    """
    from globus_compute_sdk import Executor

    class QuickExecutor(Executor):
        """See the module."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.watchers: list[Any] = []
            super().__init__(*args, **kwargs)

        def _get_result_watcher(self) -> Any:
            with _listening:
                watcher = _listeners.get(self.task_group_id)
                if watcher is None or not _listens(watcher):
                    watcher = super()._get_result_watcher()
                    for group in [group for group, its in _listeners.items() if not its.is_alive()]:
                        del _listeners[group]
                    _listeners[self.task_group_id] = watcher
            if watcher not in self.watchers:
                self.watchers = [w for w in self.watchers if w.is_alive()] + [watcher]
                self.quicken(watcher)
            return watcher

        def quicken(self, watcher: Any) -> None:
            if is_there(watcher, POLL, is_number) and poll_s < watcher.poll_period_s <= _KIND_S:
                watcher.poll_period_s = poll_s

        def watch(self) -> None:
            """Have somebody listen for results. Without it, the SDK may hand what it reloads to a watcher that died."""
            if is_there(super(), WATCHER):
                self._get_result_watcher()

        def _submit_tasks(self, *args: Any, **kwargs: Any) -> None:
            super()._submit_tasks(*args, **kwargs)
            for value in (*args, *kwargs.values()):
                if isinstance(value, list) and value and hasattr(value[0], "add_done_callback"):
                    sent(value)
                    return

        def stop(self) -> None:
            """Take no more tasks; what is out is still listened for."""
            shutdown: Any = self.shutdown  # not typed there
            shutdown(wait=False, cancel_futures=True)

        def abandon(self) -> None:
            """Stop at once, whatever is still out: the SDK would wait for it at the end of the process."""
            self.stop()
            end(self.watchers)

    for name in (WATCHER, TAKEN):
        is_there(Executor, name)
    return QuickExecutor


def _listens(watcher: Any) -> bool:
    """Whether it takes more to listen for; where that cannot be seen, a thread that runs is believed."""
    closed = watcher._closed if is_there(watcher, CLOSED, is_bool) else False  # noqa: SLF001
    return bool(watcher.is_alive()) and not closed


def end(watchers: Sequence[Any]) -> None:
    """Have these threads of the SDK end now, and close what they leave open."""
    loops = [_loop_of(watcher) for watcher in watchers]
    for watcher in watchers:
        watcher.shutdown(wait=False, cancel_futures=True)
    until = time.monotonic() + _END_S
    for watcher, loop in zip(watchers, loops, strict=True):
        watcher.join(timeout=max(0.0, until - time.monotonic()))
        if loop is not None and not watcher.is_alive():
            loop.close()


def _loop_of(watcher: Any) -> Any:
    """What its connection waits with; None for one that has none."""
    if not is_there(watcher, LOOP, anything):
        return None
    return getattr(watcher._connection, "ioloop", None)  # noqa: SLF001 - None before it has connected
