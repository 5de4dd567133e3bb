"""What is timed, each in a process of its own: so one's memory is not another's, and another version can be one.

`python benchmarks/_subjects.py NAME PIXELS.npy N FILE` makes NAME ready, runs it once and says what it found; then once
for each line that comes, and says the milliseconds of the processor. At the end it says the most memory that it had.
Of mhfd it uses only what an older version has too.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("functions", "flows", "endpoint_config", "client")
ONE_THREAD: Final = dict.fromkeys(("MHFD_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def environment(tree: Path, **more: str) -> dict[str, str]:
    """In which the mhfd of `tree` is the one that is imported."""
    places = [*(str(tree / package) for package in PACKAGES), str(ROOT)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), **more}


ENOUGH_MS: Final = 12_000
"""One that has run twice, and for so long, is not run again."""


@dataclass
class Subject:
    """One of them, running."""

    name: str
    process: subprocess.Popen[str]
    found: int | None = None
    """None: what it needs is not installed."""
    cpu_ms: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def median(self) -> float:
        """Milliseconds of the processor."""
        return statistics.median(self.cpu_ms)

    def said(self) -> dict[str, Any]:
        """Its next line."""
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline() or "{}")
        if not answer:
            raise RuntimeError(f"{self.name}: ended; what it said is above")
        return answer

    def once(self) -> None:
        """Run it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.cpu_ms.append(self.said()["cpu_ms"])


def compared(
    names: Mapping[str, tuple[str, Path]], pixels: Path, n: int, image: Path, repeats: int
) -> dict[str, Subject]:
    """Each `repeats` times, in turn. `names`: what it is called here, what it is, and the tree that its mhfd is of."""
    with contextlib.ExitStack() as stack:
        subjects: dict[str, Subject] = {}
        for called, (name, tree) in names.items():  # one after the other: planning is not to disturb a measurement
            subjects[called] = one = stack.enter_context(_running(name, tree, [str(pixels), str(n), str(image)]))
            one.found = one.said()["found"]
        present = [one for one in subjects.values() if one.found is not None]
        for _ in range(repeats):
            for one in present:
                if len(one.cpu_ms) < 2 or sum(one.cpu_ms) < ENOUGH_MS:
                    one.once()
        for one in present:
            assert one.process.stdin is not None
            one.process.stdin.close()
            one.peak_mb = one.said()["peak_mb"]
        return subjects


@contextlib.contextmanager
def _running(name: str, tree: Path, arguments: Sequence[str]) -> Iterator[Subject]:
    command = [sys.executable, str(Path(__file__).resolve()), name, *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tree, **ONE_THREAD),
    ) as process:
        yield Subject(name, process)


def prepared(name: str, pixels: Any, n: int, image: str) -> Callable[[], int]:
    """One run of it, as a function of nothing."""
    import mhfd

    params = mhfd.Params(n=n, min_t=1, max_t=n, gate="absolute", threshold=0.1)
    if name == "kernel":
        from mhfd.detector.cpu import CpuDetector

        detector = CpuDetector(1)
        return lambda: len(detector.detect(pixels, params))
    if name == "score":
        return lambda: round(mhfd.score(image, device="cpu", threads=1).dof or 0)
    if name == "nothing":
        return lambda: 0
    if name == "dct":
        from mhfd.detector.dct import DctDetector

        exact = DctDetector(1)
        return lambda: len(exact.detect(pixels, params))
    from benchmarks._speed_peers import PEERS

    return PEERS[name](pixels, params)


def peak_mb() -> float:
    """Of this process since it began."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    import numpy as np

    name, path, n, image = sys.argv[1:]
    try:
        run = prepared(name, np.load(path), int(n), image)
    except ModuleNotFoundError as missing:
        if missing.name in (None, "mhfd", "benchmarks"):
            raise
        print(json.dumps({"found": None}), flush=True)
        return
    print(json.dumps({"found": run()}), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        run()
        print(json.dumps({"cpu_ms": 1e3 * (time.process_time() - start)}), flush=True)
    print(json.dumps({"peak_mb": peak_mb()}), flush=True)


if __name__ == "__main__":
    main()
