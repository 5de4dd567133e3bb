"""Changes of an instrument that tells none by itself: it is read again and again, and the readings are compared.

Two turns between two looks are seen as one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mhfd_client.errors import InstrumentError
from mhfd_client.instruments.checked import changed, near
from mhfd_client.instruments.protocol import OURSELVES, DeviceEvent, DeviceReading, Knob

EVERY_S: Final = 0.5
_log = logging.getLogger("mhfd")


class OwnSets:
    """The last value that an adapter set each knob to: a change to it was our own."""

    def __init__(self) -> None:
        self._values: dict[Knob, float] = {}

    def remember(self, knob: Knob, value: float) -> None:
        """Before the value is sent."""
        self._values[knob] = value

    def actor(self, before: DeviceReading, after: DeviceReading) -> str | None:
        """Who turned: we, where every knob that turned stands where we set it last; else it is not known."""
        return OURSELVES if all(self._ours(knob, after) for knob in changed(before, after)) else None

    def _ours(self, knob: Knob, after: DeviceReading) -> bool:
        wanted, stands = self._values.get(knob), after.value(knob)
        return wanted is not None and stands is not None and abs(wanted - stands) <= near(knob)


@contextmanager
def polled(
    read: Callable[[], DeviceReading],
    told: Callable[[DeviceEvent], None],
    *,
    actor: Callable[[DeviceReading, DeviceReading], str | None],
    every_s: float = EVERY_S,
) -> Iterator[None]:
    """As long as it is held, `told` hears of each change, in a thread of its own.

    An instrument that does not answer is asked again: what turned meanwhile is told then.

    Args:
        read: How the instrument stands. Called from that thread, so an adapter lets one call through at a time.
        told: What is called with each change.
        actor: Who turned, by the readings before and after; None: not known.
        every_s: How long to wait between two looks.
    """
    stop = threading.Event()
    first = read()

    def look() -> None:
        before, lost = first, False
        while not stop.wait(every_s):
            try:
                after = read()
            except InstrumentError as error:
                if not lost:
                    _log.warning("changes of the instrument are not seen now: %s", error)
                lost = True
                continue
            lost = False
            if changed(before, after):
                _tell(told, DeviceEvent(before, after, actor(before, after)))
                before = after

    thread = threading.Thread(target=look, name="mhfd instrument", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tell(told: Callable[[DeviceEvent], None], event: DeviceEvent) -> None:
    try:
        told(event)
    except Exception:
        _log.exception("a change of the instrument could not be told")
