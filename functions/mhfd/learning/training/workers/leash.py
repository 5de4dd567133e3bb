"""A worker never outlives who started it. On Linux; elsewhere its closed standard output has to do."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_starter() -> None:
    """From here on the system kills this process when the one that started it ends, however it ends."""
    if sys.platform != "linux":
        return
    starter = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:  # it ended in between, and nobody will be told
        os.kill(os.getpid(), signal.SIGKILL)
