"""One line a task: who ran what, on how much data, at what cost. JSON, so that no name can forge a second line.

A log that cannot be written fails no task; the response says so.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mhfd.contract.request import Code, Problem
from mhfd.remote import worker
from mhfd.remote.refusal import problem

SCHEMA_VERSION: Final = 1
"""Of a line; one that has none is of version 1."""


def write(log: Path | None, line: dict[str, Any]) -> tuple[Problem, ...]:
    """Append a line; what kept it from being written, if anything did."""
    said = {
        "schema_version": SCHEMA_VERSION,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "user": worker.user(),
        "task": worker.task_id(),
        **line,
        "version": worker.versions()["mhfd"],
        "code": worker.code_hash(),
        "pid": os.getpid(),
    }
    data = json.dumps(said).encode() + b"\n"
    try:
        if log is None:
            sys.stderr.buffer.write(data) if hasattr(sys.stderr, "buffer") else sys.stderr.write(data.decode())
            sys.stderr.flush()
        else:
            _append(log / f"{_plain(worker.user())}.jsonl" if log.is_dir() else log, data)
    except OSError as e:
        why = f"what this task did could not be written to the endpoint's log: {e.strerror or e}"
        remedy = "tell the endpoint's administrator: `log` in the site's configuration"
        return (problem(Code.LOG_NOT_WRITTEN, why, remedy),)
    return ()


def _append(path: Path, data: bytes) -> None:
    """In one write, so that the lines of workers side by side do not mix; never through a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(path, flags, 0o640), "wb", buffering=0) as file:
        file.write(data)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "nobody"
