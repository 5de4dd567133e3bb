"""The page beside a watch: its port, its address, its own process. The watch imports nothing else of the page."""

import errno
import ipaddress
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from mhfd.errors import ExtraMissing, UsageError
from mhfd_client.adjustment.beside.modes import AdjustMode
from mhfd_client.files import text_of
from mhfd_client.page.token import token_of
from mhfd_client.printing import into_journal
from mhfd_client.settings.load import Loaded
from mhfd_client.settings.places import PORT

log = logging.getLogger("mhfd.page")

SCHEMA_VERSION: Final = 2
"""Of the line that a watch tells its page, which may be of another mhfd when it was exchanged meanwhile."""
_SERVED_BY: Final = ("bokeh", "starlette", "uvicorn")
_NEXT: Final = 20  # ports that are tried when nobody asked for one


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served under which name."""

    state_dir: Path
    loaded: Loaded
    host: str
    adjust: AdjustMode | None = None
    """What the watch may do with a lens; None: nothing of a lens is shown."""


def bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens; the next free port when nobody asked for one. ExtraMissing where no page can be served.

    What serves it is looked for and not loaded: a watch loads none of it.
    """
    if missing := [name for name in _SERVED_BY if find_spec(name) is None]:
        raise ExtraMissing(f"the page needs {', '.join(missing)}: pip install 'mhfd[station]'")
    wanted = [port] if port is not None else [*range(PORT, PORT + _NEXT), 0]
    for one in wanted:
        try:
            family, _, _, _, where = socket.getaddrinfo(host, one, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        except OSError as e:
            raise UsageError(f"--page-host {host}: {e.strerror}; give an address of this machine") from None
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # a station that restarts takes its port again at once
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(64)
        except OSError as e:
            listening.close()
            if e.errno == errno.EADDRINUSE and port is None:
                continue
            raise UsageError(_refused(host, one, e)) from None
        return listening
    raise UsageError("no free port for the page; choose one with --page-port, or watch with --no-page")


def _refused(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        why = "is taken by another program (another watch?); choose another port, or leave the page out with --no-page"
    elif error.errno == errno.EACCES:
        why = "is not allowed; choose a port above 1023"
    else:
        why = f"cannot be used: {error.strerror}"
    return f"--page-port: port {port} of {host} {why}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the page there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(listening: socket.socket, host: str, token: str | None = None) -> str:
    """What to open in a browser; without a token for those who are logged in there."""
    port = listening.getsockname()[1]
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104 - its name
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/" + ("" if token is None else f"?token={token}")


def told(where: str, state_dir: Path) -> str:
    """What a person is told to open; the secret in it is for whoever reads it now, and not for a journal."""
    plain, _, secret = where.partition("?token=")
    if not secret or not into_journal(os.environ):
        return where
    return f"{plain}?token=... with what {text_of(state_dir / 'page-token')} holds, which the journal is not told"


@contextmanager
def beside(serving: Serving, listening: socket.socket) -> Iterator[str]:
    """Serve in a process of its own; yields what to open in a browser."""
    if os.name != "posix":  # only there does a child take over a socket by its number
        raise UsageError(
            "on this system a watch cannot serve a page: watch with --no-page, and run `mhfd page DIR` beside it"
        )
    process = PageProcess(serving, listening)
    try:
        yield address(listening, serving.host, token_of(serving.state_dir))
    finally:
        process.close()


def line_of(serving: Serving, number: int) -> dict[str, Any]:
    """What the page's process is told: to serve this on the socket of that number."""
    return {
        "schema_version": SCHEMA_VERSION,
        "socket": number,
        "state_dir": os.fsencode(serving.state_dir).hex(),
        "host": serving.host,
        "adjust": serving.adjust,
        "settings": serving.loaded.settings.model_dump(mode="json"),
        "origins": serving.loaded.origins,
    }


class PageProcess:
    """The page beside a watch: its own process, started again when it dies, ended with the watch."""

    def __init__(self, serving: Serving, listening: socket.socket) -> None:
        self._serving, self._listening = serving, listening
        self._end = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        # The kernel may tie a child's life to the thread that made it; this one lives as long as the child.
        self._thread = threading.Thread(target=self._attend, name="mhfd-page", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of the process that serves now."""
        with self._lock:
            return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process, however it stands."""
        self._end.set()
        with self._lock:
            process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            process.terminate()
        self._thread.join(timeout=5.0)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        self._listening.close()

    def _attend(self) -> None:
        wait = 1.0
        while not self._end.is_set():
            try:
                code = self._run()
            except OSError as e:
                log.error("the page cannot be started: %s", e)
                return
            if not self._end.is_set():
                log.warning(
                    "the page ended (exit code %s) and is started again in %.0f s; the watch goes on", code, wait
                )
                self._end.wait(wait)
                wait = min(60.0, 2 * wait)

    def _run(self) -> int:
        number = self._listening.fileno()
        with self._lock:
            if self._end.is_set():
                return 0
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mhfd_client.page"],
                stdin=subprocess.PIPE,
                pass_fds=(number,),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                start_new_session=True,  # Ctrl-C in the terminal is the station's alone
            )
        assert process.stdin is not None  # noqa: S101 - we asked for the pipe
        with suppress(BrokenPipeError, ValueError):
            process.stdin.write(json.dumps(line_of(self._serving, number)).encode() + b"\n")
            process.stdin.flush()
        try:
            return process.wait()
        finally:
            with suppress(OSError):
                process.stdin.close()
