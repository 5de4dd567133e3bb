"""Globus Flows over HTTP, as globus-sdk's FlowsClient and SpecificFlowClient speak it.

Documents and query parameters are checked against documented names; scopes and roles as documented: only a token of
the flow's own scope starts or resumes a run. Guessed: the codes of a few refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import jsonschema

from mhfd_flows.checks import checked
from mhfd_flows.errors import DefinitionRefused
from tests.rigs.globus.auth_state import TRANSFER, Auth, Token
from tests.rigs.globus.flows_state import OVER, Flow, FlowsState, Run, urn
from tests.rigs.globus.web import Refused, Request, Server

ID: Final = r"([0-9a-fA-F-]{36})"
PAGE: Final = 20
_SCOPES: Final = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/"
_FLOW: Final = {
    "title",
    "definition",
    "input_schema",
    "subtitle",
    "description",
    "flow_viewers",
    "flow_starters",
    "flow_administrators",
    "run_managers",
    "run_monitors",
    "keywords",
    "subscription_id",
    "authentication_policy_id",
}
_RUN: Final = {"body", "tags", "label", "activity_notification_policy", "run_monitors", "run_managers"}
_META: Final = {"tags", "label", "run_monitors", "run_managers"}
_LIST: Final = {"filter_flow_id", "filter_roles", "filter_role", "filter_status", "orderby", "marker", "per_page"}


def add_routes(server: Server, state: FlowsState, auth: Auth) -> None:
    """Flows, on this server."""
    routes = _Routes(state, auth)
    for method, pattern, answer, needed in (
        ("POST", "/flows", routes.create, ("manage_flows",)),
        ("POST", "/flows/validate", routes.validate, ("manage_flows",)),
        ("GET", "/flows", routes.list_flows, ("view_flows", "manage_flows")),
        ("GET", f"/flows/{ID}", routes.get_flow, ("view_flows", "manage_flows")),
        ("PUT", f"/flows/{ID}", routes.update, ("manage_flows",)),
        ("DELETE", f"/flows/{ID}", routes.delete, ("manage_flows",)),
        ("POST", f"/flows/{ID}/run", routes.run, ()),
        ("POST", f"/flows/{ID}/validate_run", routes.validate_run, ()),
        ("GET", "/runs", routes.list_runs, ("run_status", "run_manage")),
        ("GET", f"/runs/{ID}", routes.get_run, ("run_status", "run_manage")),
        ("GET", f"/runs/{ID}/log", routes.logs, ("run_status", "run_manage")),
        ("GET", f"/runs/{ID}/definition", routes.definition, ("run_status", "run_manage")),
        ("PUT", f"/runs/{ID}", routes.update_run, ("run_manage",)),
        ("POST", f"/runs/{ID}/cancel", routes.cancel, ("run_manage",)),
        ("POST", f"/runs/{ID}/resume", routes.resume, ()),
        ("POST", f"/runs/{ID}/release", routes.release, ("run_manage",)),
    ):
        server.route(method, pattern, routes.guarded(answer, needed))


class _Routes:
    def __init__(self, state: FlowsState, auth: Auth) -> None:
        self._state, self._auth = state, auth
        self._unlisted: dict[str, int] = {}

    def guarded(self, answer: Callable[[Request, Token], Any], needed: tuple[str, ...]) -> Callable[[Request], Any]:
        """With a token that may. `needed`: any of these scopes of the service; none: the flow's own."""

        def checked_first(request: Request) -> Any:
            token = self._auth.valid(request.bearer)
            if token is None:
                raise _refused(401, "AUTHENTICATION_ERROR", "Expired or invalid Bearer token")
            if needed:
                allowed = {f"{_SCOPES}{name}" for name in (*needed, "all")}
                if token.server != "flows.globus.org" or not allowed & set(token.scope.split()):
                    said = f"This action requires the following scope: {_SCOPES}{needed[0]}"
                    raise _refused(403, "MISSING_SCOPE", said)
            return answer(request, token)

        return checked_first

    # Flows

    def create(self, request: Request, token: Token) -> Any:
        self._check_flow(request.body, needed=("title", "definition", "input_schema"))
        return self._state.deploy(token.identity, request.body).as_json()

    def update(self, request: Request, token: Token) -> Any:
        flow = self._flow(request, token, "UPDATE")
        self._check_flow(request.body)
        return self._state.deploy(token.identity, request.body, flow).as_json()

    def validate(self, request: Request, token: Token) -> Any:
        _names(request.body, {"definition", "input_schema"})
        self._check_flow({"title": "-", "input_schema": {}, **request.body}, needed=("definition",))
        compute = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"
        return {"scopes": {"User": [TRANSFER, compute]}}

    def list_flows(self, request: Request, token: Token) -> Any:
        _names(
            request.query,
            {"filter_role", "filter_roles", "filter_fulltext", "orderby", "marker", "per_page"},
        )
        text = request.query.get("filter_fulltext", "").lower()
        found = [flow for flow in list(self._state.flows.values()) if _may_see(flow, token)]
        listed = [flow.as_json() for flow in found if text in str(flow.document).lower()]
        return {"flows": listed, "limit": PAGE, "has_next_page": False, "marker": None}

    def get_flow(self, request: Request, token: Token) -> Any:
        return self._flow(request, token, "VIEW").as_json()

    def delete(self, request: Request, token: Token) -> Any:
        flow = self._flow(request, token, "DELETE")
        del self._state.flows[flow.id]
        return flow.as_json() | {"DELETED": True}

    # Runs

    def run(self, request: Request, token: Token) -> Any:
        flow = self._may_start(request, token)
        return self._state.start(flow, token.identity, token.client, request.body["body"], dict(request.body)).as_json()

    def validate_run(self, request: Request, token: Token) -> Any:
        self._may_start(request, token)
        return {"message": "validation successful"}

    def get_run(self, request: Request, token: Token) -> Any:
        _names(request.query, {"include_flow_description"})
        run = self._run(request, token)
        told = run.as_json()
        if request.query.get("include_flow_description", "").lower() == "true":
            told["flow_description"] = {k: v for k, v in run.flow.as_json().items() if k != "definition"}
        return told

    def list_runs(self, request: Request, token: Token) -> Any:
        query = request.query
        _names(query, _LIST)
        flows = set(filter(None, query.get("filter_flow_id", "").split(",")))
        statuses = set(filter(None, query.get("filter_status", "").split(",")))
        found = []
        for run in sorted(self._state.runs.values(), key=lambda run: run.number, reverse=True):
            lag = self._unlisted.get(run.id, 0)
            self._unlisted[run.id] = lag + 1
            if lag < self._state.list_lag or run.starter.identity != token.identity:
                continue
            if (not flows or run.flow.id in flows) and (not statuses or run.status in statuses):
                found.append(run)
        if query.get("orderby", "start_time DESC").upper().endswith("ASC"):
            found.reverse()
        size, begin = int(query.get("per_page", PAGE)), int(query.get("marker", 0))
        more = begin + size < len(found)
        page = [_brief(run) for run in found[begin : begin + size]]
        marker = {"marker": str(begin + size)} if more else {"marker": None}
        return {"runs": page, "limit": size, "has_next_page": more, **marker}

    def logs(self, request: Request, token: Token) -> Any:
        _names(request.query, {"limit", "reverse_order", "marker"})
        entries = [entry.as_json() for entry in list(self._run(request, token).execution.log)]
        if request.query.get("reverse_order", "").lower() == "true":
            entries.reverse()
        size, begin = int(request.query.get("limit", 10)), int(request.query.get("marker", 0))
        if not 1 <= size <= 100:
            raise _refused(422, "UNPROCESSABLE_ENTITY", "limit must be between 1 and 100")
        more = begin + size < len(entries)
        page = {"limit": size, "has_next_page": more, "entries": entries[begin : begin + size]}
        return page | ({"marker": str(begin + size)} if more else {})

    def definition(self, request: Request, token: Token) -> Any:
        run = self._run(request, token)
        return {"flow_id": run.flow.id, **run.document}

    def update_run(self, request: Request, token: Token) -> Any:
        _names(request.body, _META)
        _check_words(request.body)
        run = self._run(request, token)
        run.about |= request.body
        return run.as_json()

    def cancel(self, request: Request, token: Token) -> Any:
        run = self._run(request, token)
        if run.status in OVER:
            raise _refused(409, "CONFLICT", f"Run {run.id} has already completed")
        self._state.cancel(run)
        return run.as_json()

    def resume(self, request: Request, token: Token) -> Any:
        run = self._state.runs.get(request.groups[0])
        if run is None or token.server != run.flow.id or run.starter.identity != token.identity:
            raise _refused(403, "FORBIDDEN", "This action requires a token of the flow's own scope")
        if run.status != "INACTIVE":
            raise _refused(400, "RUN_NOT_INACTIVE", f"Run {run.id} is {run.status}")
        self._state.resume(run)
        return run.as_json()

    def release(self, request: Request, token: Token) -> Any:
        run = self._run(request, token)
        if run.status not in OVER:
            raise _refused(409, "CONFLICT", f"Run {run.id} has not completed")
        del self._state.runs[run.id]
        return run.as_json()

    # What is checked

    def _flow(self, request: Request, token: Token, permission: str) -> Flow:
        flow = self._state.flows.get(request.groups[0])
        if flow is None or not _may_see(flow, token):
            raise _refused(404, "NOT_FOUND", f"No flow exists with id value {request.groups[0]}")
        owners = {urn(flow.owner), *(flow.document.get("flow_administrators") or [])}
        if permission != "VIEW" and urn(token.identity) not in owners:
            said = (
                f"You do not have the necessary permissions to perform this action on the flow with id value {flow.id}."
            )
            raise _refused(403, "FORBIDDEN", f"{said} Missing permissions: {permission}.")
        return flow

    def _check_flow(self, document: Mapping[str, Any], needed: tuple[str, ...] = ()) -> None:
        _names(document, _FLOW)
        for name in needed:
            if name not in document:
                raise _unprocessable([(["body", name], "Field required")])
        if not 1 <= len(document.get("title", "-")) <= 128:
            raise _unprocessable([(["body", "title"], "must have 1 to 128 characters")])
        if "definition" in document:
            try:
                checked(document["definition"], document.get("input_schema"), strict=False)
            except DefinitionRefused as e:
                lines = str(e).splitlines()
                raise _unprocessable([(["definition", *line.split(": ", 2)[1:2]], line) for line in lines]) from None
        if "input_schema" in document:
            try:
                jsonschema.Draft202012Validator.check_schema(document["input_schema"])
            except jsonschema.SchemaError as e:
                raise _unprocessable([(["input_schema"], e.message)]) from None

    def _may_start(self, request: Request, token: Token) -> Flow:
        flow = self._state.flows.get(request.groups[0])
        if flow is None:
            raise _refused(404, "NOT_FOUND", f"No flow exists with id value {request.groups[0]}")
        if token.server != flow.id:
            scope = flow.as_json()["globus_auth_scope"]
            raise _refused(403, "MISSING_SCOPE", f"This action requires the following scope: {scope}")
        starters = {urn(flow.owner), *(flow.document.get("flow_starters") or [])}
        if not {urn(token.identity), "all_authenticated_users"} & starters:
            said = (
                f"You do not have the necessary permissions to perform this action on the flow with id value {flow.id}."
            )
            raise _refused(403, "FORBIDDEN", f"{said} Missing permissions: RUN.")
        _names(request.body, _RUN)
        _check_words(request.body)
        body = request.body.get("body")
        if not isinstance(body, dict):
            raise _unprocessable([(["body", "body"], "Input should be a valid dictionary")])
        validator = jsonschema.Draft202012Validator(flow.document["input_schema"])
        problems = [
            {"loc": [e.json_path], "type": "InvalidActionInput", "msg": e.message[:500]}
            for e in validator.iter_errors(body)
        ]
        if problems:
            said = f"Input failed schema validation with {len(problems)} error(s)."
            error = {"code": "FLOW_INPUT_ERROR", "detail": problems, "message": said}
            raise Refused(400, body={"error": error, "debug_id": "stand-in"})
        return flow

    def _run(self, request: Request, token: Token) -> Run:
        run = self._state.runs.get(request.groups[0])
        may = run is not None and (
            run.starter.identity == token.identity
            or urn(token.identity) in (run.about.get("run_managers") or []) + (run.about.get("run_monitors") or [])
        )
        if run is None or not may:
            raise _refused(404, "NOT_FOUND", f"No run exists with id value {request.groups[0]}")
        return run


