"""Arrival, as a benchmark of a station needs it."""

from __future__ import annotations

import queue
from collections.abc import Sequence

from mhfd_client.station.feeder import News


class Given:
    """Hands on images as whole: at once, or the next when it is let."""

    def __init__(self) -> None:
        self.news: queue.SimpleQueue[list[News]] = queue.SimpleQueue()

    def poll(self, timeout: float) -> Sequence[News]:
        try:
            return self.news.get(timeout=timeout)
        except queue.Empty:
            return []

    def wake(self) -> None:
        self.news.put([])

    def again(self, path: str) -> None:
        pass
