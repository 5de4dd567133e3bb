"""The workers of a training's process share its GPUs: one works at a time, and the others answer what is asked.

The turn is a name of the machine that a process has taken and that ends with it, so that nobody has to clean up after
one that was killed. Workers are known as one's own by the process that started them. In a process for images there is
no such turn: there each worker has what it needs.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mhfd.remote import worker


@contextmanager
def turn() -> Iterator[bool]:
    """Whether this worker may work now; while this lasts no other one of the same training's process may."""
    if worker.purpose() != "train":
        yield True
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        try:
            taken.bind(f"\0mhfd-turn-{os.getuid()}-{os.getppid()}")
        except OSError as e:
            if e.errno == errno.EADDRINUSE:
                yield False
                return  # else a system without such names: nothing is kept in order
        yield True
