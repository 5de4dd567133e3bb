"""Does each reference lead somewhere? What earlier states and the input of a run put into its state, on every way.

A reference to what is there on no way breaks the language: every run that comes there fails. One to what is there on
some ways only is told as ours: such a run may go well for days. Where no schema of the input is known, the input may
have whatever no state puts there, and what it must have is listed.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

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
from mhfd_flows.findings import FlowFinding, language, ours
from mhfd_flows.paths import Many, Step, parse, written
from mhfd_flows.providers import CONTEXT, UNKNOWN_ANSWER, provider_of, web_input
from mhfd_flows.reading import Listener, read_path, read_template
from mhfd_flows.shapes import (
    ANYTHING,
    Looked,
    Presence,
    Shape,
    join,
    look,
    of_schema,
    of_value,
    put,
    same,
    thing,
    trimmed,
    with_presence,
)
from mhfd_flows.ways import graph_of

VISITS: Final = 40
"""A state is looked at so often before what is known there is given up: loops end long before."""

_LITERALS: Final = {"true": "True", "false": "False", "null": "None"}
_ERROR: Final = thing({"Error": ANYTHING, "Cause": ANYTHING})


@dataclass
class References:
    """What was found. `needs`: what the input of a run must have, where no schema says it, with the kind if known."""

    findings: list[FlowFinding] = field(default_factory=list)
    needs: dict[tuple[Step, ...], str] = field(default_factory=dict)


def references(definition: Definition, input_schema: Mapping[str, object] | None = None) -> References:
    """Look at every reference of a definition whose states can all be read."""
    known = of_schema(input_schema) if input_schema else ANYTHING
    begin = put(known if known.kind == "object" else Shape("object", rest="unknown"), ("_context",), CONTEXT)
    walk = _Walk(definition, begin)
    walk.go()
    return walk.told(has_schema=known.kind == "object")


def read_state(state: State, shape: Shape, listener: Listener) -> Iterator[tuple[str, Shape]]:
    """The states that follow one, with what is known there. Tells the listener of each reference."""
    failed: list[bool] = []

    def listen(text: str, steps: tuple[Step, ...], looked: Looked) -> None:
        failed.append(looked.missing is not None)
        listener(text, steps, looked)

    if isinstance(state, Choice):
        yield from _chosen(state, shape, listener)
    elif isinstance(state, Does):
        asked(state, shape, listen)
        for catcher in state.catchers:
            yield catcher.next, _put(shape, catcher.result_path, _ERROR)
        if state.next is not None and not any(failed):
            yield state.next, _put(shape, state.result_path, _answer(state))
    elif isinstance(state, Pass | ExpressionEval):
        value = _made(state, shape, listen)
        if state.next is not None and not any(failed):
            yield state.next, shape if value is None else _put(shape, state.result_path, value)
    elif isinstance(state, Wait):
        for path in (state.seconds_path, state.timestamp_path, state.input_path):
            if path is not None:
                read_path(shape, path, listen)
        if state.next is not None and not any(failed):
            yield state.next, shape
    elif isinstance(state, Fail):
        for path in (state.error_path, state.cause_path):
            if path is not None:
                read_path(shape, path, listen)


def asked(state: Does, shape: Shape, listener: Listener) -> Shape:
    """What a provider is asked."""
    if state.input_path is not None:
        return read_path(shape, state.input_path, listener)
    return read_template(shape, state.parameters, listener)


def _answer(state: Does) -> Shape:
    if isinstance(state, WebInput):
        return of_schema(web_input(state.type)["answer"], given=True)
    provider = provider_of(state.address) if isinstance(state, Action) else None
    return UNKNOWN_ANSWER if provider is None else provider.answer


def _made(state: Pass | ExpressionEval, shape: Shape, listener: Listener) -> Shape | None:
    """What a state makes; None: it leaves the state of the run as it is."""
    if isinstance(state, Pass):
        if state.result is not None:
            return of_value(state.result)
        if state.input_path is not None and state.parameters is None:
            return read_path(shape, state.input_path, listener)
        if state.parameters is None:
            return None if state.result_path is None else shape
    return thing({}) if state.parameters is None else read_template(shape, state.parameters, listener)


def _put(shape: Shape, path: str | None, value: Shape) -> Shape:
    steps = () if path is None else parse(path)
    value = trimmed(value)
    if steps:
        return put(shape, steps, value)
    whole = value if value.kind == "object" else Shape("object", rest="unknown")
    return put(whole, ("_context",), CONTEXT)


def _chosen(state: Choice, shape: Shape, listener: Listener) -> Iterator[tuple[str, Shape]]:
    here: Shape | None = shape
    for rule in state.choices:
        if here is None:
            return
        _read_rule(rule, here, listener)
        taken = _after(rule, here, truth=True)
        if taken is not None:
            yield str(rule.next), taken
        here = _after(rule, here, truth=False)
    if state.default is not None and here is not None:
        yield state.default, here


def _read_rule(rule: ChoiceRule, shape: Shape, listener: Listener) -> None:
    here: Shape = shape
    for inner in rule.below():
        _read_rule(inner, here, listener)
        if rule.not_ is None:
            here = _after(inner, here, truth=rule.all_of is not None) or here
    if rule.variable is None:
        return
    if rule.operator != "IsPresent":
        read_path(shape, rule.variable, listener)
    if COMPARISONS[str(rule.operator)].takes == "path":
        read_path(shape, str(rule.value), listener)


def _after(rule: ChoiceRule, shape: Shape, *, truth: bool) -> Shape | None:
    """What is known once a rule was found to hold, or not; None: that cannot be."""
    if rule.not_ is not None:
        return _after(rule.not_, shape, truth=not truth)
    if rule.variable is not None:
        return _after_comparison(rule, shape, truth=truth)
    if truth is (rule.all_of is not None):  # all hold, or none does
        here: Shape | None = shape
        for inner in rule.below():
            here = None if here is None else _after(inner, here, truth=truth)
        return here
    found: Shape | None = None
    for inner in rule.below():
        one = _after(inner, shape, truth=truth)
        if one is not None:
            found = one if found is None else join(found, one)
    return found


def _after_comparison(rule: ChoiceRule, shape: Shape, *, truth: bool) -> Shape | None:
    steps = parse(str(rule.variable))
    if rule.operator == "IsPresent":
        return with_presence(shape, steps, Presence.ALWAYS if bool(rule.value) is truth else Presence.NEVER)
    if not truth:
        return shape
    here = with_presence(shape, steps, Presence.ALWAYS, listed=True) or shape
    implied = look(here, steps).shape.implies if rule.operator == "BooleanEquals" and rule.value is True else ()
    return (with_presence(here, implied, Presence.ALWAYS) or here) if implied else here


class _Walk:
    """Goes down every way until nothing new is learned."""

    def __init__(self, definition: Definition, begin: Shape) -> None:
        self._states, self._start = definition.states, definition.start_at
        self.shapes: dict[str, Shape] = {self._start: begin} if self._start in definition.states else {}
        self._writers = _writers(definition.states)
        self._meant: dict[str, str | None] = {}

    def go(self) -> None:
        order = {name: place for place, name in enumerate(_order(self._states, self._start))}
        waiting = [(order[name], name) for name in self.shapes]
        listed = set(self.shapes)
        visits: dict[str, int] = {}
        while waiting:
            _, name = heapq.heappop(waiting)
            listed.discard(name)
            for target, shape in read_state(self._states[name], self.shapes[name], _deaf):
                if target not in self._states:
                    continue
                before = self.shapes.get(target)
                after = shape if before is None else join(before, shape)
                if before is not None and same(before, after):
                    continue
                visits[target] = visits.get(target, 0) + 1
                self.shapes[target] = after if visits[target] < VISITS else Shape("object", rest="unknown")
                if visits[target] <= VISITS and target not in listed:
                    listed.add(target)
                    heapq.heappush(waiting, (order[target], target))

    def told(self, *, has_schema: bool) -> References:
        found = References()
        for name, shape in self.shapes.items():
            ear = _Ear(name, self, found, has_schema=has_schema)
            state = self._states[name]
            ear.kinds = _kinds(state)
            for _ in read_state(state, shape, ear.hear):
                pass
            if isinstance(state, Action):
                found.findings += _provider(name, state, asked(state, shape, _deaf))
        return found

    def writers(self, name: str) -> list[str]:
        """The states that put something at the top of a run's state under this name."""
        return self._writers.get(name, [])

    def meant(self, name: str, looked: Looked) -> str | None:
        """A name that some state has put there before, and that was probably meant."""
        if name not in self._meant:
            self._meant[name] = _near(name, self._writers, plural=False)
        near = self._meant[name]
        return near if near is not None and looked.within is not None and near in looked.within.fields else None

    def is_state(self, name: str) -> bool:
        return name in self._states

    def actions_only(self, name: str) -> bool:
        """Whether what is there is the answer of an action, whoever puts it there."""
        return all(isinstance(self._states[one], Action) for one in self.writers(name))

    @property
    def replacing(self) -> list[str]:
        """The states after which the whole state of the run may be another."""
        return [name for name, state in self._states.items() if _replaces(state)]


