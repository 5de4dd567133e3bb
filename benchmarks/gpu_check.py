"""The GPU kernel on a GPU: tests, compute-sanitizer, random images, speed and memory. `make gpu-check PYTHON=python3`.

Runs on a bare machine: no network, no virtual environment, nothing installed of this project. Needs Python 3.11 with
CuPy, NumPy, SciPy and pytest, and a CUDA device; says what is missing. Writes docs/benchmarks/gpu.md. Another Python
with the CuPy of another CUDA, named by `--also`, looks at the same random images.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("cupy", "numpy", "scipy", "pytest")
RANDOM = 10_000
OF_A_KIND = 100  # random images of one shape, type and set of parameters
WORKERS = (1, 2, 4, 8)
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
TESTS = ("test_gpu.py", "test_gpu_stream.py")
GOALS = {((1024, 1024), 16): 0.25, ((4096, 4096), 32): 2.0}

if TYPE_CHECKING:
    from mhfd.contract.params import Params
    from mhfd.detector.gpu_device import CudaDevice


def paths() -> list[str]:
    """Where this project's code is; with a stand-in for pydantic where there is none."""
    bare = [] if importlib.util.find_spec("pydantic") else [str(ROOT / "benchmarks" / "bare")]
    return [str(ROOT / "functions"), str(ROOT), *bare]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="score three small images and stop: for compute-sanitizer")
    parser.add_argument("--random", type=int, metavar="N", help="look at N random images and stop")
    parser.add_argument("--worker", type=int, nargs=2, metavar=("SIDE", "IMAGES"), help="score so many and stop")
    parser.add_argument("--also", action="append", default=[], metavar="PYTHON", help="another, with another CuPy")
    asked = parser.parse_args()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if sys.version_info < (3, 11) or missing:
        lacks = f"lacks {', '.join(missing)}" if missing else "is older than 3.11"
        print(f"gpu-check: {sys.executable} (Python {sys.version.split()[0]}) {lacks}")
        print("gpu-check: name another with `make gpu-check PYTHON=...`, or install what it lacks")
        return 2
    sys.path[:0] = paths()
    from mhfd.detector.gpu_device import CudaDevice
    from mhfd.errors import DeviceUnavailable

    try:
        device = CudaDevice()
    except DeviceUnavailable as e:
        print(f"gpu-check: {e}")
        return 1
    if asked.small:
        return score_small(device)
    if asked.random:
        said, wrong = random_images(device, asked.random)
        print(f"{versions()}: {said}")
        return 1 if wrong else 0
    if asked.worker:
        return work(*asked.worker)
    print(f"gpu-check: {device.name}, {versions()}")
    if pytest() != 0:
        print("gpu-check: the tests failed")
        return 1
    sanitized, clean = sanitize()
    print("\n".join(sanitized))
    if not clean:
        print("gpu-check: compute-sanitizer found errors")
        return 1
    compared, equal = random_everywhere([sys.executable, *asked.also])
    print("\n".join(compared))
    if not equal:
        print("gpu-check: the device counts otherwise than the host")
        return 1
    return measure(device, [*sanitized, *compared])


def score_small(device: CudaDevice) -> int:
    """What compute-sanitizer watches: every kernel, sides that are no multiple of anything."""
    import numpy as np

    from mhfd.contract.params import Params
    from mhfd.detector.gpu import GpuDetector

    detector = GpuDetector(machine=device)
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.uint16, np.float32):
        pixels = rng.integers(0, 255, (97, 203)).astype(dtype)
        for params in (Params(n=20, max_t=40.0), Params(n=2, min_t=0.5, max_t=1, gate="none", threshold=0)):
            print(np.dtype(dtype).name, len(detector.detect(pixels, params)), "features")
    return 0


def random_images(device: CudaDevice, count: int) -> tuple[str, bool]:
    """What the device sees and counts in random images beside what the host does, bit for bit; whether they differ."""
    from tests.detector import counting

    from mhfd.detector.gpu import GpuDetector

    detector, wrong = GpuDetector(machine=device), []
    for number in range(count):
        kind = number // OF_A_KIND
        pixels = counting.picture(number, kind=kind)
        if found := counting.differences(detector, pixels, counting.PARAMS[kind % len(counting.PARAMS)]):
            wrong.append(f"{number} ({', '.join(found)})")
    what = f"differ in {len(wrong)}: {'; '.join(wrong[:5])}" if wrong else "the same"
    return f"survey and counts of {count:,} random images, device and host: {what}", bool(wrong)


def random_everywhere(pythons: Sequence[str]) -> tuple[list[str], bool]:
    """The same with each Python's CuPy: a line each, and whether all was well."""
    lines, equal = [], True
    for python in pythons:
        ran = subprocess.run([python, __file__, "--random", str(RANDOM)], capture_output=True, text=True, check=False)
        equal = equal and ran.returncode == 0
        lines.append((ran.stdout.strip() or ran.stderr.strip()[-300:] or f"{python}: said nothing").splitlines()[-1])
    return lines, equal


