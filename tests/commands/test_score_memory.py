"""What `mhfd score` takes for images of any size: the peak that the operating system counted for the whole process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from mhfd import simulate

COUNTED = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A child's count begins with that of who starts it: this one is small, where pytest is not. Each thread of the kernel
has its own buffers, so it is two of them on any machine."""
SCORE = "from mhfd_client.cli import main; main()"
TILE = 1024
ROWS = 256


def written(path: Path, side: int) -> None:
    """A 16-bit image of this side, band by band: sections side by side, with another noise in each band."""
    tissue = np.tile(simulate.section((TILE, TILE), seed=1, z=0).astype(np.uint16), (1, side // TILE))
    rng = np.random.default_rng(0)

    image = tifffile.memmap(path, shape=(side, side), dtype="uint16", rowsperstrip=ROWS)
    for top in range(0, side, ROWS):
        noise = rng.integers(0, 64, (ROWS, side), np.uint16)
        image[top : top + ROWS] = tissue[top % TILE : top % TILE + ROWS] * 128 + noise
    image.flush()


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is what Linux says, in KiB")
@pytest.mark.parametrize(("side", "n", "most_mb"), [(4096, 16, 90), (16384, 16, 400), (32768, 32, 600)])
def test_memory_follows_the_width_of_an_image(tmp_path: Path, side: int, n: int, most_mb: int) -> None:
    path, said = tmp_path / "a.tif", tmp_path / "said"
    written(path, side)
    score = [sys.executable, "-c", SCORE, "score", str(path), "--json", "--n", str(n), "--max-t", str(n)]
    with said.open("w") as to:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-c", COUNTED, *score],
            stdout=subprocess.PIPE,
            stderr=to,
            text=True,
            check=False,
        )
    path.unlink()
    report = json.loads(next(line for line in said.read_text().splitlines() if line.startswith("{")))
    assert ran.returncode == 0, said.read_text()
    assert (report["image"]["shape"], report["finding"]) == ([side, side], "ok")
    assert len(report["scales"]) == n
    assert report["dof"] > side
    assert int(ran.stdout) * 1024 / 1e6 <= most_mb
