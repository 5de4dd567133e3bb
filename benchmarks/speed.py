"""Speed and memory of the CPU kernel and of a whole score, against the paper's way and scikit-image, in one run.

The paper's way: float32 FFT, every scale held in a stack, argmax, 3x3 maxima. Each pair is timed in turn, so that both
meet the same neighbours on the machine; ratios are of the pairs' medians. MHFD_DATA, if set, is a folder of micrographs
(its `vnc` is tiled to size); without it the picture is made here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import skimage.feature
import tifffile
from benchmarks._table import markdown, publish
from numpy.typing import NDArray

from mhfd import native, scales, stretch
from mhfd.api import score
from mhfd.contract.params import Params
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.dct import DctDetector
from mhfd.threads import thread_count

Image = NDArray[np.uint8]
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


def paper_way(pixels: Image, p: Params) -> int:
    """Every scale in one stack. Single precision, one thread; returns the number of features."""
    lo, hi = stretch.limits_of_counts(np.bincount(pixels.ravel(), minlength=256), p)
    image = stretch.apply(pixels, lo, hi, np.float32)
    spectrum = scipy.fft.rfft2(image, workers=1)
    fy, fx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1])
    stack = np.empty((p.n, *image.shape), np.float32)
    sigmas = scales.ladder(p)
    previous = None
    for i, t in enumerate(sigmas):
        gain = (np.exp(-2 * (np.pi * t * fy) ** 2).astype(np.float32)) * np.exp(-2 * (np.pi * t * fx) ** 2).astype(
            np.float32
        )
        blurred = scipy.fft.irfft2(spectrum * gain, s=image.shape, workers=1)
        if previous is not None:
            np.multiply(previous - blurred, np.float32(sigmas[i - 1]), out=stack[i - 1])
        previous = blurred
    where = stack.argmax(axis=0)
    maximum = np.take_along_axis(stack, where[None], axis=0)[0]
    peaks = (maximum == scipy.ndimage.maximum_filter(maximum, 3)) & (maximum > scales.floors(p)[0])
    return int(peaks.sum())


def in_turn(functions: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each, one after the other, `repeats` times, after one call to warm up."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def ratio(slow: list[float], fast: list[float]) -> str:
    return f"**{statistics.median(slow) / statistics.median(fast):.1f}x**"


def speed(sides: list[int], counts: list[int], repeats: int) -> str:
    kernel, dct = CpuDetector(1), DctDetector(1)
    rows = []
    for side in sides:
        for n in counts:
            pixels, p = picture(side), params(n)
            functions: dict[str, Callable[[], Any]] = {
                "paper": partial(paper_way, pixels, p),
                "kernel": partial(kernel.detect, pixels, p),
                "score": partial(score, pixels, params=p, device="cpu", threads=1),
            }
            if side <= 1024:
                functions["dct"] = partial(dct.detect, pixels, p)
            times = in_turn(functions, max(3, round(repeats * 1024 / side)))
            row = [f"{side} x {side}", str(n), spread(times["paper"])]
            for name in ("kernel", "score", "dct"):
                row += [spread(times[name]), ratio(times["paper"], times[name])] if name in times else ["", ""]
            rows.append(row)
    header = ["image", "n", "paper's way, ms", "kernel, ms", "faster", "whole score, ms", "faster", "DCT, ms", "faster"]
    return markdown(header, rows)


def levels(repeats: int) -> str:
    pixels, p = picture(1024), params(16)
    functions: dict[str, Callable[[], Any]] = {"paper": partial(paper_way, pixels, p)}
    for level in native.levels():
        functions[level] = partial(CpuDetector(1, level=level).detect, pixels, p)
    times = in_turn(functions, repeats)
    return markdown(
        ["instructions", "ms", "faster than the paper's way"],
        [[level, spread(times[level]), ratio(times["paper"], times[level])] for level in native.levels()],
    )


def threads(side: int, repeats: int) -> str:
    pixels, p = picture(side), params(16)
    counts = [1]
    while counts[-1] * 2 <= thread_count():
        counts.append(counts[-1] * 2)
    functions: dict[str, Callable[[], Any]] = {
        str(count): partial(CpuDetector(count).detect, pixels, p) for count in counts
    }
    times = in_turn(functions, repeats)
    return markdown(
        ["threads", "ms", "faster than 1"], [[c, spread(t), ratio(times["1"], t)] for c, t in times.items()]
    )


def scikit_image(repeats: int) -> str:
    pixels, p = picture(512), params(16)
    kernel = CpuDetector(1)
    image = stretch.apply(pixels, *stretch.limits(pixels, p), np.float32)

    def blob_dog() -> Any:
        sigmas = {"min_sigma": 1, "max_sigma": 16, "sigma_ratio": 1.19}
        return skimage.feature.blob_dog(image, threshold=0.01, **sigmas)  # type: ignore[no-untyped-call]

    times = in_turn({"skimage": blob_dog, "kernel": lambda: kernel.detect(pixels, p)}, repeats)
    return markdown(
        ["512 x 512, 1 to 16", "ms", ""],
        [
            ["`skimage.feature.blob_dog`, 17 scales", spread(times["skimage"]), ""],
            ["kernel, 16 scales", spread(times["kernel"]), ratio(times["skimage"], times["kernel"])],
        ],
    )


PROBE = """
import resource, sys
import numpy as np
pixels = np.load(sys.argv[1])
if sys.argv[2] == "paper":
    sys.path.insert(0, sys.argv[4])
    from benchmarks import speed
    speed.paper_way(pixels, speed.params(int(sys.argv[3])))
