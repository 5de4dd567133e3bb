"""One line of `mhfd doctor`: what was looked at, what was found, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, what was found, and what to do."""

    name: str
    level: Level
    what: str
    do: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
