"""An HTTP server for stand-ins of web services: typed routes, a log of what was asked, and faults made on purpose.

It knows nothing of any service: Compute, Auth and others add their routes. It answers JSON, keeps connections alive as
the real ones do, and leaves no thread and no socket behind when it is closed.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from tests.rigs.globus.waiting import until

Outcome = int | Literal["silence", "drop"]

REASONS: Final = {
    400: ("BAD_REQUEST", "The request is malformed"),
    401: ("UNAUTHORIZED", "The credentials are not valid"),
    403: ("FORBIDDEN", "You are not permitted to do this"),
    404: ("NOT_FOUND", "There is no such thing"),
    413: ("TASK_PAYLOAD_TOO_LARGE", "The payload is too large"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    500: ("UNKNOWN_ERROR", "Something went wrong"),
    503: ("SERVICE_UNAVAILABLE", "The service is unavailable"),
}


class Refused(Exception):
    """A route's answer that is an error: `body` replaces the usual one, for services that word theirs otherwise."""

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        body: Any = None,
    ) -> None:
        usual = REASONS.get(status, ("INJECTED", "Refused on purpose"))
        self.status, self.retry_after = status, retry_after
        self.code, self.reason = code or usual[0], reason or usual[1]
        self.body = body if body is not None else self._body()
        super().__init__(f"{status} {self.code}: {self.reason}")

    def _body(self) -> dict[str, Any]:
        return {
            "status": "Failed",
            "code": self.code,
            "error_args": [],
            "reason": self.reason,
            "message": self.reason,
            "http_status_code": self.status,
        }


@dataclass(frozen=True, slots=True)
class Request:
    """What a route is given."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: Any  # of JSON or a form; None without
    groups: tuple[str, ...]  # what the route's pattern caught

    @property
    def bearer(self) -> str | None:
        """The access token, if one was sent."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" and token else None


