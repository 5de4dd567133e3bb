"""How a batch is shared on this machine: workers x threads, each by a few steps of the real training.

Images a second are for choosing a layout; they say nothing of how fast a network learns, which is another table's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from benchmarks._table import markdown
from tests.rigs.little_training import job, taught

from mhfd.learning.training.launching import Swept, machine_here, sweep

SIDE: Final = 256
BATCH: Final = 16
NETWORKS: Final = ("small", "mcnn")
GROUPS: Final = 6
EACH: Final = 8


def ways(cores: int) -> list[tuple[int, int]]:
    """One worker of one thread; one with all cores; one for each core; and twice as many."""
    return list(dict.fromkeys([(1, 1), (1, cores), (cores, 1), (2 * cores, 1)]))


def swept(network: str, folder: Path) -> Swept:
    """A sweep of a network, on textures of 256x256."""
    dataset = taught(folder / "dataset", groups=GROUPS, each=EACH, side=SIDE)
    made = job(dataset, learner=network, batch=BATCH, lesson="focus" if network == "small" else "cause")
    return sweep(made, folder / "sweep", folder / "sweeps", ways=ways(machine_here().cores))


def table(found: Swept) -> str:
    """One sweep, and its choice."""
    rows = [
        [row.workers, row.threads, row.local_batch]
        + (
            [row.why, "", "", ""]
            if row.images_s is None
            else [
                f"{row.images_s:.3g}",
                f"{1000 * (row.step_s or 0.0):.0f}",
                f"{1000 * (row.exchange_s or 0.0):.0f}",
                f"{(row.memory_bytes or 0) / 2**30:.2f}",
            ]
        )
        for row in found.rows
    ]
    header = ["workers", "threads of each", "images of each", "images/s", "ms a step", "of it exchange", "GiB of all"]
    return f"{markdown(header, rows)}\n\nChosen: {found.why}."


def measured() -> str:
    """All of it."""
    said = [f"Batch {BATCH} of {SIDE}x{SIDE}, on {machine_here().name}; each worker bound to cores of its own."]
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            said += [f"`{network}`:", table(swept(network, Path(folder, network)))]
    return "\n\n".join(said)


if __name__ == "__main__":
    print(measured())
