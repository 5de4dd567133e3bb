"""Which cores a worker of a training runs on: its own, of one NUMA bank as far as there are enough.

Memory follows by first touch: Linux puts a page into the bank of the core that first writes to it, so a worker that is
bound before it takes memory has its memory near. What is fixed to cores is this process and what it starts. Loads no
torch: a worker calls it first of all.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mhfd import cgroups
from mhfd.contract.training import WorkerLayout
from mhfd.threads import thread_count


def bind_worker(local_rank: int, layout: WorkerLayout, *, root: Path = Path("/")) -> tuple[int, ...]:
    """Bind this process to its cores, as one of the workers of this node. Which: none where it was left free."""
    if not hasattr(os, "sched_setaffinity"):  # no Linux
        return ()
    allowed = os.sched_getaffinity(0)
    if thread_count(environ={}, root=root) < len(allowed):
        # A quota of time, not cores of one's own: others with such a quota would be bound to the same first cores.
        return ()
    cores = cores_of(local_rank, workers=layout.workers, threads=layout.threads, banks=banks_of(allowed, root=root))
    os.sched_setaffinity(0, cores)
    return cores


def cores_of(worker: int, *, workers: int, threads: int, banks: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """A worker's cores: so many of one bank, and nobody else's. Where there are too few, all of its bank.

    Args:
        worker: Its number on this node, from 0 on.
        workers: How many there are.
        threads: Of each.
        banks: The cores that may be used, by bank, in the order in which they are to be taken.
    """
    every = [core for bank in banks for core in bank]
    free = [list(bank) for bank in banks]
    mine: list[list[list[int]]] = [[] for _ in banks]  # the cores of each worker of each bank
    for _ in range(workers):
        fullest = max(range(len(free)), key=lambda bank: (len(free[bank]) // threads, -bank))
        if len(free[fullest]) < threads:
            break
        mine[fullest].append(free[fullest][:threads])
        del free[fullest][:threads]
    else:
        return tuple(sorted([cores for bank in mine for cores in bank][worker]))
    if workers * threads <= len(every):  # enough in all, but not in their banks: some span two
        return tuple(sorted(every[worker * threads : (worker + 1) * threads]))
    return tuple(sorted(banks[worker * len(banks) // workers]))


def banks_of(allowed: Collection[int], *, root: Path = Path("/")) -> list[list[int]]:
    """The cores that may be used, by NUMA bank. In each, first one of every pair of threads that share a core.

    `root` is where /sys is: another one in tests.
    """
    found = []
    for folder in sorted((root / "sys/devices/system/node").glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        mine = [core for text in cgroups.lines(folder / "cpulist") for core in numbers(text) if core in allowed]
        if mine:
            found.append(mine)
    rest = set(allowed) - {core for bank in found for core in bank}
    if rest:  # a system that does not say
        found.append(sorted(rest))
    turns = {core: _turn(core, root) for core in allowed}
    return [sorted(bank, key=lambda core: (turns[core], core)) for bank in found]


def _turn(core: int, root: Path) -> int:
    """Which it is of the threads of its core."""
    file = root / f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
    siblings = sorted(core for text in cgroups.lines(file) for core in numbers(text))
    return siblings.index(core) if core in siblings else 0


def numbers(text: str) -> list[int]:
    """`0-2,5` -> 0, 1, 2, 5."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal():
            found += range(int(first), int(last or first) + 1)
    return found


def words_of(banks: Sequence[Sequence[int]], *, workers: int, threads: int) -> str:
    """How workers share the cores, for a person."""
    cores = sum(map(len, banks))
    shared: Mapping[bool, str] = {
        True: f"{workers * threads} threads share {cores} cores",
        False: "each on cores of its own",
    }
    where = f" of {len(banks)} NUMA banks" if len(banks) > 1 else ""
    return f"{shared[workers * threads > cores]}{where}"
