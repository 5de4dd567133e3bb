"""One endpoint of Globus Compute, through the official SDK: submit, look, find again.

The only module that calls the SDK's Client and Executor for work. It adds what they leave open: burst settings, so
that the SDK's own throttle (4.5 s a task) never bites; JSON both ways; an Executor that died is replaced; everything
that can go wrong becomes one of `mhfd_client.errors`, with what to do. It neither retries nor decides: that is the
runner's. `submit` never waits; the other calls ask the service and may take seconds.

Importing this module does not import the SDK.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from mhfd.errors import needing_extra
from mhfd_client.compute import quick_executor as polling
from mhfd_client.compute.translated import translated
from mhfd_client.errors import TaskUnknown, TaskUnsent
from mhfd_client.globus.identity import globus_app
from mhfd_client.globus.private_names import CONNECTIONS, MISMATCH, RETRIES, is_number, is_there, must_be_there
from mhfd_client.settings.options import Settings

FAST_S: Final = 0.02
GROUP_TASKS: Final = 200  # of one group: all are looked at when one is looked for
_BURST: Final = {"api_burst_limit": 8, "api_burst_window_s": 1}  # the most and the least that the SDK allows


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What the service says of the endpoint."""

    online: bool
    words: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Task:
    """One call of a function, on its way. Wraps the SDK's future, whose exceptions it translates."""

    def __init__(self, future: Any, endpoint: UUID) -> None:
        self._future, self._endpoint = future, endpoint

    @property
    def id(self) -> str | None:
        """The service's name for it; None as long as the service has not taken it."""
        found = getattr(self._future, "task_id", None)
        return None if found is None else str(found)

    def then(self, call: Callable[[], None]) -> None:
        """Call this once it is done, from some thread."""
        self._future.add_done_callback(lambda _: call())

    @property
    def done(self) -> bool:
        return bool(self._future.done())

    def result(self, timeout: float | None = None) -> Any:
        """What the function returned. ComputeError; TimeoutError."""
        try:
            return self._future.result(timeout)
        except CancelledError:
            if self.id is not None:
                raise TaskUnknown("the service has the task, and nobody listens for its result any more") from None
            raise TaskUnsent("the task was not sent, because one before it failed") from None
        except TimeoutError:
            raise
        except Exception as e:
            raise translated(e, self._endpoint) from e


