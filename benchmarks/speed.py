"""Speed and memory on one core: the kernel, a whole `score` of a file and a watch, against the strongest peers we know.

Each is a process of its own with one thread; they run in turn, so that all meet the same neighbours on the machine, and
ratios are of medians of the processor's time. `--beside DIR` runs the mhfd of another clone in the same turns (its
kernel built). Peers need the extra `bench`; one that is not installed is a row that says so. MHFD_DATA, if set, is a
folder of micrographs (its `vnc` is tiled to size); without it the picture is made here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from benchmarks._speed_peers import PEERS, Image
from benchmarks._subjects import ROOT, compared
from benchmarks._table import markdown, publish
from benchmarks._watched import Watched, watched

from mhfd import native
from mhfd.contract.params import Params
from mhfd.detector.cpu import CpuDetector
from mhfd.threads import thread_count

PROFILE: Final = """Sampled with `perf` at 1024 x 1024, n = 16, v4, of what the library itself takes: Gaussians \
across rows 18%, down columns 16%; the rows between those of a base plane, and the maximum over scales, 28%; the \
columns between them 7%; base planes 10%, stretch 8% (each pixel twice: for the planes and for the tile), 3x3 maxima \
5%, histogram 5%.

What keeps it from more, by the count of its instructions: a Gaussian across a row loads vectors that begin anywhere, \
so that a load touches two lines of the cache, and loading takes twice as long as the arithmetic; a layout whose lanes \
are strips of the image would mend that. The maximum over scales fills both vector units: only fewer operations would \
help. All arithmetic together would take 7 ms at the rate of `sgemm` here (100 GFLOP/s). Fetching the rings ahead \
and sharing weights between rows gained nothing when tried; tuning for one processor (`-mtune`) gained 2%."""
PACKAGES: Final = ("numpy", "scipy", "pyfftw", "mkl_fft", "opencv-python-headless")
SIZES: Final = [(1024, 16, 15), (1024, 32, 15), (2048, 16, 9), (4096, 16, 5), (4096, 32, 5), (4096, 64, 3)]
CALLED: Final = {
    "kernel": "the kernel",
    "score": "`score(path)`",
    "paper": "the paper's way as printed (NumPy, a stack)",
    "fftw": "the same streaming, FFTW",
    "mkl": "the same streaming, MKL",
    "fftw alone": "its transforms alone, FFTW",
    "mkl alone": "its transforms alone, MKL",
    "cascade": "OpenCV, a cascade",
    "pyramid": "OpenCV, a pyramid",
    "nothing": "Python, mhfd and the image alone",
    "kernel beside": "the kernel, beside",
    "score beside": "`score(path)`, beside",
}
DATA = os.environ.get("MHFD_DATA", "")


def picture(side: int) -> Image:
    """`side` x `side` pixels of micrograph, mirrored tiles of it where it is smaller."""
    files = sorted(Path(DATA, "vnc").glob("*.tif")) if DATA else []
    if files:
        tile = tifffile.imread(files[0])
    else:
        rng = np.random.default_rng(0)
        f = np.hypot(np.fft.fftfreq(1024)[:, None], np.fft.rfftfreq(1024))
        f[0, 0] = 1
        tile = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((1024, 1024))) / f)
        tile = (tile - tile.min()) / np.ptp(tile) * 220 + rng.normal(0, 6, tile.shape)
    more = max(0, side - len(tile))
    return np.ascontiguousarray(np.pad(tile.clip(0, 255).astype(np.uint8), (0, more), "symmetric")[:side, :side])


def params(n: int, *, max_t: float | None = None) -> Params:
    return Params(n=n, min_t=1, max_t=max_t or n, gate="absolute", threshold=0.1)


def in_turn(
    functions: dict[str, Callable[[], Any]], repeats: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Milliseconds of each, one after the other, `repeats` times, after one call to warm up."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeats):
        for name, function in functions.items():
            start = clock()
            function()
            times[name].append(1e3 * (clock() - start))
    return times


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def ratio(slow: list[float], fast: list[float]) -> str:
    return f"**{statistics.median(slow) / statistics.median(fast):.1f}x**"


def against_peers(side: int, n: int, repeats: int, beside: Path | None) -> str:
    """One picture, everybody in turn."""
    with tempfile.TemporaryDirectory() as folder:
        pixels, image = Path(folder, "pixels.npy"), Path(folder, "image.tif")
        np.save(pixels, picture(side))
        tifffile.imwrite(image, np.load(pixels))
        asked = {name: (name, ROOT) for name in ("kernel", "score", *PEERS, "nothing")}
        if beside:
            asked |= {f"{name} beside": (name, beside) for name in ("kernel", "score")}
        subjects = compared(asked, pixels, n, image, repeats)
    kernel, rows = subjects["kernel"], []
    for called, subject in subjects.items():
        if subject.found is None:
            rows.append([CALLED[called], "not installed", "", "", ""])
        elif called == "nothing":
            rows.append([CALLED[called], "", "", "", f"{subject.peak_mb:.0f}"])
        else:
            over = "" if "score" in called else ratio(subject.cpu_ms, kernel.cpu_ms)
            found = f"{subject.found:,}" if subject.found else ""
            rows.append([CALLED[called], spread(subject.cpu_ms), over, found, f"{subject.peak_mb:.0f}"])
    table = markdown(["one core", "ms", "the kernel is faster", "maxima", "peak MB of the process"], rows)
    if beside:
        gained = ratio(subjects["score beside"].cpu_ms, subjects["score"].cpu_ms)
        table += f"\n\n`score(path)` is {gained} as fast as beside it."
    return table


def sizes(runs: list[tuple[int, int, int]]) -> str:
    """The kernel by side, scales and repeats."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for side, n, repeats in runs:
            pixels = Path(folder, "pixels.npy")
            np.save(pixels, picture(side))
            kernel = compared({"kernel": ("kernel", ROOT)}, pixels, n, pixels, repeats)["kernel"]
            rows.append([f"{side} x {side}", str(n), spread(kernel.cpu_ms), f"{kernel.peak_mb:.0f}"])
    return markdown(["the kernel, one core", "n", "ms", "peak MB of the process"], rows)


