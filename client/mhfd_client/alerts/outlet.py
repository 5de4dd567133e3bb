"""The messages for one sink: what waits, what is under way, when it is tried again.

A sink may fail or hang as long as it likes. It is called in a thread of its own, one message at a time; what waits is
bounded and only ever replaced by a newer state of the same episode. When even that is too much, episodes that are over
and of which the sink knows nothing go first, and are counted. `Outlet` is used by one thread, and never waits.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Protocol

from mhfd_client.alerts.message import Alert, Event
from mhfd_client.alerts.sinks import Sink, SinkFailed
from mhfd_client.alerts.store import Delivery, Unsent

log = logging.getLogger("mhfd.alerts")

LIMIT: Final = 64
"""Messages that wait for one sink."""
_RETRY_S: Final = 5.0
_RETRY_MAX_S: Final = 300.0
Receipt = str | SinkFailed


class Carrier(Protocol):
    """Who calls the sink."""

    def give(self, alert: Alert) -> None:
        """Only while none is under way."""

    def receipt(self) -> Receipt | None:
        """What became of it; None: not yet."""


class Postman(threading.Thread):
    """Calls the sink, whatever that takes, and says when it is back."""

    def __init__(self, sink: Sink, back: Callable[[], None]) -> None:
        super().__init__(name=f"mhfd-{sink.name}", daemon=True)
        self._sink, self._back = sink, back
        self._out: queue.SimpleQueue[Alert] = queue.SimpleQueue()
        self._receipts: queue.SimpleQueue[Receipt] = queue.SimpleQueue()

    def give(self, alert: Alert) -> None:
        """Hand it to the thread, which is started by the first."""
        if not self.is_alive():
            self.start()
        self._out.put(alert)

    def receipt(self) -> Receipt | None:
        """What became of it; None: the sink has not said yet."""
        try:
            return self._receipts.get_nowait()
        except queue.Empty:
            return None

    def run(self) -> None:
        """Call the sink for each message that is given."""
        while True:
            alert = self._out.get()
            try:
                receipt: Receipt = self._sink.send(alert)
            except SinkFailed as e:
                receipt = e
            except Exception as e:  # a defect of ours must not silence the sink for good
                log.exception("%s failed", self._sink.name)
                receipt = SinkFailed(f"{type(e).__name__}: please report this defect")
            self._receipts.put(receipt)
            self._back()


class Outlet:
    """What one sink is told.

    Args:
        delivery: How it was; kept up to date.
        waiting: What it was not told before the restart.
        clock: For the retries.
        now: The time of day, for people.
        limit: So many messages may wait; more than two a rule.
    """

    def __init__(
        self,
        carrier: Carrier,
        delivery: Delivery,
        waiting: Iterable[Unsent],
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        limit: int = LIMIT,
    ) -> None:
        self._carrier, self.delivery, self._clock, self._now = carrier, delivery, clock, now
        self._limit = limit
        self._waiting = {_key(one.alert): one for one in waiting}
        self._away: Unsent | None = None
        self._untold = 0
        self._due = self._not_before = clock()

    @property
    def waiting(self) -> tuple[Unsent, ...]:
        """What is to be kept: also what is under way, until its receipt is there."""
        away = () if self._away is None or _key(self._away.alert) in self._waiting else (self._away,)
        return (*away, *self._waiting.values())

    @property
    def busy(self) -> bool:
        """Something is under way, or could be at once."""
        return self._away is not None or self.rest() == 0

    def rest(self) -> float | None:
        """How long until a message is to be sent; None: not before something happens."""
        if self._away is not None or not self._waiting:
            return None
        return max(0.0, self._due - self._clock())

    def put(self, alert: Alert) -> None:
        """A new state of an episode. What is new is tried at once, unless the receiver asked for a rest."""
        key = _key(alert)
        older = self._waiting.get(key)
        if older is not None:
            self._lose(older)
        elif self._away is not None and _key(self._away.alert) == key:
            older = self._away
        unknown = alert.event is Event.OPENED if older is None else older.unknown
        self._waiting[key] = Unsent(alert, unknown)
        if alert.event is not Event.CLOSED:
            self._due = self._not_before
        if len(self._waiting) > self._limit:
            self._drop()

    def step(self) -> bool:
        """Take the receipt, send what is due. Whether there is anything to keep."""
        changed = False
        if self._away is not None and (receipt := self._carrier.receipt()) is not None:
            self._took(self._away, receipt)
            changed = True
        if self.rest() == 0:
            episode = next(iter(self._waiting))
            self._away = self._waiting.pop(episode)
            self._untold = self.delivery.untold
            self._carrier.give(self._away.alert.model_copy(update={"untold": self._untold}))
        return changed

    def _took(self, sent: Unsent, receipt: Receipt) -> None:
        self._away = None
        delivery, episode = self.delivery, _key(sent.alert)
        if isinstance(receipt, SinkFailed):
            delivery.failures += 1
            delivery.error, delivery.error_at = receipt.what, self._now()
            wait = min(_RETRY_S * 2.0 ** min(delivery.failures - 1, 10), _RETRY_MAX_S)
            self._not_before = self._clock() + receipt.retry_after_s
            self._due = max(self._clock() + wait, self._not_before)
            if episode not in self._waiting:
                self._waiting = {episode: sent, **self._waiting}
            else:  # a newer state has taken its place
                self._lose(sent)
            if delivery.failures == 1:
                log.warning("%s: %s; tried again until it is taken", delivery.name, receipt.what)
            return
        if delivery.failures:
            log.info("%s works again", delivery.name)
        delivery.failures = 0
        delivery.untold -= self._untold  # more may have been dropped meanwhile
        delivery.sent, delivery.sent_at = delivery.sent + 1, self._now()
        self._due = self._not_before = self._clock()
        if episode in self._waiting:
            self._waiting[episode] = replace(self._waiting[episode], unknown=False)

    def _lose(self, older: Unsent) -> None:
        """Something newer is told instead: of a single image nobody will ever hear, so it is counted."""
        self.delivery.untold += older.alert.event is Event.FAILED

    def _drop(self) -> None:
        """Never what is open, nor the end of what the sink knows of or is hearing now: each is at most one a rule."""
        away = None if self._away is None else _key(self._away.alert)
        for episode, one in self._waiting.items():
            if episode != away and one.unknown and one.alert.event is Event.CLOSED:
                del self._waiting[episode]
                self.delivery.untold += 1
                return


def _key(alert: Alert) -> int | Event:
    """What takes the place of what: the states of an episode; else messages of a kind."""
    return alert.episode or alert.event