elif sys.argv[2] == "kernel":
    from mhfd.contract import Params
    from mhfd.detector.cpu import CpuDetector
    n = int(sys.argv[3])
    CpuDetector(1).detect(pixels, Params(n=n, min_t=1, max_t=16, gate="absolute", threshold=0.1))
try:  # of this program; ru_maxrss also remembers the process that started it
    lines = open("/proc/self/status").read().splitlines()
    print(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def peak_memory(path: Path, what: str, n: int) -> float:
    """MB of a process that does nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, path, what, str(n), Path(__file__).parents[1]],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def memory(side: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.npy")
        np.save(path, picture(side))
        rows: list[list[object]] = [["Python, NumPy and the image alone", "", f"{peak_memory(path, 'nothing', 0):.0f}"]]
        rows += [["kernel, 1 to 16", n, f"{peak_memory(path, 'kernel', n):.0f}"] for n in (16, 32, 64)]
        rows.append(["the paper's way", 16, f"{peak_memory(path, 'paper', 16):.0f}"])
    return markdown([f"{side} x {side}", "n", "peak MB of the process"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images, few repeats, nothing written")
    arguments = parser.parse_args()
    sides, repeats = ([512, 1024], 3) if arguments.quick else ([1024, 2048, 4096], 7)
    largest = sides[-1]
    parts = {
        "One thread": speed(sides, [16, 32], repeats),
        "Instruction levels, 1024 x 1024, n = 16, one thread": levels(repeats),
        f"Threads, {largest} x {largest}, n = 16": threads(largest, repeats),
        "scikit-image": scikit_image(1),
        "Memory": memory(largest),
    }
    source = "Tiled micrographs of `$MHFD_DATA/vnc`." if DATA else "A picture with the spectrum of natural images."
    body = "\n\n".join(f"## {title}\n\n{table}" for title, table in parts.items())
    body = (
        f"{source} Medians, least and greatest in brackets; what is compared was timed in turn. *Kernel*: stretch, "
        f"scale space, maximum over scale, 3x3 maxima. Kernel loaded: {native.kernel_info().reason}.\n\n{body}"
    )
    if arguments.quick:
        print(body)
    else:
        publish("speed", "Speed and memory on the CPU", body, packages=("numpy", "scipy", "scikit-image"))


if __name__ == "__main__":
    main()
