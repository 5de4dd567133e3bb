"""The states of the language that we use, typed: `Definition.parse` makes them of JSON or says what is wrong.

What one state must be is here, and where a run goes on from it; what states must be to each other is `checks`. No
schema of the language is published: the service's own `validate_flow` has the last word. Nothing here runs anything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from mhfd_flows import expressions, paths
from mhfd_flows.errors import DefinitionRefused, ExpressionError, PathError

ActionError = Literal["ActionUnableToRun", "ActionFailedException", "ActionTimeout"]
ERRORS: Final[tuple[ActionError, ...]] = get_args(ActionError)
"""What can go wrong with an action: it was not started, it failed, it took longer than its WaitTime."""

NUMERIC: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "NumericEquals": (operator.eq, "="),
    "NumericGreaterThan": (operator.gt, ">"),
    "NumericGreaterThanEquals": (operator.ge, "&ge;"),
    "NumericLessThan": (operator.lt, "<"),
    "NumericLessThanEquals": (operator.le, "&le;"),
}
"""The comparisons of numbers: what each does, and its sign in a drawing."""

_OPERATORS: Final[dict[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("BooleanEquals", "IsNull", "IsPresent"), bool),
    **dict.fromkeys(NUMERIC, (int, float)),
    **dict.fromkeys(("StringEquals", "StringMatches"), str),
}


class LanguagePart(BaseModel):
    """Frozen; a field that the language does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, allow_inf_nan=False)


class Commented(LanguagePart):
    """A state, and what its author says of it."""

    comment: str | None = None


class GoesOn(Commented):
    """A state after which the run goes on, or ends well."""

    next: str | None = None
    end: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.next is None) == (self.end is None):
            raise ValueError("needs either Next or End, and not both")
        return self


class Catcher(LanguagePart):
    """Where a run goes on after an error, and where in the state the error is kept."""

    error_equals: tuple[ActionError, ...] = Field(min_length=1)
    result_path: str
    next: str

    @model_validator(mode="after")
    def _paths(self) -> Self:
        _result("Catch.ResultPath", self.result_path)
        return self


class Action(GoesOn):
    """Something that a provider does: a transfer, a listing, a task."""

    type: Literal["Action"]
    action_url: str = Field(pattern=r"^https://")
    parameters: dict[str, Any] | None = None
    input_path: str | None = None
    result_path: str
    wait_time: PositiveInt
    exception_on_action_failure: bool
    run_as: str | dict[str, Any] | None = None
    catch: tuple[Catcher, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.parameters is None) == (self.input_path is None):
            raise ValueError("needs either Parameters or InputPath, and not both")
        own = [catcher.result_path for catcher in self.catch]
        if self.result_path in own:
            raise ValueError(f"a Catch must not keep its error at {self.result_path}: that is the action's own result")
        missing = set(ERRORS) - {name for catcher in self.catch for name in catcher.error_equals}
        if missing:
            raise ValueError(f"no Catch for {', '.join(sorted(missing))}")
        _result("ResultPath", self.result_path)
        _templates(self.parameters, self.input_path)
        return self


class ExpressionEval(GoesOn):
    """Values computed from the state."""

    type: Literal["ExpressionEval"]
    parameters: dict[str, Any]
    result_path: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _result("ResultPath", self.result_path)
        _templates(self.parameters, None)
        return self


class Pass(GoesOn):
    """Fixed values, or values from elsewhere in the state."""

    type: Literal["Pass"]
    parameters: dict[str, Any] | None = None
    input_path: str | None = None
    result_path: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.parameters is not None and self.input_path is not None:
            raise ValueError("needs either Parameters or InputPath, and not both")
        if self.result_path is not None:
            _result("ResultPath", self.result_path)
        _templates(self.parameters, self.input_path)
        if any(key.endswith(".=") for key, _ in _leaves(self.parameters)):
            raise ValueError("expressions belong in a state of type ExpressionEval")
        return self


