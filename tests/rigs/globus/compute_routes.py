"""The web service of Globus Compute: what the SDK and the endpoints ask of it over HTTP."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import Any, Final

from tests.rigs.globus.auth import IDENTITY, OWNER
from tests.rigs.globus.compute_state import QUEUE_PREFIX, ComputeState, Endpoint
from tests.rigs.globus.waiting import until
from tests.rigs.globus.web import Refused, Request, Server

MAX_BODY: Final = 10_000_000
"""A submission may have so many bytes: the real service's limit."""
CHILD_START_S: Final = 8.0
"""So long a submission waits for the process that is to run it, less than clients have patience for one request."""
ID: Final = r"([0-9a-fA-F-]{36})"


def add_routes(server: Server, state: ComputeState) -> None:
    """Compute, on this server."""
    routes = _Routes(state)
    server.max_body = MAX_BODY
    for method, pattern, answer in (
        ("GET", "/v2/version", routes.version),
        ("POST", "/v[23]/functions", routes.register_function),
        ("GET", f"/v2/functions/{ID}", routes.function),
        ("DELETE", f"/v2/functions/{ID}", routes.delete_function),
        ("GET", "/v2/endpoints", routes.endpoints),
        ("POST", "/v3/endpoints", routes.register_endpoint),
        ("PUT", f"/v3/endpoints/{ID}", routes.register_endpoint),
        ("GET", f"/v2/endpoints/{ID}", routes.endpoint),
        ("DELETE", f"/v2/endpoints/{ID}", routes.delete_endpoint),
        ("GET", f"/v2/endpoints/{ID}/status", routes.endpoint_status),
        ("POST", f"/v[23]/endpoints/{ID}/lock", lambda request: {"success": True}),
        ("GET", f"/v3/endpoints/{ID}/allowed_functions", routes.allowed_functions),
        ("POST", f"/v3/endpoints/{ID}/submit", routes.submit),
        ("GET", "/v2/get_amqp_result_connection_url", routes.results_address),
        ("GET", f"/v2/tasks/{ID}", routes.task),
        ("GET", f"/v2/taskgroup/{ID}", routes.group),
        ("POST", "/v2/batch_status", routes.batch_status),
    ):
        open_to_all = answer == routes.version
        server.route(method, pattern, answer if open_to_all else _logged_in(answer))


def _logged_in(answer: Any) -> Any:
    def checked(request: Request) -> Any:
        if request.bearer is None:
            raise Refused(401, "Credentials are required")
        return answer(request)

    return checked


