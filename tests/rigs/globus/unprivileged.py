"""Run a program without privileges: `python unprivileged.py WAY PARENT_PID PROGRAM ARGS...`; no account is made for it.

The core endpoint refuses root, and tests often run as root. The ways, of which `way` takes the first that works here:

    itself      we are not root: nothing is changed
    nobody      as uid 65534, where that account can read this Python and this project
    namespace   as uid 65534 of a user namespace: outside of it still the owner of our files, but without capabilities

The program replaces this one and ends when the process PARENT_PID, which started it, does.
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

Way = Literal["itself", "nobody", "namespace"]

UID: Final = 65534
CLONE_NEWUSER: Final = 0x10000000
PROBE: Final = "import os, globus_compute_endpoint, mhfd_client.cli; assert os.getuid() and os.geteuid()"


@functools.cache
def way() -> tuple[Way | None, str]:
    """How it is done here; None with the reasons where it cannot be."""
    from tests.rigs.globus.sdk import code_path

    if os.geteuid() != 0:
        return "itself", ""
    reasons = []
    for one in ("nobody", "namespace"):
        tried = subprocess.run(
            command(one, sys.executable, "-c", PROBE),
            env={**os.environ, "PYTHONPATH": code_path(), "HOME": "/"},
            cwd="/",
            capture_output=True,
            text=True,
        )
        if tried.returncode == 0:
            return one, ""
        reasons.append(f"{one}: {(tried.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return None, f"we are root, and no program of ours runs without privileges here ({'; '.join(reasons)})"


def command(chosen: Way, *program: str) -> list[str]:
    """The program, to be started by this process in this way."""
    return [sys.executable, __file__, chosen, str(os.getpid()), *program]


@contextmanager
def home(chosen: Way) -> Iterator[Path]:
    """A folder of that account's own. Not below pytest's, which only root may enter."""
    with tempfile.TemporaryDirectory(prefix="mhfd-home-", ignore_cleanup_errors=True) as made:
        if chosen == "nobody":
            os.chown(made, UID, UID)
        yield Path(made).resolve()


def hand_over(path: Path, root: Path) -> None:
    """What we made below `root` is its owner's, as with a collection that writes as that account."""
    owner = root.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        while path != root and path.is_relative_to(root):
            os.chown(path, owner.st_uid, owner.st_gid)
            path = path.parent


def _become(chosen: str) -> None:
    if chosen == "nobody":
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)
    elif chosen == "namespace":
        uid, gid = os.geteuid(), os.getegid()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "user namespaces are not allowed")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{UID} {uid} 1"), ("gid_map", f"{UID} {gid} 1")):
            Path("/proc/self", name).write_text(text)


def main() -> None:
    from tests.rigs.globus.leash import become, hold

    chosen, parent, *program = sys.argv[1:]
    _become(chosen)
    if hold(int(parent)):  # after it: whoever becomes another account is let off the leash
        become(program)


if __name__ == "__main__":
    main()