class ChoiceRule(LanguagePart):
    """One comparison, or several joined. Only the outermost says where the run goes on."""

    variable: str | None = None
    operator: str | None = Field(None, exclude=True)
    value: Any = Field(None, exclude=True)
    all_of: tuple[ChoiceRule, ...] | None = Field(None, alias="And", min_length=1)
    any_of: tuple[ChoiceRule, ...] | None = Field(None, alias="Or", min_length=1)
    not_: ChoiceRule | None = Field(None, alias="Not")
    next: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_operator(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if {"Operator", "Value"} & values.keys():
            raise ValueError("Operator and Value are no fields of a rule")
        found = [key for key in values if key in _OPERATORS]
        joined = [key for key in ("And", "Or", "Not") if key in values]
        if joined:
            if len(joined) + len(found) != 1 or "Variable" in values:
                raise ValueError("a rule is either one of And, Or, Not, or a Variable with one comparison")
            return values
        if len(found) != 1 or "Variable" not in values:
            known = ", ".join(sorted(_OPERATORS))
            raise ValueError(f"a rule needs a Variable and exactly one comparison of {known}")
        name, value = found[0], values[found[0]]
        wanted = _OPERATORS[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise ValueError(f"{name} cannot compare with {value!r}")
        return {key: v for key, v in values.items() if key != name} | {"Operator": name, "Value": value}

    @model_validator(mode="after")
    def _path(self) -> Self:
        if self.variable is not None:
            _path_of("Variable", self.variable)
        return self

    def inner(self) -> Iterator[ChoiceRule]:
        """The rules that this one joins, or itself."""
        below = (*(self.all_of or ()), *(self.any_of or ()), *((self.not_,) if self.not_ else ()))
        if not below:
            yield self
        for rule in below:
            yield from rule.inner()


class Choice(Commented):
    """Where the run goes on depends on the state."""

    type: Literal["Choice"]
    choices: tuple[ChoiceRule, ...] = Field(min_length=1)
    default: str

    @model_validator(mode="after")
    def _ways(self) -> Self:
        if any(rule.next is None for rule in self.choices):
            raise ValueError("every rule of Choices needs a Next")
        return self


class Wait(GoesOn):
    """Nothing happens for a while."""

    type: Literal["Wait"]
    seconds: float | None = Field(None, ge=0)
    timestamp: str | None = None
    seconds_path: str | None = None
    timestamp_path: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [v for v in (self.seconds, self.timestamp, self.seconds_path, self.timestamp_path) if v is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of Seconds, Timestamp, SecondsPath, TimestampPath")
        for name, path in (("SecondsPath", self.seconds_path), ("TimestampPath", self.timestamp_path)):
            if path is not None:
                _path_of(name, path)
        return self


class Fail(Commented):
    """The run ends, failed."""

    type: Literal["Fail"]
    error: str
    cause: str


State = Annotated[Action | ExpressionEval | Pass | Choice | Wait | Fail, Field(discriminator="type")]
_STATE: Final[TypeAdapter[State]] = TypeAdapter(State)
_TYPES: Final = ("Action", "ExpressionEval", "Pass", "Choice", "Wait", "Fail")


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
    if rule.operator == "BooleanEquals":
        return name if value else f"not {name}"
    if rule.operator == "StringEquals":
        return f"{name} is {value}" if value else f"no {name}"
    operator = str(rule.operator)
    sign = NUMERIC[operator][1] if operator in NUMERIC else operator
    return f"{name} {sign} {value}"


def ways_on(name: str, state: State) -> Iterator[Way]:
    """The ways from one state."""
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


class Definition(BaseModel):
    """A flow: its states, and where a run starts. Each state is right by itself; see `checks` for the whole."""

    model_config = ConfigDict(frozen=True)

    comment: str | None
    start_at: str
    states: dict[str, State]

    def ways(self) -> Iterator[Way]:
        """Every way, in the order of the definition."""
        for name, state in self.states.items():
            yield from ways_on(name, state)

    @classmethod
    def parse(cls, document: object) -> Definition:
        """The typed definition; DefinitionRefused with every problem of every state."""
        if not isinstance(document, Mapping):
            raise DefinitionRefused("the definition is no JSON object")
        unknown = sorted(set(document) - {"Comment", "StartAt", "States"})
        problems = [f"the definition: there is no field {field!r}" for field in unknown]
        states = document.get("States")
        if not isinstance(states, Mapping) or not states:
            raise DefinitionRefused("the definition: States must be an object with at least one state")
        parsed: dict[str, State] = {}
        for name, state in states.items():
            try:
                parsed[name] = _state(state)
            except ValidationError as e:
                problems += [f"{name}: {line}" for line in _lines(e)]
            except ValueError as e:
                problems.append(f"{name}: {e}")
        start = document.get("StartAt")
        if not isinstance(start, str):
            problems.append("the definition: StartAt must name a state")
        if not isinstance(document.get("Comment"), str | None):
            problems.append("the definition: Comment must be text")
        if problems:
            raise DefinitionRefused("\n".join(problems))
        return cls(comment=document.get("Comment"), start_at=str(start), states=parsed)


def _leaves(template: Any) -> Iterator[tuple[str, Any]]:
    """The keys of Parameters that end in `.$`, a reference, or `.=`, an expression."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            if key.endswith((".$", ".=")):
                yield key, value
            else:
                yield from _leaves(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from _leaves(value)


def _state(document: object) -> State:
    kind = document.get("Type") if isinstance(document, Mapping) else None
    if kind not in _TYPES:
        raise ValueError(f"Type is {kind!r}; there are {', '.join(_TYPES)}")
    return _STATE.validate_python(document)


def _path_of(field: str, path: object) -> None:
    try:
        paths.parse(path if isinstance(path, str) else repr(path))
    except PathError as e:
        raise ValueError(f"{field}: {e}") from None


def _result(field: str, path: str) -> None:
    _path_of(field, path)
    steps = paths.parse(path)
    if not steps or any(isinstance(step, int) for step in steps):
        raise ValueError(f"{field}: {path!r} cannot be written; write `$.name` or `$.name.name`")
    if steps[0] == "_context":
        raise ValueError(f"{field}: $._context belongs to the service")


def _templates(parameters: dict[str, Any] | None, input_path: str | None) -> None:
    if input_path is not None:
        _path_of("InputPath", input_path)
    for key, text in _leaves(parameters):
        if key.endswith(".$"):
            _path_of("Parameters", text)
            continue
        try:
            expressions.check(text if isinstance(text, str) else repr(text))
        except ExpressionError as e:
            raise ValueError(f"Parameters: {e}") from None


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"] if part not in _TYPES)
        what = "there is no such field" if problem["type"] == "extra_forbidden" else problem["msg"]
        what = "is missing" if problem["type"] == "missing" else what.removeprefix("Value error, ")
        lines.append(f"{where}: {what}" if where else what)
    return lines
