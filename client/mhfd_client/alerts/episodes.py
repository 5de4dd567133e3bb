"""When an alert begins, when it gets worse, and when it is over. Pure: from what was open and what the rules read.

A rule that turns wrong opens an episode at once. It is over when the rule has been calm for `calm_s`; what flickers is
one episode. It is over at once when all that it named is settled: images that were judged again, sections that came.
It rings again when it has doubled, or begins anew with nothing that people were told of: so that a small or a false
alert cannot hide a real one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mhfd_client.alerts.message import Event, Rule
from mhfd_client.alerts.rules import Reading
from mhfd_client.times import iso_z, roughly

_NAMED: Final = 1000
"""So many things that are wrong are remembered of an episode."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that is or was wrong. Times are seconds since the epoch."""

    number: int
    rule: Rule
    opened: float
    text: str
    """As it is now, or was at the end."""
    provisional: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    calm: float | None = None
    """Since when the rule has been calm; None: it is wrong now."""
    closed: float | None = None
    end: str = ""
    """What was said when it closed."""
    said: str = ""
    """What people were told last while it was wrong."""
    worse: int = 0
    """How often it has rung again."""
    withdrawn: bool = False
    """It was over because the images that it named were judged again."""
    named: tuple[str, ...] = ()
    """What has been wrong in it and is not settled: images, sections."""
    told: int = 0
    """How many of these there were when people were told last."""
    acknowledged: str | None = None
    """Who has said that they know."""
    snoozed_until: float | None = None
    """Until then it does not ring again, however much worse it gets."""

    @property
    def story(self) -> str:
        """What became of it: how it ended, or how it is now and what it rang with."""
        if self.closed is not None:
            return self.end or self.text
        return self.text if self.calm is None or self.said in ("", self.text) else f"{self.text} It was: {self.said}"

    def remarks(self, now: float) -> str:
        """What is to be known beside the text: how often it rang, who knows of it. Empty: nothing."""
        said = []
        if self.worse:
            said.append(f"rang again {self.worse} time{'' if self.worse == 1 else 's'}")
        if self.withdrawn:
            said.append("withdrawn")
        elif self.closed is None and self.calm is not None:
            said.append(f"calm since {iso_z(self.calm)}")
        if self.acknowledged:
            said.append(f"acknowledged by {self.acknowledged}")
        if self.closed is None and self.snoozed_until is not None and now < self.snoozed_until:
            said.append(f"snoozed until {iso_z(self.snoozed_until)}")
        return "; ".join(said)


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
        elif reading is None:
            happened.append(_over(episode, now, "This rule was turned off.", {}))
        elif reading.wrong:
            left[rule], worse = _goes_on(episode, reading, now)
            happened += worse
        elif reading.wrong is None:
            left[rule] = episode
        else:
            since = episode.calm if episode.calm is not None and episode.calm <= now else now  # clocks are set back
            named = _unsettled(episode, reading)
            if len(named) < min(reading.limit, len(episode.named)):
                withdrawn = replace(episode, named=named, withdrawn=reading.withdraws)
                happened.append(_over(withdrawn, now, reading.settled_text, reading.facts))
            elif now - since >= calm_s or reading.for_good:
                happened.append(_over(replace(episode, calm=since), now, reading.text, reading.facts))
            else:
                left[rule] = replace(_of_now(episode, reading), calm=since, named=named)
    return left, happened


def _opened(reading: Reading, now: float, number: int) -> Episode:
    named = tuple(sorted(reading.keys))
    episode = Episode(number, reading.rule, now, "", said=reading.text, named=named[-_NAMED:], told=len(named))
    return _of_now(episode, reading)


def _of_now(episode: Episode, reading: Reading) -> Episode:
    return replace(
        episode, text=reading.text, provisional=reading.provisional, facts=reading.facts, images=reading.images
    )


def _unsettled(episode: Episode, reading: Reading) -> tuple[str, ...]:
    """What has been wrong in it, in the order in which it came, without what is settled."""
    new = sorted(reading.keys.difference(episode.named))
    return tuple(key for key in (*episode.named, *new) if not reading.settled(key))[-_NAMED:]


def _goes_on(episode: Episode, reading: Reading, now: float) -> tuple[Episode, list[Happened]]:
    named = _unsettled(episode, reading)
    anew = episode.calm is not None and bool(reading.keys) and reading.keys.isdisjoint(episode.named)
    # What was withdrawn meanwhile does not count against what is new.
    told = max(min(episode.told, len(named)), min(reading.limit, episode.told))
    left = replace(_of_now(episode, reading), calm=None, named=named, told=told)
    grown = 0 < 2 * told <= len(named)
    snoozed = episode.snoozed_until is not None and now < episode.snoozed_until
    if snoozed or not (grown or anew):
        return left, []
    left = replace(left, said=reading.text, told=len(named), worse=episode.worse + 1)
    return left, [Happened(Event.WORSE, left, reading.facts, reading.images, reading.text)]


def _over(episode: Episode, now: float, said: str, facts: dict[str, Any]) -> Happened:
    until = now if episode.calm is None or episode.calm > now or episode.withdrawn else episode.calm
    what = "Withdrawn" if episode.withdrawn else "Over"
    text = f"{what} after {roughly(until - episode.opened)}: {said} It was: {episode.said or episode.text}"
    closed = replace(episode, closed=until, end=text)
    return Happened(Event.CLOSED, closed, facts, (), text)