def work(side: int, images: int) -> int:
    """Score images when told to: one of several workers on a GPU."""
    from mhfd.api import score

    pixels = texture((side, side), "uint16")
    score(pixels, device="gpu")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(images):
        score(pixels, device="gpu")
    return 0


def images_a_second(side: int, workers: int, images: int) -> float:
    """Images that so many processes on the device score in a second, of `images` each."""
    command = [sys.executable, __file__, "--worker", str(side), str(images)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)
    ]
    for one in started:
        assert one.stdout is not None
        if one.stdout.readline().strip() != "ready":
            raise RuntimeError("gpu-check: a worker did not begin; see above")
    begin = time.perf_counter()
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.close()
    ended = [one.wait() for one in started]
    if any(ended):
        raise RuntimeError("gpu-check: a worker failed; see above")
    return workers * images / (time.perf_counter() - begin)


def end_to_end(device: CudaDevice) -> str:
    """`score()` of an array, from the array to the report, in N processes on one device."""
    from benchmarks._table import markdown

    from mhfd.contract.params import Params

    rows = []
    for side, images in ((1024, 200), (4096, 20)):
        on_device, _, _ = kernel(device, texture((side, side), "uint16"), Params())
        device.release()
        for workers in WORKERS:
            rate = images_a_second(side, workers, images)
            busy = rate * on_device / 1e3
            rows.append(
                [f"{side} x {side} uint16", str(workers), f"{rate:.1f}", f"{workers / rate * 1e3:.1f}", f"{busy:.0%}"]
            )
    return markdown(["image", "workers", "images a second", "ms an image and worker", "device busy"], rows)


def versions() -> str:
    found = []
    for name in ("cupy-cuda13x", "cupy-cuda12x", "cupy", "numpy", "scipy"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def pytest() -> int:
    """The tests of the GPU by themselves: the project's own pytest settings name plugins that may not be here."""
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib"]
    options = ["--noconftest", "-p", "no:cacheprovider", "-q", "-o", "markers=gpu: needs a CUDA device"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths()), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, *options, "-m", "gpu", *(str(ROOT / "tests" / "detector" / name) for name in TESTS)],
        cwd=ROOT,
        env=environment,
        check=False,
    ).returncode


