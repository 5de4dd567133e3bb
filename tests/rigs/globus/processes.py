"""Programs started for a test: they write to a file, lead a session of their own, and end when the tests do."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.rigs.globus.waiting import until

LEASH = Path(__file__).with_name("leash.py")
PORTS = range(12_000, 32_000)
"""Below those that Linux gives to whoever asks for any: other tests' servers, and every connection."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens at now, and that nobody else is likely to take before they are used."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


LINES: Final = 12
"""So many of the last lines of a program that failed are shown."""


class ProgramFailed(AssertionError):
    """A program ended that should not have, or not so: which, how, and the last that it said."""

    def __init__(self, name: str, code: int, said: str) -> None:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        last = [line for line in said.splitlines() if line.strip()][-LINES:]
        told = "; the last that it said:" if last else " and said nothing"
        super().__init__("\n".join([f"{name} {how}{told}", *(f"    {line}" for line in last)]))


class Program:
    """A running program and all that it started, as long as those stay in its session. `name`: as people know it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: Path,
        stdin: bytes = b"",
        name: str | None = None,
    ) -> None:
        self.output, self.name = output, name or output.stem
        leashed = [sys.executable, str(LEASH), str(os.getpid()), *command]
        with output.open("ab") as out:
            self._process = subprocess.Popen(
                leashed,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(stdin)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def said(self) -> str:
        """The end of its output, for a message."""
        return self.output.read_text(errors="replace")[-3000:]

    def alive(self) -> bool:
        """True; ProgramFailed with what it said when it has ended."""
        if self.returncode is not None:
            raise ProgramFailed(self.name, self.returncode, self.said())
        return True

    def over(self) -> bool:
        """Whether it has ended, and well; ProgramFailed when it has not."""
        if self.returncode:
            raise ProgramFailed(self.name, self.returncode, self.said())
        return self.returncode == 0

    def session(self) -> dict[int, str]:
        """pid -> command line of every live process of its session."""
        found: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ProcessLookupError):
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.pid and state not in "ZX":
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = command.decode(errors="replace").strip()
        return found

    def wait(self, timeout: float) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL to it alone: what it started is left to find out by itself."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end; then nothing of its session is left."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.sweep()

    def sweep(self) -> None:
        """Kill what is left of its session."""

        def gone() -> bool:
            left = self.session()
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        until(gone, lambda: f"these do not die: {self.session()}")
