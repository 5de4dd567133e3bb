"""What `mhfd endpoint check` says of one thing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    level: Level
    name: str
    what: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)
