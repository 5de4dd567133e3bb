"""The page, asked over a real socket as a stranger on the same machine would."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress

from tests.rigs.page_rig import Served


class Asked:
    """One request, sent as one piece, and what came back.

    A server that refuses a request need not read it to its end, and may hang up while more of it comes: a client that
    sent its body after its headers would at times be cut off while it still writes, or reads the words of the refusal.
    """

    def __init__(
        self,
        at: Served,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        host = at.base.removeprefix("http://")
        fields = {"Host": host} | ({"Content-Length": str(len(body))} if body else {}) | (headers or {})
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port)), timeout=60) as connection:
            connection.sendall("\r\n".join(lines).encode() + body)
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            self.status, self.headers = answer.status, answer.headers
            self.body = b"" if "event-stream" in (answer.headers["Content-Type"] or "") else _rest(answer)
            answer.close()


def _rest(answer: http.client.HTTPResponse) -> bytes:
    """The body; of an answer that ends when the server hangs up, what there was until then, however it does that."""
    if answer.length is not None or answer.chunked:
        return answer.read()
    parts = []
    with suppress(ConnectionResetError):
        while part := answer.read1():
            parts.append(part)
    return b"".join(parts)


def cookie(at: Served) -> str:
    return Asked(at, f"/?token={at.token}").headers["Set-Cookie"].split(";")[0]
