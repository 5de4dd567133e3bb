"""Who may see the page, and what a browser may do with it. Plain ASGI, in front of everything else.

A login node is shared: everybody on it can reach a port on loopback, so the page asks for its token there too. The
token comes in the address once and is a cookie from then on. A name that somebody else's DNS points at this machine is
refused, a POST from another site is refused, and the browser is told to run nothing but our own scripts.
"""

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mhfd_client.page.token import stamp_of

MAX_BODY: Final = 4096
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the charts bring their style sheets as elements; no script among them
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_WELCOME: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<title>mhfd</title><p>Signed in. <a href="/">Go to the page</a></p></html>'
)
"""Also for a link in a message that is read in the browser: from another site it sends no cookie along, from here it
does. Whoever has none is refused then."""
_REFUSED: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>mhfd: the address lacks its token</title>'
    "<h1>This address lacks its token</h1><p>Open the whole address that <code>mhfd watch</code> printed when it "
    "started; it ends in <code>?token=...</code>. It is needed once for each browser.</p></html>"
)


class Guard:
    """Lets through whoever has the token.

    Args:
        app: The page.
        token: The token.
        host: The address that was asked for; a name is allowed as the browser's Host.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str) -> None:
        self._app, self._token = app, token
        # Cookies are shared by all ports of a machine: two stations must not take each other's away.
        self._cookie = f"mhfd-{hashlib.sha256(token.encode()).hexdigest()[:10]}"
        own = socket.gethostname()
        self._names = {"localhost", host.lower(), own.lower(), own.lower().partition(".")[0]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no websockets here
        answer = self._refusal(Request(scope))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if answer is not None:
            await answer(scope, receive, sent)
        else:
            await self._app(scope, _Bounded(receive), sent)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if not self._ours(headers.get("host", "")):
            return PlainTextResponse("This page is not served under that name.", 421)
        given = request.query_params.get("token")
        if given is not None and request.method == "GET" and request.url.path == "/":
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return HTMLResponse(_REFUSED, 401)
            welcome = HTMLResponse(_WELCOME)
            welcome.set_cookie(
                self._cookie, self._token, max_age=30 * 86400, httponly=True, samesite="strict", path="/"
            )
            return welcome
        if not hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._token.encode()):
            if headers.get("sec-fetch-site") == "cross-site" and request.method == "GET" and request.url.path == "/":
                return HTMLResponse(_WELCOME.replace("Signed in. ", ""))
            return HTMLResponse(_REFUSED, 401)
        if request.method in ("GET", "HEAD"):
            return None
        if request.method != "POST":
            return PlainTextResponse("Only GET and POST.", 405)
        if not self._from_us(headers):
            return PlainTextResponse("Refused: this did not come from the page itself.", 403)
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return PlainTextResponse(f"A request may have {MAX_BODY} bytes.", 413)
        return None

    def _ours(self, host: str) -> bool:
        """An address, or a name of this machine. Other people's DNS can point any other name at us."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _from_us(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return False
        if origin is None or urlsplit(origin).netloc != headers.get("host"):
            return False
        return hmac.compare_digest(headers.get("x-mhfd-stamp", "").encode(), stamp_of(self._token).encode())


class _Bounded:
    """Passes on at most as much of a body as was announced and allowed."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._left = receive, MAX_BODY

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else {"type": "http.disconnect"}
