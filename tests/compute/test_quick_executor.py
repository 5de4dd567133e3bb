"""The SDK's Executor as it is bent: of one task group only one listens, however many threads ask for it at once."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from globus_compute_sdk import Client
from globus_compute_sdk.sdk import executor as sdk

from mhfd_client.compute.quick_executor import executor_class

WAIT_S = 10.0
LOOKS_S = 0.3


def test_two_that_ask_at_once_listen_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The results of a group are one queue: a second listener would take away what the first one waits for."""
    over = threading.Event()
    monkeypatch.setattr(sdk._ResultWatcher, "run", lambda self: over.wait(WAIT_S))
    quick = executor_class(0.02, lambda _: None)
    client = Client.__new__(Client)
    one, other = (quick(endpoint_id=uuid.uuid4(), client=client) for _ in range(2))
    one.task_group_id = other.task_group_id = uuid.uuid4()
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(other._get_result_watcher()))

    def start(self: Any, really: Any = sdk._ResultWatcher.start) -> None:
        """Between its making and its start, where the SDK does not find it yet."""
        if asking.ident is None:
            asking.start()
            asking.join(LOOKS_S)
        really(self)

    monkeypatch.setattr(sdk._ResultWatcher, "start", start)
    try:
        found.append(one._get_result_watcher())
        asking.join(WAIT_S)
        assert len(set(found)) == 1
    finally:
        over.set()
        for executor in (one, other):
            executor.stop()


def test_one_that_ends_late_leaves_its_successor_where_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK takes a listener out of its list twice: when it is told to end, and when it does. By then its successor
    stands there, and the next that asks would get a third, beside the second."""
    over = threading.Event()
    monkeypatch.setattr(sdk._ResultWatcher, "run", lambda self: over.wait(WAIT_S))
    quick = executor_class(0.02, lambda _: None)
    client = Client.__new__(Client)
    executors = [quick(endpoint_id=uuid.uuid4(), client=client) for _ in range(3)]
    group = uuid.uuid4()
    for executor in executors:
        executor.task_group_id = group
    try:
        first = executors[0]._get_result_watcher()
        first.shutdown(wait=False, cancel_futures=True)
        second = executors[1]._get_result_watcher()
        assert second is not first
        monkeypatch.setattr(first, "_stop_ioloop", lambda: None)
        first._thread_id = threading.get_ident()
        first.shutdown()  # as it does itself, in its own thread
        assert executors[2]._get_result_watcher() is second
    finally:
        over.set()
        for executor in executors:
            executor.stop()
