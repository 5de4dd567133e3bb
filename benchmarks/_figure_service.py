"""Table 1 and section 5 of the paper: the platform, and what a call of the service takes.

As the paper did it: one call to prepare the environment, then 1,000, each with an image of 1024x1024 that lies where
the endpoint reads it; mean and standard deviation. The endpoint, its worker and the SDK are real, the web service is a
stand-in on this machine, so that the cloud's own share is in no figure here.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks._figure import NOT_MEASURED, Drawn, Scope, in_turn, mean_and_sd, median
from benchmarks._table import cpu_name, markdown
from benchmarks.compute import parts_of, pictures, started
from tests.rigs.globus.loopback import APART_S, called, loopback

from mhfd.contract.params import Params
from mhfd.detector.choose import choose
from mhfd.errors import DeviceUnavailable

CALLS: Final = 1000
QUICK_CALLS: Final = 100
MOVED_BYTES: Final = 23_000_000
PLATFORM: Final = {
    "CPU": "2 AMD Rome 7742, 2.25 GHz",
    "GPU": "8 NVIDIA A100, 40 GB",
    "disk": "4 of 3.84 TB, U.2 NVMe",
    "memory": "1 TB",
    "software": "CuPy 8.3.0, CUDA 11.0, NVIDIA driver 450.51.05",
}
"""What the paper's table 1 prints (ALCF ThetaGPU)."""


def table1(scope: Scope) -> Drawn:
    """The platform."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{one} {importlib.metadata.version(one)}" for one in ("numpy", "scipy"))
    ours = {
        "CPU": f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, shared with other work",
        "GPU": graphics(),
        "disk": f"one, {shutil.disk_usage('.').total / 1e9:,.0f} GB",
        "memory": f"{memory:.0f} GB",
        "software": f"Python {platform.python_version()}, {versions}, Linux {platform.release().split('-')[0]}",
    }
    rows = [[part, ours[part], paper] for part, paper in PLATFORM.items()]
    return Drawn("table1", "Table 1: the platform", markdown(["", "here", "the paper's (ALCF ThetaGPU)"], rows))


def graphics() -> str:
    """The GPU as the detector names it."""
    try:
        return choose(Params(), device="gpu").device
    except DeviceUnavailable:
        return f"none: everything of a GPU is {NOT_MEASURED}"


def service(scope: Scope, *, calls: int = QUICK_CALLS) -> Drawn:
    """Mean and standard deviation of a call, and of moving a file."""
    calls = CALLS if scope.full else calls
    whole, functions, kernels = called_again_and_again(calls)
    platforms = [a - b for a, b in zip(whole, functions, strict=True)]
    rows = [
        [
            "function: from the worker's start of it to its answer",
            mean_and_sd(functions),
            "25 +- 6",
            "one A100 (ThetaGPU)",
        ],
        ["... of it the detector", mean_and_sd(kernels), "-", "-"],
        ["from the request to the result", mean_and_sd(whole), "233 +- 44", "the same, by the real service of funcX"],
        ["platform: what is left", mean_and_sd(platforms), "'approximately 200'", "the same"],
    ]
    copies, where = moved(scope.runs)
    rows.append([f"23 MB moved: {where}", median(copies), "'roughly 100', 'over 200 MB/s'", "2 links of 40 Gb/s"])
    body = (
        f"{calls} calls, one after the other, after one that prepares the worker; `robust`, n = 16, 1024x1024, 8 bit; "
        "mean +- standard deviation, ms. A real endpoint with one warm worker of one thread, real SDK and broker, on "
        "loopback; **the web service is a stand-in: its share, and the network's, are not in these figures** "
        "(`mhfd first-hour` asks the real one). The image is read where it lies: it does not pass through the service."
        "\n\n" + markdown(["ms", "here, no GPU", "the paper", "its hardware"], rows)
    )
    return Drawn("service", "Section 5: a call of the service", body)


def called_again_and_again(calls: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each call, of the function in it, and of the detector in that."""
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    with (
        tempfile.TemporaryDirectory() as scratch,
        loopback(Path(scratch)) as globus,
        started(Path(scratch, "endpoint"), globus, fast=True) as (running, _),
        called(running, fast=True) as way,
    ):
        paths = pictures(running.root, 32)
        way.focus(paths[:1])
        for index in range(calls):
            seconds, answer = way.focus([paths[index % len(paths)]])
            for times, value in zip(found, (seconds, *parts_of(answer)), strict=True):
                times.append(1000 * value)
            time.sleep(APART_S)  # the SDK slows down by itself above eight calls a second
    return found


def moved(runs: int) -> tuple[list[float], str]:
    """Milliseconds to copy 23 MB to another folder, to the disk, with SHA-256 of both ends; and between what."""
    with tempfile.TemporaryDirectory(dir=".") as there, tempfile.TemporaryDirectory() as here:
        source, target = Path(here, "image.tif"), Path(there, "image.tif")
        source.write_bytes(os.urandom(MOVED_BYTES))
        one_disk = source.stat().st_dev == Path(there).stat().st_dev

        def copy() -> None:
            data = source.read_bytes()
            with target.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if hashlib.sha256(data).digest() != hashlib.sha256(target.read_bytes()).digest():
                raise SystemExit(f"{target} is not what was copied")

        times = in_turn({"copy": copy}, runs)["copy"].wall
    return times, "one disk, no network; synced, both ends hashed" if one_disk else "two disks of one machine"
