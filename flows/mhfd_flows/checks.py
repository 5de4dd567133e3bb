"""What the states of a flow must be to each other: `problems` names every state that breaks a rule.

Beyond what the service asks: every loop is counted, no error overwrites another's place, no id is in the file.
These are the rules of a flow that runs for days with nobody there. Knows nothing of files or of the service.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mhfd_flows.definition import NUMERIC, Action, Choice, Definition, ExpressionEval, Pass, State, ways_on
from mhfd_flows.errors import DefinitionRefused

PROVIDERS: Final = frozenset(
    {
        "https://compute.actions.globus.org/v3",
        "https://transfer.actions.globus.org/delete",
        "https://transfer.actions.globus.org/ls",
        "https://transfer.actions.globus.org/mkdir",
        "https://transfer.actions.globus.org/stat",
        "https://transfer.actions.globus.org/transfer",
    }
)
"""The current addresses of the providers we use. Older ones live on in examples, with other names for their fields."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_COUNTING: Final = NUMERIC.keys() - {"NumericEquals"}


def checked(document: object) -> Definition:
    """The typed definition of a document that keeps every rule; DefinitionRefused names what does not."""
    definition = Definition.parse(document)
    found = tuple(problems(definition))
    if found:
        raise DefinitionRefused("\n".join(found))
    return definition


def problems(definition: Definition) -> Iterator[str]:
    """Every broken rule, as `State: what`."""
    states = definition.states
    if definition.start_at not in states:
        yield f"the definition: StartAt names {definition.start_at!r}, which is no state"
    for name, state in states.items():
        for target in ways(name, state):
            if target not in states:
                yield f"{name}: leads to {target!r}, which is no state"
    reached = _reached(states, (definition.start_at,))
    for name in states:
        if definition.start_at in states and name not in reached:
            yield f"{name}: no run can come here"
    yield from _providers(states)
    yield from _ids(states)
    yield from _own_places(states)
    yield from _uncounted(states)


def ways(name: str, state: State) -> list[str]:
    """The states that a run can go on to from one."""
    return [way.end for way in ways_on(name, state)]


def _reached(states: Mapping[str, State], begin: Iterable[str]) -> set[str]:
    """Where one can come to from these states, themselves included."""
    reached: set[str] = set()
    waiting = list(begin)
    while waiting:
        name = waiting.pop()
        if name not in reached and name in states:
            reached.add(name)
            waiting += ways(name, states[name])
    return reached


def _providers(states: Mapping[str, State]) -> Iterator[str]:
    for name, state in states.items():
        if isinstance(state, Action) and state.action_url not in PROVIDERS:
            yield f"{name}: {state.action_url} is no current provider; there are {', '.join(sorted(PROVIDERS))}"


def _ids(states: Mapping[str, State]) -> Iterator[str]:
    for name, state in states.items():
        found = _UUID.search(state.model_dump_json())
        if found:
            yield f"{name}: holds the id {found[0]}; ids belong in the input of a run"


def _own_places(states: Mapping[str, State]) -> Iterator[str]:
    """An error may be kept where no result is, and only by one state: else one of them is lost."""
    results = {
        state.result_path: name for name, state in states.items() if isinstance(state, Action | Pass | ExpressionEval)
    }
    kept: dict[str, str] = {}
    for name, state in states.items():
        if isinstance(state, Action):
            for path in {catcher.result_path for catcher in state.catch}:
                if path in results:
                    yield f"{name}: its Catch keeps the error at {path}, which is the result of {results[path]}"
                if kept.setdefault(path, name) != name:
                    yield f"{name}: its Catch keeps the error at {path}, where {kept[path]} keeps its own"


def _uncounted(states: Mapping[str, State]) -> Iterator[str]:
    """Loops in which nothing is counted, or in which nothing looks at the count."""
    for loop in _loops(states):
        counted = {name: set(_counts(states[name])) for name in loop}
        tested = {name: set(_tests(name, states[name], loop)) for name in loop}
        good = set[str]().union(*counted.values()) & set[str]().union(*tested.values())
        for paths in (counted, tested):
            free = next(iter(_loops({name: states[name] for name in loop if not good & paths[name]})), None)
            if free:
                first = min(free, key=list(states).index)
                yield f"{first}: the loop {', '.join(sorted(free))} has no counter that ends it"
                break


def _counts(state: State) -> Iterator[str]:
    """The counters that a state raises by one."""
    if isinstance(state, ExpressionEval):
        for key, text in state.parameters.items():
            path = f"{state.result_path}.{key.removesuffix('.=')}"
            if key.endswith(".=") and isinstance(text, str) and text.replace(" ", "") == f"{path[2:]}+1":
                yield path


def _tests(name: str, state: State, loop: frozenset[str]) -> Iterator[str]:
    """The counters that a state compares with a number, if it can leave the loop."""
    if isinstance(state, Choice) and set(ways(name, state)) - loop:
        for rule in state.choices:
            for inner in rule.inner():
                if inner.operator in _COUNTING and inner.variable:
                    yield inner.variable


def _loops(states: Mapping[str, State]) -> list[frozenset[str]]:
    """The largest sets of states in which each can be reached from each."""
    reached = {name: _reached(states, ways(name, state)) for name, state in states.items()}
    loops = [
        frozenset(other for other in reached[name] if name in reached[other])
        for name in states
        if name in reached[name]
    ]
    return list(dict.fromkeys(loops))
