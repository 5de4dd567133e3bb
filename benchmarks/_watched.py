"""What a watch costs the processor: `mhfd watch` as typed, over a folder of images that are there already."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tifffile
from benchmarks._subjects import environment
from numpy.typing import NDArray

FEW: Final = 4
"""Images of the run whose cost is taken off: what starting costs."""


@dataclass(frozen=True)
class Watched:
    """A watch and all of its processes."""

    cpu_ms: float
    """Of the processor, an image; without the start."""
    peak_mb: float
    """The largest of its processes."""


def watched(tree: Path, picture: NDArray[np.uint8], count: int) -> Watched:
    """With one worker, no page, and the mhfd of `tree`."""
    with tempfile.TemporaryDirectory() as name:
        few, _ = _run(tree, _folder(Path(name, "few"), picture, FEW))
        many, peak = _run(tree, _folder(Path(name, "many"), picture, FEW + count))
    return Watched((many - few) / count * 1e3, peak)


def _folder(folder: Path, picture: NDArray[np.uint8], count: int) -> Path:
    folder.mkdir()
    picture = picture.copy()
    for number in range(count):
        picture[0, :2] = number % 256, number // 256
        tifffile.imwrite(folder / f"section_{number:05}.tif", picture)
    return folder


def _run(tree: Path, folder: Path) -> tuple[float, float]:
    """Seconds of the processor, and the largest process in MB."""
    state = folder.with_name(f"{folder.name}-state")
    program = "import sys; from mhfd_client.cli import main; sys.exit(main())"
    options = ["--state", str(state), "--until-idle", "2", "--workers", "1", "--device", "cpu", "--no-page", "-q"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "watch", str(folder), *options],
            env=environment(tree, MHFD_THREADS="1", HOME=str(folder.parent)),
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"mhfd watch ended with {process.returncode}: {said.read().decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3
