"""A pretend microscope: writes simulated sections as an instrument would, with failures that are known.

For the demo, the tests and the benchmark. `RunPlan.of` decides what happens, `simulate_run` makes it happen, `grade`
compares what was said with the truth. The truth is written outside the watched folder, before the first image.
It must not know how images are judged.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from mhfd.errors import UsageError
from mhfd_client.microscope.images import tiff
from mhfd_client.microscope.plan import RunPlan
from mhfd_client.microscope.truth import Shot, write_truth


def simulate_run(
    into: Path,
    plan: RunPlan,
    *,
    truth: Path | None = None,
    at_once: bool = False,
    interval_s: float = 1.0,
    writer: Literal["in_place", "rename"] = "in_place",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Shot]:
    """Write the images one after the other; yields each when its file is whole (or as whole as it gets).

    Args:
        into: The folder that a station watches.
        plan: What happens.
        truth: Where the truth is written, outside of `into`; by default beside it, `NAME.truth.csv`.
        at_once: No waiting: every file appears as fast as it can be made.
        interval_s: Otherwise: seconds from one image to the next, half of which the file grows.
        writer: Files grow in place, or under another name and are renamed.
        sleep: How to wait.
    """
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise UsageError(f"into: {into} is not empty; name a new folder, so that nothing is overwritten")
    truth = into.with_name(into.name + ".truth.csv") if truth is None else truth
    if truth.resolve().is_relative_to(into.resolve()):
        raise UsageError(f"truth: {truth} lies in the watched folder; the truth must stay outside of it")
    write_truth(truth, plan.shots)
    for shot in plan.shots:
        data = tiff(plan, shot)
        target = into / shot.path
        target.parent.mkdir(parents=True, exist_ok=True)
        growing = target if writer == "in_place" else target.with_name(target.name + ".part")
        with growing.open("wb") as file:
            for piece in np.array_split(np.frombuffer(data, np.uint8), 1 if at_once else 8):
                file.write(piece.tobytes())
                file.flush()
                if not at_once:
                    sleep(interval_s / 16)
        if writer == "rename":
            os.replace(growing, target)  # noqa: PTH105  the same call as in the hazard it stands for
        yield shot
        if not at_once:
            sleep(interval_s / 2)
