"""What the stand-in of Globus Flows knows and does: flows, and runs that execute the definition they were given.

The definition is interpreted by `mhfd_flows.interpreter`, as in the dry run; the actions are real (`flows_actions`).
Read in public documentation: a run keeps the definition it started with; it is made before the answer is sent; the
state is limited to 200 KB; looks at an action back off to ten minutes; a missing consent makes it inactive until it
is resumed. Guessed: that a canceled run has the status ENDED (older documents say FAILED), and the details of a
failed one.

`pace`: so many seconds of waits and back-off pass in one; the time limits of actions pass `limit_pace` times as fast.
Nothing else is hurried: transfers and functions take the time they take.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mhfd_flows.checks import checked
from mhfd_flows.definition import Definition
from mhfd_flows.interpreter import Execution, Pause, Provider
from tests.rigs.globus.auth_state import Auth, flow_scope
from tests.rigs.globus.flows_actions import ComputeTrouble, Starter, providers
from tests.rigs.globus.transfer_state import TransferState

PACE: Final = 200.0
OVER: Final = frozenset({"SUCCEEDED", "FAILED", "ENDED"})


def urn(identity: str) -> str:
    return f"urn:globus:auth:identity:{identity}"


@dataclass(eq=False)
class Flow:
    """One that was deployed."""

    id: str
    owner: str
    document: dict[str, Any]
    definition: Definition
    made: float
    updated: float

    def as_json(self) -> dict[str, Any]:
        about = {"subtitle": "", "description": "", "keywords": [], **self.document}
        for role in ("flow_viewers", "flow_starters", "flow_administrators", "run_managers", "run_monitors"):
            about.setdefault(role, [])
        return about | {
            "id": self.id,
            "globus_auth_scope": flow_scope(self.id),
            "globus_auth_username": f"{self.id}@clients.auth.globus.org",
            "flow_owner": urn(self.owner),
            "created_by": urn(self.owner),
            "created_at": when(self.made),
            "updated_at": when(self.updated),
            "user_role": "flow_owner",
            "api_version": "1.0",
        }


@dataclass(eq=False)
class Run:
    """One run and its thread."""

    id: str
    flow: Flow
    starter: Starter
    body: dict[str, Any]
    about: dict[str, Any]
    document: dict[str, Any]
    execution: Execution
    started: float
    flow_updated: float
    number: int
    status: str = "ACTIVE"
    completed: float | None = None
    inactive: Any = None
    resumed: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def as_json(self) -> dict[str, Any]:
        owner = urn(self.starter.identity)
        managers, monitors = self.about.get("run_managers") or [], self.about.get("run_monitors") or []
        return {
            "run_id": self.id,
            "action_id": self.id,
            "flow_id": self.flow.id,
            "flow_title": self.flow.document["title"],
            "flow_last_updated": when(self.flow_updated),
            "label": self.about.get("label"),
            "tags": [" ".join(tag.split()) for tag in self.about.get("tags") or []],
            "run_owner": owner,
            "created_by": owner,
            "run_managers": managers,
            "manage_by": managers,
            "run_monitors": monitors,
            "monitor_by": monitors,
            "start_time": when(self.started),
            "completion_time": None if self.completed is None else when(self.completed),
            "status": self.status,
            "display_status": self.status,
            "details": self._details(),
            "user_role": "run_owner",
        }

    def _details(self) -> dict[str, Any]:
        execution = self.execution
        if self.status == "INACTIVE":
            return dict(self.inactive) | {"state_name": execution.at}
        if self.status == "SUCCEEDED":
            output = {k: v for k, v in execution.state.items() if k != "_context"}
            said = "The Flow run reached a successful completion state"
            return {"code": "FlowSucceeded", "description": said, "output": output}
        if self.status == "ENDED":
            return {"code": "FlowCanceled", "description": "The Flow Instance was canceled by the user", "details": {}}
        if self.status == "FAILED":
            error, cause = execution.error or ("Unknown", "")
            details = {"error": error, "cause": cause, "state_name": execution.at}
            return {"code": "FlowFailed", "description": "The Flow run failed", "details": details}
        if not (log := list(execution.log)):
            return {"code": "FlowStarting", "description": "The Flow is starting execution", "details": {}}
        return {key: value for key, value in log[-1].as_json().items() if key != "time"}


class FlowsState:
    """Flows and runs. Thread-safe. `compute`: where the stand-in of Compute is, and the tasks it has."""

    def __init__(
        self, auth: Auth, transfer: TransferState, compute: Callable[[], tuple[str, Mapping[str, Any]]]
    ) -> None:
        self.flows: dict[str, Flow] = {}
        self.runs: dict[str, Run] = {}
        self.pace = PACE
        self.limit_pace = 1.0
        self.list_lag = 0
        """A new run is not in the first so many lists: they are made from an index."""
        self._auth, self._transfer, self._compute = auth, transfer, compute
        self._troubles: list[ComputeTrouble] = []
        self._held: dict[str, threading.Event] = {}
        self._reached: dict[str, threading.Event] = {}
        self._closing = threading.Event()
        self._lock = threading.RLock()

    # Faults

    def compute_trouble(self, kind: Any, times: int = 1) -> ComputeTrouble:
        """Make the next Compute actions go wrong."""
        made = ComputeTrouble(kind, times)
        with self._lock:
            self._troubles.append(made)
        return made

    def hold(self, state: str) -> threading.Event:
        """Runs stop in this state, as long as it takes. The event tells that one has come there."""
        with self._lock:
            self._held.setdefault(state, threading.Event())
            return self._reached.setdefault(state, threading.Event())

    def release(self, state: str) -> None:
        """They go on."""
        with self._lock:
            held = self._held.pop(state, None)
            self._reached.pop(state, None)
        if held is not None:
            held.set()

    def reset(self) -> None:
        """Well again."""
        with self._lock:
            troubles, self._troubles = self._troubles, []
            self.pace, self.limit_pace, self.list_lag = PACE, 1.0, 0
            held = list(self._held)
        for one in troubles:
            one.times = 0
            one.lifted.set()
        for state in held:
            self.release(state)

    def close(self) -> None:
        """End every run."""
        self._closing.set()
        self.reset()
        with self._lock:
            runs = list(self.runs.values())
        for run in runs:
            run.execution.cancel()
            run.resumed.set()
            run.wake.set()
        for run in runs:
            if run.thread is not None:
                run.thread.join()

    # Flows

    def deploy(self, owner: str, document: Mapping[str, Any], known: Flow | None = None) -> Flow:
        """Make a flow, or change one. DefinitionRefused for what cannot run."""
        now = time.time()
        whole = {**(known.document if known else {}), **document}
        definition = checked(whole["definition"], whole.get("input_schema"), strict=False)
        with self._lock:
            if known is not None:
                known.document, known.definition, known.updated = whole, definition, now
                return known
            made = Flow(str(uuid.uuid4()), owner, whole, definition, now, now)
            self.flows[made.id] = made
        self._auth.know(flow_scope(made.id), made.id)
        return made

    # Runs

    def start(self, flow: Flow, identity: str, client: str, body: dict[str, Any], about: dict[str, Any]) -> Run:
        """The run is made, and begins."""
        starter = Starter(identity, client, flow.id)
        actions: dict[str, Provider] = providers(self._transfer, self._auth, starter, self._compute, self._next_trouble)
        began, pace = time.time(), self.limit_pace
        run_id = str(uuid.uuid4())
        username = f"{identity}@stand-in.test"
        execution = Execution(
            flow.definition,
            body,
            actions,
            now=_Clock(pace).now,
            run_id=run_id,
            flow_id=flow.id,
            user={"username": username, "email": username, "user_id": identity},
        )
        with self._lock:
            run = Run(
                run_id,
                flow,
                starter,
                body,
                about,
                {"definition": flow.document["definition"], "input_schema": flow.document["input_schema"]},
                execution,
                began,
                flow.updated,
                len(self.runs),
            )
            self.runs[run.id] = run
            run.thread = threading.Thread(target=self._execute, args=(run,), name=f"run-{run.number}", daemon=True)
        run.thread.start()
        return run

    def cancel(self, run: Run) -> None:
        run.execution.cancel()
        run.resumed.set()
        run.wake.set()

    def resume(self, run: Run) -> None:
        run.status, run.inactive = "ACTIVE", None
        run.resumed.set()

    def _execute(self, run: Run) -> None:
        try:
            for pause in run.execution.steps():
                self._pass(run, pause)
        except Exception as e:  # a defect of this stand-in must not look like a run that goes on for ever
            run.execution.status, run.execution.error = "FAILED", ("StandInBroken", repr(e))
        run.completed, run.status = time.time(), run.execution.status

    def _pass(self, run: Run, pause: Pause) -> None:
        """The time of a pause, hurried; or until a person acts."""
        if pause.inactive is not None:
            run.resumed.clear()
            run.inactive, run.status = pause.inactive, "INACTIVE"
            run.resumed.wait()
            run.status = "ACTIVE"
            return
        with self._lock:
            held, reached = self._held.get(pause.state), self._reached.get(pause.state)
        if held is not None and reached is not None and not self._closing.is_set():
            reached.set()
            held.wait()
        run.wake.wait(pause.seconds / self.pace)

    def _next_trouble(self) -> ComputeTrouble | None:
        with self._lock:
            for one in self._troubles:
                if one.times > 0:
                    one.times -= 1
                    one.hits += 1
                    return one
        return None


class _Clock:
    """The real time, hurried."""

    def __init__(self, pace: float) -> None:
        self._pace, self._began, self._since = pace, time.time(), time.monotonic()

    def now(self) -> float:
        return self._began + (time.monotonic() - self._since) * self._pace


def when(at: float) -> str:
    """A time as Flows writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat()
