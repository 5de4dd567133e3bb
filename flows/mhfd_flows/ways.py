"""Where a run can go on from each state, which states it can come to, and which loops there are.

Knows nothing of what is wrong with a definition.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mhfd_flows.comparisons import COMPARISONS
from mhfd_flows.definition import Choice, ChoiceRule, Definition, Does, State

Graph = Mapping[str, tuple[str, ...]]
"""The states that follow each."""


@dataclass(frozen=True, slots=True)
class Way:
    """From one state to another, and when it is taken."""

    begin: str
    end: str
    kind: Literal["next", "choice", "default", "catch"]
    when: str = ""


def rule_in_words(rule: ChoiceRule) -> str:
    """A comparison as a person reads it."""
    for word, joined in (("and", rule.all_of), ("or", rule.any_of)):
        if joined:
            return f" {word} ".join(rule_in_words(inner) for inner in joined)
    if rule.not_:
        return f"not ({rule_in_words(rule.not_)})"
    name, value = str(rule.variable).removeprefix("$."), rule.value
    comparison = COMPARISONS[str(rule.operator)]
    if comparison.name == "BooleanEquals":
        return name if value else f"not {name}"
    if comparison.name == "StringEquals":
        return f"{name} is {value}" if value else f"no {name}"
    if comparison.takes == "path":
        value = str(value).removeprefix("$.")
    return f"{name} {comparison.sign or comparison.name} {value}"


def ways_on(name: str, state: State) -> Iterator[Way]:
    """The ways from one state."""
    if isinstance(state, Choice):
        for rule in state.choices:
            yield Way(name, str(rule.next), "choice", rule_in_words(rule))
        if state.default is not None:
            yield Way(name, state.default, "default", "else")
        return
    following = getattr(state, "next", None)
    if following is not None:
        yield Way(name, following, "next")
    if isinstance(state, Does):
        for catcher in state.catchers:
            short = ", ".join(error.removeprefix("Action").removesuffix("Exception") for error in catcher.error_equals)
            yield Way(name, catcher.next, "catch", short)


def ways_of(definition: Definition) -> Iterator[Way]:
    """Every way, in the order of the definition."""
    for name, state in definition.states.items():
        yield from ways_on(name, state)


def following(state: State) -> list[str]:
    """The states that a run can go on to from one."""
    if isinstance(state, Choice):
        return [*(str(rule.next) for rule in state.choices), *([] if state.default is None else [state.default])]
    first = getattr(state, "next", None)
    later = [catcher.next for catcher in state.catchers] if isinstance(state, Does) else []
    return [*([] if first is None else [str(first)]), *later]


def graph_of(states: Mapping[str, State]) -> dict[str, tuple[str, ...]]:
    """The states that follow each, as far as they exist."""
    return {name: tuple(one for one in following(state) if one in states) for name, state in states.items()}


def reached(graph: Graph, begin: Iterable[str]) -> set[str]:
    """Where one can come to from these states, themselves included."""
    found: set[str] = set()
    waiting = [name for name in begin if name in graph]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def loops(graph: Graph) -> list[frozenset[str]]:
    """The largest sets of states in which each can be reached from each (Tarjan's way, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[frozenset[str]] = []
    for root in graph:
        work = [(root, iter(graph[root]))] if root not in number else []
        while work:
            name, rest = work[-1]
            if name not in number:
                number[name] = low[name] = len(number)
                stack.append(name)
                on_stack.add(name)
            for other in rest:
                if other not in graph:
                    continue
                if other not in number:
                    work.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[name] = min(low[name], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == number[name]:
                    part = set(stack[stack.index(name) :])
                    del stack[stack.index(name) :]
                    on_stack -= part
                    if len(part) > 1 or name in graph[name]:
                        found.append(frozenset(part))
    order = {name: place for place, name in enumerate(graph)}
    return sorted(found, key=lambda loop: min(order[name] for name in loop))
