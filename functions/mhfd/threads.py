"""How many threads this process may use: never more than it was given.

The least of: the affinity mask, the CPU quota of every cgroup above the process (v1 and v2) and SLURM_CPUS_PER_TASK.
MHFD_THREADS can lower it further, never raise it: threads beyond the quota were measured up to 20x slower.
"""

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from mhfd import cgroups
from mhfd.errors import UsageError


def thread_count(*, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> int:
    """Threads to use, at least 1. `root` is where /proc and /sys are: another one in tests."""
    environ = os.environ if environ is None else environ
    bounds = [_affinity(), *_quotas(root)]
    for name in ("SLURM_CPUS_PER_TASK", "MHFD_THREADS"):
        value = environ.get(name, "").strip()
        if not value:
            continue
        if not value.isdecimal() or int(value) < 1:
            raise UsageError(f"{name}: must be a whole number of at least 1, got {value!r}: correct or unset it")
        bounds.append(int(value))
    return max(1, min(bounds))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[int]:
    """The whole CPUs that each cgroup from the process's own up to the root allows; a part of one counts as one."""
    for folder in cgroups.folders("cpu", root):
        yield from _quota(folder)


def _quota(folder: Path) -> Iterator[int]:
    """Of one cgroup folder, v2's `cpu.max` or v1's pair of files. No file, or no limit: nothing."""
    quota, period = "max", "100000"
    for line in cgroups.lines(folder / "cpu.max"):
        quota, period = line.split()
    for line in cgroups.lines(folder / "cpu.cfs_quota_us"):
        quota = line
    for line in cgroups.lines(folder / "cpu.cfs_period_us"):
        period = line
    if quota not in ("max", "-1") and int(period) > 0:
        yield max(1, int(quota) // int(period))


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    for line in cgroups.lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "CPU"
