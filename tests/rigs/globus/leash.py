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


def main() -> None:
    parent, *command = sys.argv[1:]
    if hold(int(parent)):
        os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
