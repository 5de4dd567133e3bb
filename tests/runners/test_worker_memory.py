"""What a worker may take is never less than what an image within the limits needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from mhfd import simulate
from mhfd.limits import FIXED, Limits

PEAKS = """
import json, sys
from pathlib import Path
import mhfd

def said(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

mhfd.score(sys.argv[1], device="cpu", threads=1)  # what it takes once
peaks = []
for path in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = said("VmRSS")
    assert mhfd.score(path, device="cpu", threads=1).finding == "ok"
    peaks.append(said("VmHWM") - before)
print(json.dumps(peaks))
"""
SIDE, ROWS = 4096, 2048
LITTLE = 24 << 20
"""What pieces and the kernel's buffers take, of the 256 MiB that are allowed for them."""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is what Linux says")
def test_no_image_takes_more_than_its_worker_may(tmp_path: Path) -> None:
    tissue = np.tile(simulate.section((256, 256), seed=1, z=0), (ROWS // 256, SIDE // 256))
    small = tmp_path / "small.tif"
    tifffile.imwrite(small, tissue[:256, :256].astype("u1"))
    by_rows: dict[str, dict[str, Any]] = {"u1": {}, "f8": {"compression": "zstd", "tile": (256, 256)}}
    files = []
    for kind, how in by_rows.items():
        files.append(tmp_path / f"{kind}.tif")
        tifffile.imwrite(files[-1], tissue.astype(kind), **how)
    within = Limits(max_pixels=SIDE * ROWS, max_held_pixels=SIDE * 1024)
    ran = subprocess.run(
        [sys.executable, "-c", PEAKS, *map(str, [small, *files])], capture_output=True, check=True, text=True
    )
    for path, peak in zip(files, json.loads(ran.stdout), strict=True):
        assert LITTLE / 4 < peak < within.memory_needed - FIXED + LITTLE, path.name
