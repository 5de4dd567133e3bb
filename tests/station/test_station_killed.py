"""An image is never lost and never scored twice: the station is killed again and again while images arrive.

A real process with the real arrival, journal, loop and local runner; SIGKILL at random moments.
"""

from __future__ import annotations

import random
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.rigs.workplace import Workplace, check

SPREAD_S = 0.8  # a kill comes within this time of the start of the process, or of its loop: in turn


class Microscope(threading.Thread):
    """Writes small images, one after the other, as instruments do: elsewhere, then renamed in."""

    def __init__(self, root: Path, images: int, every_s: float) -> None:
        super().__init__()
        self.root, self.images, self.every_s = root, images, every_s
        self.halt = threading.Event()

    def run(self) -> None:
        for number in range(self.images):
            part = self.root / f"s{number:03}.tif.part"
            tifffile.imwrite(part, np.full((32, 32), number % 251, np.uint8))
            part.replace(part.with_suffix(""))
            if self.halt.wait(self.every_s):
                return


def killed(workplace: Workplace, *, kills: int, images: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible moments, no secrets
    microscope = Microscope(workplace.root, images, every_s=kills / images)
    microscope.start()
    try:
        for number in range(kills):
            with workplace.start(until_idle=3600) as station:
                if number % 2:
                    assert station.stdout is not None
                    assert station.stdout.readline() == b"ready\n"
                with pytest.raises(subprocess.TimeoutExpired):
                    station.wait(timeout=chance.uniform(0.0, SPREAD_S))
                station.kill()
    finally:
        microscope.join()
    with workplace.start(until_idle=1.5) as station:
        said, _ = station.communicate(timeout=120)
    assert station.returncode == 0
    print(said.decode().splitlines()[-1], "by the last one")  # noqa: T201
    check(workplace, images)


def test_killed(tmp_path: Path) -> None:
    killed(Workplace(tmp_path), kills=12, images=120, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    killed(Workplace(tmp_path), kills=100, images=400, seed=2)
