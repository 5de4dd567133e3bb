"""A program beside a watch: what it is told, what it says at its end, and how it is ended. Knows nothing of a lens."""

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
        """The last line that it printed."""

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
    """

    def __init__(self, arguments: Sequence[str], told: bytes = b"") -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this object lives
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(told)
            given.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", *arguments],
                stdin=given,
                stdout=self._out,
                stderr=self._errors,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    @property
    def answer(self) -> str:
        """The last line that it printed."""
        return _last_line(self._out.fileno())

    @property
    def said(self) -> str:
        """The last line of what it complained of; else how it ended."""
        return _last_line(self._errors.fileno()) or f"its process ended with exit code {self.code}"

    def end(self, grace_s: float) -> None:
        """Let it end by itself for so long; then tell it to; then kill it."""
        for wait_s, ask in ((grace_s, self._process.terminate), (_TERM_S, self._process.kill)):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(wait_s)
                return
            ask()
        self._process.wait()


def _last_line(number: int) -> str:
    size = os.fstat(number).st_size
    tail = os.pread(number, _KEPT, max(0, size - _KEPT)).decode("utf-8", "replace")
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else ""
