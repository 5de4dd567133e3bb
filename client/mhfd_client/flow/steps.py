"""What a run has done, step by step, read from its log. Knows the shape of a log and nothing of our flow."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mhfd_client.flow.service import seconds

_TAKE_TIME: Final = ("Action", "Wait")
_MOST: Final = 300
_CODE: Final = re.compile(r"(\w+?)(Started|Completed|Failed)")
_SAID: Final = (
    "message",
    "cause",
    "fatal_error",
    "description",
    "nice_status_details",
    "nice_status_short_description",
    "details",
    "results",
    "error",
    "code",
)
"""Where Flows, Transfer and Compute put words for people, the best first."""


@dataclass(frozen=True, slots=True)
class Did:
    """One visit to a state. Times on the service's clock, in seconds since 1970."""

    state: str
    kind: str
    began_s: float
    ended_s: float | None = None
    failed: str = ""
    """What the service said when it failed; empty when it did not."""

    @property
    def took_s(self) -> float | None:
        """How long it was; nothing while it is not over."""
        return None if self.ended_s is None else max(0.0, self.ended_s - self.began_s)

    @property
    def matters(self) -> bool:
        """Whether it is more than arithmetic: it takes time, or it failed."""
        return self.kind in _TAKE_TIME or bool(self.failed)


def steps(log: Iterable[Mapping[str, Any]]) -> list[Did]:
    """Every visit, the earliest first. Entries that are of none are left out; the last visit ends with the run."""
    found: list[Did] = []
    for entry in log:
        at, code = seconds(entry.get("time")), str(entry.get("code") or "")
        details = entry.get("details")
        details = details if isinstance(details, Mapping) else {}
        if at is None:
            continue
        if code.startswith("Flow"):
            if found and found[-1].ended_s is None and not code.endswith("Started"):
                found[-1] = replace(found[-1], ended_s=at)
            continue
        kind, state = _CODE.fullmatch(code), str(details.get("state_name") or "")
        if kind is None or not state:
            continue
        if kind[2] == "Started":
            found.append(Did(state, kind[1], at))
        elif found and found[-1].state == state:
            failed = _said(details) if kind[2] == "Failed" else found[-1].failed
            found[-1] = replace(found[-1], ended_s=at, failed=failed)
    return found


def _said(details: Any) -> str:
    """The first words in what a service says of a failure; of a long traceback its end, which has the error."""
    if isinstance(details, str):
        words = " ".join(details.split())
        return f"... {words[-_MOST:]}" if len(words) > _MOST and ", in " in words else words[:_MOST]
    if isinstance(details, Mapping):
        for name in _SAID:
            if words := _said(details.get(name)):
                return words
    if isinstance(details, list):
        return next((words for one in details if (words := _said(one))), "")
    return ""
