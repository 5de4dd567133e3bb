"""One training at a time in a folder: who has it holds a lock that ends with the last process of the training."""

import io
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mhfd.errors import UsageError

NAME: Final = "lock"
_PATIENCE_S: Final = 10.0
"""The workers of one that was killed are gone in a moment."""


def hold(folder: Path, *, wait: Callable[[float], None] = time.sleep) -> io.FileIO:
    """The lock, as an open file that a started process may keep too. `UsageError`: another training has the folder."""
    try:
        import fcntl
    except ImportError:
        raise UsageError(
            "training: networks are trained on Linux and macOS; this system has no locks of files"
        ) from None
    file = io.FileIO(folder / NAME, "a+")
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = _holder(file.fileno())
            if _lives(holder) or time.monotonic() > give_up:
                file.close()
                raise UsageError(
                    f"{folder}: is being trained in already, by process {holder.get('pid', 'unknown')} on "
                    f"{holder.get('host', 'a machine')}: wait for it or end it; nothing was started"
                ) from None
            wait(0.05)
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
    return file


def _holder(fd: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(fd, 4096, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives(holder: dict[str, object]) -> bool:
    """Whether who holds it is there for certain: else it may be about to go."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname():
        return bool(holder)
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
