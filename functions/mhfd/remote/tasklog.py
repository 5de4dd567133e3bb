"""One line a request: who asked for what, what became of it, and at what cost. JSON, so that no name forges a second.

A log that cannot be written fails no request; the response says so. If the process dies meanwhile, another one, or
`mhfd endpoint usage`, finds what it began.
"""

import contextlib
import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mhfd.contract.request import Code, Problem
from mhfd.remote import worker
from mhfd.remote.linefile import OPEN, Begun, LineFile
from mhfd.remote.refusal import problem
from mhfd.site import Site

SCHEMA_VERSION: Final = 3
"""Of a line; one that has none is of version 1."""
LOST: Final = "lost"
"""The outcome of a request whose process died: what its line says was known when it began."""


class LoggedTask:
    """The line of a request that is being worked on. `write` says it, once."""

    def __init__(self, site: Site | None, line: dict[str, Any]) -> None:
        self._request = secrets.token_hex(8)
        self._lines = None if site is None else _lines(site)
        self._begun: Begun | None = None
        if self._lines is not None:
            with contextlib.suppress(OSError):  # what keeps us from it will keep us from writing, and is said then
                self._lines.say_for_the_dead()
                self._begun = self._lines.begin(self._whole(line))

    def write(self, line: dict[str, Any]) -> tuple[Problem, ...]:
        """Say what became of it; what kept it from being written, if anything did."""
        data = self._whole(line)
        try:
            if self._begun is not None:
                self._begun.end(data)
            elif self._lines is not None:
                self._lines.append(data)
            else:
                sys.stderr.buffer.write(data) if hasattr(sys.stderr, "buffer") else sys.stderr.write(data.decode())
                sys.stderr.flush()
        except OSError as e:
            why = f"what this task did could not be written to the endpoint's log: {e.strerror or e}"
            remedy = "tell the endpoint's administrator: `log` in the site's configuration"
            return (problem(Code.LOG_NOT_WRITTEN, why, remedy),)
        return ()

    def _whole(self, line: dict[str, Any]) -> bytes:
        said = {
            "schema_version": SCHEMA_VERSION,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": self._request,
            "user": worker.user(),
            "identity": worker.identity(),
            "task": worker.task_id(),
            **line,
            "version": worker.versions()["mhfd"],
            "code": worker.code_hash(),
            "pid": os.getpid(),
        }
        return json.dumps(said).encode() + b"\n"


def _lines(site: Site) -> LineFile | None:
    """Where lines go: a file, or one of this account in a folder."""
    if site.log is None:
        return None
    of_accounts = site.log.is_dir()
    return LineFile(
        site.log / file_name(worker.user()) if of_accounts else site.log,
        most_bytes=site.log_bytes,
        kept=site.log_files,
        ours=of_accounts,
    )


def file_name(user: str) -> str:
    """Of an account's own file in a folder."""
    return f"{worker.plain(user)}.jsonl"


def files(log: Path) -> list[Path]:
    """The files in use, or to be: the one, or those of all accounts in a folder."""
    if not log.is_dir():
        return [log]
    return sorted({*log.glob("*.jsonl"), *(begun.with_suffix("") for begun in log.glob(f"*.jsonl{OPEN}"))})
