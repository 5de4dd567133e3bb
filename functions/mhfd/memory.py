"""How much memory this process may use: what the machine has, or less where it was given less.

The least of: the machine's own and the limit of every cgroup above the process (v1 and v2), which is how Slurm and
containers say it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mhfd import cgroups

SHARE: Final = 0.75
"""Of what may be used, for all workers together: the rest is everybody else's."""


def memory_bytes(*, root: Path = Path("/")) -> int | None:
    """Bytes to use, with everybody else who is in the same groups. None: the system does not say.

    `root` is where /proc and /sys are: another one in tests.
    """
    return min([*_machine(root), *_limits(root)], default=None)


def _machine(root: Path) -> Iterator[int]:
    for line in cgroups.lines(root / "proc/meminfo"):
        if line.startswith("MemTotal:"):
            yield int(line.split()[1]) << 10
            return
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has none of it
        return


def _limits(root: Path) -> Iterator[int]:
    for folder in cgroups.folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from (int(line) for line in cgroups.lines(folder / name) if line.isdecimal())
