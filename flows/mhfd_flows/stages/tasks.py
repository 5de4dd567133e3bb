"""A task of Compute: how a registered function is asked, what the input says of it, and what can go wrong with it."""

from collections.abc import Mapping
from typing import Any, Final

from mhfd_flows.build import ASK_DOCTOR, BadEnd, Fault, troubles
from mhfd_flows.parts.schemas import an_id, text, thing
from mhfd_flows.parts.states import action

COMPUTE: Final = "compute.actions.globus.org/v3"
_CONFIG: Final = {
    "type": "object",
    "title": "What the endpoint lets a user choose",
    "description": "For a multi-user endpoint: the values its template asks for.",
}


def task(
    comment: str, kwargs: Mapping[str, Any], result: str, wait: int, *, function: str | None = None
) -> dict[str, Any]:
    """The function is asked for something. `function`: its name, in a flow that asks several."""
    which = "function_id" if function is None else f"functions.{function}"
    asked = {
        "endpoint_id.$": "$.compute.endpoint_id",
        "user_endpoint_config.=": "getattr('user_endpoint_config', {})",
        "tasks": [{"function_id.$": f"$.compute.{which}", "kwargs": kwargs}],
    }
    return action(comment, COMPUTE, asked, result, wait)


def given(result: str, rest: str = "") -> str:
    """An expression: the function has answered, and `rest` holds. `OUT` is its answer there."""
    out = f"{result}.details.results[0].output"
    known = f"'results' in {result}.details and len({result}.details.results) > 0"
    return f"{known} and 'output' in {result}.details.results[0]{rest.replace('OUT', out)}"


def computing(function: str, *, staged: bool, several: bool = False) -> dict[str, Any]:
    """What the input says of Compute, and of what the endpoint lets a user choose. `several`: functions, by name."""
    known = an_id(f"Registered function {function}")
    mine = {"functions": thing("Registered functions", {function: known}, [function])} if several else None
    fields = {"endpoint_id": an_id("Compute endpoint")} | (mine or {"function_id": known})
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
