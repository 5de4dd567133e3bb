"""What a worker may take for an image, beyond what it takes for itself.

An image within the limits of `mhfd.images` must fit, and all workers together must leave the machine alive: a worker
that asks for more gets a MemoryError, which ends as a finding, where the system would kill whatever it likes.
"""

import contextlib
import sys
from pathlib import Path
from typing import Final

from mhfd import cgroups
from mhfd.limits import Limits
from mhfd.memory import SHARE, memory_bytes

ESTIMATING: Final = 512 << 20
"""What learned packages may take beside the image."""
LEAST: Final = 256 << 20
_STACK: Final = 16 << 20  # of each thread, with what its allocator keeps


def allowed(workers: int, limits: Limits, *, root: Path = Path("/")) -> int:
    """Bytes that each of so many workers may take for an image, unless somebody says otherwise."""
    machine, most = memory_bytes(root=root), limits.memory_needed
    return most if machine is None else max(LEAST, min(most, round(machine * SHARE / workers)))


def limit(more: int, *, threads: int) -> None:
    """From now on this process gets so much more than it has, for its data and the stacks of its threads.

    Private writable memory is what counts, so that what a GPU's driver reserves does not: that is address space only.
    Where the system has no such limit, there is none.
    """
    if sys.platform == "win32":
        return
    import resource

    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = _now() + more + threads * _STACK
    bounded = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with contextlib.suppress(OSError, ValueError):  # macOS may refuse
        resource.setrlimit(resource.RLIMIT_DATA, (bounded, bounded))


def _now() -> int:
    for line in cgroups.lines(Path("/proc/self/status")):
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return LEAST
