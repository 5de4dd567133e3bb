"""What the stand-in of Globus Compute knows: functions, endpoints, tasks and their groups; and how tasks travel.

Tasks go to endpoints, and results to clients, over AMQP; the routes of the web service are in `compute_routes`.
Messages are packed and unpacked by Globus' own `globus_compute_common`.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from globus_compute_common.messagepack import pack, unpack
from globus_compute_common.messagepack.message_types import EPStatusReport, Result, Task

from tests.rigs.globus.amqp import Listener, Publisher
from tests.rigs.globus.auth import OWNER
from tests.rigs.globus.web import Refused

QUEUE_PREFIX: Final = "group."
RESULTS, HEARTBEATS = "service.results", "service.heartbeats"
BEATS: Final = 3
"""An endpoint is offline when so many heartbeats did not come."""


@dataclass(slots=True)
class Endpoint:
    """One that is registered, or the child of a core endpoint."""

    id: str
    about: dict[str, Any]
    core: bool = False
    allowed: list[str] | None = None
    children: dict[str, str] = field(default_factory=dict)  # a user's options -> the child's id
    heard_at: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None  # why it could not start
    failures: int = 0

    @property
    def online(self) -> bool:
        period = float(self.state.get("heartbeat_period") or 0)
        active = bool(self.state.get("active", True)) and self.failure is None
        return bool(period) and active and time.monotonic() - self.heard_at < BEATS * period


@dataclass(slots=True)
class TaskRecord:
    """A task and, once, its result."""

    id: str
    endpoint: str
    function: str
    group: str
    submitted: float
    result: Result | None = None
    completed: float | None = None
    results: int = 0
    """How many results came for it: more than one when it ran more than once."""

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = {"task_id": self.id, "function_id": self.function, "endpoint_id": self.endpoint}
        if self.result is None:
            return told | {"status": "waiting-for-ep"}
        failed = self.result.is_error
        details = {k: str(v) for k, v in (self.result.details or {}).items()}
        return told | {
            "status": "failed" if failed else "success",
            "completion_t": str(self.completed),
            "details": details,
            ("exception" if failed else "result"): self.result.data,
        }


class ComputeState:
    """Functions, endpoints, tasks. Thread-safe."""

    def __init__(self, broker_url: str) -> None:
        self.endpoint_url = self.client_url = broker_url
        """Where endpoints and clients are told to connect: set to a link's address to have it in between."""
        self.functions: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.groups: dict[str, list[str]] = {}
        self._queues: set[str] = set()
        self._lock = threading.RLock()
        self._broker = Publisher(broker_url)
        self._from_listener = Publisher(broker_url)
        self._broker.declare(RESULTS)
        self._broker.declare(HEARTBEATS)
        self._listeners = [
            Listener(broker_url, RESULTS, self._on_result),
            Listener(broker_url, HEARTBEATS, self._on_heartbeat),
        ]

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._broker.close()
        self._from_listener.close()

    # Functions and endpoints

    def register_function(self, told: dict[str, Any]) -> str:
        """Each registration has an id of its own, as in the real service."""
        made = str(uuid.uuid4())
        code = str(told["function_code"])
        if told.get("serialized", True):
            length, _, packed = code.partition("\n")
            buffer = packed[: int(length)]
        else:
            buffer = f"st\n{told['function_name']}:{code}"
        with self._lock:
            self.functions[made] = {**told, "function_uuid": made, "owner": OWNER, "buffer": buffer}
        return made

    def add_endpoint(self, about: dict[str, Any], id: str | None = None, *, core: bool = False) -> Endpoint:  # noqa: A002
        """Register, or register again."""
        with self._lock:
            endpoint = self.endpoints.setdefault(id or str(uuid.uuid4()), Endpoint("", {}))
            if not endpoint.id:
                endpoint.id = id or next(k for k, v in self.endpoints.items() if v is endpoint)
            endpoint.about, endpoint.core = about, core
            endpoint.allowed = about.get("allowed_functions")
            endpoint.failure = None
            return endpoint

    def endpoint(self, id: str) -> Endpoint:  # noqa: A002
        try:
            return self.endpoints[id]
        except KeyError:
            raise Refused(404, f"Endpoint {id} could not be resolved", code="ENDPOINT_NOT_FOUND") from None

    def queue_of(self, endpoint: str, kind: str) -> dict[str, Any]:
        """What an endpoint must know to use its queue of tasks or commands, or the service's of results, heartbeats."""
        key = f"{endpoint}.{kind}"
        if kind in ("tasks", "commands"):
            self._broker.declare(key, kind)
            queue = key
        else:
            queue = RESULTS if kind == "results" else HEARTBEATS
            self._broker.bind(queue, kind, key)
        return {
            "connection_url": self.endpoint_url,
            "exchange": kind,
            "queue": queue,
            "queue_publish_kwargs": {
                "exchange": kind,
                "routing_key": key,
                "mandatory": True,
                "properties": {"delivery_mode": 2, "app_id": "stand-in"},
            },
        }

    def credentials(self, endpoint: str) -> dict[str, Any]:
        """What a core endpoint hands to the child that runs tasks."""
        return {
            "endpoint_id": endpoint,
            "task_queue_info": self.queue_of(endpoint, "tasks"),
            "result_queue_info": self.queue_of(endpoint, "results"),
            "heartbeat_queue_info": self.queue_of(endpoint, "heartbeats"),
        }

    def command(self, endpoint: str, message: dict[str, Any]) -> None:
        """Tell a core endpoint to do something."""
        body = json.dumps(message).encode()
        key = f"{endpoint}.commands"
        self._broker.publish("commands", key, body, content_type="application/json", timestamp=int(time.time()))

    # Tasks

    def group_queue(self, group: str) -> None:
        """The queue from which a client takes the results of its group."""
        with self._lock:
            if group not in self._queues:
                self._broker.declare(QUEUE_PREFIX + group)
                self._queues.add(group)

    def send(self, endpoint: str, function: str, payload: str, group: str, headers: dict[str, Any]) -> str:
        """Make a task of it, and put it into the endpoint's queue."""
        record = TaskRecord(str(uuid.uuid4()), endpoint, function, group, time.time())
        buffer = self.functions[function]["buffer"]
        with self._lock:
            self.tasks[record.id] = record
            self.groups.setdefault(group, []).append(record.id)
        message = pack(Task(task_id=record.id, task_buffer=f"{len(buffer)}\n{buffer}{payload}"))
        headers = {"function_uuid": function, "task_uuid": record.id, **headers}
        self._broker.publish("tasks", f"{endpoint}.tasks", message, headers=headers, delivery_mode=2)
        return record.id

    def fail_tasks(self, endpoint: str, code: str, why: str) -> None:
        """Every unfinished task of an endpoint has failed."""
        with self._lock:
            waiting = [t.id for t in self.tasks.values() if t.endpoint == endpoint and t.result is None]
        for task in waiting:
            details = {"code": code, "user_message": why}
            self._on_result(pack(Result(task_id=task, data=why, task_statuses=[], error_details=details)))

    def _on_result(self, body: bytes) -> None:
        result = unpack(body)
        if not isinstance(result, Result):
            return
        with self._lock:
            record = self.tasks.get(str(result.task_id))
            if record is None:
                return
            record.results += 1
            if record.result is not None:
                return  # the first one counts
            record.result, record.completed = result, time.time()
            wanted = record.group in self._queues
        if wanted:
            key = QUEUE_PREFIX + record.group
            self._from_listener.publish("", key, body, timestamp=int(time.time()), delivery_mode=2)

    def _on_heartbeat(self, body: bytes) -> None:
        report = unpack(body)
        if not isinstance(report, EPStatusReport):
            return
        endpoint = self.endpoints.get(str(report.endpoint_id))
        if endpoint is None:
            return
        error = report.global_state.get("error")
        with self._lock:
            endpoint.heard_at, endpoint.state = time.monotonic(), dict(report.global_state)
            endpoint.failure = str(error) if error else None
            endpoint.failures += bool(error)
        if error:
            self.fail_tasks(endpoint.id, "ENDPOINT_START_FAILURE", str(error))
