"""What the multiscale network takes: parameters and activations by batch, beside what its paper prints.

Counted, but for one step at the paper's own size, which is taken in a process that does nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import product
from typing import Final

from benchmarks._table import markdown

from mhfd.learning.training.nets import NETS, begin, count
from mhfd.learning.training.nets.mcnn import CONVOLUTIONS, DENSE, KERNEL, MIXED, WIDTHS

SIDE: Final = (1024, 1280)
CHANNELS: Final = 3
CLASSES: Final = 13
BATCHES: Final = (1, 8, 16, 32, 64)
PAPER_MB: Final = 162.2
PAPER_ACTIVATIONS: Final = "11 GB"
PAPER_MEASURED: Final = "47.5 GB"
PROBE: Final = """
import json, sys
import torch
from mhfd.learning.training.nets import NETS, begin
from mhfd.learning.training.nets.in_torch import TorchNet

torch.set_num_threads(1)
name, batch, rows, columns, channels, classes = sys.argv[1], *map(int, sys.argv[2:])
net = NETS[name]
taught = TorchNet(net, begin(net, channels=channels, outputs=classes, seed=0), channels=channels, outputs=classes)
learning = torch.optim.SGD(taught.parameters(), 0.001, 0.9)
images = torch.rand(batch, channels, rows, columns)


def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


before = peak()
loss = torch.nn.functional.cross_entropy(taught(images).said, torch.zeros(batch, dtype=torch.long))
loss.backward()
learning.step()
print(json.dumps({"before": before, "peak": peak(), "loss": loss.item()}))
"""


@dataclass(frozen=True, slots=True)
class OneStep:
    """A step of training, in a process of its own."""

    before_bytes: int
    """Largest that the process had been with torch, the network and the images, before the step."""
    peak_bytes: int
    loss: float


def one_step(name: str = "mcnn", *, batch: int = 1, side: tuple[int, int] = SIDE) -> OneStep:
    """Forward, back and a step down, on images of noise. Needs torch."""
    asked = [name, *map(str, (batch, *side, CHANNELS, CLASSES))]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *asked],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = json.loads(done.stdout)
    return OneStep(said["before"], said["peak"], said["loss"])


def by_batch() -> str:
    """Activations of the paper's figure 2, counted."""
    rows = []
    for batch in BATCHES:
        sized = count(NETS["mcnn"], channels=CHANNELS, outputs=CLASSES, side=SIDE, batch=batch)
        beside = PAPER_ACTIVATIONS if batch == 32 else ""
        rows.append([batch, f"{sized.activation_bytes / 1e9:.2f}", beside, PAPER_MEASURED if batch == 32 else ""])
    return markdown(
        ["images of 1024x1280x3", "activations, GB (computed)", "the paper's count", "the paper's memory in use"], rows
    )


def readings() -> list[tuple[str, int]]:
    """Parameters of what could stand between 208 channels and thirteen classes, and of what was chosen."""
    outside = sum(
        (CHANNELS if first else width) * width * KERNEL**2 + width
        for width, first in product(WIDTHS, (True, *[False] * (CONVOLUTIONS - 1)))
    )
    together = sum(WIDTHS)
    ends = DENSE * CLASSES + CLASSES
    places = (SIDE[0] // 64, SIDE[1] // 64)

    def whole(mixing: int, dense_inputs: int) -> int:
        return outside + together * MIXED * mixing + MIXED + dense_inputs * DENSE + DENSE + ends

    return [
        ("chosen: 1x1 to 1024 channels, mean over the places, 1024x512, 512x13", whole(1, MIXED)),
        ("3x3 to 1024 channels, mean over the places, 1024x512, 512x13", whole(9, MIXED)),
        (
            "1x1 to 1024 channels, halved by max pooling, its 8x10 places flattened: 81,920x512, 512x13",
            whole(1, MIXED * (places[0] // 2) * (places[1] // 2)),
        ),
        (
            "1x1 to 1024 channels, its 16x20 places flattened: 327,680x512, 512x13",
            whole(1, MIXED * places[0] * places[1]),
        ),
        ("a kernel of 16x20 to 1024 channels, 1024x512, 512x13", whole(places[0] * places[1], MIXED)),
    ]


def by_reading() -> str:
    """The table of them, beside the paper's 162.2 megabytes."""
    rows = [
        [what, f"{number:,}", f"{4 * number / 1e6:.1f}", f"{4 * number / 2**20:.1f}"] for what, number in readings()
    ]
    rows.append(["the paper", "", f"{PAPER_MB} 'megabytes'", ""])
    return markdown(["after the pathways", "parameters", "MB", "MiB"], rows)


def measured() -> str:
    """All of it; the step is taken where torch is installed."""
    weights = begin(NETS["mcnn"], channels=CHANNELS, outputs=CLASSES, seed=0)
    held = sum(one.nbytes for one in weights.values())
    said = [by_reading(), f"Weights as begun: {held / 1e6:.1f} MB.", by_batch()]
    try:
        step = one_step()
    except subprocess.CalledProcessError as failed:
        said.append(f"A step was not taken: {failed.stderr.strip().splitlines()[-1]}")
    else:
        said.append(
            f"One step with one image of {SIDE[0]}x{SIDE[1]}x{CHANNELS}, measured: the process is "
            f"{step.before_bytes / 2**30:.2f} GiB before it and {step.peak_bytes / 2**30:.2f} GiB at most."
        )
    return "\n\n".join(said)


if __name__ == "__main__":
    print(measured())
