"""References into the state of a run: `$.a.b[0]['c d']`, and the rest of JSONPath: `[1:]`, `[-1]`, `[*]`, `..name`.

`parse` also reads a filter, `[?(...)]`; what that gives is the service's own affair, so `look_up` refuses it. Knows
nothing of states or expressions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from mhfd_flows.errors import PathError

_NAME: Final = r"[^\s.\[\]()'\"?*@$,:=+/\\`]+"
_STEP: Final = re.compile(
    rf"""\.\.(?P<deep>{_NAME}|\*) | \.(?P<every>\*) | \.(?P<name>{_NAME})
    | \[\s*(?P<index>-?\d+)\s*\] | \[\s*(?P<from>-?\d*)\s*:\s*(?P<to>-?\d*)\s*(?::\s*(?P<by>-?\d*)\s*)?\]
    | \[\s*'(?P<single>[^']+)'\s*\] | \[\s*"(?P<double>[^"]+)"\s*\]
    | \[\s*(?P<all>\*)\s*\] | \[(?P<filter>[?(].*?)\](?=$|[.\[]) | \[(?P<union>[^\[\]]*,[^\[\]]*)\]""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Many:
    """A step that gives a list of what it finds: a slice, everything, everything of a name below, a filter."""

    kind: Literal["slice", "every", "deep", "filter"]
    text: str
    bounds: tuple[int | None, int | None, int | None] = (None, None, None)


Step = str | int | Many


@lru_cache(maxsize=4096)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path; PathError when it is none."""
    if not path.startswith("$"):
        raise PathError(f"{path!r} is no path: it must start with `$`")
    if path == "$.":
        return ()
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise PathError(f"{path!r} is no path: cannot read {path[at:]!r}; write `$.name.name[0]`")
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    group = found.groupdict()
    if group["index"] is not None:
        return int(group["index"])
    for name in ("name", "single", "double"):
        if group[name] is not None:
            return group[name]
    if group["deep"] is not None:
        return Many("deep", group["deep"])
    if group["every"] or group["all"]:
        return Many("every", found[0])
    if group["from"] is not None:
        bounds = [int(group[name]) if group[name] else None for name in ("from", "to", "by")]
        return Many("slice", found[0], (bounds[0], bounds[1], bounds[2]))
    return Many("filter", found[0])


def written(steps: tuple[Step, ...]) -> str:
    """Steps as a path."""
    parts = []
    for step in steps:
        if isinstance(step, str):
            parts.append(f".{step}" if re.fullmatch(_NAME, step) else f"['{step}']")
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append(f"..{step.text}" if step.kind == "deep" else step.text)
    return "$" + "".join(parts)


def look_up(state: Any, path: str) -> Any:
    """What is at a path; PathError when nothing is. A slice, `[*]` or `..name` gives a list of what there is."""
    here, many = [state], False
    for step in parse(path):
        if isinstance(step, Many):
            here, many = [one for value in here for one in _several(value, step, path)], many or step.kind != "slice"
            if step.kind == "slice" and not many:
                here = [here]
            continue
        following = []
        for value in here:
            try:
                following.append((value if isinstance(step, int) == isinstance(value, list) else {})[step])
            except (KeyError, IndexError, TypeError):
                if not many:
                    raise PathError(f"{path} leads nowhere: there is no {step!r}") from None
        here = following
    return here if many else here[0]


def _several(value: Any, step: Many, path: str) -> Iterator[Any]:
    if step.kind == "filter":
        raise PathError(f"{path}: what {step.text} gives is known to the service only")
    if step.kind == "slice":
        if not isinstance(value, list):
            raise PathError(f"{path} leads nowhere: {step.text} is for lists")
        yield from value[slice(*step.bounds)]
    elif step.kind == "every":
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    else:
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in children:
            if step.text in (key, "*"):
                yield child
            yield from _several(child, step, path)


def put(state: dict[str, Any], path: str | None, value: Any) -> dict[str, Any]:
    """The state with a value at a path; what leads there is made. No path, or `$`: the value is the state.

    What is not on the way is shared with the old state, which is left as it was.
    """
    steps = () if path is None else parse(path)
    if not steps:
        if not isinstance(value, dict):
            raise PathError(f"the whole state cannot become a {type(value).__name__}: give a ResultPath")
        return dict(value)
    found: dict[str, Any] = _put(state, steps, value, path or "$")
    return found


def _put(here: Any, steps: tuple[Step, ...], value: Any, path: str) -> Any:
    first, rest = steps[0], steps[1:]
    if isinstance(first, int) and isinstance(here, list) and -len(here) <= first < len(here):
        return [
            _put(one, rest, value, path) if rest else value if n == first % len(here) else one
            for n, one in enumerate(here)
        ]
    if not isinstance(first, str) or not isinstance(here, dict):
        raise PathError(f"{path} cannot be written: only names of objects can be")
    return here | {first: _put(here.get(first, {}), rest, value, path) if rest else value}
