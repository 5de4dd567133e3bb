"""What is wrong with a definition, line by line: whose rule it breaks, in which state, and what to do.

`language`: Globus would refuse the definition, or every run that comes there fails. `ours`: Globus takes it, but a flow
that runs for days with nobody there should not be so. Knows nothing of how either is found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Rule = Literal["language", "ours"]
LONGEST: Final = 600
"""Characters of a finding: what somebody wrote may be of any length."""


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """One broken rule. `where`: the name of a state, or `the definition`."""

    rule: Rule
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}"

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"rule": self.rule, "where": self.where, "what": self.what}


def language(where: str, what: str) -> FlowFinding:
    """Globus would refuse this, or fail there."""
    return FlowFinding("language", where, _short(what))


def ours(where: str, what: str) -> FlowFinding:
    """Globus takes it; we would not leave it alone for days."""
    return FlowFinding("ours", where, _short(what))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def in_order(found: Iterable[FlowFinding], states: Iterable[str]) -> list[FlowFinding]:
    """Each once: what the language refuses first, by the order of the states."""
    place = {name: number for number, name in enumerate(states)}
    return sorted(dict.fromkeys(found), key=lambda one: (one.rule != "language", place.get(one.where, -1)))
