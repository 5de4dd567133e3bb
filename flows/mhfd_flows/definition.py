"""The states of the language, typed: `read` makes them of JSON, or says what is wrong with each.

What one state must be is here, and where a run goes on from it; what states must be to each other is `checks`. The
language is taken as Globus documents it, as its editor of flows has it in a schema, and as its older client had it;
where these differ, what one of them takes is taken. The service's own `validate_flow` has the last word. Nothing here
runs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from mhfd_flows import expressions, paths
from mhfd_flows.comparisons import COMPARISONS
from mhfd_flows.errors import DefinitionRefused, ExpressionError, PathError
from mhfd_flows.findings import FlowFinding, language

ActionError = Literal["ActionUnableToRun", "ActionFailedException", "ActionTimeout"]
ERRORS: Final[tuple[ActionError, ...]] = get_args(ActionError)
"""What can go wrong with an action: it was not started, it failed, it took longer than its WaitTime."""

EVERY_ERROR: Final = ("States.ALL", "States.All")
"""Names under which a Catch takes whatever it is: sources disagree on which."""

WAIT_TIME: Final = 300
"""Seconds that an action may take when nothing is said."""

WHOLE: Final = "the definition"
"""Where a finding is that is of no state."""

_URL: Final = re.compile(r"https://.+|http://(?:localhost|127\.0\.0\.1)(?:[:/].*)?")


class LanguagePart(BaseModel):
    """Frozen; a field that the language does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, allow_inf_nan=False)


class Commented(LanguagePart):
    """A state, and what its author says of it."""

    comment: str | None = None


class GoesOn(Commented):
    """A state after which the run goes on, or ends well."""

    next: str | None = None
    end: StrictBool | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.next is None) == (not self.end):
            raise ValueError("needs either Next or End, and not both")
        return self


class Catcher(LanguagePart):
    """Where a run goes on after an error, and where in the state the error is kept. No place: it becomes the state."""

    error_equals: tuple[str, ...] = Field(min_length=1)
    result_path: str | None = None
    next: str

    @model_validator(mode="after")
    def _paths(self) -> Self:
        _result("Catch.ResultPath", self.result_path)
        return self

    def takes(self, error: str) -> bool:
        """Whether it is for this error."""
        return error in self.error_equals or any(name in EVERY_ERROR for name in self.error_equals)


class ActionHandler(LanguagePart):
    """Who does an action, written out: an action provider by its address, or an API that was registered."""

    type: Literal["ActionProvider", "RegisteredAPI"]
    url: str | None = None
    scope: str | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "ActionProvider" and (self.url is None or self.id is not None):
            raise ValueError("an ActionProvider has a Url, and no Id")
        if self.type == "RegisteredAPI" and (self.id is None or self.url is not None or self.scope is not None):
            raise ValueError("a RegisteredAPI has an Id, and no Url or Scope")
        _address("Handler.Url", self.url)
        return self


class Does(GoesOn):
    """A state in which somebody else does something, which can fail."""

    type: str
    parameters: dict[str, Any] | None = None
    input_path: str | None = None
    result_path: str | None = None
    catch: tuple[Catcher, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.parameters is None) == (self.input_path is None):
            raise ValueError("needs either Parameters or InputPath, and not both")
        _result("ResultPath", self.result_path)
        _templates(self.parameters, self.input_path)
        return self

    @property
    def catchers(self) -> tuple[Catcher, ...]:
        """Where it goes on after an error."""
        return self.catch or ()


class Action(Does):
    """Something that a provider does: a transfer, a listing, a task."""

    type: Literal["Action"]
    action_url: str | None = None
    action_scope: str | None = None
    handler: str | ActionHandler | None = None
    wait_time: Annotated[StrictInt, Field(gt=0)] | None = None
    exception_on_action_failure: StrictBool | None = None
    run_as: str | None = None

    @model_validator(mode="after")
    def _who(self) -> Self:
        if (self.action_url is None) == (self.handler is None):
            raise ValueError("needs either ActionUrl or Handler, and not both")
        _address("ActionUrl", self.action_url)
        return self

    @property
    def address(self) -> str:
        """Who does it."""
        if isinstance(self.handler, ActionHandler):
            return (self.handler.url or str(self.handler.id)).rstrip("/")
        return (self.action_url or str(self.handler)).rstrip("/")

    @property
    def limit(self) -> int:
        """Seconds that it may take."""
        return self.wait_time or WAIT_TIME

    @property
    def raises(self) -> bool:
        """Whether an action that failed is an error."""
        return self.exception_on_action_failure is not False