Route = Callable[[Request], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came. `status`: what was answered; 0 when nothing was."""

    method: str
    path: str
    size: int
    status: int
    at: float  # time.time()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Log:
    """Every request, as answered."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._lock = threading.Lock()

    def add(self, asked: Asked) -> None:
        with self._lock:
            self._asked.append(asked)

    def clear(self) -> None:
        with self._lock:
            self._asked.clear()

    def matching(self, pattern: str = "") -> list[Asked]:
        """Those whose 'METHOD /path' the pattern finds."""
        with self._lock:
            return [asked for asked in self._asked if re.search(pattern, str(asked))]

    def count(self, pattern: str = "") -> int:
        return len(self.matching(pattern))


@dataclass(eq=False, slots=True)
class Fault:
    """What happens instead of an answer, to the next `times` requests that match.

    A number is a status. `drop` closes the connection without an answer, `silence` keeps it open without one until the
    fault is lifted. `after`: the request is carried out first, so that its answer is what is lost. `slow`: not before
    the fault is lifted.
    """

    match: str
    outcome: Outcome
    times: int = 1
    retry_after: float | None = None
    after: bool = False
    slow: bool = False
    code: str | None = None
    reason: str | None = None
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def lift(self) -> None:
        """No more of it; who waits in silence is let go."""
        self.times = 0
        self.lifted.set()

    def wait(self, hits: int = 1) -> Self:
        """Until it has happened so often."""
        until(lambda: self.hits >= hits, f"fault {self.outcome} on {self.match!r} never happened {hits} times")
        return self


class _Dropped(Exception):
    """Close the connection and say nothing."""


class Server:
    """Routes, faults and the log, on a free port of loopback. Started by `with`."""

    def __init__(self) -> None:
        self.log = Log()
        self.max_body: int | None = None
        self.rate: tuple[int, float] | None = None  # so many requests in so many seconds
        self.burst_reply: Callable[[], Refused] = lambda: Refused(429, retry_after=1)
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []
        self._faults: list[Fault] = []
        self._recent: list[float] = []
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="stand-in", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def route(self, method: str, pattern: str, answer: Route) -> None:
        """`answer` makes the reply to METHOD on paths that the pattern matches whole."""
        self._routes.append((method, re.compile(pattern), answer))

    def fail(
        self,
        match: str,
        outcome: Outcome,
        times: int = 1,
        *,
        retry_after: float | None = None,
        after: bool = False,
        slow: bool = False,
        code: str | None = None,
        reason: str | None = None,
    ) -> Fault:
        """Make the next requests that match go wrong: see `Fault`. `match` is searched for in 'METHOD /path'."""
        fault = Fault(match, outcome, times, retry_after, after, slow, code, reason)
        with self._lock:
            self._faults.append(fault)
        return fault

    def reset(self) -> None:
        """Well again: no fault, no limit of rate, an empty log."""
        with self._lock:
            faults, self._faults = self._faults, []
            self.rate = None
            self._recent.clear()
        for fault in faults:
            fault.lift()
        self.log.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.reset()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: Request, size: int) -> tuple[int, Any, float | None]:
        """Status, body and Retry-After of a request; raises `_Dropped`."""
        fault = self._fault(request)
        try:
            if fault and not fault.after:
                self._happen(fault)
            body = self._carried_out(request, size)
            if fault:
                self._happen(fault)
        except Refused as e:
            return e.status, e.body, e.retry_after
        return 200, body, None

    def _carried_out(self, request: Request, size: int) -> Any:
        if self.max_body is not None and size > self.max_body:
            raise Refused(413, f"Task payload size of {size} is over the {self.max_body} limit")
        self._count()
        for method, pattern, route in self._routes:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                return route(_with(request, found.groups()))
        raise Refused(501, f"the stand-in has no {request.method} {request.path}", code="NOT_IMPLEMENTED")

    def _count(self) -> None:
        if self.rate is None:
            return
        most, window = self.rate
        now = time.monotonic()
        with self._lock:
            self._recent[:] = [at for at in self._recent if at > now - window]
            if len(self._recent) >= most:
                raise self.burst_reply()
            self._recent.append(now)

    def _fault(self, request: Request) -> Fault | None:
        asked = f"{request.method} {request.path}"
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.match, asked):
                    fault.times -= 1
                    return fault
        return None

    def _happen(self, fault: Fault) -> None:
        fault.hits += 1
        if fault.slow or fault.outcome == "silence":
            fault.lifted.wait()
        if isinstance(fault.outcome, str):
            raise _Dropped
        raise Refused(fault.outcome, fault.reason, code=fault.code, retry_after=fault.retry_after)


class _Http(ThreadingHTTPServer):
    """Knows its connections, to close them: the SDK keeps its own open."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._guard:
            for one in self._open:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has gone already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of a request is no news."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or every answer waits 40 ms for an acknowledgement

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """The log is `Server.log`."""

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(size)
            request = _request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
            try:
                status, body, retry_after = server.answer(request, size)
            except _Dropped:
                self.close_connection = True
                status = 0
            # First: who has the answer may look at the log.
            server.log.add(Asked(request.method, request.path, size, status, time.time()))
            if status:
                self._send(status, body, retry_after)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _send(self, status: int, body: Any, retry_after: float | None) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, bytes) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            if retry_after is not None:
                self.send_header("Retry-After", f"{retry_after:g}")
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _request(method: str, target: str, headers: dict[str, str], raw: bytes) -> Request:
    parts = urlsplit(target)
    body: Any = None
    if raw:
        form = "json" not in headers.get("content-type", "")
        body = {k: v[-1] for k, v in parse_qs(raw.decode()).items()} if form else json.loads(raw)
    query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, body, ())


def _with(request: Request, groups: tuple[str, ...]) -> Request:
    return Request(request.method, request.path, request.query, request.headers, request.body, groups)
