"""Our own rules: what a flow must be that runs for days with nobody there. Globus takes one that breaks them.

Every loop is counted, every action says how long it may take and where its errors go, no error overwrites another's
place, no id is in the file.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mhfd_flows import expressions
from mhfd_flows.definition import (
    ERRORS,
    Action,
    Choice,
    Definition,
    Does,
    ExpressionEval,
    Fail,
    Pass,
    State,
    leaves,
)
from mhfd_flows.findings import FlowFinding, ours
from mhfd_flows.paths import Many, parse
from mhfd_flows.providers import provider_of
from mhfd_flows.ways import following, graph_of, loops, reached

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_COUNTING: Final = re.compile(r"Numeric(?:GreaterThan|LessThan)(?:Equals)?(?:Path)?")


def remarks(definition: Definition) -> Iterator[FlowFinding]:
    """Every rule of ours that is broken."""
    states = definition.states
    come_to = reached(graph_of(states), (definition.start_at,))
    for name, state in states.items():
        if definition.start_at in states and name not in come_to:
            yield ours(name, "no run can come here")
        for what in _of_state(state):
            yield ours(name, what)
        found = _UUID.search(str(state.model_dump()))
        if found:
            yield ours(name, f"holds the id {found[0]}; ids belong in the input of a run")
    yield from _own_places(states)
    yield from _uncounted(states)


def _of_state(state: State) -> Iterator[str]:
    if isinstance(state, Does):
        yield from _of_errors(state)
    if isinstance(state, Action):
        yield from _of_action(state)
    elif isinstance(state, ExpressionEval):
        if state.result_path is None:
            yield "ResultPath: is missing; what is computed replaces the whole state of the run"
        if state.parameters is None:
            yield "Parameters: is null; Globus' newest schema asks for an object"
    elif isinstance(state, Pass):
        if state.parameters is not None and (state.input_path is not None or state.result is not None):
            yield "has Parameters beside InputPath or Result; sources disagree on what it gives then"
    elif isinstance(state, Choice):
        if state.default is None:
            yield "Default: is missing; a run that no rule fits fails"
    elif isinstance(state, Fail) and not any((state.error, state.error_path, state.cause, state.cause_path)):
        yield "says neither Error nor Cause; nobody will know why"
    for field in ("parameters", "result"):
        yield from _of_template(getattr(state, field, None))
    for path in (getattr(state, "input_path", None), getattr(state, "seconds_path", None)):
        yield from _of_path("InputPath", path)


def _of_errors(state: Does) -> Iterator[str]:
    if state.result_path is None and state.end is not True:
        yield "ResultPath: is missing; the answer replaces the whole state of the run"
    if any(catcher.result_path is None for catcher in state.catchers):
        yield "Catch.ResultPath: is missing; the error replaces the whole state of the run"
    if any(catcher.result_path == state.result_path for catcher in state.catchers if state.result_path):
        yield f"a Catch must not keep its error at {state.result_path}: that is the action's own result"
    named: set[str] = set()
    for catcher in state.catchers:
        twice = sorted(named & set(catcher.error_equals))
        if twice:
            yield f"a second Catch for {', '.join(twice)}: only the first is taken"
        named |= set(catcher.error_equals)


def _of_action(state: Action) -> Iterator[str]:
    missing = [error for error in ERRORS if not any(catcher.takes(error) for catcher in state.catchers)]
    if missing and not state.catchers:
        yield f"Catch: is missing; {', '.join(missing)} would end the run"
    elif missing:
        yield f"no Catch for {', '.join(sorted(missing))}"
    if state.wait_time is None:
        yield "WaitTime: is missing; the action would be given up after 300 s"
    if state.exception_on_action_failure is None:
        yield "ExceptionOnActionFailure: is missing; say whether an action that failed is an error"
    elif not state.raises:
        yield "ExceptionOnActionFailure: is false; an action that failed looks like one that was done"
    yield from _of_provider(state)


def _of_provider(state: Action) -> Iterator[str]:
    provider = provider_of(state.address)
    if provider is None:
        yield f"{state.address} is no provider that we know: what it is asked is not looked at"
    elif provider.standing != "current":
        said = "is old" if provider.standing == "older" else f"is gone: {provider.notes}"
        yield f"{state.address} {said}; the current one is {provider.instead}"
    elif state.address != provider.addresses[0]:
        yield f"{state.address} is an old address of {provider.addresses[0]}"
    elif state.parameters is not None:
        told = {key.removesuffix(".$").removesuffix(".=") for key in state.parameters}
        unsaid = [f"{name} ({str(usual).lower()})" for name, usual in provider.say.items() if name not in told]
        if unsaid:
            yield f"{provider.name}: say what is wanted, instead of its default: {', '.join(unsaid)}"
    if state.address.startswith("http://"):
        yield f"{state.address} is this machine's own; Globus does not reach it"


def _of_template(template: Any) -> Iterator[str]:
    for key, text in leaves(template):
        if key.endswith(".="):
            yield from expressions.remarks(text)
        else:
            yield from _of_path(key, text)
    yield from _plain_paths(template)


def _of_path(key: str, path: str | None) -> Iterator[str]:
    if path is not None and any(isinstance(step, Many) for step in parse(path)):
        yield f"{key}: {path!r} takes several at once; evaluators of paths disagree on what that gives"


def _plain_paths(template: Any) -> Iterator[str]:
    """A text that looks like a reference, and is none."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            if isinstance(value, str) and re.match(r"\$\.[A-Za-z_]", value) and not key.endswith((".$", ".=")):
                yield f"{key}: is the text {value!r}, not what is there; a reference is written {key}.$"
            elif not isinstance(value, str):
                yield from _plain_paths(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from _plain_paths(value)


def _own_places(states: Mapping[str, State]) -> Iterator[FlowFinding]:
    """An error may be kept where no result is, and only by one state: else one of them is lost."""
    results = {
        state.result_path: name for name, state in states.items() if isinstance(state, Action | Pass | ExpressionEval)
    }
    kept: dict[str, str] = {}
    for name, state in states.items():
        for path in {one.result_path for one in state.catchers} if isinstance(state, Does) else ():
            if path is None:
                continue
            if results.get(path, name) != name:
                yield ours(name, f"its Catch keeps the error at {path}, which is the result of {results[path]}")
            if kept.setdefault(path, name) != name:
                yield ours(name, f"its Catch keeps the error at {path}, where {kept[path]} keeps its own")


def _uncounted(states: Mapping[str, State]) -> Iterator[FlowFinding]:
    """Loops in which nothing is counted, or in which nothing looks at the count."""
    graph = graph_of(states)
    order = {name: place for place, name in enumerate(states)}
    for loop in loops(graph):
        counted = {name: set(_counts(states[name])) for name in loop}
        tested = {name: set(_tests(states[name], loop)) for name in loop}
        good = set[str]().union(*counted.values()) & set[str]().union(*tested.values())
        for paths in (counted, tested):
            left = {name for name in loop if not good & paths[name]}
            free = next(iter(loops({name: tuple(one for one in graph[name] if one in left) for name in left})), None)
            if free:
                first = min(free, key=order.__getitem__)
                listed = sorted(free)
                named = ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
                yield ours(first, f"the loop {named} has no counter that ends it")
                break


def _counts(state: State) -> Iterator[str]:
    """The counters that a state raises by one."""
    if isinstance(state, ExpressionEval) and state.result_path is not None:
        for key, text in (state.parameters or {}).items():
            path = f"{state.result_path}.{key.removesuffix('.=')}"
            if key.endswith(".=") and isinstance(text, str) and text.replace(" ", "") == f"{path[2:]}+1":
                yield path


def _tests(state: State, loop: frozenset[str]) -> Iterator[str]:
    """The counters that a state compares with a number, if it can leave the loop."""
    if isinstance(state, Choice) and set(following(state)) - loop:
        for rule in state.choices:
            for inner in rule.inner():
                if inner.variable and _COUNTING.fullmatch(str(inner.operator)):
                    yield inner.variable