def sanitize() -> tuple[list[str], bool]:
    """One line a tool, and whether none of them found anything."""
    home = Path(os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda")
    search = os.pathsep.join([os.environ.get("PATH", ""), str(home / "bin"), str(home / "compute-sanitizer")])
    sanitizer = shutil.which("compute-sanitizer", path=search)
    if sanitizer is None:
        return ["compute-sanitizer: not here (neither on PATH nor in CUDA_HOME); not run"], True
    lines, clean = [], True
    for tool in TOOLS:
        command = [sanitizer, "--tool", tool, "--error-exitcode", "9", "--report-api-errors", "no"]
        ran = subprocess.run(
            [*command, sys.executable, __file__, "--small"], capture_output=True, text=True, check=False
        )
        summary = [line.strip("= ") for line in ran.stdout.splitlines() if "SUMMARY" in line or "SANITIZER" in line]
        if ran.returncode == 9:
            clean = False
            print(ran.stdout[-4000:])
        # Anything else than 0 and 9 is the tool failing, not a finding: it does not run on every virtual machine.
        state = {0: "ran", 9: "FOUND ERRORS"}.get(ran.returncode, f"could not run (exit {ran.returncode})")
        said = summary[-1] if summary else (ran.stderr or ran.stdout).strip()[-200:] or "no summary"
        lines.append(f"compute-sanitizer {tool}: {state}; {said}")
    return lines, clean


def texture(shape: tuple[int, int], dtype: str) -> Any:
    import numpy as np
    import scipy.ndimage

    rng = np.random.default_rng(0)
    noise = rng.normal(size=shape).astype(np.float32)
    canvas = sum(w * s * scipy.ndimage.gaussian_filter(noise, s) for s, w in ((1, 1), (2.5, 2), (6, 3), (14, 4)))
    canvas = np.clip(128 + 18 * canvas + rng.normal(0, 3, shape), 0, 255)
    return (canvas * (257 if dtype == "uint16" else 1)).astype(dtype)


def median_ms(action: Callable[[], object], *, times: int = 31) -> float:
    action()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        spent.append(time.perf_counter() - start)
    return 1e3 * statistics.median(spent)


def measure(device: CudaDevice, notes: Sequence[str]) -> int:
    from benchmarks._table import markdown, publish

    from mhfd.contract.params import Params

    cases = [((1024, 1024), 16), ((4096, 4096), 16), ((4096, 4096), 32)]
    rows = [one(device, shape, dtype, Params(n=n)) for dtype in ("uint8", "uint16") for shape, n in cases]
    header = [
        *("image", "n", "on the device, ms", "host array to count, ms", "to features, ms", "cuFFT chain, ms", "ratio"),
        *("bytes a pixel", "IoU with the oracle", "goal, ms"),
    ]
    body = "\n\n".join(
        [
            markdown(header, rows),
            end_to_end(device),
            "On the device: median of replays of the captured graphs, the image already there, limits, histogram, "
            "statistics of blocks and counts included. Host array to count: pageable NumPy array, upload, graphs, "
            "survey and counts read back. To features: the list, ordered. Workers: processes that call `score()` with "
            "an array, each with all that a report has; device busy is the images a second times the first table's "
            "time on the device. cuFFT chain: the paper's operations with all scales stacked, image on the device, "
            "until its count is known; its one read-back of the limits included. Medians.",
            "\n".join(f"- {note}" for note in notes),
            *published(),
        ]
    )
    packages = [name for name in ("cupy-cuda13x", "cupy-cuda12x", "numpy", "scipy") if name in versions()]
    publish("gpu", "The GPU kernel", body, packages=packages, device=device.name)
    return 0


def one(device: CudaDevice, shape: tuple[int, int], dtype: str, params: Params) -> list[str]:
    pixels = texture(shape, dtype)
    on_device, to_count, bytes_a_pixel = kernel(device, pixels, params)
    device.release()
    to_features, agreement = features(device, pixels, params)
    device.release()
    chain = paper_chain(device, pixels, params)
    device.release()
    goal = GOALS.get((shape, params.n)) if dtype == "uint8" else None
    return [
        *(f"{shape[0]} x {shape[1]} {dtype}", str(params.n), f"{on_device:.3f}", f"{to_count:.3f}"),
        *(f"{to_features:.3f}", f"{chain:.2f}", f"{chain / on_device:.1f}", f"{bytes_a_pixel:.1f}", agreement),
        f"{goal:g}" if goal else "-",
    ]


def kernel(device: CudaDevice, pixels: Any, params: Params) -> tuple[float, float, float]:
    """Milliseconds on the device and from host array to count; device memory, bytes a pixel, as the pool counts it."""
    import numpy as np

    from mhfd import scales
    from mhfd.detector import gpu_plan
    from mhfd.rows import InMemory

    pool = device.cupy.get_default_memory_pool()
    before = pool.used_bytes()
    loaded = device.load(gpu_plan.build(pixels.shape, pixels.dtype.name, params))
    taken = pool.used_bytes() - before
    rows = InMemory(pixels)
    floors = np.concatenate([scales.floors(params), np.zeros(params.n, np.float32)])
    tables = {"floors": floors, "rule": np.zeros(gpu_plan.RULE)}

    def count() -> int:
        loaded.look(rows)
        loaded.seen()
        return int(loaded.find(tables, tally=True)[0])

    count()
    loaded.replay(20)
    on_device = statistics.median(loaded.replay(20) for _ in range(9))
    return on_device, median_ms(count), taken / pixels.size


def features(device: CudaDevice, pixels: Any, params: Params) -> tuple[float, str]:
    """Milliseconds from host array to ordered features, and how well they agree with the oracle."""
    from mhfd.detector.gpu import GpuDetector
    from mhfd.detector.paper import PaperDetector

    detector = GpuDetector(machine=device)
    spent = median_ms(lambda: detector.detect(pixels, params))
    if pixels.size > 1 << 20:
        return spent, "-"  # the oracle would take minutes
    both = (detector.detect(pixels, params), PaperDetector().detect(pixels, params))
    mine, theirs = (set(zip(f.y.tolist(), f.x.tolist(), strict=True)) for f in both)
    return spent, f"{len(mine & theirs) / len(mine | theirs):.4f}"


def published() -> list[str]:
    """What goes through FFTs: the paper's presets, and the kernel's own parameters as a peer."""
    from benchmarks import _streaming
    from benchmarks._table import markdown

    from mhfd.contract.params import PRESETS, Params
    from mhfd.detector.stream_arrays import OnGpu

    arrays = OnGpu()
    cases = {name: PRESETS[name] for name in ("paper_text", "paper_code")} | {"n = 16, reflect": Params(n=16)}
    rows = [
        _streaming.row(arrays, name, texture((side, side), "uint8"), params)
        for name, params in cases.items()
        for side in (1024, 4096)
    ]
    arrays.release()
    return ["## The published algorithm, through FFTs", markdown(_streaming.HEADER, rows)]


def paper_chain(device: CudaDevice, pixels: Any, params: Params) -> float:
    from benchmarks._cufft import PaperChain

    chain, uploaded = PaperChain(device.cupy, pixels.shape, params), device.cupy.asarray(pixels)
    return median_ms(lambda: chain.count(uploaded), times=11)


if __name__ == "__main__":
    raise SystemExit(main())
