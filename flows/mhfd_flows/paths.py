"""References into the state of a run: `$.a.b[0]['c d']`. Of JSONPath only what our definitions need.

Knows nothing of states or expressions.
"""

import re
from typing import Any, Final

from mhfd_flows.errors import PathError

_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\['([^']+)'\]")

Step = str | int


def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path; PathError when it is none."""
    if not path.startswith("$"):
        raise PathError(f"{path!r} is no path: it must start with `$`")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise PathError(f"{path!r} is no path: cannot read {path[at:]!r}; write `$.name.name[0]`")
        name, index, quoted = found.groups()
        steps.append(name or quoted or int(index))
        at = found.end()
    return tuple(steps)


def look_up(state: Any, path: str) -> Any:
    """What is at a path; PathError when nothing is."""
    here = state
    for step in parse(path):
        try:
            here = (here if isinstance(step, int) == isinstance(here, list) else {})[step]  # a list has no names
        except (KeyError, IndexError, TypeError):
            raise PathError(f"{path} leads nowhere: there is no {step!r}") from None
    return here


def put(state: dict[str, Any], path: str | None, value: Any) -> dict[str, Any]:
    """The state with a value at a path; what leads there is made. No path, or `$`: the value is the state.

    What is not on the way is shared with the old state, which is left as it was.
    """
    steps = () if path is None else parse(path)
    if not steps:
        if not isinstance(value, dict):
            raise PathError(f"the whole state cannot become a {type(value).__name__}: give a ResultPath")
        return dict(value)
    return _put(state, steps, value, path or "$")


def _put(here: Any, steps: tuple[Step, ...], value: Any, path: str) -> dict[str, Any]:
    first, rest = steps[0], steps[1:]
    if not isinstance(first, str) or not isinstance(here, dict):
        raise PathError(f"{path} cannot be written: only names of objects can be")
    return here | {first: _put(here.get(first, {}), rest, value, path) if rest else value}
