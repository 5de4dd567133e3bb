"""A registered function does its part: it is asked again and again for long work, until that has ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mhfd_flows.build import ASK_DOCTOR, BadEnd, Fault, FlowStage, FunctionAsked, Step, troubles
from mhfd_flows.parts.schemas import an_id, text, thing
from mhfd_flows.parts.states import ON, action, again, choice, computed, lost, paused, three_times, when

COMPUTE: Final = "compute.actions.globus.org/v3"
TURNS: Final = 100
"""So often a flow asks for one work, an hour each time."""
_CONFIG: Final = {
    "type": "object",
    "title": "What the endpoint lets a user choose",
    "description": "For a multi-user endpoint: the values its template asks for.",
}


def task(comment: str, kwargs: Mapping[str, Any], result: str, wait: int) -> dict[str, Any]:
    """The function is asked for something."""
    asked = {
        "endpoint_id.$": "$.compute.endpoint_id",
        "user_endpoint_config.=": "getattr('user_endpoint_config', {})",
        "tasks": [{"function_id.$": "$.compute.function_id", "kwargs": kwargs}],
    }
    return action(comment, COMPUTE, asked, result, wait)


def given(result: str, rest: str = "") -> str:
    """An expression: the function has answered, and `rest` holds. `OUT` is its answer there."""
    out = f"{result}.details.results[0].output"
    known = f"'results' in {result}.details and len({result}.details.results) > 0"
    return f"{known} and 'output' in {result}.details.results[0]{rest.replace('OUT', out)}"


def computing(function: str, *, staged: bool) -> dict[str, Any]:
    """What the input says of Compute, and of what the endpoint lets a user choose."""
    fields = {"endpoint_id": an_id("Compute endpoint"), "function_id": an_id(f"Registered function {function}")}
    if staged:
        fields["staging_root"] = text(
            "Staging area as the endpoint sees it",
            description="The path of the staging folder on the endpoint's own file system.",
        )
    return {"compute": thing("Compute", fields, list(fields)), "user_endpoint_config": _CONFIG}


def refusal(result: str) -> BadEnd:
    """The function has refused; its words are in the state."""
    said = "the function on the endpoint refused the request"
    return BadEnd("RequestRefused", f"The function refused the request: see $.{result}.", said, ASK_DOCTOR)


def task_troubles(place: str, lost: str, refused: str) -> tuple[Fault, ...]:
    """What can go wrong with a task."""
    return (
        *troubles(place, "compute", "the task", lost, ("endpoint-refuses", "Compute refuses the task")),
        Fault("function-refuses", "the function refuses the request", place, "refused", refused),
    )


def act(
    function: str,
    *,
    request: Mapping[str, Mapping[str, Any]] | None = None,
    brought: str | None = None,
    doing: str = "working",
    turns: int = TURNS,
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
    """
    fields = {} if request is None else dict(request)
    kwargs = {
        "schema_version": 1,
        "key.$": "$.plan.key",
        "into.=": "plan.seen + 'work'",
        "turn_s.=": "getattr('request.turn_s', 3600)",
        **({} if brought is None else {f"{brought}.$": "$.plan.brought"}),
        **{f"{name}.=": _field(name, schema) for name, schema in fields.items()},
    }
    has_state = given("work", " and 'state' in OUT")
    asked = task(
        "The same question each time: whoever has the work goes on with it, or tells of it.", kwargs, "work", 14_400
    )
    states = three_times("Act", asked, short="Act", counter="act", lost="ActLost", late=True, then="Read")
    states |= {
        "ActLost": lost("WorkLost", "The endpoint did not answer."),
        "Read": computed(
            "Has the work ended, and how?",
            {
                "state.=": f"str(work.details.results[0].output.state) if {has_state} else ''",
                "any.=": given("work", " and 'artefacts' in OUT and len(OUT.artefacts) > 0"),
            },
            "answer",
            "Answered",
        ),
        "Answered": choice(
            "More is asked for until there is an end.",
            [
                when("answer.state", "done", ON),
                when("answer.state", "more", "CountTurn"),
                when("answer.state", "elsewhere", "WaitElsewhere"),
                when("answer.state", "failed", "Failed"),
                when("answer.state", "cancelled", "Cancelled"),
            ],
            "CountRefusal",
        ),
        "WaitElsewhere": paused("Another worker has the work, for the rest of its turn.", "CountTurn", Seconds=300),
        "CountTurn": computed(
            "One more turn is over; what failed before it is over too.",
            {"act.=": "0", "refused.=": "0", "turns.=": "tries.turns + 1"},
            "tries",
            "MoreTurns",
        ),
        "MoreTurns": choice(
            f"At most {turns} turns.",
            [{"Variable": "$.tries.turns", "NumericLessThan": turns, "Next": "Act"}],
            "NeverEnding",
        ),
        "NeverEnding": lost("WorkNotEnded", "The work has not ended."),
        "Failed": lost("WorkFailed", "The work has failed."),
        "Cancelled": lost("WorkCancelled", "Somebody has cancelled the work."),
    }
    states |= again("Act", "Refusal", "refused", "Refused")
    states["Refused"] = lost("RequestRefused", "The function refused the request; $.work says why.")
    return FlowStage(
        step=replace(Step.SCORE, words=doing),
        states=states,
        places={"Act": "act"},
        asked=FunctionAsked(function, brought, long=True),
        plan={"key.=": "getattr('request.key', _context.run_id)"},
        asks={**computing(function, staged=True), "request": _request(fields)},
        needs=("compute", *(("request",) if _needed(fields) else ())),
        ends=(
            BadEnd(
                "WorkLost",
                "The Compute endpoint did not answer: see $.errors.act.",
                "the endpoint did not answer",
                ASK_DOCTOR,
            ),
            BadEnd(
                "WorkNotEnded",
                f"The work has not ended after {turns} turns: see $.work.",
                "the work did not end",
                "give each turn more time: request.turn_s",
            ),
            BadEnd("WorkFailed", "The work has failed: see $.work.", "the work failed on the endpoint"),
            BadEnd("WorkCancelled", "The work was cancelled.", "somebody cancelled the work"),
            refusal("work"),
        ),
        faults=(
            *task_troubles("act", "WorkLost", "RequestRefused"),
            Fault("function-refuses-once", "the function refuses the request, once", "act", "refused", times=1),
            Fault("another-worker", "another worker has the work, for two turns", "act", "elsewhere", times=2),
            Fault("work-never-ends", "the work goes on for ever", "act", "never done", "WorkNotEnded"),
            Fault("work-fails", "the work fails", "act", "work failed", "WorkFailed"),
            Fault("work-cancelled", "somebody cancels the work", "act", "cancelled", "WorkCancelled"),
        ),
    )


def _request(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    all_have = {
        "key": text(
            "Name of the work", 64, pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Left out: the run's id."
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