def watches(side: int, images: int, repeats: int, beside: Path | None) -> str:
    """Watches of the same folder, in turn."""
    trees = {"mhfd watch": ROOT} | ({"mhfd watch, beside": beside} if beside else {})
    runs: dict[str, list[Watched]] = {name: [] for name in trees}
    for _ in range(repeats):
        for name, tree in trees.items():
            runs[name].append(watched(tree, picture(side), images))
    first = statistics.median(run.cpu_ms for run in runs["mhfd watch"])
    rows = []
    for name, several in runs.items():
        times = [run.cpu_ms for run in several]
        part = f"{first / statistics.median(times):.2f}" if name != "mhfd watch" else ""
        rows.append([f"`{name}`", spread(times), part, f"{max(run.peak_mb for run in several):.0f}"])
    header = [
        f"{images} images of {side} x {side}",
        "ms an image",
        "part of it that we take",
        "MB of the largest process",
    ]
    return markdown(header, rows)


def levels(repeats: int) -> str:
    pixels, p = picture(1024), params(16)
    times = in_turn(
        {level: partial(CpuDetector(1, level=level).detect, pixels, p) for level in native.levels()}, repeats
    )
    best = times[native.levels()[0]]
    return markdown(
        ["instructions", "ms", "the best is faster"],
        [[level, spread(times[level]), ratio(times[level], best)] for level in native.levels()],
    )


def threads(side: int, repeats: int) -> str:
    pixels, p = picture(side), params(16)
    counts = [1]
    while counts[-1] * 2 <= thread_count():
        counts.append(counts[-1] * 2)
    times = in_turn(
        {str(count): partial(CpuDetector(count).detect, pixels, p) for count in counts},
        repeats,
        clock=time.perf_counter,
    )
    return markdown(
        ["threads", "ms on the wall", "faster than 1"], [[c, spread(t), ratio(times["1"], t)] for c, t in times.items()]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images, few repeats, nothing written")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another clone, its kernel built")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    runs = [(512, 16, 3)] if arguments.quick else [(1024, 16, 15), (4096, 16, 5)]
    beside: Path | None = arguments.beside and arguments.beside.resolve()
    parts = {f"{s} x {s}, n = {n}": against_peers(s, n, repeats, beside) for s, n, repeats in runs}
    parts["The watch"] = watches(1024, 8 if arguments.quick else 40, 1 if arguments.quick else 2, beside)
    parts["Sides and scales"] = sizes(SIZES[:2] if arguments.quick else SIZES)
    parts["Instruction levels, 1024 x 1024, n = 16"] = levels(3 if arguments.quick else 11)
    parts["Threads, 4096 x 4096, n = 16"] = threads(1024 if arguments.quick else 4096, 3 if arguments.quick else 5)
    parts["Where the kernel's time goes"] = PROFILE
    source = "Tiled micrographs of `$MHFD_DATA/vnc`." if DATA else "A picture with the spectrum of natural images."
    body = "\n\n".join(f"## {title}\n\n{table}" for title, table in parts.items())
    other = f" *Beside*: the mhfd of commit {commit(beside)}, in the same turns." if beside else ""
    body = (
        f"{source} One core each, in turn: median milliseconds of the processor, least and greatest in brackets. The "
        "kernel (stretch, scale space, maximum over scale, 3x3 maxima) and its peers begin with pixels in memory; "
        "`score(path)` reads, measures and reports one TIFF file with the default parameters. Transforms alone find "
        f"nothing; all that is done through them has a circular border.{other} Which peers and why: "
        "[decision 56](../decisions/0056-strong-peers.md). Kernel loaded: "
        f"{native.kernel_info().reason}. Load average before the run: {load:.1f}.\n\n{body}"
    )
    if arguments.quick:
        print(body)
    else:
        publish("speed", "Speed and memory on the CPU", body, packages=[p for p in PACKAGES if installed(p)])


def commit(tree: Path) -> str:
    """Of a clone."""
    done = subprocess.run(
        ["git", "-C", tree, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def installed(package: str) -> bool:
    """Whether its version can be said."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
