"""How things are written for people: text of strangers on a terminal, and times."""

from __future__ import annotations

from datetime import UTC, datetime


def printable(text: str) -> str:
    """Control characters and undecodable bytes, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def iso(ns: int) -> str:
    """UTC nanoseconds as ISO 8601 with microseconds."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="microseconds")
