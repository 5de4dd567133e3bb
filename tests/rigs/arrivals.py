"""Shared by the tests of arrival: a clock that is set by hand, and the smallest real TIFF."""

from __future__ import annotations

import itertools
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mhfd_client.arrival.events import FolderTrouble, Recovered, TroubleKind, Unchanged, Whole
from mhfd_client.arrival.folder import Arrival
from mhfd_client.settings.options import ArrivalSettings

News = Whole | Unchanged | FolderTrouble | Recovered


class HandClock:
    """Stands still until it is moved. The time of day stands still: no file that a test writes is ever old by it."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._today = time.time()

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._today

    def advance(self, seconds: float) -> None:
        self._now += seconds


class Bench:
    """An arrival that only looks when told to, with a clock set by hand."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.clock = HandClock()
        self.root = root
        self.journal: set[tuple[str, int, int]] = set()
        self.troubles: dict[tuple[TroubleKind, str | None], FolderTrouble] = {}
        """What is wrong now, by what was said."""
        fields = {"mode": "poll", **options.pop("settings", {})}
        self.settings = ArrivalSettings(**fields)
        self.arrival = Arrival(
            root,
            settings=self.settings,
            known=lambda *revision: revision in self.journal,
            clock=self.clock,
            **options,
        )

    def pass_time(self, seconds: float, *, step: float = 0.5) -> list[News]:
        """Look every `step` seconds; what came, in order."""
        news: list[News] = []
        end = self.clock.monotonic() + seconds
        while True:
            for one in self.arrival.poll(0):
                news.append(one)
                if isinstance(one, FolderTrouble):
                    self.troubles[one.kind, one.path] = one
                elif isinstance(one, Recovered):
                    del self.troubles[one.kind, one.path]
            if (left := end - self.clock.monotonic()) <= 1e-9:
                return news
            self.clock.advance(min(step, left))

    def whole(self, seconds: float) -> list[str]:
        """The paths that came, and nothing else may."""
        news = self.pass_time(seconds)
        assert all(isinstance(one, Whole) for one in news), news
        return [str(one.path) for one in news]


def tiff(pixels: bytes = b"\x55" * 64, *, columns: int = 8) -> bytes:
    """An 8-bit grey TIFF of one strip whose directory comes first, so that the header is there before the data."""
    rows = len(pixels) // columns
    entries = [(256, 4, columns), (257, 4, rows), (258, 3, 8), (259, 3, 1), (262, 3, 1), (278, 4, rows)]
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries = sorted([*entries, (273, 4, start), (279, 4, len(pixels))])
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        head += struct.pack("<HHII" if kind == 4 else "<HHIHxx", tag, kind, 1, value)
    return head + struct.pack("<I", 0) + pixels


_STAMPS = itertools.count(1)


def touch_later(path: Path) -> None:
    """Give a file a mtime that no write of this test has had: clocks of file systems tick slowly."""
    at = path.stat().st_mtime_ns + next(_STAMPS) * 1_000_000
    os.utime(path, ns=(at, at))


def collect(arrival: Arrival, enough: Callable[[list[News]], bool], *, seconds: float = 60) -> list[News]:
    """Poll in real time until there is enough. The time is for a machine that stands still, not for a measurement."""
    news: list[News] = []
    end = time.monotonic() + seconds
    while not enough(news):
        assert time.monotonic() < end, f"not enough came: {news}"
        news += arrival.poll(1)
    return news


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, to whom no file is closed."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