class _Ear:
    """Hears of the references of one state, and says what is wrong with them."""

    def __init__(self, where: str, walk: _Walk, found: References, *, has_schema: bool) -> None:
        self._where, self._walk, self._found, self._has_schema = where, walk, found, has_schema
        self.kinds: Mapping[tuple[Step, ...], str] = {}

    def hear(self, text: str, steps: tuple[Step, ...], looked: Looked) -> None:
        if looked.missing is not None:
            self._say(language(self._where, f"{text} leads nowhere: {self._why(steps, looked)}"))
        elif not steps:
            return
        elif looked.unnamed and (near := _near(str((looked.doubtful or steps)[-1]), looked.beside)):
            self._say(language(self._where, f"{text} leads nowhere: nobody names it; is it {near}?"))
        elif looked.doubtful is not None:
            self._say(ours(self._where, f"{text} may be missing: {self._doubt(steps, looked)}"))
            self._need(steps)
        elif looked.unlisted == 0 and not self._has_schema:
            self._open(text, steps, looked)

    def _open(self, text: str, steps: tuple[Step, ...], looked: Looked) -> None:
        """Nothing is known of this name: the input has it, or it is a slip."""
        first = str(steps[0])
        writers = self._walk.writers(first)
        reads_answer = len(steps) > 1 and steps[1] in ("details", "status", "action_id", "display_status")
        near = None if writers else self._walk.meant(first, looked)
        if first in _LITERALS:
            self._say(language(self._where, f"{text} leads nowhere: write {_LITERALS[first]}, as Python does"))
        elif near is not None:
            self._say(language(self._where, f"{text} leads nowhere: nothing puts {first} there; is it {near}?"))
        elif writers and reads_answer and self._walk.actions_only(first):
            said = f"only {', '.join(writers)} puts {first} there, and does not come before"
            self._say(language(self._where, f"{text} leads nowhere: {said}"))
        elif not writers and reads_answer and self._walk.is_state(first) and self._where != first:
            said = f"{first} is a state; what it finds is kept at its ResultPath"
            self._say(language(self._where, f"{text} leads nowhere: {said}"))
        else:
            if writers:
                said = f"{', '.join(writers)} puts {first} there, but does not come before: only the input can have it"
                self._say(ours(self._where, f"{text} may be missing: {said}"))
            elif reads_answer and steps[1] != "status":
                said = f"it reads like the answer of an action, but no state keeps one at {first}: only the input can"
                self._say(ours(self._where, f"{text} may be missing: {said}"))
            self._need(steps)

    def _why(self, steps: tuple[Step, ...], looked: Looked) -> str:
        missing = looked.missing or ()
        last = missing[-1]
        place = written(missing) if steps else repr(last)
        if isinstance(last, int | Many) or not looked.beside:
            owner = written(missing[:-1]) if steps else "what comes before"
            return f"{owner} has no {last if isinstance(last, str) else 'items'}"
        near = _near(str(last), looked.beside)
        said = f"nothing puts {place} there"
        if len(missing) == 1 and steps:
            writers = self._walk.writers(str(last))
            if writers:
                said = f"only {', '.join(writers)} puts {place} there, and does not come before"
            elif self._walk.replacing:
                said += f"; {self._walk.replacing[0]} replaces the whole state: it has no ResultPath"
        return f"{said}; is it {near}?" if near else f"{said}; there are {_some(looked.beside)}"

    def _doubt(self, steps: tuple[Step, ...], looked: Looked) -> str:
        doubtful = looked.doubtful or ()
        if looked.unnamed:
            return f"no schema and no document names {written(doubtful)}"
        writers = self._walk.writers(str(doubtful[0]))
        if len(doubtful) == 1 and writers:
            return f"{', '.join(writers[:3])} puts {written(doubtful)} there, and not every way leads through"
        return f"{written(doubtful)} is not there on every way"

    def _need(self, steps: tuple[Step, ...]) -> None:
        upto = next((n for n, step in enumerate(steps) if isinstance(step, Many)), len(steps))
        if steps[0] != "_context" and not self._has_schema:
            self._found.needs.setdefault(steps[:upto], self.kinds.get(steps, ""))

    def _say(self, finding: FlowFinding) -> None:
        self._found.findings.append(finding)