class _Routes:
    def __init__(self, state: ComputeState) -> None:
        self._state = state

    def version(self, request: Request) -> Any:
        return {"api": "1.0.0", "min_sdk_version": "2.0.0", "min_ep_version": "2.0.0"}

    # Functions

    def register_function(self, request: Request) -> Any:
        return {"function_uuid": self._state.register_function(request.body)}

    def function(self, request: Request) -> Any:
        told = self._function(request.groups[0])
        return {k: v for k, v in told.items() if k != "buffer"}

    def delete_function(self, request: Request) -> Any:
        self._function(request.groups[0])
        del self._state.functions[request.groups[0]]
        return {"result": 302}

    def _function(self, wanted: str) -> dict[str, Any]:
        try:
            return self._state.functions[wanted]
        except KeyError:
            raise Refused(404, f"Function {wanted} could not be resolved", code="FUNCTION_NOT_FOUND") from None

    # Endpoints

    def register_endpoint(self, request: Request) -> Any:
        wanted = request.groups[0] if request.groups else request.body.get("endpoint_uuid")
        endpoint = self._state.add_endpoint(request.body, wanted, core=True)
        return {
            "endpoint_id": endpoint.id,
            "command_queue_info": self._state.queue_of(endpoint.id, "commands"),
            "heartbeat_queue_info": self._state.queue_of(endpoint.id, "heartbeats"),
            "warnings": [],
        }

    def endpoints(self, request: Request) -> Any:
        return [_described(one) for one in list(self._state.endpoints.values())]

    def endpoint(self, request: Request) -> Any:
        return _described(self._state.endpoint(request.groups[0]))

    def delete_endpoint(self, request: Request) -> Any:
        del self._state.endpoints[self._state.endpoint(request.groups[0]).id]
        return {"result": 302}

    def endpoint_status(self, request: Request) -> Any:
        endpoint = self._state.endpoint(request.groups[0])
        plain = {k: v for k, v in endpoint.state.items() if isinstance(v, int | float | str | bool)}
        return {"status": "online" if endpoint.online else "offline", "details": plain}

    def allowed_functions(self, request: Request) -> Any:
        allowed = self._state.endpoint(request.groups[0]).allowed
        return {"restricted": allowed is not None, "functions": allowed or []}

    # Tasks

    def submit(self, request: Request) -> Any:
        endpoint, body = self._state.endpoint(request.groups[0]), request.body
        for wanted in body["tasks"]:
            self._function(wanted)
            if endpoint.allowed is not None and wanted not in endpoint.allowed:
                why = f"Function {wanted} not permitted on endpoint {endpoint.id}"
                raise Refused(403, why, code="FUNCTION_NOT_PERMITTED")
        target = self._child(endpoint, body) if endpoint.core else endpoint.id
        group = str(body.get("task_group_id") or uuid.uuid4())
        if body.get("create_queue"):
            self._state.group_queue(group)
        headers: dict[str, Any] = {}
        if wanted_resources := body.get("resource_specification"):
            headers["resource_specification"] = json.dumps(wanted_resources)
        if serializers := body.get("result_serializers"):
            headers["result_serializers"] = serializers
        made = {
            function: [self._state.send(target, function, payload, group, headers) for payload in payloads]
            for function, payloads in body["tasks"].items()
        }
        return {"request_id": str(uuid.uuid4()), "task_group_id": group, "endpoint_id": target, "tasks": made}

    def _child(self, core: Endpoint, body: dict[str, Any]) -> str:
        """The endpoint that runs this user's tasks with these options: the core endpoint is told to start it."""
        options, runtime = body.get("user_endpoint_config") or {}, body.get("user_runtime") or {}
        key = json.dumps(options, sort_keys=True)
        known = core.children.setdefault(key, str(uuid.uuid4()))
        child = self._state.endpoints.get(known) or self._state.add_endpoint({"display_name": "child"}, known)
        if not child.online:
            child.failure = None
            self._state.command(core.id, _start(core.id, child.id, options, runtime, self._state.credentials(child.id)))
            with suppress(AssertionError):  # it is slow: its tasks wait in its queue, and fail if it does
                until(lambda: child.online or child.failure, "not yet", deadline_s=CHILD_START_S)
        if child.failure:
            why = f"Request payload failed validation: {child.failure}"
            raise Refused(422, why, code="SEMANTICALLY_INVALID")
        return child.id

    def results_address(self, request: Request) -> Any:
        return {"queue_prefix": QUEUE_PREFIX, "connection_url": self._state.client_url}

    def task(self, request: Request) -> Any:
        try:
            return self._state.tasks[request.groups[0]].status()
        except KeyError:
            raise Refused(404, f"Task {request.groups[0]} could not be resolved", code="TASK_NOT_FOUND") from None

    def group(self, request: Request) -> Any:
        group = request.groups[0]
        if group not in self._state.groups:
            raise Refused(404, f"Task group {group} could not be resolved", code="TASK_GROUP_NOT_FOUND")
        tasks = [{"id": task} for task in self._state.groups[group]]
        return {"taskgroup_id": group, "create_websockets_queue": True, "tasks": tasks}

    def batch_status(self, request: Request) -> Any:
        known = self._state.tasks
        results = {task: known[task].status() for task in request.body["task_ids"] if task in known}
        return {"response": "batch", "results": results}


def _described(endpoint: Endpoint) -> dict[str, Any]:
    about = {k: v for k, v in endpoint.about.items() if k not in ("user_config_template", "user_config_schema")}
    name = about.get("display_name") or about.get("endpoint_name") or "endpoint"
    return {**about, "uuid": endpoint.id, "name": name, "display_name": name, "owner": OWNER, "owner_id": OWNER}


def _start(core: str, child: str, options: Any, runtime: Any, credentials: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": "cmd_start_endpoint",
        "args": [],
        "kwargs": {
            "name": f"uep.{core}.{child}",
            "user_opts": options,
            "user_runtime": runtime,
            "amqp_creds": credentials,
        },
        "globus_username": IDENTITY["username"],
        "globus_effective_identity": OWNER,
        "globus_identity_set": [IDENTITY],
    }
