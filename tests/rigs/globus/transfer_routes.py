"""Globus Transfer over HTTP (v0.10), as globus-sdk's TransferClient speaks it.

Every document is checked against the names of its documented fields: an unknown one is refused. A mapped collection
is refused without the consent for its `data_access`, in the words in which the real service asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from tests.rigs.globus.auth_state import TRANSFER, Auth, Token, data_access
from tests.rigs.globus.transfer_options import DELETE_DEFAULTS, TRANSFER_DEFAULTS, options_of
from tests.rigs.globus.transfer_state import Collection as Folder
from tests.rigs.globus.transfer_state import Item, Refusal, Task, TransferState
from tests.rigs.globus.web import Refused, Request, Server

ID: Final = r"([0-9a-fA-F-]{36})"
_COMMON: Final = {
    "DATA_TYPE",
    "DATA",
    "submission_id",
    "label",
    "deadline",
    "notify_on_succeeded",
    "notify_on_failed",
    "notify_on_inactive",
    "store_base_path_info",
}
TRANSFER_FIELDS: Final = _COMMON | {
    "source_endpoint",
    "destination_endpoint",
    "source_local_user",
    "destination_local_user",
    "sync_level",
    "verify_checksum",
    "preserve_timestamp",
    "encrypt_data",
    "skip_source_errors",
    "fail_on_quota_errors",
    "delete_destination_extra",
    "recursive_symlinks",
    "filter_rules",
    "perf_cc",
    "perf_p",
    "perf_pp",
    "perf_udt",
}
TRANSFER_ITEM: Final = {
    "DATA_TYPE",
    "source_path",
    "destination_path",
    "recursive",
    "external_checksum",
    "checksum_algorithm",
}
DELETE_FIELDS: Final = _COMMON | {"endpoint", "recursive", "ignore_missing", "interpret_globs", "local_user"}
DELETE_ITEM: Final = {"DATA_TYPE", "path"}

Allowed = Callable[[Folder], None]


def add_routes(server: Server, state: TransferState, auth: Auth) -> None:
    """Transfer, on this server."""
    routes = _Routes(state, auth)
    for method, pattern, answer in (
        ("GET", "/submission_id", routes.submission_id),
        ("POST", "/transfer", routes.transfer),
        ("POST", "/delete", routes.delete),
        ("GET", "/task_list", routes.task_list),
        ("GET", f"/task/{ID}", routes.task),
        ("PUT", f"/task/{ID}", routes.update_task),
        ("POST", f"/task/{ID}/cancel", routes.cancel),
        ("GET", f"/task/{ID}/event_list", routes.events),
        ("GET", f"/task/{ID}/successful_transfers", routes.successful),
        ("GET", f"/endpoint/{ID}", routes.endpoint),
        ("GET", f"/operation/endpoint/{ID}/ls", routes.ls),
        ("GET", f"/operation/endpoint/{ID}/stat", routes.stat),
        ("POST", f"/operation/endpoint/{ID}/mkdir", routes.mkdir),
    ):
        server.route(method, f"/v0.10{pattern}", routes.guarded(answer))


def submit_transfer(
    state: TransferState, owner: str, document: Mapping[str, Any], allowed: Allowed
) -> tuple[Task, bool]:
    """A task of a transfer document. `allowed` refuses a collection that this caller may not touch."""
    _names(document, TRANSFER_FIELDS, "transfer")
    if not document.get("DATA"):
        raise Refusal("ClientError.BadRequest.NoTransferItems", "A transfer requires at least one item")
    source, destination = (state.collection(_text(document, f"{end}_endpoint")) for end in ("source", "destination"))
    allowed(source)
    allowed(destination)
    items = []
    for item in document["DATA"]:
        _names(item, TRANSFER_ITEM, "transfer_item")
        paths = [_path(item, name) for name in ("source_path", "destination_path")]
        items.append(Item(paths[0], paths[1], bool(item.get("recursive")), item.get("external_checksum")))
    return state.submit(
        "TRANSFER",
        owner,
        source,
        destination,
        tuple(items),
        submission=_text(document, "submission_id"),
        options=options_of(document, TRANSFER_DEFAULTS),
    )


def submit_delete(state: TransferState, owner: str, document: Mapping[str, Any], allowed: Allowed) -> tuple[Task, bool]:
    """The same for a deletion."""
    _names(document, DELETE_FIELDS, "delete")
    if not document.get("DATA"):
        raise Refusal("ClientError.BadRequest.NoDeleteItems", "A delete requires at least one item")
    where = state.collection(_text(document, "endpoint"))
    allowed(where)
    for item in document["DATA"]:
        _names(item, DELETE_ITEM, "delete_item")
    items = tuple(Item(_path(item, "path")) for item in document["DATA"])
    submission = _text(document, "submission_id")
    return state.submit(
        "DELETE", owner, where, None, items, submission=submission, options=options_of(document, DELETE_DEFAULTS)
    )


class _Routes:
    def __init__(self, state: TransferState, auth: Auth) -> None:
        self._state, self._auth = state, auth

    def guarded(self, answer: Callable[[Request, Token], Any]) -> Callable[[Request], Any]:
        """With a token for Transfer only; what is refused is worded as Transfer words it."""

        def checked(request: Request) -> Any:
            token = self._auth.valid(request.bearer)
            if token is None or token.server != "transfer.api.globus.org":
                raise Refused(401, body=_body("AuthenticationFailed", "Token is not active", request.path))
            try:
                return answer(request, token) | {"request_id": "stand-in", "resource": request.path}
            except Refusal as e:
                raise Refused(e.status, body=_body(e.code, e.message, request.path) | e.more) from None

        return checked

    def _allowed(self, token: Token) -> Allowed:
        def check(folder: Folder) -> None:
            wanted = data_access(folder.id)
            if folder.kind == "mapped" and not self._auth.consented(token.identity, token.client, TRANSFER, wanted):
                message = f"Missing required data_access consent for {folder.name}"
                raise Refusal("ConsentRequired", message, 403, required_scopes=[f"{TRANSFER}[*{wanted}]"])

        return check

    def submission_id(self, request: Request, token: Token) -> Any:
        return {"DATA_TYPE": "submission_id", "value": self._state.submission_id()}

    def transfer(self, request: Request, token: Token) -> Any:
        task, new = submit_transfer(self._state, token.identity, request.body, self._allowed(token))
        return _accepted("transfer", task, new, request.body)

    def delete(self, request: Request, token: Token) -> Any:
        task, new = submit_delete(self._state, token.identity, request.body, self._allowed(token))
        return _accepted("delete", task, new, request.body)

    def task(self, request: Request, token: Token) -> Any:
        return self._state.task(request.groups[0], token.identity).as_json()

    def update_task(self, request: Request, token: Token) -> Any:
        _names(request.body, {"DATA_TYPE", "label", "deadline"}, "task")
        task = self._state.task(request.groups[0], token.identity)
        task.label = request.body.get("label", task.label)
        return {"DATA_TYPE": "result", "code": "Updated", "message": "Updated the task successfully"}

    def cancel(self, request: Request, token: Token) -> Any:
        task = self._state.task(request.groups[0], token.identity)
        over = task.status not in ("ACTIVE", "INACTIVE")
        self._state.cancel(task)
        said = ("TaskComplete", "The task completed before the cancel request was processed.")
        code, message = said if over else ("Canceled", "The task has been cancelled successfully.")
        return {"DATA_TYPE": "result", "code": code, "message": message}

    def events(self, request: Request, token: Token) -> Any:
        found = self._state.task(request.groups[0], token.identity).events
        return _listed("event_list", found, request.query)

    def successful(self, request: Request, token: Token) -> Any:
        task = self._state.task(request.groups[0], token.identity)
        return {"DATA_TYPE": "successful_transfers", "marker": 0, "next_marker": None, "DATA": task.moved}

    def task_list(self, request: Request, token: Token) -> Any:
        _names(request.query, {"limit", "offset", "orderby", "filter", "fields"}, "task_list")
        wanted = dict(part.split(":", 1) for part in request.query.get("filter", "").split("/") if ":" in part)
        _names(wanted, {"task_id", "status", "type", "label"}, "filter")
        found = [task.as_json() for task in list(self._state.tasks.values()) if task.owner == token.identity]
        found = [one for one in found if all(str(one[key]) in value.split(",") for key, value in wanted.items())]
        return _listed("task_list", sorted(found, key=lambda one: one["request_time"], reverse=True), request.query)

    def endpoint(self, request: Request, token: Token) -> Any:
        return self._state.collection(request.groups[0]).as_json()

    def ls(self, request: Request, token: Token) -> Any:
        _names(request.query, {"path", "show_hidden", "orderby", "limit", "offset", "filter", "local_user"}, "ls")
        where = self._where(request, token)
        limit, offset = (int(request.query.get(name, usual)) for name, usual in (("limit", 100_000), ("offset", 0)))
        return self._state.ls(where, request.query.get("path", "/"), limit=limit, offset=offset)

    def stat(self, request: Request, token: Token) -> Any:
        _names(request.query, {"path", "local_user"}, "stat")
        return self._state.stat(self._where(request, token), request.query.get("path", "/"))

    def mkdir(self, request: Request, token: Token) -> Any:
        _names(request.body, {"DATA_TYPE", "path", "local_user"}, "mkdir")
        return self._state.mkdir(self._where(request, token), _path(request.body, "path"))

    def _where(self, request: Request, token: Token) -> Folder:
        found = self._state.collection(request.groups[0])
        self._allowed(token)(found)
        return found


def _accepted(kind: str, task: Task, new: bool, document: Mapping[str, Any]) -> dict[str, Any]:
    said = "has been accepted and a task has been created and queued for execution"
    return {
        "DATA_TYPE": f"{kind}_result",
        "code": "Accepted" if new else "Duplicate",
        "message": f"The {kind} {said}" if new else "This submission was accepted before",
        "task_id": task.id,
        "submission_id": document["submission_id"],
    }


def _listed(kind: str, found: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
    page = found[offset : offset + limit]
    about = {"DATA_TYPE": kind, "length": len(page), "limit": limit, "offset": offset, "total": len(found)}
    return {**about, "DATA": page}


def _names(given: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    if unknown := sorted(set(given) - set(allowed)):
        raise Refusal("ClientError.BadRequest", f"{where}: unknown field {', '.join(unknown)}")


def _text(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found:
        raise Refusal("ClientError.BadRequest", f"{name} is required")
    return found


def _path(document: Mapping[str, Any], name: str) -> str:
    found = _text(document, name)
    if not found.startswith("/") or ".." in found.split("/"):
        raise Refusal("ClientError.BadRequest", f"{name}: {found!r} must begin with / and go nowhere up")
    return found


def _body(code: str, message: str, path: str) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": "stand-in", "resource": path}
