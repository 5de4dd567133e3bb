"""Run a program that ends when the process that started it does: `python leash.py PARENT_PID PROGRAM ARGS...`.

Linux sends the signal when the parent dies, however it dies. The program replaces this one: same pid, same parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def hold(parent: int) -> bool:
    """This process gets SIGTERM when its parent dies. False: that has happened before."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def become(command: list[str]) -> None:
    """This process is the program from now on; it ends as a shell does where there is no such program."""
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as e:
        sys.stderr.write(f"cannot start {command[0]}: {e.strerror}\n")
        sys.exit(127 if isinstance(e, FileNotFoundError) else 126)


def main() -> None:
    parent, *command = sys.argv[1:]
    if hold(int(parent)):
        become(command)


if __name__ == "__main__":
    main()
