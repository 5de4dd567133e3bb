"""A server on this machine that alerts are sent to: it does to each request what the test says."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECRET = "T0K3N-of-the-path"  # noqa: S105 - that is the point
CERTIFICATE = Path(__file__).with_name("localhost.pem")


class Receiver(http.server.ThreadingHTTPServer):
    """A server that does to each request what the test says, and keeps what it got."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, do: Callable[[Any], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.do = do
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.released = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.server.do(self)

    do_GET = do_POST  # noqa: N815 - a followed redirect would arrive here

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextmanager
def receiver(do: Callable[[Any], None], *, tls: bool = False) -> Iterator[Receiver]:
    server = Receiver(do)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, **headers: str) -> Callable[[Any], None]:
    def do(handler: Any) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return do
