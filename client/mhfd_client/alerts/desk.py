"""Where alerts are made: situations in, messages out to the sinks, all of it kept.

Used by one thread and without a clock of its own, so that every order of events can be tested. What cannot be saved is
sent all the same, and saved later: a full disk is a reason to ring.
"""

import logging
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from mhfd_client.alerts import rules
from mhfd_client.alerts.digest import Digest
from mhfd_client.alerts.episodes import Episode, Happened, advance
from mhfd_client.alerts.message import Alert, Event, Rule, digest_message
from mhfd_client.alerts.outlet import Carrier, Outlet, Postman
from mhfd_client.alerts.sinks import Sink
from mhfd_client.alerts.situation import Failed, Situation
from mhfd_client.alerts.store import AlertStore, Delivery
from mhfd_client.alerts.words import NAMED, count
from mhfd_client.files import shown, text_of
from mhfd_client.settings.options import AlertSettings
from mhfd_client.times import iso_z

log = logging.getLogger("mhfd.alerts")

_EACH_S: Final = 60.0
_LATER_S: Final = 5.0
"""Text that changes with each look (a backlog that grows) is saved so often."""


class Desk:
    """Episodes and outlets.

    Args:
        back: Called, from another thread, when a sink is back.
        carrier: Who calls a sink: a thread.
        clock: For retries.
        now: The time of day.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: AlertSettings,
        sinks: Iterable[Sink],
        *,
        root: str,
        back: Callable[[], None] = lambda: None,
        carrier: Callable[[Sink, Callable[[], None]], Carrier] = Postman,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._settings, self._clock, self._now = store, settings, clock, now
        self._root, self._host = text_of(root), socket.gethostname()
        kept = store.load()
        self._open = {episode.rule: episode for episode in kept.open}
        self._next = max((episode.number for episode in kept.episodes), default=0) + 1
        deliveries = {one.name: one for one in kept.sinks}
        self.outlets = [
            Outlet(
                carrier(sink, back),
                deliveries.get(sink.name) or Delivery(sink.name),
                kept.pending.get(sink.name, ()),
                clock=clock,
                now=now,
            )
            for sink in sinks
        ]
        self.digest = kept.digest
        """The last that was sent."""
        self._digests: list[tuple[float, Digest]] = []
        self._failed: list[Failed] = []
        self._each_at: float | None = None
        self._closed: list[Episode] = []
        self._dirty = True
        self._saved_at = clock()
        self._complaint = ""

    def look(self, situation: Situation) -> list[Happened]:
        """Read the rules, and tell what happened."""
        before = self._open = self._answered()
        self._open, happened = advance(
            before,
            rules.readings(situation, self._settings),
            now=situation.now,
            calm_s=self._settings.calm_s,
            next_number=self._next,
        )
        for one in happened:
            log.warning("alert %s (%s): %s", one.event.value, one.episode.rule.value, one.text)
            if one.event is Event.CLOSED:
                self._closed.append(one.episode)
            else:
                self._next = max(self._next, one.episode.number + 1)
            self._put(self._alert(one))
        if happened or (self._open != before and self._clock() - self._saved_at >= _LATER_S):
            self._dirty = True
        self._dirty |= {e.rule: e.calm for e in self._open.values()} != {e.rule: e.calm for e in before.values()}
        if self._settings.each:
            self._tell_failed(situation)
        self.step()
        return happened

    def tell(self, digest: Digest, *, aloud: bool = True) -> None:
        """A wafer has ended. `aloud`: the watch goes on, and says so on its terminal."""
        log.log(logging.WARNING if aloud else logging.INFO, "digest, as %s: %s", digest.why, digest.headline)
        self._put(digest_message(digest, self._root))
        self._digests.append((self._now(), digest))
        self.digest, self._dirty = digest, True
        self.step()

    def _put(self, alert: Alert) -> None:
        for outlet in self.outlets:
            outlet.put(alert)

    def _tell_failed(self, now: Situation) -> None:
        """Each image that failed, at once; those that fail within a minute of a message share the next one."""
        self._failed += now.failed
        clock = self._clock()
        if not self._failed or (self._each_at is not None and clock - self._each_at < _EACH_S):
            return
        some, self._failed, self._each_at = self._failed, [], clock
        last, more = some[-1], len(some) - 1
        also = f" {count(more)} more failed since the last message." if more else ""
        self._put(
            Alert(
                id=f"{int(now.now * 1000)}-failed-{now.newest}",
                event=Event.FAILED,
                rule=None,
                episode=0,
                text=f"{shown(last.sentence[:500])}{also}",
                since=iso_z(now.now),
                provisional=any(one.provisional for one in some),
                facts={"found": len(some)},
                images=tuple(text_of(one.path) for one in some[-NAMED:]),
                root=self._root,
                host=self._host,
            )
        )
        self._dirty = True

    def _answered(self) -> dict[Rule, Episode]:
        """With what people have said meanwhile."""
        try:
            answers = self._store.answers()
        except sqlite3.Error as e:
            log.debug("answers cannot be read now: %s", e)
            return self._open
        return {
            rule: replace(episode, acknowledged=said.acknowledged, snoozed_until=said.snoozed_until)
            if (said := answers.get(episode.number))
            else episode
            for rule, episode in self._open.items()
        }

    def step(self) -> None:
        """Save what changed, then take receipts and send what is due. Never waits for a sink."""
        self._save()
        for outlet in self.outlets:
            self._dirty = outlet.step() or self._dirty
        self._save()

    @property
    def busy(self) -> bool:
        """Whether any sink is being told, or could be at once."""
        return any(outlet.busy for outlet in self.outlets)

    def _alert(self, one: Happened) -> Alert:
        episode = one.episode
        return Alert(
            id=f"{int(episode.opened * 1000)}-{episode.number}-{one.event.value}{self._again(one)}",
            event=one.event,
            rule=episode.rule,
            episode=episode.number,
            text=one.text,
            since=iso_z(episode.opened),
            until=None if episode.closed is None else iso_z(episode.closed),
            provisional=episode.provisional,
            withdrawn=episode.withdrawn,
            facts=one.facts,
            images=one.images,
            root=self._root,
            host=self._host,
        )

    @staticmethod
    def _again(one: Happened) -> str:
        """Each time that an episode rings again is a message of its own."""
        return f"-{one.episode.worse}" if one.event is Event.WORSE else ""

    def _save(self) -> None:
        if not self._dirty:
            return
        try:
            self._store.save(
                [*self._closed, *self._open.values()],
                [outlet.delivery for outlet in self.outlets],
                {outlet.delivery.name: outlet.waiting for outlet in self.outlets},
                self._digests,
            )
        except sqlite3.Error as e:
            if self._complaint != str(e):
                self._complaint = str(e)
                log.error("%s cannot be written: %s; alerts are sent all the same", text_of(self._store.path), e)
            return
        self._dirty, self._complaint, self._closed, self._digests = False, "", [], []
        self._saved_at = self._clock()
