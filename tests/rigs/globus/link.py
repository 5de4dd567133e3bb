"""A wire of loopback that a test can stretch and cut: a TCP proxy with a delay each way.

Whole connections pass through it, byte by byte; it knows no protocol. One thread, whatever the number of connections.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 1 << 16


class Link:
    """Started by `with`. `delay_ms` is added each way, so a round trip takes twice that."""

    def __init__(self, port: int, *, delay_ms: float = 0) -> None:
        self._target, self.delay_ms = port, delay_ms
        self.refuses = False
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    @classmethod
    def to(cls, url: str, *, delay_ms: float = 0) -> Self:
        """A link to what the URL names."""
        return cls(urlsplit(url).port or 0, delay_ms=delay_ms)

    def through(self, url: str) -> str:
        """The same URL, by way of this link."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}"))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    def cut(self, *, refuse: bool = False) -> None:
        """Reset every connection. `refuse`: and each new one, until `mend`."""
        self.refuses = refuse
        done = threading.Event()

        def reset() -> None:
            for writer in self._writers:
                writer.transport.abort()
            done.set()

        self._loop.call_soon_threadsafe(reset)
        done.wait()

    def mend(self) -> None:
        self.refuses = False

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._writers) // 2

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            if self.refuses:
                return
            beyond, other = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(other)
            await asyncio.gather(self._carry(reader, other), self._carry(beyond, writer))
        except OSError:
            pass
        finally:
            for one in (writer, other):
                if one is not None:
                    one.transport.abort()
                    self._writers.discard(one)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each piece leaves `delay_ms` after it came; pieces on their way overtake nothing and hold nothing up."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(self._send(under_way, writer))
        try:
            while piece := await reader.read(CHUNK):
                under_way.put_nowait((time.monotonic() + self.delay_ms / 1000, piece))
        finally:
            under_way.put_nowait((0, b""))
            await sending

    async def _send(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while (entry := await under_way.get())[1]:
                due, piece = entry
                if (left := due - time.monotonic()) > 0:
                    await asyncio.sleep(left)
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()
