"""Runs a flow's definition here, with actions that the caller provides: for the dry run and for tests.

It follows what the service documents: references and expressions in Parameters, results and errors put into the state,
time limits, choices, waits, questions to a person, the bound of the state's size. It is not the service: it knows
nothing of accounts, consents or roles, and where the documentation is silent it is stricter.

An `Execution` is stepped from outside: between two steps the caller lets the time pass, looks, pauses or cancels.
"""

import copy
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from mhfd_flows import expressions, paths
from mhfd_flows.comparisons import COMPARISONS
from mhfd_flows.definition import (
    Action,
    Choice,
    ChoiceRule,
    Definition,
    Does,
    ExpressionEval,
    Fail,
    Pass,
    State,
    Wait,
    WebInput,
)
from mhfd_flows.errors import ExpressionError, PathError, UnableToRun

STATE_LIMIT: Final = 200_000
"""Bytes of a run's state that the service allows."""

WEB_INPUT_LIMIT: Final = 7 * 86_400
"""Seconds that a person has to answer: made up, no public document says it."""

Status = Literal["ACTIVE", "SUCCEEDED", "FAILED", "ENDED"]


class VirtualClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        """Where it stands."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move it on."""
        self._now += seconds


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """How an action stands."""

    status: Literal["ACTIVE", "INACTIVE", "SUCCEEDED", "FAILED"]
    action_id: str
    details: Any = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What the state of the run keeps of it."""
        return {
            "action_id": self.action_id,
            "status": self.status,
            "display_status": self.status,
            "details": self.details,
            "label": None,
            "manage_by": [],
            "monitor_by": [],
            "release_after": "P30D",
        }


class Provider(Protocol):
    """Who does an action. `run` raises UnableToRun for what cannot be started."""

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        """Start it. UnableToRun."""

    def status(self, action_id: str) -> ActionAnswer:
        """How it stands now."""

    def cancel(self, action_id: str) -> None:
        """It need not go on."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the run's log, named as the service names them."""

    at: float
    code: str
    state: str | None
    details: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the service tells it."""
        when = datetime.fromtimestamp(self.at, UTC).isoformat()
        description = f"{self.code} {self.state}" if self.state else self.code
        return {
            "time": when,
            "code": self.code,
            "description": description,
            "details": {"state_name": self.state, **self.details} if self.state else dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Pause:
    """The execution has nothing to do for so long. `inactive`: and a person must act first, for this reason."""

    state: str
    seconds: float
    inactive: Any = None


def service_polls() -> Iterator[float]:
    """Seconds between two looks at an action: they grow, to ten minutes at most."""
    wait = 2.0
    while True:
        yield wait
        wait = min(wait * 2, 600.0)


def size_of(state: Any) -> int:
    """Bytes of a state as JSON."""
    return len(json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


class _Caught(Exception):
    """An error of the language, on its way to a Catch."""

    def __init__(self, name: str, cause: Any) -> None:
        super().__init__(name, cause)
        self.name, self.cause = name, cause


class Execution:
    """One run of a definition.

    Args:
        actions: Who does the actions, by address.
        now: Seconds since the epoch; the caller lets the time pass.
        instead: Who does the action of a state, by its name, instead of whoever its address says; None: nobody else.
        most_states: A run that has entered so many does not end; None: that is nobody's business.
    """

    def __init__(
        self,
        definition: Definition,
        body: Mapping[str, Any],
        actions: Mapping[str, Provider],
        *,
        now: Callable[[], float],
        run_id: str = "00000000-0000-0000-0000-000000000000",
        flow_id: str = "",
        user: Mapping[str, str] | None = None,
        instead: Callable[[str], Provider | None] = lambda _: None,
        most_states: int | None = None,
    ) -> None:
        self._definition, self._actions, self._now = definition, actions, now
        self._instead, self._most = instead, most_states
        context = {"run_id": run_id, "flow_id": flow_id, **(user or {})}
        self.state: dict[str, Any] = {**json.loads(json.dumps(body)), "_context": context}
        self.at: str = definition.start_at
        self.status: Status = "ACTIVE"
        self.error: tuple[str, str] | None = None
        self.largest = size_of(self.state)
        self.log: list[LogEntry] = []
        self._canceled = False
        self._doing: tuple[Provider, str] | None = None

    @property
    def visited(self) -> tuple[str, ...]:
        """The states the run has come to, in order."""
        return tuple(e.state for e in self.log if e.state is not None and e.code.endswith("Started"))

    def cancel(self) -> None:
        """A person ends the run: no further state is entered, and the action in work is told to stop."""
        self._canceled = True

    def steps(self) -> Iterator[Pause]:
        """Run until there is nothing to do but wait, again and again until the end."""
        self._note("FlowStarted", None)
        try:
            self._grow(self.state)
            entered = 0
            while self.status == "ACTIVE":
                entered += 1
                if self._most is not None and entered > self._most:
                    raise _NeverEnds(f"{self._most} states were entered, and there is no end in sight")
                yield from self._enter(self.at, self._definition.states[self.at])
        except (PathError, ExpressionError, _TooLarge, _NeverEnds, _NothingFits) as e:
            self._end("FAILED", (type(e).__name__.strip("_"), f"{self.at}: {e}"))

    def _enter(self, name: str, state: State) -> Iterator[Pause]:
        if self._stopped():
            return
        kind = state.type
        self._note(f"{kind}Started", name)
        if isinstance(state, Fail):
            self._end("FAILED", (self._said(state.error, state.error_path), self._said(state.cause, state.cause_path)))
            return
        following: str | None
        told: dict[str, Any] = {}
        if isinstance(state, Does):
            try:
                following, told["output"] = yield from self._act(name, state)
            except _Caught as e:
                following = self._catch(name, state, e)
            if self.status != "ACTIVE":
                return
        elif isinstance(state, Choice):
            following = next((rule.next for rule in state.choices if _holds(rule, self.state)), state.default)
            if following is None:
                raise _NothingFits("no rule fits, and there is no Default")
        elif isinstance(state, Wait):
            yield Pause(name, self._seconds(state))
            following = state.next
        else:
            self._make(state)
            following = state.next
        self._note(f"{kind}Completed", name, **told)
        if self._stopped():
            return
        if following is None:
            self._end("SUCCEEDED", None)
        else:
            self.at = following

    def _act(self, name: str, state: Does) -> Generator[Pause, None, tuple[str | None, Any]]:
        """Where it goes on, and what came of it."""
        parameters = self._input(state.parameters, state.input_path)
        provider = self._instead(name) or (self._actions.get(_address(state)))
        if provider is None:
            raise _Caught("ActionUnableToRun", f"nobody provides {_address(state)}")
        limit = state.limit if isinstance(state, Action) else WEB_INPUT_LIMIT
        until = self._now() + limit
        try:
            answer = provider.run(parameters)
        except UnableToRun as e:
            raise _Caught(e.error, str(e)) from None
        self._doing = (provider, answer.action_id)
        polls = service_polls()
        while answer.status in ("ACTIVE", "INACTIVE"):
            left = until - self._now()
            if left <= 0:
                self._doing = None
                raise _Caught("ActionTimeout", f"{name} was not done within {limit} s")
            yield Pause(name, min(next(polls), left), answer.details if answer.status == "INACTIVE" else None)
            if self._stopped():
                return None, None
            answer = provider.status(answer.action_id)
            self._note("ActionPolled", name, status=answer.status)
        self._doing = None
        if answer.status == "FAILED" and (not isinstance(state, Action) or state.raises):
            raise _Caught("ActionFailedException", answer.as_json())
        found = answer.details if isinstance(state, WebInput) else answer.as_json()
        self._put(state.result_path, copy.deepcopy(found))
        return state.next, found

    def _catch(self, name: str, state: Does, error: _Caught) -> str | None:
        """Where the first Catch of this error leads; without one the run has failed."""
        self._note("ActionFailed", name, error=error.name, cause=error.cause)
        catcher = next((one for one in state.catchers if one.takes(error.name)), None)
        if catcher is None:
            self._end("FAILED", (error.name, f"{name}: {_words(error.cause)}"))
            return None
        self._put(catcher.result_path, {"Error": error.name, "Cause": error.cause})
        return catcher.next

    def _make(self, state: Pass | ExpressionEval) -> None:
        """What a state puts into the state of the run; a Pass that is given nothing changes nothing."""
        if isinstance(state, ExpressionEval):
            self._put(state.result_path, self._input(state.parameters or {}, None))
        elif state.result is not None:
            self._put(state.result_path, copy.deepcopy(state.result))
        elif state.parameters is not None:
            self._put(state.result_path, self._input(state.parameters, None))
        elif state.input_path is not None or state.result_path is not None:
            self._put(state.result_path, self._input(None, state.input_path))

    def _put(self, path: str | None, value: Any) -> None:
        context = {"_context": self.state["_context"]}
        self._grow({**paths.put(self.state, path, value), **context})

    def _said(self, text: str | None, path: str | None) -> str:
        return str(paths.look_up(self.state, path)) if path is not None else text or ""

    def _input(self, parameters: Mapping[str, Any] | None, input_path: str | None) -> Any:
        if parameters is None:
            found = copy.deepcopy(paths.look_up(self.state, input_path or "$"))
            if isinstance(found, dict) and not paths.parse(input_path or "$"):
                found.pop("_context", None)
            return found
        return copy.deepcopy(_filled(parameters, self.state))

    def _seconds(self, state: Wait) -> float:
        if state.seconds is not None:
            return state.seconds
        if state.seconds_path is not None:
            found = paths.look_up(self.state, state.seconds_path)
            if isinstance(found, bool) or not isinstance(found, int | float) or found < 0:
                raise PathError(f"{state.seconds_path} is no number of seconds: {found!r}")
            return float(found)
        text = state.timestamp or paths.look_up(self.state, state.timestamp_path or "$")
        try:
            return max(0.0, datetime.fromisoformat(text).timestamp() - self._now())
        except (TypeError, ValueError):
            raise PathError(f"{text!r} is no timestamp") from None

    def _grow(self, state: dict[str, Any]) -> None:
        size = size_of(state)
        self.largest = max(self.largest, size)
        if size > STATE_LIMIT:
            raise _TooLarge(f"the state of the run would have {size} bytes, of {STATE_LIMIT} allowed")
        self.state = state

    def _stopped(self) -> bool:
        if self._canceled and self.status == "ACTIVE":
            if self._doing is not None:
                self._doing[0].cancel(self._doing[1])
            self._note("FlowCanceled", None)
            self.status = "ENDED"
        return self._canceled

    def _end(self, status: Status, error: tuple[str, str] | None) -> None:
        self.status, self.error = status, error
        details = {} if error is None else {"error": error[0], "cause": error[1]}
        self._note("FlowSucceeded" if status == "SUCCEEDED" else "FlowFailed", None, **details)

    def _note(self, code: str, state: str | None, **details: Any) -> None:
        self.log.append(LogEntry(self._now(), code, state, details))


class _TooLarge(Exception):
    """The state of the run outgrew its bound."""


class _NeverEnds(Exception):
    """The run has entered more states than it may."""


class _NothingFits(Exception):
    """A Choice has no rule that holds, and no Default."""


def _words(cause: Any) -> str:
    details = cause.get("details") if isinstance(cause, dict) else None
    return str(details.get("message", details)) if isinstance(details, dict) else str(cause)


def _address(state: Does) -> str:
    return state.address if isinstance(state, Action) else state.type


def run(
    definition: Definition,
    body: Mapping[str, Any],
    actions: Mapping[str, Provider],
    clock: VirtualClock,
    **options: Any,
) -> Execution:
    """A whole run. Options as of `Execution`."""
    execution = Execution(definition, body, actions, now=clock.now, **options)
    for pause in execution.steps():
        clock.sleep(pause.seconds)
    return execution


def _filled(template: Any, state: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        filled = {}
        for key, value in template.items():
            if key.endswith(".$"):
                filled[key[:-2]] = paths.look_up(state, value)
            elif key.endswith(".="):
                filled[key[:-2]] = expressions.evaluate(value, state)
            elif key != "__Private_Parameters":
                filled[key] = _filled(value, state)
        return filled
    return [_filled(value, state) for value in template] if isinstance(template, list | tuple) else template


def _holds(rule: ChoiceRule, state: Mapping[str, Any]) -> bool:
    if rule.all_of is not None:
        return all(_holds(inner, state) for inner in rule.all_of)
    if rule.any_of is not None:
        return any(_holds(inner, state) for inner in rule.any_of)
    if rule.not_ is not None:
        return not _holds(rule.not_, state)
    comparison = COMPARISONS[str(rule.operator)]
    try:
        found = paths.look_up(state, str(rule.variable))
        wanted = paths.look_up(state, str(rule.value)) if comparison.takes == "path" else rule.value
    except PathError:  # what is not there fits no rule: Globus' own examples count on it
        return comparison.name == "IsPresent" and rule.value is False
    return rule.value is True if comparison.name == "IsPresent" else comparison.holds(found, wanted)
