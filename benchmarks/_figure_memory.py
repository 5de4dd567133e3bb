"""Peak memory against the side and the number of scales, with the limit that the paper met drawn in.

Each figure is of a process that does nothing else, by the kernel's own count of its pages (VmHWM).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tifffile
from benchmarks._figure import COLOURS, Drawn, Scope, picture, shown
from benchmarks._table import markdown
from benchmarks.speed import picture as image_of

PROBE: Final = """
import sys
what, path, n, root = sys.argv[1:]
if what == "score":
    import mhfd
    params = mhfd.Params(n=int(n), min_t=1, max_t=int(n))
    report = mhfd.score(path, params=params, device="cpu", threads=1)
    assert report.dof, report.finding_detail
elif what == "chain":
    sys.path.insert(0, root)
    import numpy, tifffile
    from benchmarks import _speed_peers, speed
    _speed_peers.paper_way(tifffile.imread(path), speed.params(int(n)))
else:
    import mhfd
lines = open("/proc/self/status").read().splitlines()
print(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)
"""
SCORE, CHAIN, NOTHING = "score", "chain", "nothing"
SCALES: Final = (16, 32, 64)
LIMIT_GB: Final = 40
LIMIT_SIDE, LIMIT_SCALES = 4096, 20
ROOT: Final = Path(__file__).resolve().parents[1]


def memory(scope: Scope, *, sides: Sequence[int] = (1024, 2048, 4096, 8192)) -> Drawn:
    """Peak of `score(path)`, and of the paper's chain where this machine can hold it."""
    sides = (*sides, 16384) if scope.full else sides
    stacked = [side for side in sides if side <= (4096 if scope.full else 2048)]
    peaks: dict[tuple[str, int, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for side in sides:
            grey = image_of(side)
            deep, shallow = Path(folder, "16.tif"), Path(folder, "8.tif")
            tifffile.imwrite(deep, grey.astype(np.uint16) * 16, rowsperstrip=64)
            for n in SCALES:
                peaks[SCORE, side, n] = peak_mb(SCORE, deep, n)
            if side in stacked:
                tifffile.imwrite(shallow, grey)
                for n in SCALES[:1] if side > 2048 else SCALES[:2]:
                    peaks[CHAIN, side, n] = peak_mb(CHAIN, shallow, n)
        alone = peak_mb(NOTHING, Path(folder), 0)
    draw(peaks)
    rows = []
    for what, words in ((SCORE, "`mhfd.score(path)`, 16 bit"), (CHAIN, "the paper's chain, NumPy, 8 bit")):
        for n in SCALES if what == SCORE else SCALES[:2]:
            rows.append([f"{words}, n = {n}", *(mb(peaks.get((what, side, n))) for side in sides)])
    body = (
        f"{shown('memory', 'Peak memory against the side of the image')}\n\nPeak of the whole process, MB; one thread; "
        f"scales 1 to n px. `import mhfd` alone: {alone:.0f} MB.\n\n"
        + markdown(["MB", *(f"{side}x{side}" for side in sides)], rows)
        + "\n\n"
        + markdown(
            ["what the paper prints", "its hardware"],
            [
                [
                    f"{LIMIT_GB} GB are used up above {LIMIT_SIDE}x{LIMIT_SIDE} with more than about {LIMIT_SCALES} "
                    "scales (the line and the mark in the picture)",
                    f"one A100 of {LIMIT_GB} GB, device memory",
                ]
            ],
        )
    )
    return Drawn("memory", "Peak memory against size and scales", body)


def peak_mb(what: str, path: Path, n: int) -> float:
    """Of a process that does this and nothing else."""
    command = [sys.executable, "-c", PROBE, what, str(path), str(n), str(ROOT)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def mb(peak: float | None) -> str:
    """A cell."""
    return "-" if peak is None else f"{peak:,.0f}"


def draw(peaks: dict[tuple[str, int, int], float]) -> None:
    """Sides across, megabytes up, both logarithmic."""
    with picture("memory", width=6.2, height=4.2) as axis:
        for what, words, style in ((SCORE, "mhfd.score(path)", "o-"), (CHAIN, "the paper's chain", "s--")):
            for n, colour in zip(SCALES, COLOURS, strict=False):
                at = sorted(side for kind, side, count in peaks if kind == what and count == n)
                if at:
                    values = [peaks[what, side, n] for side in at]
                    axis.plot(at, values, style, color=colour, label=f"{words}, n = {n}")
        axis.axhline(LIMIT_GB * 1000, color=COLOURS[-1], linewidth=1)
        axis.plot([LIMIT_SIDE], [LIMIT_GB * 1000], "*", color=COLOURS[-1], markersize=10)
        axis.annotate(
            f"the paper: {LIMIT_GB} GB (A100) used up\nabove {LIMIT_SIDE}x{LIMIT_SIDE}, n > {LIMIT_SCALES}",
            (LIMIT_SIDE, LIMIT_GB * 1000),
            xytext=(-120, -24),
            textcoords="offset points",
            fontsize=7,
        )
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        sides = sorted({side for _, side, _ in peaks})
        axis.set_xticks(sides, [str(side) for side in sides])
        axis.set(xlabel="side of the image, px", ylabel="peak of the process, MB")
        axis.grid(visible=True, which="major", linewidth=0.3)
        axis.legend(fontsize=6, loc="center left")
