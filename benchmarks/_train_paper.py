"""What the paper prints of its trainings, and what ours would take on more processors: quoted, and computed.

Neither is a measurement of ours, and nothing here divides one by the other.
"""

from __future__ import annotations

import math
from typing import Final

from benchmarks._table import markdown
from benchmarks._train_runs import Run

TABLE_1: Final = (
    (1, 6.6, 128, 960, 30),
    (2, 8.0, 256, 642, 72),
    (4, 8.7, 512, 320, 141),
    (8, 12.0, 1024, 240, 262),
    (16, 15.9, 2048, 150, 553),
    (32, 14.9, 2048, 85, 893),
    (64, 15.0, 2048, 61, 1284),
    (128, 15.2, 2048, 50, 1587),
)
"""Nodes, epochs, batch, minutes to 99% top 1 and 100% top 5, images a second: printed, data set B."""
IMAGES_OF_B: Final = 313_282
HARDWARE: Final = (
    "two Xeon Gold 6148 a node (40 cores), 192 GB, 100 Gb/s Omni-Path, 8 workers a node, TensorFlow 1.9 with Horovod"
)
WORKERS_A_NODE: Final = 8
BYTES_A_SECOND: Final = 1.25e9
"""10 Gb/s, assumed between nodes."""
LATENCY_S: Final = 30e-6
"""Assumed, each way, for each doubling of the workers."""


def printed() -> str:
    """Table 1, and the images a second that its own epochs and minutes make."""
    header = ("nodes", "epochs", "batch", "minutes", "images/s, printed", "by its own epochs and minutes")
    rows = [(*row, f"{row[1] * IMAGES_OF_B / (60 * row[3]):.1f}") for row in TABLE_1]
    return markdown(header, rows)


def exchange_s(workers: int, size: float) -> float:
    """A ring over all workers, by the assumptions above."""
    if workers == 1:
        return 0.0
    return 2 * (workers - 1) / workers * size / BYTES_A_SECOND + 2 * math.log2(workers) * LATENCY_S


def computed(alone: Run, epochs: dict[int, int], parameters: int, images: int) -> str:
    """More nodes than there are here.

    Args:
        alone: One worker, measured.
        epochs: To the accuracy, by batch, as they were measured: the workers do not change them.
        parameters: Of the network.
        images: Of an epoch.
    """
    an_image = (alone.milliseconds("seconds") - alone.milliseconds("exchange_s")) / 1e3 / alone.plan.batch
    rows: list[tuple[object, ...]] = []
    for batch, needed in sorted(epochs.items()):
        for nodes in (1, 2, 4, 8, 16):
            workers = nodes * WORKERS_A_NODE
            if workers > batch:
                break
            step = math.ceil(batch / workers) * an_image + exchange_s(workers, 4.0 * parameters)
            steps = math.ceil(images / batch) * needed
            joined = f"{1e3 * exchange_s(workers, 4.0 * parameters):.2f}"
            rows.append(
                (
                    nodes,
                    workers,
                    batch,
                    needed,
                    f"{1e3 * step:.1f}",
                    joined,
                    f"{batch / step:.0f}",
                    f"{steps * step / 60:.2f}",
                )
            )
    header = ("nodes", "workers", "batch", "epochs, measured", "ms a step", "of it exchange", "images/s", "minutes")
    return markdown(("", *header), [("computed", *row) for row in rows])
