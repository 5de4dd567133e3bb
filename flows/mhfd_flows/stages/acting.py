"""A registered function does its part: it is asked again and again for long work, until that has ended.

A flow may have several such parts, each with states, tries, errors and a key of its own. One may be left out, by what
an earlier one has answered. The answer of one takes the place of the one before in the state of a run, which is
bounded: what later stages need of it is kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_flows.build import ASK_DOCTOR, BadEnd, Fault, FlowStage, FunctionAsked, Step
from mhfd_flows.parts.schemas import text, thing
from mhfd_flows.parts.states import ON, States, again, choice, computed, fixed, lost, paused, three_times, when
from mhfd_flows.stages.tasks import computing, given, refusal, task, task_troubles

TURNS: Final = 100
"""So often a flow asks for one work, an hour each time."""
_KEY: Final = 64
_PART: Final = 11
"""Characters of a work's key, and of the name of a part, which is at its end."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something of an answer that later stages need.

    Attributes:
        field: Of the answer, as `result.train`.
        value: An expression, in which `OUT` is the answer; left out: the field.
        otherwise: What it is where the answer has no such field, or the function was not asked.
    """

    field: str
    value: str = ""
    otherwise: Any = None

    @property
    def expression(self) -> str:
        """For after the function was asked."""
        there, asked = "", "OUT"
        for name in self.field.split("."):
            there += f" and '{name}' in {asked} and {asked}.{name} != None"
            asked += f".{name}"
        value = (self.value or asked).replace("OUT", "work.details.results[0].output")
        return f"{value} if {given('work', there)} else {self.otherwise!r}"


@dataclass(frozen=True, slots=True)
class Names:
    """What a part calls its states, counters, errors and faults; without a part as if there were no other."""

    part: str | None

    def state(self, name: str) -> str:
        if self.part is None:
            return name
        own = self.part.title().replace("-", "")
        return name.replace("Act", own) if "Act" in name else own + name

    def counter(self, name: str) -> str:
        own = (self.part or "act").replace("-", "_")
        return own if name == "act" else name if self.part is None else f"{own}_{name}"

    def fault(self, fault: Fault) -> Fault:
        if self.part is None:
            return fault
        return replace(fault, name=f"{self.part}-{fault.name}", words=f"{self.part}: {fault.words}")


def act(
    function: str,
    *,
    request: Mapping[str, Mapping[str, Any]] | None = None,
    brought: str | None = None,
    doing: str = "working",
    turns: int = TURNS,
    part: str | None = None,
    only_if: str | None = None,
    answers: Mapping[str, str] | None = None,
    keeps: Mapping[str, Kept] | None = None,
    plan: Mapping[str, str] | None = None,
    worth: bool = False,
    rehearsed: Mapping[str, Any] | None = None,
    other_ways: tuple[tuple[Fault, Mapping[str, Any]], ...] = (),
) -> FlowStage:
    """A long function is asked again, with the same request, until its work has ended.

    No answer, one that came too late, one that was lost and one that ended nothing (a full disk) are all the same
    question asked again: work has one worker at most, and one result. Its folder is in the run's own, and goes with it.

    Args:
        function: Its name.
        request: What it is asked, beside what all long work has: the JSON Schemas of its fields.
        brought: The field that names the folder which was brought.
        doing: What a person is told that it does.
        turns: So often it is asked, if it goes on answering that there is more.
        part: What it is in a flow that asks for several works: the end of its work's key, the beginning of its states.
        only_if: An expression of what was kept: whether it is asked at all.
        answers: Fields of what it is asked that follow from what was kept, as expressions.
        keeps: What later stages need of its answer, for expressions: `assess.train` of the part `assess`.
        plan: What is computed before all else, as `$.plan`.
        worth: What it makes is not to be lost with a run that comes to nothing later (`stages.keeping`).
        rehearsed: Its result in a dry run.
        other_ways: What else it may answer there, which goes otherwise and not wrong, with that result.
    """
    if part is not None and not 1 <= len(part) <= _PART:
        raise UsageError(f"part: {part!r} is not of 1 to {_PART} characters, which the key of its work has room for")
    if part is None and (keeps or only_if):
        raise UsageError("part: must be given where something of the answer is kept, or a function is not always asked")
    fields, call = dict(request or {}), Names(part)
    kwargs = {
        "schema_version": 1,
        **({"key.$": "$.plan.key"} if part is None else {"key.=": f"plan.key + '-{part}'"}),
        "into.=": "plan.seen + 'work'",
        "turn_s.=": "getattr('request.turn_s', 3600)",
        **({} if brought is None else {f"{brought}.$": "$.plan.brought"}),
        **{f"{name}.=": _field(name, schema) for name, schema in fields.items()},
        **{f"{name}.=": told for name, told in (answers or {}).items()},
    }
    several = None if part is None else function
    return FlowStage(
        step=replace(Step.SCORE, words=doing),
        states=dict(_states(call, kwargs, turns, several, only_if, keeps or {})),
        places={call.state("Act"): part or "act"},
        asked=FunctionAsked(
            function,
            brought,
            long=True,
            part=part,
            worth=worth,
            rehearsed={"": rehearsed or {}} | {fault.name: result for fault, result in other_ways},
        ),
        plan={"key.=": "getattr('request.key', _context.run_id)", **(plan or {})},
        asks={**computing(function, staged=True, several=part is not None), "request": _request(fields, part)},
        needs=("compute", *(("request",) if _needed(fields) else ())),
        ends=tuple(_ends(call, turns)),
        faults=(*map(call.fault, _faults(call)), *(fault for fault, _ in other_ways)),
    )


def _states(
    call: Names,
    kwargs: Mapping[str, Any],
    turns: int,
    function: str | None,
    only_if: str | None,
    keeps: Mapping[str, Kept],
) -> Iterator[tuple[str, dict[str, Any]]]:
    asking, has_state = call.state("Act"), given("work", " and 'state' in OUT")
    done, where = (call.state("Kept") if keeps else ON), call.counter("act")
    if only_if is not None:
        left = call.state("Left") if keeps else ON
        found = {"asked.=": only_if}
        yield call.state("Due"), computed("Is it to be asked at all?", found, "due", call.state("OrNot"))
        rules = [when("due.asked", True, asking)]
        yield call.state("OrNot"), choice("By what was answered before.", rules, left)
        if keeps:
            nothing = {name: one.otherwise for name, one in keeps.items()}
            yield call.state("Left"), fixed("It is not asked, and answers nothing.", nothing, where)
    asked = task(
        "The same question each time: whoever has the work goes on with it, or tells of it.",
        kwargs,
        "work",
        14_400,
        function=function,
    )
    yield from three_times(
        asking, asked, short=asking, counter=where, lost=call.state("ActLost"), late=True, then=call.state("Read")
    ).items()
    yield call.state("ActLost"), lost(call.state("WorkLost"), "The endpoint did not answer.")
    yield (
        call.state("Read"),
        computed(
            "Has the work ended, and how?",
            {
                "state.=": f"str(work.details.results[0].output.state) if {has_state} else ''",
                "any.=": given("work", " and 'artefacts' in OUT and len(OUT.artefacts) > 0"),
            },
            "answer",
            call.state("Answered"),
        ),
    )
    ways = {
        "done": done,
        "more": call.state("CountTurn"),
        "elsewhere": call.state("WaitElsewhere"),
        "failed": call.state("Failed"),
        "cancelled": call.state("Cancelled"),
    }
    rules = [when("answer.state", state, then) for state, then in ways.items()]
    refused = f"Count{call.state('Refusal')}"
    yield call.state("Answered"), choice("More is asked for until there is an end.", rules, refused)
    yield from _turned(call, turns).items()
    yield call.state("Failed"), lost(call.state("WorkFailed"), "The work has failed.")
    yield call.state("Cancelled"), lost(call.state("WorkCancelled"), "Somebody has cancelled the work.")
    yield from again(asking, call.state("Refusal"), call.counter("refused"), call.state("Refused")).items()
    why = "The function refused the request; $.work says why."
    yield call.state("Refused"), lost(call.state("RequestRefused"), why)
    if keeps:
        kept = {f"{name}.=": one.expression for name, one in keeps.items()}
        yield call.state("Kept"), computed("What is needed of its answer later.", kept, where)


def _turned(call: Names, turns: int) -> States:
    """Between two turns."""
    counter = call.counter("turns")
    counted = {
        f"{call.counter('act')}.=": "0",
        f"{call.counter('refused')}.=": "0",
        f"{counter}.=": f"tries.{counter} + 1",
    }
    more = {"Variable": f"$.tries.{counter}", "NumericLessThan": turns, "Next": call.state("Act")}
    return {
        call.state("WaitElsewhere"): paused(
            "Another worker has the work, for the rest of its turn.", call.state("CountTurn"), Seconds=300
        ),
        call.state("CountTurn"): computed(
            "One more turn is over; what failed before it is over too.", counted, "tries", call.state("MoreTurns")
        ),
        call.state("MoreTurns"): choice(f"At most {turns} turns.", [more], call.state("NeverEnding")),
        call.state("NeverEnding"): lost(call.state("WorkNotEnded"), "The work has not ended."),
    }


def _ends(call: Names, turns: int) -> Iterator[BadEnd]:
    which = "" if call.part is None else f"{call.part}: "
    for end in (
        BadEnd(
            "WorkLost",
            f"The Compute endpoint did not answer: see $.errors.{call.counter('act')}.",
            "the endpoint did not answer",
            ASK_DOCTOR,
        ),
        BadEnd(
            "WorkNotEnded",
            f"The work has not ended after {turns} turns: see $.work.",
            "the work did not end",
            "give each turn more time: request.turn_s",
        ),
        BadEnd(
            "WorkFailed",
            "The work has failed: see $.work.",
            "the work failed on the endpoint",
            "the function says why in the run's log, and `mhfd work show KEY`: correct that, and begin it again",
        ),
        BadEnd(
            "WorkCancelled",
            "The work was cancelled.",
            "somebody cancelled the work",
            "begin it again, if that was not meant",
        ),
        refusal("work"),
    ):
        yield replace(end, error=call.state(end.error), what=which + end.what)


def _faults(call: Names) -> tuple[Fault, ...]:
    place = call.part or "act"
    return (
        *task_troubles(place, call.state("WorkLost"), call.state("RequestRefused")),
        Fault("function-refuses-once", "the function refuses the request, once", place, "refused", times=1),
        Fault("another-worker", "another worker has the work, for two turns", place, "elsewhere", times=2),
        Fault("work-never-ends", "the work goes on for ever", place, "never done", call.state("WorkNotEnded")),
        Fault("work-fails", "the work fails", place, "work failed", call.state("WorkFailed")),
        Fault("work-cancelled", "somebody cancels the work", place, "cancelled", call.state("WorkCancelled")),
    )


def _request(fields: Mapping[str, Mapping[str, Any]], part: str | None) -> dict[str, Any]:
    most = _KEY if part is None else _KEY - 1 - _PART
    all_have = {
        "key": text(
            "Name of the work",
            most,
            pattern=f"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{most - 1}}}$",
            description="Left out: the run's id.",
        ),
        "turn_s": {
            "type": "number",
            "minimum": 1,
            "maximum": 7200,
            "title": "Seconds of a turn",
            "description": "Left out: an hour.",
        },
    }
    return thing("What the function is asked", {**all_have, **fields}, _needed(fields))


def _needed(fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, schema in fields.items() if "default" not in schema]


def _field(name: str, schema: Mapping[str, Any]) -> str:
    return f"getattr('request.{name}', {schema['default']!r})" if "default" in schema else f"request.{name}"
