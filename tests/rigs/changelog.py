"""CHANGELOG.md as a list of versions: what each says, and when it was."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from tests.rigs import REPOSITORY

CHANGELOG = REPOSITORY / "CHANGELOG.md"
_HEADING = re.compile(r"^## (?:(?P<waiting>Unreleased)|(?P<version>\d+\.\d+\.\d+) - (?P<date>\d{4}-\d\d-\d\d))$")


@dataclass(frozen=True)
class Changed:
    """What one version changed. Without version and date: what has none yet."""

    version: str | None
    date: datetime.date | None
    lines: tuple[str, ...]

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers that can be compared."""
        return tuple(int(part) for part in (self.version or "").split("."))


def changes(text: str | None = None) -> list[Changed]:
    """In the order of the file. ValueError: a heading that is neither `## Unreleased` nor `## 1.2.3 - 2026-01-02`."""
    text = CHANGELOG.read_text("utf-8") if text is None else text
    found: list[Changed] = []
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        heading, *body = section.splitlines()
        told = _HEADING.match(heading)
        if told is None:
            raise ValueError(f"CHANGELOG.md: {heading!r}: write `## Unreleased` or `## 1.2.3 - 2026-01-02`")
        date = None if told["waiting"] else datetime.date.fromisoformat(told["date"])
        found.append(Changed(told["version"], date, tuple(line for line in body if line.startswith("- "))))
    return found


def dated() -> list[Changed]:
    """The versions, the newest first."""
    return [one for one in changes() if one.version is not None]
