"""An address that is told: one POST of JSON, answered with 2xx.

Strict on purpose. Certificates are checked. A redirect is a failure: it could lead anywhere, with the token. Without
TLS only machines of the own network are told, by the address that was in fact reached and before a byte is sent. The
path of the address and the headers may be secrets and are never said.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import mhfd
from mhfd_client.alerts.message import Alert
from mhfd_client.alerts.sinks import SinkFailed
from mhfd_client.errors import SettingsError
from mhfd_client.files import shown

_MAX_WAIT_S: Final = 3600.0
_OWN: Final = ("Content-Type", "User-Agent", "Idempotency-Key")


class Webhook:
    """Posts each message to `url`.

    Args:
        url: https, or http to a loopback or private address.
        headers: Sent along.
        timeout_s: For the whole exchange, from the first packet to the answer.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> None:
        if any(not 0x21 <= ord(c) <= 0x7E for c in url):
            raise SettingsError("alerts.webhook: holds a blank or a character outside of ASCII; write it as %XX")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError("alerts.webhook: is no address; write https://HOST/PATH") from None
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise SettingsError("alerts.webhook: is no address; write https://HOST/PATH")
        if parts.username is not None or parts.password is not None:
            raise SettingsError("alerts.webhook: put user and password into alerts.webhook_headers, not the address")
        for name, value in headers.items():
            if any(not 0x20 <= ord(c) <= 0x7E for c in value):
                raise SettingsError(f"alerts.webhook_headers: {name}: its value holds a character that no header may")
            if name.title() in (*_OWN, "Host", "Content-Length", "Transfer-Encoding", "Connection"):
                raise SettingsError(f"alerts.webhook_headers: {name} is set by mhfd")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers, self._timeout = dict(headers), timeout_s
        literal = _address(self._host)
        if not self._tls and literal is not None and not _near(literal):
            raise SettingsError(f"alerts.webhook: {self._host} is not of this network: use https, or all could read it")
        self._secrets = sorted({self._target, *self._headers.values()} - {"", "/"}, key=len, reverse=True)

    @property
    def name(self) -> str:
        """The host and port: the rest of the address may be secret."""
        return f"webhook {self._host}" + (f":{self._port}" if self._port else "")

    def send(self, alert: Alert) -> str:
        """Post it; what is answered, and after how long."""
        began = time.monotonic()
        status, reason, retry_after = 0, "", 0.0
        try:
            status, reason, retry_after = self._exchange(alert)
        except SinkFailed:
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as e:
            if time.monotonic() - began < self._timeout:
                raise SinkFailed(self._said(e)) from None
        if time.monotonic() - began >= self._timeout:  # the watchdog cut it off, perhaps in the middle of its headers
            raise SinkFailed(f"no answer within {self._timeout:g} s")
        answer = shown(f"{status} {reason}".strip())[:100]
        if 200 <= status < 300:
            return f"{answer} after {time.monotonic() - began:.2f} s"
        if 300 <= status < 400:
            raise SinkFailed(f"{answer}: it leads elsewhere, which is not followed; set the final address")
        raise SinkFailed(self._clean(answer), retry_after)

    def _exchange(self, alert: Alert) -> tuple[int, str, float]:
        connection = self._connection()
        # Each wait of a socket has the time-out; an answer that drips in would have it again and again.
        watchdog = threading.Timer(self._timeout, _shut, (connection,))
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.connect()
            if not self._tls:
                self._insist_near(connection.sock)
            own = dict(zip(_OWN, ("application/json", f"mhfd/{mhfd.__version__}", alert.id), strict=True))
            with suppress(BrokenPipeError, ConnectionResetError):  # it may refuse, and hang up, before it has read all
                connection.request("POST", self._target, _body(alert), self._headers | own)
            response = connection.getresponse()
            return response.status, response.reason, _seconds(response.getheader("Retry-After"))
        finally:
            watchdog.cancel()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context()  # checks certificate and host name; SSL_CERT_FILE names a private CA
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)

    def _insist_near(self, sock: socket.socket) -> None:
        peer = _address(sock.getpeername()[0])
        if peer is None or not _near(peer):
            raise SinkFailed(f"{self._host} is not of this network ({peer}): use https; nothing was sent")

    def _said(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {shown(error.verify_message)}; SSL_CERT_FILE may name another CA"
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return self._clean(shown(f"{type(error).__name__}: {why}" if why else type(error).__name__)[:300])

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _body(alert: Alert) -> bytes:
    """With pictures, which are read when it is sent: they need not be kept with the message."""
    if alert.digest is not None:
        alert = alert.model_copy(update={"digest": alert.digest.with_pictures()})
    return alert.model_dump_json().encode()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _near(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_private)  # loopback and link-local are


def _shut(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):  # closed meanwhile
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own: it would wait for the other side


def _seconds(retry_after: str | None) -> float:
    """What a Retry-After asks for; a date is not worth the clocks that differ."""
    text = (retry_after or "").strip()
    return min(float(text), _MAX_WAIT_S) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