class WebInput(Does):
    """A question to a person, asked or waited for."""

    type: Literal["CreateWebInput", "AwaitWebInput"]


class ExpressionEval(GoesOn):
    """Values computed from the state."""

    type: Literal["ExpressionEval"]
    parameters: dict[str, Any] | None
    result_path: str | None = None

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
    result: dict[str, Any] | None = None
    result_path: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _result("ResultPath", self.result_path)
        _templates(self.parameters, self.input_path)
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
        found = [key for key in values if key in COMPARISONS]
        joined = [key for key in ("And", "Or", "Not") if key in values]
        if joined:
            if len(joined) + len(found) != 1 or "Variable" in values:
                raise ValueError("a rule is either one of And, Or, Not, or a Variable with one comparison")
            return values
        if len(found) != 1 or "Variable" not in values:
            others = [key for key in values if key not in COMPARISONS and key not in ("Variable", "Next")]
            near = [one for other in others for one in get_close_matches(other, COMPARISONS, n=1)]
            said = f"found {', '.join(found) or ', '.join(others) or 'none'}" + (f"; is it {near[0]}?" if near else "")
            raise ValueError(f"a rule needs a Variable and exactly one comparison, such as StringEquals: {said}")
        name, value = found[0], values[found[0]]
        wrong = COMPARISONS[name].refuses(value)
        if wrong:
            raise ValueError(f"{name} cannot compare with {value!r}: {wrong}")
        if COMPARISONS[name].takes == "path":
            _path_of(name, value)
        return {key: v for key, v in values.items() if key != name} | {"Operator": name, "Value": value}

    @model_validator(mode="after")
    def _path(self) -> Self:
        if self.variable is not None:
            _path_of("Variable", self.variable)
        return self

    def below(self) -> tuple[ChoiceRule, ...]:
        """The rules that this one joins."""
        return (*(self.all_of or ()), *(self.any_of or ()), *((self.not_,) if self.not_ else ()))

    def inner(self) -> Iterator[ChoiceRule]:
        """The comparisons that this one joins, or itself."""
        if not self.below():
            yield self
        for rule in self.below():
            yield from rule.inner()

    def inside(self) -> Iterator[ChoiceRule]:
        """Every rule within this one, however deep."""
        for rule in self.below():
            yield rule
            yield from rule.inside()


class Choice(Commented):
    """Where the run goes on depends on the state."""

    type: Literal["Choice"]
    choices: tuple[ChoiceRule, ...] = Field(min_length=1)
    default: str | None = None

    @model_validator(mode="after")
    def _ways(self) -> Self:
        if any(rule.next is None for rule in self.choices):
            raise ValueError("every rule of Choices needs a Next")
        for rule in self.choices:
            for inner in rule.inside():
                if inner.next is not None:
                    raise ValueError(
                        f"Next is for the outermost rule: one inside And, Or or Not leads to {inner.next!r}"
                    )
        return self