class EndpointService:
    """An endpoint and who we are to it. Not to be used by two threads at once, but for `submit`.

    Args:
        client: The SDK's Client.
        id: The endpoint.
        fast_poll_s: How often results are looked at.
        config: What a user may choose of the endpoint's configuration.
        sent: Called with the tasks of each request that the service has taken, from some thread.
    """

    def __init__(
        self,
        client: Any,
        id: UUID,  # noqa: A002 - what it is called everywhere
        *,
        fast_poll_s: float = FAST_S,
        config: Mapping[str, Any] | None = None,
        sent: Callable[[list[Task]], None] = lambda _: None,
    ) -> None:
        self.client, self.id = client, id
        self._config, self._sent = dict(config or {}) or None, sent
        self._group: UUID | None = None
        self._in_group = 0
        self._class = polling.executor_class(fast_poll_s, self._went)
        self._executor: Any = None
        self._lock = threading.RLock()
        self._out: dict[Any, Task] = {}  # by the SDK's future
        self._watchers: list[Any] = []  # of earlier groups
        self._closed = False

    @property
    def group(self) -> UUID | None:
        """The task group that holds what was submitted; None before the service has made one."""
        found = self._group if self._executor is None else self._executor.task_group_id
        return None if found is None else UUID(str(found))

    def group_for_more(self) -> UUID | None:
        """The group of the next task; a full one is left."""
        if self._in_group >= GROUP_TASKS:
            self.new_group()
        return self.group

    def submit(self, function: UUID, arguments: Mapping[str, Any]) -> Task:
        """Call a registered function there. Returns at once; errors come with the task's result."""
        with self._lock:
            self._in_group += 1
            future = None
            for _ in range(2):
                executor = self._live()
                try:
                    future = executor.submit_to_registered_function(str(function), kwargs=dict(arguments))
                    break
                except RuntimeError:  # it has just died; its successor takes the task
                    executor.abandon()
                    self._group, self._executor = self.group, None
            if future is None:
                future = Future()
                future.cancel()
            task = Task(future, self.id)
            if not task.done:
                self._out = {other: its for other, its in self._out.items() if not its.done} | {future: task}
            return task

    def status(self) -> EndpointStatus:
        """What the service says of the endpoint. ComputeError."""
        with self._told():
            found = dict(self.client.get_endpoint_status(str(self.id)))
        state = str(found.get("status", "unknown"))
        details = found.get("details")
        return EndpointStatus(state == "online", state, details if isinstance(details, dict) else {})

    def check(self) -> None:
        """Whether the service takes this SDK's release. ComputeError."""
        with self._told():
            self.client.version_check()

    def tasks(self, group: UUID) -> list[Task]:
        """The tasks of a group that nobody here waits for: those of a process that died, or that we lost sight of.

        Their results come as if they had been submitted here. ComputeError.
        """
        finder = self._made(group)
        try:
            with self._told():
                finder.watch()
                return [Task(future, self.id) for future in finder.reload_tasks()]
        finally:
            finder.stop()
            self._watchers += finder.watchers
            if self._closed:
                finder.abandon()

    def look(self, ids: Iterable[str]) -> dict[str, Any]:
        """What tasks returned that are done and did not fail, as the service has it. ComputeError."""
        with self._told():
            found = self.client.get_batch_result(list(ids))
        return {id_: answer["result"] for id_, answer in found.items() if "result" in answer}

    def new_group(self) -> None:
        """The next task begins a new group. What is out in this one is still listened for."""
        with self._lock:
            if self._executor is not None:
                self._executor.stop()
                self._watchers += self._executor.watchers
            self._group, self._executor, self._in_group = None, None, 0
            idle = [watcher for watcher in self._watchers if not watcher.get_open_futures()]
            self._watchers = [watcher for watcher in self._watchers if watcher not in idle]
            polling.end(idle)

    def close(self) -> None:
        """Stop listening. What is out goes on there."""
        with self._lock:
            self._closed = True
            if self._executor is not None:
                self._executor.abandon()
            polling.end(self._watchers)

    def _live(self) -> Any:
        if self._executor is None:
            self._executor = self._made(self._group)
            if self._closed:
                self._executor.abandon()
        return self._executor

    def _made(self, group: UUID | None) -> Any:
        from globus_compute_sdk.serialize import JSONData

        executor = self._class(
            endpoint_id=self.id,
            client=self.client,
            task_group_id=group,
            user_endpoint_config=self._config,
            label="mhfd",
            serializer=as_source(),
            result_serializers=[JSONData],
            **_BURST,
        )
        executor.task_group_id = group  # or the SDK goes on with the last one of this process
        return executor

    def _went(self, futures: Iterable[Any]) -> None:
        with self._lock:
            tasks = [task for future in futures if (task := self._out.pop(future, None)) is not None]
        self._sent(tasks)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The SDK's errors as ours."""
        try:
            yield
        except Exception as error:
            raise translated(error, self.id) from error


def as_source() -> Any:
    """What is sent: source, which any Python of a worker reads, and JSON. What is read: JSON and nothing else.

    The SDK would unpickle an answer, or run source that came as one: whoever runs an endpoint could run code here.
    """
    from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

    serializer = ComputeSerializer(strategy_code=PureSourceTextInspect, strategy_data=JSONData)
    serializer.allowed_deserializer_types = {JSONData}  # its argument demands one for code too
    return serializer


def client_of(*, retries: bool = True, settings: Settings | None = None) -> Any:
    """The SDK's Client, as whoever is logged in to mhfd. Asks nobody anything yet.

    `retries`: whether a submission that got no answer is repeated by the SDK, though it may have arrived; `settings`:
    of whoever it is; nothing for those that a command without arguments would find.
    """
    with needing_extra("globus", "runner.kind = compute needs globus-compute-sdk"):
        from globus_compute_sdk import Client
    client: Any = Client(app=globus_app(settings), do_version_check=False)
    if not retries:
        submit_once(client)
    if is_there(client, MISMATCH):
        # It warns that Python differs there: what travels is source and JSON, which does not mind.
        client._log_version_mismatch = lambda _: None  # noqa: SLF001
    return client


def submit_once(client: Any) -> None:
    """A submission that got no answer is not repeated by the SDK, because it may have arrived. ReleaseUnknown."""
    must_be_there(client, RETRIES, is_number)
    client._compute_web_client.v3.retry_config.max_retries = 0  # noqa: SLF001


def let_go(client: Any) -> None:
    """Close the client's connections, which the SDK leaves to the end of the process."""
    for name in CONNECTIONS:
        if is_there(client, name):
            attrgetter(name.path)(client)()
    client.app.close()