def _deaf(text: str, steps: tuple[Step, ...], looked: Looked) -> None:
    """Nobody needs to know."""


def _provider(name: str, state: Action, given: Shape) -> Iterator[FlowFinding]:
    """Fields that a provider does not have, or misses. Old ones are not argued with."""
    provider = provider_of(state.address)
    if provider is None:
        return
    say = language if provider.standing == "current" else ours
    for what in provider.wrong(given):
        yield say(name, f"{provider.name}: {what}")


def _writers(states: Mapping[str, State]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, state in states.items():
        own = getattr(state, "result_path", None)
        for path in (own, *(one.result_path for one in (state.catchers if isinstance(state, Does) else ()))):
            steps = () if path is None else parse(path)
            if steps and name not in found.setdefault(str(steps[0]), []):
                found[str(steps[0])].append(name)
        if isinstance(state, Pass | ExpressionEval) and own is None and state.parameters:
            for key in state.parameters:
                found.setdefault(key.removesuffix(".$").removesuffix(".="), []).append(name)
    return found


def _replaces(state: State) -> bool:
    if isinstance(state, Does):
        return state.result_path is None or any(one.result_path is None for one in state.catchers)
    if isinstance(state, Pass):
        given = (state.parameters, state.input_path, state.result)
        return state.result_path is None and any(one is not None for one in given)
    return isinstance(state, ExpressionEval) and state.result_path is None


def _kinds(state: State) -> dict[tuple[Step, ...], str]:
    """What a state expects of what it looks at."""
    if isinstance(state, Choice):
        rules = [one for rule in state.choices for one in rule.inner() if one.variable is not None]
        return {parse(str(one.variable)): COMPARISONS[str(one.operator)].of for one in rules}
    if isinstance(state, Wait) and state.seconds_path is not None:
        return {parse(state.seconds_path): "number"}
    provider = provider_of(state.address) if isinstance(state, Action) else None
    found: dict[tuple[Step, ...], str] = {}
    if provider is not None and isinstance(state, Action):
        _kinds_of_fields(state.parameters, provider.input, found)
    return found


def _kinds_of_fields(template: object, schema: Mapping[str, Any], found: dict[tuple[Step, ...], str]) -> None:
    """What a provider takes where a reference stands."""
    if isinstance(template, Mapping):
        fields = schema.get("properties", {})
        for key, value in template.items():
            if key.endswith(".$"):
                found[parse(value)] = str(fields.get(key[:-2], {}).get("type", ""))
            else:
                _kinds_of_fields(value, fields.get(key, {}), found)
    elif isinstance(template, list | tuple):
        for value in template:
            _kinds_of_fields(value, schema.get("items", {}), found)


def _near(name: str, others: Iterable[str], *, plural: bool = True) -> str | None:
    """Another name that was probably meant: a letter or two differ, and more than case or a number."""
    plain = _plain(name)
    alike = {plain} if plural else {plain, f"{plain}s", plain.removesuffix("s")}
    likely = [one for one in others if abs(len(one) - len(name)) <= 2 and {one[:1], one[-1:]} & {name[:1], name[-1:]}]
    for other in get_close_matches(name, likely[:200], n=3, cutoff=0.8):
        if min(len(name), len(other)) >= 5 and _plain(other) not in alike:
            return other
    return None


def _plain(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalpha() or one in "_-")


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _order(states: Mapping[str, State], start: str) -> list[str]:
    """The states in the order in which a run comes to them, loops aside."""
    graph = graph_of(states)
    done: set[str] = set()
    found: list[str] = []
    for root in (start, *states):
        work = [(root, iter(graph[root]))] if root in graph and root not in done else []
        done.update(name for name, _ in work)
        while work:
            _, rest = work[-1]
            for other in rest:
                if other not in done:
                    done.add(other)
                    work.append((other, iter(graph[other])))
                    break
            else:
                found.append(work.pop()[0])
    return found[::-1]