def _may_see(flow: Flow, token: Token) -> bool:
    listed = [
        one
        for role in ("flow_viewers", "flow_starters", "flow_administrators")
        for one in flow.document.get(role) or []
    ]
    return bool({urn(token.identity), "public", "all_authenticated_users"} & {urn(flow.owner), *listed})


def _brief(run: Run) -> dict[str, Any]:
    """In a list, a run has no output."""
    return {k: v for k, v in run.as_json().items() if k != "details"}


def _check_words(document: Mapping[str, Any]) -> None:
    label, tags = document.get("label"), document.get("tags") or []
    if label is not None and not (isinstance(label, str) and 1 <= len(label) <= 64):
        raise _unprocessable([(["body", "label"], "must have 1 to 64 characters")])
    if not isinstance(tags, list) or len(tags) > 64 or not all(isinstance(t, str) and 1 <= len(t) <= 64 for t in tags):
        raise _unprocessable([(["body", "tags"], "at most 64 tags of 1 to 64 characters")])


def _names(given: Mapping[str, Any] | None, allowed: Collection[str]) -> None:
    if unknown := sorted(set(given or {}) - set(allowed)):
        raise _unprocessable([(["body", name], "Extra inputs are not permitted") for name in unknown])


def _unprocessable(problems: list[tuple[list[str], str]]) -> Refused:
    detail = [{"loc": where, "msg": said, "type": "value_error"} for where, said in problems]
    message = "; ".join(f"$.{'.'.join(where)}: {said}" for where, said in problems)
    error = {"code": "UNPROCESSABLE_ENTITY", "detail": detail, "message": message}
    return Refused(422, body={"error": error, "debug_id": "stand-in"})


def _refused(status: int, code: str, detail: str) -> Refused:
    return Refused(status, body={"error": {"code": code, "detail": detail}, "debug_id": "stand-in"})
