"""How the work of a training may be shared on a machine, and what a person is told of it. Pure."""

from collections.abc import Sequence
from typing import Literal

from mhfd.contract.training import WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.training.launching.machine import NodeMachine


def layout_of(
    workers: int | None,
    threads: int | None,
    machine: NodeMachine,
    *,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    nodes: int = 1,
) -> WorkerLayout:
    """What somebody asked for, and the rest of it.

    Threads are one of each worker where nobody says more: several were up to 8 times slower than one on a busy
    machine, and a sweep tells whether they are faster on this one.

    Args:
        workers: On each node; None: one, or one for each GPU.
        threads: Of each.
        machine: Of each node.
        device: What they compute on.
        nodes: How many machines.
    """
    on_gpus = device == "gpu" or (device == "auto" and machine.gpus > 0)
    if device == "gpu" and not machine.gpus:
        raise UsageError("device: there is no GPU here; say device cpu, or leave it out")
    if on_gpus and workers is not None and workers > machine.gpus:
        raise UsageError(f"workers: {workers} on {machine.gpus} GPUs; each has one of its own: {machine.gpus} at most")
    usual = machine.gpus if on_gpus else 1
    return WorkerLayout(workers=workers or usual, threads=threads or 1, nodes=nodes, device=device)


def layout_words(layout: WorkerLayout, machine: NodeMachine) -> str:
    """How the work is shared, for a person."""
    many = f"{layout.workers} worker{'s' * (layout.workers > 1)} of {layout.threads} thread{'s' * (layout.threads > 1)}"
    where = f" on each of {layout.nodes} nodes" if layout.nodes > 1 else ""
    threads = layout.workers * layout.threads
    short = f": {threads} threads share {machine.cores} cores, which is slower than as many as there are"
    return f"{many}{where}" + (short if threads > machine.cores else "")


def candidates(machine: NodeMachine, *, batch: int, on_gpus: bool) -> list[tuple[int, int]]:
    """Workers and threads that are worth measuring, in the order of measuring: one of one first, then all cores shared.

    A worker has at least one image of the batch. On GPUs there is one worker for each, with one thread.
    """
    most = min(machine.gpus if on_gpus else machine.cores, batch)
    workers = sorted({1, most} | {1 << power for power in range(most.bit_length()) if 1 << power <= most})
    if on_gpus:
        return [(count, 1) for count in workers]
    filled = [(count, machine.cores // count) for count in workers]
    return [(1, 1), *(one for one in filled if one != (1, 1))]


def fewer_threads(best: tuple[int, int], tried: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """What is to be measured after the best: the same workers with half the threads; None: nothing is left."""
    workers, threads = best
    half = (workers, threads // 2)
    return half if half[1] >= 1 and half not in tried else None
