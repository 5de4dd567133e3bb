"""What has changed, for every browser that looks: one thread asks the journal, all browsers hear it.

Server-sent events: the browser opens the stream again by itself when it was cut, and says how far it had come, so a
station that restarts and a laptop that slept miss nothing. While nobody looks, nothing is asked.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from jinja2 import Environment

from mhfd_client.errors import StateError
from mhfd_client.page import panels
from mhfd_client.page.model import PageModel

log = logging.getLogger("mhfd.page")

SCHEMA_VERSION: Final = 4
"""Of what a browser is sent; the page that reads it comes from the same server, so it is not sent along."""
LOOK_S: Final = 0.25
TICK_S: Final = 2.0
_CHUNK: Final = 1000  # points an event


@dataclass(frozen=True, slots=True)
class Rendered:
    """The page as it is now."""

    identity: str
    cursor: int
    panels: dict[str, str]
    chart: dict[str, Any]
    failed: str | None = None
    heard: int = 0
    """The newest label that the station took in."""


@dataclass(slots=True)
class Live:
    """The page's state, refreshed while somebody looks."""

    model: PageModel
    env: Environment
    now: Rendered = field(init=False)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watchers: int = 0
    _version: int = -1
    _looked: float = -1e9
    _closed: bool = False

    def __post_init__(self) -> None:
        self.now = Rendered(self.model.identity, 0, {}, {})

    async def close(self) -> None:
        """End the streams."""
        self._closed = True
        async with self._news:
            self._news.notify_all()

    async def look(self, *, afresh: bool = False) -> Rendered:
        """The newest state. `afresh`: something changed that is not in the journal yet."""
        async with self._lock:
            fresh = await asyncio.to_thread(self._look, afresh)
        if fresh is not self.now:
            self.now = fresh
            async with self._news:
                self._news.notify_all()
        return self.now

    def _look(self, afresh: bool) -> Rendered:
        """In a thread: the model is touched here and nowhere else at the same time."""
        model = self.model
        try:
            version = model.journal.version()
            idle = time.monotonic() - self._looked < TICK_S
            if version == self._version and idle and self.now.panels and not afresh:
                return self.now
            model.refresh()
            self._version, self._looked = version, time.monotonic()
            told, drawn = panels.panels(self.env, model), panels.chart(model)
            made = Rendered(model.identity, model.cursor, told, drawn, heard=model.newest.label)
        except StateError as e:
            log.warning("%s", e)
            made = Rendered(model.identity, self.now.cursor, self.now.panels, self.now.chart, str(e))
        return self.now if made == self.now else made

    async def read(self, question: Callable[..., Any], *args: Any) -> Any:
        """Ask the model something that takes a moment."""
        async with self._lock:
            return await asyncio.to_thread(question, *args)

    async def watch(self) -> None:
        """Look for changes as long as the page is served."""
        while not self._closed:
            if self._watchers:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def stream(self, after: int, identity: str, *, brief: bool = False) -> AsyncIterator[str]:
        """One browser's events. `after`: the newest verdict it knows of. `brief`: what is new, and ask again later."""
        self._watchers += 1
        told: dict[str, str] = {}
        drawn: dict[str, Any] | None = None
        failed: str | None = None
        heard = -1
        try:
            now = await self.look()
            if identity != now.identity or after > now.cursor:
                yield _event("other", {})  # another run: the browser starts over
                return
            while not self._closed:
                now = self.now
                changed = {name: html for name, html in now.panels.items() if told.get(name) != html}
                if changed:
                    told |= changed
                    yield _event("panels", changed)
                if now.cursor > after:
                    rows = await self.read(self._points, after)
                    for at in range(0, len(rows), _CHUNK):
                        yield _event("points", rows[at : at + _CHUNK])
                    after = now.cursor
                    yield _event("upto", after, number=after)
                if now.chart != drawn:
                    drawn = now.chart
                    yield _event("chart", drawn)
                if now.heard != heard:
                    heard = now.heard
                    yield _event("heard", heard)
                if now.failed != failed:
                    failed = now.failed
                    yield _event("failed", failed)
                yield _event("tick", {"now": time.time()})
                if brief:
                    yield f"retry: {1000 * TICK_S:.0f}\n\n"
                    return
                await self._changed(now)
        finally:
            self._watchers -= 1

    def _points(self, after: int) -> list[list[Any]]:
        entries = [e for e in self.model.entries.values() if e.told.verdict.id > after]
        return panels.points(entries, self.model)

    async def _changed(self, known: Rendered) -> None:
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: self.now is not known or self._closed), TICK_S)
            except TimeoutError:
                return


def _event(name: str, data: object, *, number: int | None = None) -> str:
    """JSON has no line breaks of its own, so one `data` line holds it."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
