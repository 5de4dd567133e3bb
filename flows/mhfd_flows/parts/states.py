"""The states of a definition, by what they do: an action that is tried again, a choice, a pause, values.

A state of a stage goes on to `ON` or `OVER`, which are no states: whoever puts stages together leads them on.
"""

from collections.abc import Mapping
from typing import Any, Final

from mhfd_flows.definition import ERRORS, ActionError

States = dict[str, dict[str, Any]]
ON: Final = "->"
"""The Next of a state: where the stage after this one begins."""
OVER: Final = "->>"
"""The same: a run that ends otherwise than it should is cleaned up first."""
TRIES: Final = 3


def action(comment: str, url: str, parameters: Mapping[str, Any], result: str, wait: int) -> dict[str, Any]:
    """Something that a provider does; `caught` says where its errors lead."""
    return {
        "Comment": comment,
        "Type": "Action",
        "ActionUrl": f"https://{url}",
        "Parameters": parameters,
        "ResultPath": f"$.{result}",
        "WaitTime": wait,
        "ExceptionOnActionFailure": True,
    }


def caught(
    doing: Mapping[str, Any], place: str, errors: Mapping[ActionError, str], then: str | None = ON
) -> dict[str, Any]:
    """An action with where its errors lead, each kept in a place of its own."""
    ways: dict[str, list[str]] = {}
    for error, way in errors.items():
        ways.setdefault(way, []).append(error)
    catch = [{"ErrorEquals": names, "ResultPath": f"$.errors.{place}", "Next": way} for way, names in ways.items()]
    return {**doing, "Catch": catch} | _then(then)


def once(doing: Mapping[str, Any], place: str, lost: str, then: str | None = ON) -> dict[str, Any]:
    """An action that is not tried again."""
    return caught(doing, place, dict.fromkeys(ERRORS, lost), then)


def three_times(
    name: str, doing: Mapping[str, Any], *, short: str, counter: str, lost: str, late: bool = False, then: str = ON
) -> States:
    """An action that is tried again when it fails. `late`: also when it took too long, which must do no harm."""
    count = f"Count{short}"
    errors = dict.fromkeys(ERRORS, count) | ({} if late else {"ActionTimeout": lost})
    return {name: caught(doing, counter, errors, then)} | again(name, short, counter, lost)


def again(name: str, short: str, counter: str, lost: str) -> States:
    """What counts the tries of a state, and leads back to it until there were enough."""
    more = {"Variable": f"$.tries.{counter}", "NumericLessThan": TRIES, "Next": f"Wait{short}"}
    counted = {f"{counter}.=": f"tries.{counter} + 1"}
    return {
        f"Count{short}": computed(f"One more try of {name} has failed.", counted, "tries", f"{short}Again"),
        f"{short}Again": choice(f"{name} is tried {TRIES} times.", [more], lost),
        f"Wait{short}": paused("What fails at once may be well a little later.", name, Seconds=60),
    }


def fixed(comment: str, values: Mapping[str, Any], result: str, then: str | None = ON) -> dict[str, Any]:
    """Values that are known."""
    return {"Comment": comment, "Type": "Pass", "Parameters": values, "ResultPath": f"$.{result}"} | _then(then)


def computed(comment: str, values: Mapping[str, str], result: str, then: str | None = ON) -> dict[str, Any]:
    """Values of expressions."""
    return {"Comment": comment, "Type": "ExpressionEval", "Parameters": values, "ResultPath": f"$.{result}"} | _then(
        then
    )


def choice(comment: str, rules: list[dict[str, Any]], default: str = ON) -> dict[str, Any]:
    """Where a run goes on: by the first rule that holds."""
    return {"Comment": comment, "Type": "Choice", "Choices": rules, "Default": default}


def when(variable: str, value: str | bool, then: str) -> dict[str, Any]:
    """A rule: something in the state is so."""
    kind = "BooleanEquals" if isinstance(value, bool) else "StringEquals"
    return {"Variable": f"$.{variable}", kind: value, "Next": then}


def paused(comment: str, then: str, **how_long: Any) -> dict[str, Any]:
    """A pause."""
    return {"Comment": comment, "Type": "Wait", **how_long, "Next": then}


def lost(error: str, comment: str) -> dict[str, Any]:
    """A run ends in this error, once it is cleaned up; in a flow that cleans nothing, at once."""
    return fixed(comment, {"error": error}, "outcome", OVER)


def counts(state: Mapping[str, Any]) -> bool:
    """Whether it counts tries: it has to keep the counters of all others."""
    return state.get("ResultPath") == "$.tries"


def _then(name: str | None) -> dict[str, Any]:
    return {"End": True} if name is None else {"Next": name}


def led(value: Any, ways: Mapping[str, str]) -> Any:
    """A state with the names of states for what a stage calls them; what it asks of others is left alone."""
    if isinstance(value, Mapping):
        return {
            key: one if key == "Parameters" else ways.get(one, one) if key in ("Next", "Default") else led(one, ways)
            for key, one in value.items()
        }
    return [led(one, ways) for one in value] if isinstance(value, list) else value
