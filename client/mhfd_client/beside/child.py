"""A program beside a watch: what it is told, what it says at its end, and how it is ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

_KEPT: Final = 4096
_TERM_S: Final = 10.0


class Running(Protocol):
    """A program that was started, as who started it sees it."""

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""

    @property
    def answer(self) -> str:
        """The last line that it printed; empty while it runs."""

    @property
    def said(self) -> str:
        """The last line of what it complained of; else how it ended."""

    def end(self, grace_s: float) -> None:
        """Let it end by itself for so long; then tell it to; then kill it."""


class Child:
    """A process of this Python that is not ended by Ctrl-C in the watch's terminal.

    Args:
        arguments: Behind `python`: `-m`, and a module with what it is given.
        told: What it reads on its standard input.
        tied: Whether that input ends no sooner than this process: who reads on knows when to end.
    """

    def __init__(self, arguments: Sequence[str], told: bytes, *, tied: bool = False) -> None:
        self._last = "", ""
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this object lives
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=self._errors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - we asked for the pipe
        with suppress(BrokenPipeError):  # it has ended already: its code and its words say why
            self._process.stdin.write(told)
            self._process.stdin.flush()
        if not tied:
            self._untie()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        code = self._process.poll()
        if code is not None and not self._out.closed:
            self._last = _last_line(self._out.fileno()), _last_line(self._errors.fileno())
            self._out.close()
            self._errors.close()
            self._untie()
        return code

    @property
    def answer(self) -> str:
        """The last line that it printed; empty while it runs."""
        return self._last[0]

    @property
    def said(self) -> str:
        """The last line of what it complained of; else how it ended."""
        return self._last[1] or f"its process ended with exit code {self.code}"

    def end(self, grace_s: float) -> None:
        """Let it end by itself for so long; then tell it to; then kill it."""
        if self.code is None:
            self._untie()
        for wait_s, ask in ((grace_s, self._process.terminate), (_TERM_S, self._process.kill)):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(wait_s)
                break
            ask()
        self._process.wait()
        assert self.code is not None  # noqa: S101 - and with it what it said

    def _untie(self) -> None:
        assert self._process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError):
            self._process.stdin.close()


def _last_line(number: int) -> str:
    size = os.fstat(number).st_size
    tail = os.pread(number, _KEPT, max(0, size - _KEPT)).decode("utf-8", "replace")
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else ""
