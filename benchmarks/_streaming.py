"""The published algorithm as `--device gpu` computes it: what it takes, and how well it agrees with the oracle."""

from __future__ import annotations

import statistics
import time
from typing import Any

from mhfd.contract.params import Params
from mhfd.detector import Detector, Features
from mhfd.detector.paper import PaperDetector
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import Arrays, OnCpu

ORACLE_PIXELS = 1 << 20  # of larger images the oracle would take minutes
HEADER = ("image", "parameters", "scales a pass", "host array to features, ms", "bytes a pixel", "IoU with the oracle")


def on_cpu(threads: int = 1, *, precision: str = "single") -> StreamDetector:
    """The same on the CPU: a peer. One scale at a time is fastest there, as it stays in the cache."""
    return StreamDetector(OnCpu(threads), fft_bytes=1, precision=precision)


def milliseconds(detector: Detector, pixels: Any, params: Params, *, times: int = 21) -> float:
    """From host array to ordered features: the median of these runs after one that is not counted."""
    detector.detect(pixels, params)
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        detector.detect(pixels, params)
        spent.append(time.perf_counter() - start)
    return 1e3 * statistics.median(spent)


def row(arrays: Arrays, name: str, pixels: Any, params: Params, *, times: int = 21) -> list[str]:
    """A row under `HEADER`. The memory is that of the device's pool, which keeps what it once had."""
    detector = StreamDetector(arrays)
    arrays.release()
    found, spent = detector.detect(pixels, params), milliseconds(detector, pixels, params, times=times)
    taken = arrays.held() / (pixels.size if params.resize is None else params.resize[0] * params.resize[1])
    agreement = "-"
    if pixels.size <= ORACLE_PIXELS:
        agreement = f"{agreeing(found, PaperDetector().detect(pixels, params)):.4f}"
    together = detector.scales_a_pass((pixels.shape[0], pixels.shape[1]), params)
    size = f"{pixels.shape[0]} x {pixels.shape[1]} {pixels.dtype.name}"
    return [size, name, str(together), f"{spent:.3f}", f"{taken:.1f}", agreement]


def agreeing(one: Features, other: Features) -> float:
    """Places and scales that both found, of all that either did."""
    mine, theirs = (
        set(zip(found.y.tolist(), found.x.tolist(), found.scale.tolist(), strict=True)) for found in (one, other)
    )
    return len(mine & theirs) / max(1, len(mine | theirs))
