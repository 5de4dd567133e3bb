"""A program that is told: JSON on its standard input and in its environment, no shell. It may stop the microscope.

Nothing it does holds up anyone: it has its time, then it and what it started are ended; what it prints is read and,
but for the end, thrown away.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import IO, Final

from mhfd_client.alerts.message import Alert
from mhfd_client.alerts.sinks import SinkFailed
from mhfd_client.files import shown

_TAIL: Final = 4096
_GRACE_S: Final = 1.0


class Command:
    """Runs `argv` once for each message; exit code 0 is its receipt.

    Its environment has MHFD_ALERT_EVENT, MHFD_ALERT_RULE, MHFD_ALERT_TEXT and the whole message as MHFD_ALERT_JSON.
    What it leaves running in the background after it has ended is left alone.
    """

    def __init__(self, argv: Sequence[str], *, timeout_s: float) -> None:
        self._argv, self._timeout = [os.path.expanduser(argv[0]), *argv[1:]], timeout_s  # noqa: PTH111 - may be a bare name

    @property
    def name(self) -> str:
        """The program without its folder."""
        return f"command {shown(PurePath(self._argv[0]).name)}"

    def send(self, alert: Alert) -> str:
        """Run it; how it ended, and the last line that it printed."""
        said = _Said()
        try:
            process = self._start(alert)
        except (OSError, ValueError) as e:  # not there, not executable, a NUL in an argument
            why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
            raise SinkFailed(f"{self._argv[0]} cannot be started: {why}") from None
        assert process.stdin and process.stdout  # noqa: S101, PT018 - for mypy
        threads = [
            threading.Thread(target=_write, args=(process.stdin, alert.model_dump_json().encode()), daemon=True),
            threading.Thread(target=said.read, args=(process.stdout,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise SinkFailed(f"had not ended after {self._timeout:g} s and was ended{said}") from None
        for thread in threads:
            thread.join(_GRACE_S)  # what it left in the background may hold the pipe
        if code:
            how = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise SinkFailed(f"{how}{said}")
        return f"exit code 0{said}"

    def _start(self, alert: Alert) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "MHFD_ALERT_EVENT": alert.event.value,
            "MHFD_ALERT_RULE": "" if alert.rule is None else alert.rule.value,
            "MHFD_ALERT_TEXT": shown(alert.text),
            "MHFD_ALERT_JSON": alert.model_dump_json(),
        }
        return subprocess.Popen(
            self._argv,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _write(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError), pipe:  # it need not read
        pipe.write(data)


class _Said:
    """The end of what a program printed; as text its last line, for a message."""

    def __init__(self) -> None:
        self._tail = b""

    def read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), 65536):
                self._tail = (self._tail + data)[-_TAIL:]

    def __str__(self) -> str:
        lines = self._tail.decode("utf-8", "replace").split("\n")
        words = [shown(line.strip()) for line in lines if line.strip()]
        return f": {words[-1][:200]}" if words else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    with suppress(subprocess.TimeoutExpired):  # a call to a dead share cannot be interrupted
        process.wait(_GRACE_S)
