"""A dry run of any definition: everybody who does something only pretends, and any action may be told to go wrong.

Nobody is asked and nothing is moved. What a provider answers is what public documents show, or nothing where no
document names it; what the input is not told is made up. So a trial shows the road that a run takes, and where it ends,
not what would come of it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from mhfd.errors import UsageError
from mhfd_flows import expressions, paths
from mhfd_flows.definition import ERRORS, Action, Definition, Does, Fail
from mhfd_flows.errors import PathError
from mhfd_flows.interpreter import Execution, VirtualClock, run
from mhfd_flows.paths import Step
from mhfd_flows.pretend import Pretender
from mhfd_flows.providers import provider_of, web_input
from mhfd_flows.references import References

MOST_STATES: Final = 1000
"""States that a trial enters before it is taken for one that does not end."""

_FAULT: Final = re.compile(r"(?P<state>.+)=(?P<error>[A-Za-z][\w.]*)(?::(?P<times>[1-9]\d*))?")


@dataclass(slots=True)
class TrialFault:
    """An action of a state goes wrong. `times`: so often; None: always."""

    state: str
    error: str
    times: int | None = None

    def __str__(self) -> str:
        return f"{self.state}: {self.error}, {'always' if self.times is None else f'{self.times} times'}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial and how it ended. `pretended`: the addresses of which no document tells what they answer."""

    definition: Definition
    body: Mapping[str, Any]
    faults: tuple[TrialFault, ...]
    execution: Execution
    pretended: tuple[str, ...]

    @property
    def ended(self) -> Literal["succeeded", "failed", "broken"]:
        """`failed`: in a Fail state, as the definition says; `broken`: by an error that it does not see to."""
        if self.execution.status == "SUCCEEDED":
            return "succeeded"
        return "failed" if isinstance(self.definition.states[self.execution.at], Fail) else "broken"


def trial_faults(definition: Definition, told: Iterable[str]) -> tuple[TrialFault, ...]:
    """What is to go wrong, as a person types it: `STATE=ERROR` or `STATE=ERROR:TIMES`. UsageError."""
    found = []
    can = [name for name, state in definition.states.items() if isinstance(state, Does)]
    for text in told:
        read = _FAULT.fullmatch(text)
        if read is None:
            raise UsageError(f"--faults: {text!r} is no fault; write STATE=ERROR or STATE=ERROR:TIMES")
        if read["state"] not in can:
            listed = ", ".join(can) or "none in this definition"
            raise UsageError(f"--faults: {read['state']!r} is no state that can fail; there are {listed}")
        state = definition.states[read["state"]]
        named = {error for one in (state.catchers if isinstance(state, Does) else ()) for error in one.error_equals}
        errors = dict.fromkeys((*ERRORS, *sorted(named)))
        if read["error"] not in errors:
            raise UsageError(f"--faults: {read['error']!r} is no error; there are {', '.join(errors)}")
        found.append(TrialFault(read["state"], read["error"], int(read["times"]) if read["times"] else None))
    return tuple(found)


def try_out(
    definition: Definition,
    body: Mapping[str, Any],
    faults: Iterable[TrialFault] = (),
    answers: Mapping[str, Any] | None = None,
) -> Trial:
    """Run a definition with providers that pretend. `answers`: what those of some states answer. UsageError."""
    expressions.evaluate("1", {})  # says at once what must be installed
    chosen = tuple(faults)
    clock = VirtualClock()
    wrong, struck = {fault.state: fault for fault in chosen}, Counter[str]()
    doing = {name: state for name, state in definition.states.items() if isinstance(state, Does)}
    told = answers or {}
    if unknown_states := sorted(told.keys() - doing.keys()):
        raise UsageError(
            f"--answers: {unknown_states[0]!r} is no state that asks somebody; there are {', '.join(doing)}"
        )

    def strikes(state: str) -> str | None:
        fault = wrong.get(state)
        if fault is None or struck[state] == fault.times:
            return None
        struck[state] += 1
        return fault.error

    def pretender(name: str, state: Does) -> Pretender:
        """Who does what is asked, and answers as documents show it."""
        provider = provider_of(state.address) if isinstance(state, Action) else None
        shown = (
            provider.pretended if provider else {} if isinstance(state, Action) else web_input(state.type)["pretended"]
        )
        return Pretender(clock, provider, lambda _: told.get(name, shown), partial(strikes, name))

    well = {name: pretender(name, state) for name, state in doing.items()}
    execution = run(definition, body, {}, clock, run_id="dry-run", instead=well.get, most_states=MOST_STATES)
    came_to = set(execution.visited)
    unknown = {
        state.address: None
        for name, state in doing.items()
        if name in came_to - told.keys() and isinstance(state, Action) and provider_of(state.address) is None
    }
    return Trial(definition, body, chosen, execution, tuple(unknown))


# What the input is not told


def made_up(found: References, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """An input that a run can begin with: what the schema asks for, else what the definition reads."""
    if schema:
        return sample_of(schema)
    body: dict[str, Any] = {}
    for steps, kind in sorted(found.needs.items(), key=lambda one: len(one[0])):
        _give(body, steps, kind)
    return body


def sample_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a schema asks for."""
    made = _sample(schema, "input", schema, 8)
    return made if isinstance(made, dict) else {}


_SAMPLES: Final[Mapping[str, Callable[[], Any]]] = {
    **dict.fromkeys(("number", "integer"), lambda: 1),
    **dict.fromkeys(("truth", "boolean"), lambda: True),
    "time": lambda: "2026-01-01T00:00:00Z",
    "array": list,
    "object": dict,
}
"""By what a comparison or a provider takes."""


def _give(here: Any, steps: tuple[Step, ...], kind: str) -> None:
    name = next((str(step) for step in reversed(steps) if isinstance(step, str)), "value")
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        following: Any = [] if not last and _is_index(steps[number + 1]) else {}
        if last:
            following = _SAMPLES[kind]() if kind in _SAMPLES else f"a made-up {name}"
        if isinstance(here, dict) and isinstance(step, str):
            if not isinstance(here.get(step), dict | list) and (not last or step not in here):
                here[step] = following
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int):
            if not here:
                here.append(following)
            here = here[0]
        else:
            return


def _is_index(step: Step) -> bool:
    return not isinstance(step, str)


def _sample(schema: Any, name: str, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth == 0:
        return f"a made-up {name}"
    for word in ("default", "const"):
        if word in schema:
            return schema[word]
    for word in ("enum", "examples"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    if isinstance(schema.get("$ref"), str):
        try:
            target = paths.look_up(root, "$" + schema["$ref"].removeprefix("#").replace("/", "."))
        except PathError:
            return f"a made-up {name}"
        return _sample(target, name, root, depth - 1)
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list) and schema[word] and "properties" not in schema:
            return _sample(schema[word][0], name, root, depth - 1)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        needed = schema.get("required", [])
        return {one: _sample(properties.get(one, {}), one, root, depth - 1) for one in needed}
    if kind == "array":
        return [_sample(schema.get("items", {}), name, root, depth - 1)]
    if kind in ("number", "integer"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    uuid = kind == "string" and schema.get("format") == "uuid"
    return "00000000-0000-4000-8000-000000000000" if uuid else f"a made-up {name}"