class Wait(GoesOn):
    """Nothing happens for a while."""

    type: Literal["Wait"]
    seconds: Annotated[StrictInt | StrictFloat, Field(ge=0)] | None = None
    timestamp: str | None = None
    seconds_path: str | None = None
    timestamp_path: str | None = None
    input_path: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [v for v in (self.seconds, self.timestamp, self.seconds_path, self.timestamp_path) if v is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of Seconds, Timestamp, SecondsPath, TimestampPath")
        wrong = None if self.timestamp is None else COMPARISONS["TimestampEquals"].refuses(self.timestamp)
        if wrong:
            raise ValueError(f"Timestamp: {self.timestamp!r} is none: {wrong}")
        for name, path in (
            ("SecondsPath", self.seconds_path),
            ("TimestampPath", self.timestamp_path),
            ("InputPath", self.input_path),
        ):
            if path is not None:
                _path_of(name, path)
        return self


class Fail(Commented):
    """The run ends, failed."""

    type: Literal["Fail"]
    error: str | None = None
    error_path: str | None = None
    cause: str | None = None
    cause_path: str | None = None

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        for name, text, path in (("Error", self.error, self.error_path), ("Cause", self.cause, self.cause_path)):
            if text is not None and path is not None:
                raise ValueError(f"needs either {name} or {name}Path, and not both")
            if path is not None:
                _path_of(f"{name}Path", path)
        return self


State = Annotated[Action | WebInput | ExpressionEval | Pass | Choice | Wait | Fail, Field(discriminator="type")]
_STATE: Final[TypeAdapter[State]] = TypeAdapter(State)
_TYPES: Final = ("Action", "ExpressionEval", "Pass", "Choice", "Wait", "Fail", "CreateWebInput", "AwaitWebInput")


class Definition(BaseModel):
    """A flow: its states, and where a run starts. Each state is right by itself; see `checks` for the whole."""

    model_config = ConfigDict(frozen=True)

    comment: str | None
    start_at: str
    states: dict[str, State]

    @classmethod
    def parse(cls, document: object) -> Definition:
        """The typed definition; DefinitionRefused with every problem of every state."""
        definition, found = read(document)
        if definition is None or found:
            raise DefinitionRefused("\n".join(map(str, found)))
        return definition


def read(document: object) -> tuple[Definition | None, list[FlowFinding]]:
    """The typed definition, or those states of it that can be read, and what is wrong with the others."""
    if not isinstance(document, Mapping):
        return None, [language(WHOLE, "is no JSON object")]
    found = [language(WHOLE, f"there is no field {one!r}") for one in sorted(set(document) - {"Comment", *_TOP})]
    start, states, comment = document.get("StartAt"), document.get("States"), document.get("Comment")
    if not isinstance(start, str):
        found.append(language(WHOLE, "StartAt must name a state"))
    if not isinstance(comment, str | None):
        found.append(language(WHOLE, "Comment must be text"))
    if not isinstance(states, Mapping) or not states:
        return None, [*found, language(WHOLE, "States must be an object with at least one state")]
    typed: dict[str, State] = {}
    for name, state in states.items():
        if not 1 <= len(name) <= 128:
            found.append(language(name, f"its name has {len(name)} characters; 1 to 128 are allowed"))
        try:
            typed[name] = _state(state)
        except ValidationError as e:
            found += [language(name, line) for line in _lines(e)]
        except (ValueError, RecursionError) as e:
            found.append(language(name, str(e)))
    comment = comment if isinstance(comment, str) else None
    begin = start if isinstance(start, str) else str(next(iter(states)))
    return Definition(comment=comment, start_at=begin, states=typed), found


_TOP: Final = ("StartAt", "States")


def leaves(template: Any) -> Iterator[tuple[str, Any]]:
    """The keys of Parameters that end in `.$`, a reference, or `.=`, an expression."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            if key.endswith((".$", ".=")):
                yield key, value
            else:
                yield from leaves(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from leaves(value)


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


def _address(field: str, url: str | None) -> None:
    if url is not None and not _URL.fullmatch(url):
        raise ValueError(f"{field}: {url!r} is no address; it begins with https://")


def _result(field: str, path: str | None) -> None:
    if path is None:
        return
    _path_of(field, path)
    steps = paths.parse(path)
    if any(isinstance(step, paths.Many) for step in steps) or (steps and not isinstance(steps[0], str)):
        raise ValueError(f"{field}: {path!r} cannot be written; write `$.name` or `$.name.name`")
    if steps and steps[0] == "_context":
        raise ValueError(f"{field}: $._context belongs to the service")


def _templates(parameters: dict[str, Any] | None, input_path: str | None) -> None:
    if input_path is not None:
        _path_of("InputPath", input_path)
    for key, text in leaves(parameters):
        if key.endswith(".$"):
            _path_of(f"Parameters, {key}", text)
            continue
        if not isinstance(text, str):
            raise ValueError(f"Parameters, {key}: {text!r} is no expression: an expression is text")
        try:
            expressions.parsed(text)
        except ExpressionError as e:
            raise ValueError(f"Parameters, {key}: {e}") from None


def _lines(error: ValidationError) -> list[str]:
    lines: dict[str, str] = {}
    problems = error.errors()
    for problem in problems:
        parts = [str(part) for part in problem["loc"] if part not in _TYPES]
        where = ".".join(part for part in parts if not _ALTERNATIVE.fullmatch(part))
        if problem["type"] == "too_short" and any(where in line and line != where for line in lines):
            continue  # what is in it could not be read
        words = _WORDS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        lines.setdefault(where, words)
    return [f"{where}: {words}" if where else words for where, words in lines.items()]


_ALTERNATIVE: Final = re.compile(r"ActionHandler|str|int|float")
_WORDS: Final = {
    "extra_forbidden": "there is no such field",
    "missing": "is missing",
    "too_short": "must not be empty",
    "dict_type": "must be an object",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
