"""Run a program that ends when the process that started it does: `python leash.py PARENT_PID PROGRAM ARGS...`.

Linux sends the signal when the parent dies, however it dies. The program replaces this one: same pid, same parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(parent):  # else it died before the line above
        os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
