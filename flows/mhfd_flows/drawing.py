"""A definition as a graph: its ways from state to state, and those as Mermaid. Knows nothing of pixels or services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mhfd_flows.definition import Action, Choice, ChoiceRule, Definition, State

_SIGNS = {
    "NumericEquals": "=",
    "NumericGreaterThan": ">",
    "NumericGreaterThanEquals": "&ge;",
    "NumericLessThan": "<",
    "NumericLessThanEquals": "&le;",
}
_SHAPES = {
    "Action": '["{}"]',
    "ExpressionEval": '("{}")',
    "Pass": '("{}")',
    "Choice": '{{"{}"}}',
    "Wait": '(["{}"])',
    "Fail": '[["{}"]]',
}


@dataclass(frozen=True, slots=True)
class Way:
    """From one state to another, and when it is taken."""

    begin: str
    end: str
    kind: Literal["next", "choice", "default", "catch"]
    when: str = ""


def ways_of(definition: Definition) -> Iterator[Way]:
    """Every way, in the order of the definition."""
    for name, state in definition.states.items():
        yield from _ways(name, state)


def mermaid(definition: Definition) -> str:
    """The graph in the language of Mermaid, which GitHub and many editors draw."""
    lines = ["flowchart TD"]
    lines += [f"  {name}{_SHAPES[state.type].format(name)}" for name, state in definition.states.items()]
    for way in ways_of(definition):
        arrow = "-.->" if way.kind == "catch" else "-->"
        when = f'|"{way.when}"|' if way.when else ""
        lines.append(f"  {way.begin} {arrow}{when} {way.end}")
    actions = [name for name, state in definition.states.items() if state.type == "Action"]
    fails = [name for name, state in definition.states.items() if state.type == "Fail"]
    lines += ["  classDef action fill:#dbe9f6,stroke:#2c5f8a", "  classDef fail fill:#fbe3df,stroke:#a33a2a"]
    lines += [f"  class {','.join(actions)} action"] if actions else []
    lines += [f"  class {','.join(fails)} fail"] if fails else []
    return "\n".join(lines) + "\n"


def rule_in_words(rule: ChoiceRule) -> str:
    """A comparison as a person reads it."""
    for word, joined in (("and", rule.all_of), ("or", rule.any_of)):
        if joined:
            return f" {word} ".join(rule_in_words(inner) for inner in joined)
    if rule.not_:
        return f"not ({rule_in_words(rule.not_)})"
    name, value = str(rule.variable).removeprefix("$."), rule.value
    if rule.operator == "BooleanEquals":
        return name if value else f"not {name}"
    if rule.operator == "StringEquals":
        return f"{name} is {value}" if value else f"no {name}"
    return f"{name} {_SIGNS.get(str(rule.operator), rule.operator)} {value}"


def _ways(name: str, state: State) -> Iterator[Way]:
    if isinstance(state, Choice):
        for rule in state.choices:
            yield Way(name, str(rule.next), "choice", rule_in_words(rule))
        yield Way(name, state.default, "default", "else")
        return
    following = getattr(state, "next", None)
    if following is not None:
        yield Way(name, following, "next")
    if isinstance(state, Action):
        for catcher in state.catch:
            short = ", ".join(error.removeprefix("Action").removesuffix("Exception") for error in catcher.error_equals)
            yield Way(name, catcher.next, "catch", short)
