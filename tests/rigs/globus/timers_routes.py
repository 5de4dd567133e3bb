"""Globus Timers over HTTP, as globus-sdk's TimersClient speaks it: make, list, show and delete timers that start flows.

Documents are checked against the names that globus-sdk documents; what is left out has the meaning that it documents:
no `datetime` is at once, no `start` is now, no `end` is for ever. What is answered has the fields of globus-sdk's own
canned answers. Time stands still here: a test says when a timer is due (`fire`). Guessed: the codes of refusals, and
that a timer without the consents of its flow becomes inactive when it is due.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from globus_sdk.scopes import TimersScopes

from tests.rigs.globus.auth_state import Auth, Token, flow_scope
from tests.rigs.globus.flows_state import FlowsState, Run, when
from tests.rigs.globus.web import Refused, Request, Server

SERVER: Final = str(TimersScopes.resource_server)
SCOPE: Final = str(TimersScopes.timer)
ID: Final = r"([0-9a-fA-F-]{36})"
_TIMER: Final = {"timer_type", "flow_id", "name", "schedule", "body"}
_SCHEDULES: Final = {"once": {"type", "datetime"}, "recurring": {"type", "interval_seconds", "start", "end"}}
_ENDS: Final = {"time": {"condition", "datetime"}, "iterations": {"condition", "iterations"}}
_RUN: Final = {"body", "label", "tags", "run_managers", "run_monitors", "activity_notification_policy"}


@dataclass(eq=False)
class StandInTimer:
    """One that was made."""

    id: str
    identity: str
    client: str
    flow: str
    name: str
    schedule: dict[str, Any]
    run: dict[str, Any]
    made: float
    runs: list[Run] = field(default_factory=list)
    errors: int = 0
    last: float | None = None
    inactive: dict[str, Any] | None = None

    @property
    def times(self) -> int | None:
        """So many in all; None: no end."""
        if self.schedule["type"] == "once":
            return 1
        end = self.schedule.get("end") or {}
        return end.get("iterations")

    @property
    def over(self) -> bool:
        return self.times is not None and len(self.runs) >= self.times

    def as_json(self) -> dict[str, Any]:
        first = self.schedule.get("datetime") or self.schedule.get("start") or when(self.made)
        interval = self.schedule.get("interval_seconds")
        return {
            "callback_body": self.run,
            "callback_url": f"https://flows.automate.globus.org/flows/{self.flow}/run",
            "inactive_reason": self.inactive,
            "interval": interval,
            "job_id": self.id,
            "last_ran_at": None if self.last is None else when(self.last),
            "n_errors": self.errors,
            "n_runs": len(self.runs),
            "name": self.name,
            "next_run": None if self.over or self.inactive else first,
            "results": [],
            "schedule": self.schedule,
            "scope": flow_scope(self.flow),
            "status": "inactive" if self.inactive else "ended" if self.over else "loaded" if self.runs else "new",
            "stop_after": {"date": (self.schedule.get("end") or {}).get("datetime"), "n_runs": self.times},
            "submitted_at": when(self.made),
            "timer_type": "flow",
        }


class TimersState:
    """Timers, and the flows that they start."""

    def __init__(self, auth: Auth, flows: FlowsState) -> None:
        self.timers: dict[str, StandInTimer] = {}
        self._auth, self._flows = auth, flows
        auth.know(SCOPE, SERVER)

    def fire(self, id_: str) -> Run | None:
        """It is due: the run that it starts; None when it may not."""
        timer = self.timers[id_]
        assert not timer.over, "this timer has started all of its runs"
        assert timer.inactive is None, "this timer is inactive"
        timer.last = time.time()
        scope = flow_scope(timer.flow)
        flow = self._flows.flows.get(timer.flow)
        if flow is None or not self._auth.consented(timer.identity, timer.client, SCOPE, scope):
            timer.errors += 1
            needed = {"code": "ConsentRequired", "authorization_parameters": {"required_scopes": [f"{SCOPE}[{scope}]"]}}
            timer.inactive = {"cause": "globus_auth_requirements", "detail": needed}
            return None
        run = self._flows.start(flow, timer.identity, timer.client, dict(timer.run["body"]), dict(timer.run))
        timer.runs.append(run)
        return run


def add_routes(server: Server, state: TimersState, auth: Auth) -> None:
    """Timers, on this server."""
    routes = _Routes(state, auth)
    for method, pattern, answer in (
        ("POST", "/v2/timer", routes.create),
        ("GET", "/jobs/", routes.list_jobs),
        ("GET", f"/jobs/{ID}", routes.get_job),
        ("DELETE", f"/jobs/{ID}", routes.delete_job),
    ):
        server.route(method, pattern, routes.guarded(answer))


class _Routes:
    def __init__(self, state: TimersState, auth: Auth) -> None:
        self._state, self._auth = state, auth

    def guarded(self, answer: Callable[[Request, Token], Any]) -> Callable[[Request], Any]:
        """With a token of Timers."""

        def checked_first(request: Request) -> Any:
            token = self._auth.valid(request.bearer)
            if token is None:
                raise _refused(401, "AUTHENTICATION_ERROR", "Authentication is required to access this resource")
            if token.server != SERVER or SCOPE not in token.scope.split():
                raise _refused(403, "MISSING_SCOPE", f"This action requires the scope {SCOPE}")
            return answer(request, token)

        return checked_first

    def create(self, request: Request, token: Token) -> Any:
        body = request.body or {}
        _names(body, {"timer"}, ())
        timer = body.get("timer") or {}
        _names(timer, _TIMER, ("timer",), {"timer_type", "flow_id", "schedule", "body"})
        if timer["timer_type"] != "flow":
            raise _invalid(("timer", "timer_type"), "the stand-in makes timers of flows only")
        _check_schedule(timer["schedule"])
        _names(timer["body"], _RUN, ("timer", "body"), {"body"})
        if not isinstance(timer["body"]["body"], dict):
            raise _invalid(("timer", "body", "body"), "value is not a valid dict")
        made = StandInTimer(
            str(uuid.uuid4()),
            token.identity,
            token.client,
            str(uuid.UUID(str(timer["flow_id"]))),
            str(timer.get("name") or ""),
            dict(timer["schedule"]),
            dict(timer["body"]),
            time.time(),
        )
        self._state.timers[made.id] = made
        return {"timer": made.as_json()}

    def list_jobs(self, request: Request, token: Token) -> Any:
        return {"jobs": [one.as_json() for one in list(self._state.timers.values()) if one.identity == token.identity]}

    def get_job(self, request: Request, token: Token) -> Any:
        return self._timer(request, token).as_json()

    def delete_job(self, request: Request, token: Token) -> Any:
        return self._state.timers.pop(self._timer(request, token).id).as_json()

    def _timer(self, request: Request, token: Token) -> StandInTimer:
        found = self._state.timers.get(request.groups[0])
        if found is None or found.identity != token.identity:
            raise _refused(404, "NOT_FOUND", f"Timer {request.groups[0]} was not found")
        return found


def _check_schedule(schedule: Mapping[str, Any]) -> None:
    where = ("timer", "schedule")
    kind = schedule.get("type")
    if kind not in _SCHEDULES:
        raise _invalid((*where, "type"), f"one of {', '.join(_SCHEDULES)}")
    _names(schedule, _SCHEDULES[kind], where, {"interval_seconds"} if kind == "recurring" else ())
    end = schedule.get("end")
    if end is not None:
        condition = end.get("condition")
        if condition not in _ENDS:
            raise _invalid((*where, "end", "condition"), f"one of {', '.join(_ENDS)}")
        _names(end, _ENDS[condition], (*where, "end"), _ENDS[condition])
    for moment in (schedule.get("datetime"), schedule.get("start"), (end or {}).get("datetime")):
        if moment is not None and datetime.fromisoformat(moment).tzinfo is None:
            raise _invalid(where, "a moment needs its zone")
    if kind == "recurring" and not (isinstance(schedule["interval_seconds"], int) and schedule["interval_seconds"] > 0):
        raise _invalid((*where, "interval_seconds"), "a positive integer")


def _names(
    given: Mapping[str, Any], allowed: Collection[str], where: tuple[str, ...], needed: Collection[str] = ()
) -> None:
    for name in given:
        if name not in allowed:
            raise _invalid((*where, name), "extra fields not permitted")
    for name in needed:
        if name not in given:
            raise _invalid((*where, name), "field required")


def _invalid(where: tuple[str, ...], said: str) -> Refused:
    return Refused(422, body={"detail": [{"loc": ["body", *where], "msg": said, "type": "value_error"}]})


def _refused(status: int, code: str, detail: str) -> Refused:
    return Refused(status, body={"error": {"code": code, "detail": detail, "status": status}})
