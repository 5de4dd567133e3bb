"""What came of asking: the guess holds, is wrong, or was not answered, and what was seen. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How a guess stands after the hour."""

    HOLDS = "holds"
    WRONG = "wrong"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one guess: how it stands, and what was seen, in words for people."""

    guess: str
    standing: Standing
    saw: str
    took_s: float | None = None


def holds(guess: str, saw: str) -> Seen:
    """It is as we thought."""
    return Seen(guess, Standing.HOLDS, saw)


def wrong(guess: str, saw: str) -> Seen:
    """It is not."""
    return Seen(guess, Standing.WRONG, saw)


def unanswered(guess: str, why: str) -> Seen:
    """It could not be asked, or something else went wrong."""
    return Seen(guess, Standing.UNANSWERED, why)


def told(guess: str, good: bool, saw: str) -> Seen:
    """The one or the other."""
    return (holds if good else wrong)(guess, saw)
