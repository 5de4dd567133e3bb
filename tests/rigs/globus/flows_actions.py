"""Who does the actions of a run: Transfer's providers, on the stand-in of Transfer, and Compute's, on a real endpoint.

Read in public documentation: the addresses, that documents are named as in the Transfer API, that `ls`, `stat` and
`mkdir` answer at once and the others do not, that a missing `data_access` makes the run inactive, and the shape of
Compute's answer. Guessed: which refusals are `ActionUnableToRun` (here: a document with wrong fields) and which a
failed action (here: all else), and the words of details.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from globus_compute_sdk.serialize import ComputeSerializer, JSONData

from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Provider
from mhfd_flows.providers import BY_ADDRESS
from tests.rigs.globus.auth_state import TRANSFER, Auth, data_access, flow_scope
from tests.rigs.globus.transfer_routes import submit_delete, submit_transfer
from tests.rigs.globus.transfer_state import Collection, Refusal, Task, TransferState

_AT: Final = "https://transfer.actions.globus.org/"
_COMPUTE: Final = "https://compute.actions.globus.org/v3"
BODY_LIMIT: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Starter:
    """On whose behalf a run acts, and down which path of consents."""

    identity: str
    client: str
    flow: str


class ComputeTasks(Protocol):
    """What the stand-in of Compute lets others see of its tasks."""

    def status(self) -> dict[str, Any]: ...


@dataclass(eq=False, slots=True)
class ComputeTrouble:
    """What goes wrong with the next `times` actions of Compute: `failed`: the task is not even sent and has failed;
    `lost`: it is sent, but nobody ever hears of it again, until lifted.
    """

    kind: Literal["failed", "lost"]
    times: int = 1
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)


def providers(
    transfer: TransferState,
    auth: Auth,
    starter: Starter,
    compute: Callable[[], tuple[str, Mapping[str, Any]]],
    trouble: Callable[[], ComputeTrouble | None],
) -> dict[str, Provider]:
    """Every provider that our flows use, by address. `compute`: where its stand-in is, and the tasks it has."""
    found: dict[str, Provider] = {
        f"{_AT}{name}": _Place(name, transfer, auth, starter) for name in ("ls", "stat", "mkdir")
    }
    found |= {f"{_AT}{name}": _Moving(name, transfer, auth, starter) for name in ("transfer", "delete")}
    found[_COMPUTE] = _Compute(auth, starter, compute, trouble)
    return found


class _Consenting:
    """An action that becomes inactive without a consent, and is looked at again when the run is resumed."""

    def __init__(self, name: str, transfer: TransferState, auth: Auth, starter: Starter) -> None:
        self._name, self._transfer, self._auth, self._starter = name, transfer, auth, starter
        self._waiting: dict[str, dict[str, Any]] = {}

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        _check(f"{_AT}{self._name}", parameters)
        return self._begun(str(uuid.uuid4()), dict(parameters))

    def status(self, action_id: str) -> ActionAnswer:
        if action_id in self._waiting:
            return self._begun(action_id, self._waiting.pop(action_id))
        return self._look(action_id)

    def cancel(self, action_id: str) -> None:
        self._waiting.pop(action_id, None)

    def _begun(self, action_id: str, parameters: dict[str, Any]) -> ActionAnswer:
        try:
            return self._begin(action_id, parameters)
        except Refusal as e:
            if e.code == "ConsentRequired":
                self._waiting[action_id] = parameters
                details = {"code": e.code, "description": e.message, **e.more}
                return ActionAnswer("INACTIVE", action_id, details)
            if e.code.startswith("ClientError"):
                raise UnableToRun(f"{self._name}: {e.code}: {e.message}") from None
            return ActionAnswer("FAILED", action_id, {"code": e.code, "message": e.message, "http_status": e.status})

    def _allowed(self, where: Collection) -> None:
        who, flow, wanted = self._starter, flow_scope(self._starter.flow), data_access(where.id)
        if where.kind == "mapped" and not self._auth.consented(who.identity, who.client, flow, TRANSFER, wanted):
            scope = f"{flow}[{TRANSFER}[*{wanted}]]"
            message = f"Missing required data_access consent for {where.name}"
            raise Refusal("ConsentRequired", message, 403, required_scopes=[scope])

    def _begin(self, action_id: str, parameters: dict[str, Any]) -> ActionAnswer:
        raise NotImplementedError

    def _look(self, action_id: str) -> ActionAnswer:
        raise NotImplementedError


class _Place(_Consenting):
    """ls, stat and mkdir."""

    def _begin(self, action_id: str, parameters: dict[str, Any]) -> ActionAnswer:
        where, path = self._transfer.collection(str(parameters.get("endpoint_id"))), str(parameters.get("path", "/"))
        self._allowed(where)
        if self._name == "mkdir":
            return ActionAnswer("SUCCEEDED", action_id, self._transfer.mkdir(where, path))
        if self._name == "stat":
            return ActionAnswer("SUCCEEDED", action_id, self._transfer.stat(where, path))
        limit = int(parameters.get("limit", 100_000))
        return ActionAnswer("SUCCEEDED", action_id, self._transfer.ls(where, path, limit=limit))


class _Moving(_Consenting):
    """transfer and delete: a task, looked at until it is done."""

    def __init__(self, name: str, transfer: TransferState, auth: Auth, starter: Starter) -> None:
        super().__init__(name, transfer, auth, starter)
        self._tasks: dict[str, Task] = {}

    def _begin(self, action_id: str, parameters: dict[str, Any]) -> ActionAnswer:
        submit = submit_transfer if self._name == "transfer" else submit_delete
        document = {"label": f"For Action id {action_id}", **parameters}
        document["submission_id"] = self._transfer.submission_id()
        self._tasks[action_id], _ = submit(self._transfer, self._starter.identity, document, self._allowed)
        return ActionAnswer("ACTIVE", action_id, self._tasks[action_id].as_json())

    def _look(self, action_id: str) -> ActionAnswer:
        task = self._tasks[action_id]
        status: Any = "ACTIVE" if task.status == "INACTIVE" else task.status
        return ActionAnswer(status, action_id, task.as_json())

    def cancel(self, action_id: str) -> None:
        super().cancel(action_id)
        if action_id in self._tasks:
            self._transfer.cancel(self._tasks[action_id])


class _Compute:
    """Tasks on a real endpoint, in JSON only."""

    def __init__(
        self,
        auth: Auth,
        starter: Starter,
        compute: Callable[[], tuple[str, Mapping[str, Any]]],
        trouble: Callable[[], ComputeTrouble | None],
    ) -> None:
        self._auth, self._starter, self._compute, self._trouble = auth, starter, compute, trouble
        self._serializer = ComputeSerializer(strategy_data=JSONData())
        self._sent: dict[str, list[str]] = {}
        self._troubled: dict[str, ComputeTrouble] = {}

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        _check(_COMPUTE, parameters)
        action_id, tasks = str(uuid.uuid4()), parameters["tasks"]
        if not tasks:
            raise UnableToRun("compute: tasks must name at least one task")
        trouble = self._trouble()
        if trouble is not None:
            self._troubled[action_id] = trouble
            if trouble.kind == "failed":
                return ActionAnswer("ACTIVE", action_id, {})
        sent: dict[str, list[str]] = {}
        for task in tasks:
            data = [self._serializer.serialize(one) for one in (task.get("args", []), task.get("kwargs", {}))]
            sent.setdefault(str(task["function_id"]), []).append(self._serializer.pack_buffers(data))
        document = {
            "tasks": sent,
            "task_group_id": parameters.get("task_group_id"),
            "user_endpoint_config": parameters.get("user_endpoint_config") or {},
            "result_serializers": [f"{JSONData.__module__}.{JSONData.__qualname__}"],
        }
        self._sent[action_id] = self._submit(str(parameters.get("endpoint_id")), document)
        return ActionAnswer("ACTIVE", action_id, {})

    def status(self, action_id: str) -> ActionAnswer:
        trouble = self._troubled.get(action_id)
        if trouble is not None and trouble.kind == "failed":
            details = {"code": "TASK_FAILED", "message": "the endpoint lost the worker that ran the task"}
            return ActionAnswer("FAILED", action_id, details)
        if trouble is not None and not trouble.lifted.is_set():
            return ActionAnswer("ACTIVE", action_id, {})
        _, tasks = self._compute()
        told = [tasks[task].status() for task in self._sent[action_id]]
        if any(one["status"] == "failed" for one in told):
            return ActionAnswer("FAILED", action_id, {"results": [self._failure(one) for one in told]})
        if any(one["status"] != "success" for one in told):
            return ActionAnswer("ACTIVE", action_id, {})
        outputs = [self._serializer.deserialize(one["result"]) for one in told]
        results = [{"task_id": one["task_id"], "output": out} for one, out in zip(told, outputs, strict=True)]
        return ActionAnswer("SUCCEEDED", action_id, {"results": results, "result": outputs})

    def cancel(self, action_id: str) -> None:
        """Compute has no way to take a task back: it runs to its end."""

    def _failure(self, told: Mapping[str, Any]) -> dict[str, Any]:
        text = re.sub(r"\s+", " ", str(told.get("exception") or told.get("reason") or ""))
        return {"task_id": told["task_id"], "status": told["status"], "error": text[-2000:]}

    def _submit(self, endpoint: str, document: Mapping[str, Any]) -> list[str]:
        url, _ = self._compute()
        token = self._auth.grant(self._starter.client, self._starter.identity, self._auth.parsed(_scope_of_compute()))[
            "access_token"
        ]
        body = json.dumps(document).encode()
        if len(body) > BODY_LIMIT:
            raise UnableToRun(f"compute: {len(body)} bytes are more than {BODY_LIMIT}")
        asked = urllib.request.Request(
            f"{url}/v3/endpoints/{endpoint}/submit",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                made = json.loads(answer.read())["tasks"]
        except urllib.error.HTTPError as e:
            with e:
                told = json.loads(e.read() or b"{}")
            raise UnableToRun(f"compute: {e.code} {told.get('code')}: {told.get('reason')}") from None
        except OSError as e:
            raise UnableToRun(f"compute: no answer: {e}") from None
        return [task for tasks in made.values() for task in tasks]


def _scope_of_compute() -> str:
    from globus_sdk.scopes import ComputeScopes

    return str(ComputeScopes.all)


def _check(address: str, given: Mapping[str, Any]) -> None:
    """By the same fields as the checks of a definition and the dry run: `providers.json`."""
    wrong = BY_ADDRESS[address].refuses(given)
    if wrong:
        raise UnableToRun(f"{BY_ADDRESS[address].name}: {wrong}")
