"""Connections that say nothing, or little by little: whoever has the token is let in all the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_rig import Rig, Served, served

from mhfd_client.page import connections

MANY = 250


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Served]:
    with Rig(tmp_path) as rig:
        rig.run(3)
        with served(rig) as at:
            yield at


@contextmanager
def opened(at: Served, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections that have sent so much and then wait."""
    name, _, port = at.base.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        some = [stack.enter_context(socket.create_connection((name, int(port)), timeout=60)) for _ in range(count)]
        for one in some:
            one.sendall(sent)
        yield some


def ended(connection: socket.socket) -> bool:
    """Whether the server has hung up; waits for it as long as the connection does."""
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST /labels HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"],
    ids=["nothing", "half a head", "half a body"],
)
def test_250_idle_connections_keep_nobody_out(at: Served, sent: bytes) -> None:
    with opened(at, MANY, sent) as some:
        assert Asked(at, "/", headers={"Cookie": cookie(at)}).status == 200
        assert Asked(at, "/live?after=0", headers={"Cookie": cookie(at)}).status == 200
        if not sent.endswith(b"{"):  # that one is refused, and answered, before its body is there
            assert all(map(ended, some[: MANY - connections.WAITING]))


def test_who_dawdles_is_cut_off(at: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WHOLE_S", 0.3)
    with opened(at, 1, b"GET / HTTP/1.1\r\nHost: ") as (one,):
        one.settimeout(0.05)
        while not ended(one):  # a byte more, each one in time; the whole never
            with suppress(OSError):
                one.sendall(b"a")
    with opened(at, 1) as (one,):
        assert ended(one)


def test_a_stream_that_is_heard_is_not_cut_off(at: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WHOLE_S", 0.2)
    host = at.base.removeprefix("http://")
    ask = f"GET /live?after=0&run= HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie(at)}\r\n\r\n"
    home = Asked(at, "/", headers={"Cookie": cookie(at)}).body.decode()
    run = home.split('name="mhfd-run" content="')[1].split('"')[0]
    with opened(at, 1, ask.replace("run=", f"run={run}").encode()) as (one,):
        seen = b""
        while seen.count(b"event: tick") < 2:  # two seconds lie between them
            part = one.recv(65536)
            assert part
            seen += part
