"""Figures 3a and 3b of the paper: time against the number of scales, and against the size, over processors.

The paper's curves are read by nobody here: it prints no values beside them. What it says of them stands in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from statistics import median as middle
from typing import Any, Final

from benchmarks import _figure_ranks as ranks
from benchmarks._figure import (
    COLOURS,
    NOT_MEASURED,
    NOT_THERE,
    Drawn,
    Scope,
    Taken,
    Times,
    in_turn,
    median,
    picture,
    shown,
)
from benchmarks._speed_peers import Image, paper_way
from benchmarks._table import markdown
from benchmarks.speed import params
from benchmarks.speed import picture as image_of

from mhfd.contract.params import Params
from mhfd.detector import Detector
from mhfd.detector.choose import choose
from mhfd.detector.cpu import CpuDetector
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import OnCpu
from mhfd.errors import DeviceUnavailable
from mhfd.threads import thread_count

CHAIN: Final = "the paper's chain: NumPy, every scale stacked, 1 thread"
NOTHING: Final = Taken([], [])
STREAM: Final = "stream: the same transforms, a running maximum, 1 thread"
KERNEL: Final = "kernel, 1 thread"
GPU_KERNEL: Final = "GPU: fused kernel"
GPU_STREAM: Final = "GPU: stream (cuFFT)"
SCALES: Final = (2, 4, 8, 16, 32)
SIDES: Final = (256, 512, 1024, 2048)
LARGEST_CHAIN: Final = 2048
"""The stack of a larger image is for `full`: a run takes seconds and gigabytes."""
LARGEST_SCALES: Final = 8 << 20
"""Pixels times scales of an image whose scales are divided over ranks here: in float64 that takes seconds."""
PAPER: Final = "one A100 to several (ThetaGPU)"


def figure3a(scope: Scope, *, side: int = 1024, counts: Sequence[int] = SCALES) -> Drawn:
    """Time against the number of scales, 1024x1024."""
    counts = (*counts, 64, 128) if scope.full else counts
    pixels = image_of(side)
    found = {n: timed(pixels, params(n), scope) for n in counts}
    draw("figure3a", found, "number of scales n", f"{side}x{side}")
    body = (
        f"{shown('figure3a', 'Time against the number of scales')}\n\n{side}x{side}, 8 bit, scales 1 to n px. "
        f"{WHAT}\n\n" + tables(found, "n = {}") + "\n\nWhat the paper says of its figure, without printed values: "
        "the time grows linearly with the number of scales "
        f"({PAPER}); n is a multiple of the number of GPUs. Here n is free, and coarse scales lie on coarser grids."
    )
    return Drawn("figure3a", "Figure 3a: time against the number of scales", body)


def figure3b(scope: Scope, *, n: int = 16, sides: Sequence[int] = SIDES) -> Drawn:
    """Time against the size, 16 scales."""
    sides = (*sides, 4096, 8192) if scope.full else sides
    found = {side: timed(image_of(side), params(n), scope) for side in sides}
    draw("figure3b", found, "side of the image, px", f"n = {n}")
    rows = [["20 ms (abstract) and 'about 50 Hz' at 1024x1024", "one A100 of 40 GB, CuPy 8.3, CUDA 11.0"]]
    rows += [["time grows with the square of the side", PAPER]]
    rows += [["time is inversely proportional to the number of GPUs; where one is enough, one is best", PAPER]]
    body = (
        f"{shown('figure3b', 'Time against the side of the image')}\n\nn = {n}, 8 bit, scales 1 to {n} px. {WHAT}\n\n"
        + tables(found, "{0}x{0}")
        + "\n\n"
        + markdown(["what the paper prints", "its hardware"], rows)
    )
    return Drawn("figure3b", "Figure 3b: time against the size of the image", body)


WHAT: Final = (
    "Milliseconds from an image in memory to the features: stretch, scale space, largest over scales, 3x3 maxima. Of "
    "bands, from a file to the whole report. Ranks: `mpiexec -n N` on this one machine, one thread each; more ranks "
    "than cores share them."
)


def timed(pixels: Image, p: Params, scope: Scope) -> Times:
    """Milliseconds of every way to do it that is there; what is not has no times."""
    functions: dict[str, Callable[[], Any]] = {}
    if len(pixels) <= LARGEST_CHAIN or (scope.full and len(pixels) <= 2 * LARGEST_CHAIN):
        functions[CHAIN] = partial(paper_way, pixels, p)
    for name, detector in detectors(p).items():
        functions[name] = partial(detector.detect, pixels, p)
    times = in_turn(functions, scope.runs)
    for way, count in ranks.tried(scope.full, scales=p.n * pixels.size <= LARGEST_SCALES):
        name = ranks.called(way, count)
        times[name] = ranks.over_ranks(pixels, p.n, way, ranks=count, runs=scope.runs).taken
    for name in (GPU_KERNEL, GPU_STREAM):
        times.setdefault(name, NOTHING)
    return times


def detectors(p: Params) -> Mapping[str, Detector]:
    """The backends that this machine has for the parameters."""
    found: dict[str, Detector] = {STREAM: StreamDetector(OnCpu(1))}
    for threads in sorted({1, thread_count()}):
        found[KERNEL if threads == 1 else f"kernel, {threads} threads"] = CpuDetector(threads)
    with suppress(DeviceUnavailable):
        found[GPU_KERNEL] = choose(p, device="gpu")
        found[GPU_STREAM] = choose(
            p.model_copy(update={"border": "wrap"}), device="gpu"
        )  # which the kernel leaves to it
    return {name: one for name, one in found.items() if one.supports(p)}


def tables(found: Mapping[int, Times], head: str) -> str:
    """A row a way, a column a configuration: by the clock, then by the processor."""
    names = list(dict.fromkeys(name for times in found.values() for name in times))
    heads = [head.format(at) for at in found]
    wall = [[name, *(cell(name, times.get(name)) for times in found.values())] for name in names]
    busy = [
        [
            name,
            *(
                f"{middle(taken.cpu):.3g}" if (taken := times.get(name, NOTHING)).cpu else "-"
                for times in found.values()
            ),
        ]
        for name in names
        if any(times.get(name, NOTHING).cpu for times in found.values())
    ]
    return f"{markdown(['ms', *heads], wall)}\n\n{BUSY}\n\n{markdown(['ms of the processor', *heads], busy)}"


BUSY: Final = (
    "What the processor worked for it, all threads and ranks together (median; a rank of MPICH that waits keeps its "
    "processor busy):"
)


def cell(name: str, taken: Taken | None) -> str:
    """A median with its spread, or why there is none."""
    if taken is None:
        return "-"
    if taken.wall:
        return median(taken.wall)
    return NOT_MEASURED if name.startswith("GPU") else NOT_THERE


def draw(name: str, found: Mapping[int, Times], xlabel: str, title: str) -> None:
    """Both axes logarithmic: a line of slope 1 in the number of scales, of slope 2 in the side, is proportional."""
    names = list(dict.fromkeys(one for times in found.values() for one, taken in times.items() if taken.wall))
    with picture(name, width=6.4, height=4.2) as axis:
        for number, one in enumerate(names):
            at = [x for x, times in found.items() if times.get(one, NOTHING).wall]
            style = "o-" if number < len(COLOURS) else "s--"
            values = [middle(found[x][one].wall) for x in at]
            axis.plot(at, values, style, color=COLOURS[number % len(COLOURS)], label=one)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(list(found), [str(x) for x in found])
        axis.set(xlabel=xlabel, ylabel="ms, median", title=title)
        axis.grid(visible=True, which="both", linewidth=0.3)
        axis.legend(fontsize=6)
