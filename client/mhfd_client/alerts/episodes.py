"""When an alert begins and when it is over. Pure: from what was open and what the rules read to what is open now.

A rule that turns wrong opens an episode at once. It is over when the rule has been calm for `calm_s`; what flickers is
one episode. So each episode opens once and closes once, and no rule opens two within `calm_s`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mhfd_client.alerts.message import Event, Rule
from mhfd_client.alerts.rules import Reading
from mhfd_client.times import roughly


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that is or was wrong. Times are seconds since the epoch."""

    number: int
    rule: Rule
    opened: float
    text: str
    """As it was when it opened."""
    provisional: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    calm: float | None = None
    """Since when the rule has been calm; None: it is wrong now."""
    closed: float | None = None
    end: str = ""
    """What was said when it closed."""


@dataclass(frozen=True, slots=True)
class Happened:
    """People are to be told of this."""

    event: Event
    episode: Episode
    facts: dict[str, Any]
    images: tuple[str, ...]
    text: str


def advance(
    open_: Mapping[Rule, Episode], found: Iterable[Reading], *, now: float, calm_s: float, next_number: int
) -> tuple[dict[Rule, Episode], list[Happened]]:
    """What is open now, and what happened. A rule without a reading was turned off: its episode is over."""
    by_rule = {reading.rule: reading for reading in found}
    left: dict[Rule, Episode] = {}
    happened: list[Happened] = []
    for rule in Rule:
        episode, reading = open_.get(rule), by_rule.get(rule)
        if episode is None:
            if reading is not None and reading.wrong:
                left[rule] = _opened(reading, now, next_number)
                next_number += 1
                happened.append(Happened(Event.OPENED, left[rule], reading.facts, reading.images, reading.text))
            continue
        if reading is None:
            happened.append(_over(episode, now, "This rule was turned off.", {}))
        elif reading.wrong is None:
            left[rule] = episode
        elif reading.wrong:
            left[rule] = replace(episode, calm=None)
        else:
            since = episode.calm if episode.calm is not None and episode.calm <= now else now  # clocks are set back
            if now - since >= calm_s:
                happened.append(_over(episode, now, reading.text, reading.facts))
            else:
                left[rule] = replace(episode, calm=since)
    return left, happened


def _opened(reading: Reading, now: float, number: int) -> Episode:
    return Episode(number, reading.rule, now, reading.text, reading.provisional, reading.facts, reading.images)


def _over(episode: Episode, now: float, said: str, facts: dict[str, Any]) -> Happened:
    until = now if episode.calm is None or episode.calm > now else episode.calm
    text = f"Over after {roughly(until - episode.opened)}: {said} It was: {episode.text}"
    closed = replace(episode, closed=until, end=text)
    return Happened(Event.CLOSED, closed, facts, (), text)
