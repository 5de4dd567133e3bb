"""`mhfd score`: an image that hangs costs its own line, and never the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

HANGING = """
import sys, threading
from mhfd import api
from mhfd.contract.params import Params
from mhfd_client.scoring import lines
score = api.score
def hanging(path, **options):
    if "hangs" in path.rpartition("/")[2]:
        threading.Event().wait()
    if "large" in path.rpartition("/")[2]:
        raise MemoryError
    return score(path, **options)
lines.api.score = hanging
lines.run(sys.argv[1:], params=Params(), device="cpu", jobs=1, deadline_s=1.0)
"""


def test_an_image_that_hangs_or_is_too_large_is_a_line(tmp_path: Path) -> None:
    names = ["a", "hangs1", "b", "hangs2", "large", "c"]
    image = np.random.default_rng(1).integers(0, 255, (40, 40), np.uint8)
    for name in names:
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    command = [sys.executable, "-c", HANGING, *(str(tmp_path / f"{name}.tif") for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    assert [Path(line.split("  ")[0]).stem for line in lines] == names
    assert all("took longer than 1 s" in lines[at] for at in (1, 3))
    assert "needs more memory" in lines[4]
    assert not any("set aside" in lines[at] for at in (0, 2, 5))
    assert done.returncode == 1
