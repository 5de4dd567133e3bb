"""One image over ranks, as the figures time it: ranks that find the features of the same image again and again.

Started by mpiexec as `python -m benchmarks._figure_ranks FILE HOW RUNS N`; the first rank prints JSON. Where there is
no mpiexec or no mpi4py nothing is measured, and each row says so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from benchmarks._figure import Taken
from benchmarks.speed import params as params_of
from numpy.typing import NDArray

from mhfd.contract.params import Params
from mhfd.ranks import one_image
from mhfd.ranks.algorithm import Reduction, ScalesDetector
from mhfd.ranks.mpi_team import MpiTeam

BANDS, REDUCE, GATHER = "bands", "max", "gather"
WAYS: Final = {
    BANDS: "whole score of a file, bands",
    REDUCE: "scales, max reduction (float64)",
    GATHER: "scales, the paper's gather (float64)",
}
"""How an image is cut up -> what is timed. Scales are computed in the oracle's arithmetic, bands by the kernel."""
ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class OverRanks:
    """What one configuration took."""

    taken: Taken
    """`cpu` of all ranks together."""
    phases: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of the first rank in each phase of each run."""
    sent: int = 0
    """Bytes that all ranks sent to others for one image."""


NOTHING: Final = OverRanks(Taken([], []))


def launcher() -> str | None:
    """The mpiexec that belongs to mpi4py: beside this Python, else on the path."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    return shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def tried(full: bool, *, scales: bool) -> Iterator[tuple[str, int]]:
    """Ways and numbers of ranks. The gather beside the reduction is figure 4's; here it is for `full`."""
    ways = [BANDS, *([REDUCE] if scales else []), *([GATHER] if scales and full else [])]
    for way in ways:
        for count in (1, 2, 4, 7) if full else (1, 2, 4):
            yield way, count


def called(way: str, ranks: int) -> str:
    """The row's name."""
    return f"{ranks} rank{'s' if ranks > 1 else ''}: {WAYS[way]}"


def over_ranks(pixels: NDArray[Any], n: int, way: str, *, ranks: int, runs: int) -> OverRanks:
    """Each run but the first; nothing where ranks are not there."""
    mpiexec = launcher()
    if mpiexec is None:
        return NOTHING
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.tif")
        tifffile.imwrite(path, pixels, rowsperstrip=64)
        command = [mpiexec, "-n", str(ranks), sys.executable, "-m", "benchmarks._figure_ranks"]
        command += [str(path), way, str(runs), str(n)]
        threads = {f"{one}_NUM_THREADS": "1" for one in ("OMP", "OPENBLAS", "MKL")}
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    said = json.loads(done.stdout)
    return OverRanks(Taken(said["wall"], said["cpu"]), said["phases"], said["sent"])


def main() -> None:
    """What each rank does."""
    path, way, runs, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    team = MpiTeam()
    params = params_of(n)
    run = (
        whole(team, path, params)
        if way == BANDS
        else published(team, path, params, "gather" if way == GATHER else "max")
    )
    wall, cpu, phases = list[float](), list[float](), dict[str, list[float]]()
    sent = 0
    for number in range(runs):
        team.everyones(None)  # all begin together
        before, start, busy = team.sent, time.perf_counter(), time.process_time()
        found = run()
        took = 1e3 * (time.perf_counter() - start)
        spent = np.array([1e3 * (time.process_time() - busy), team.sent - before])
        spent = team.total(spent)
        if number:
            wall.append(took)
            cpu.append(float(spent[0]))
            sent = int(spent[1])
            for phase, value in found.items():
                phases.setdefault(phase, []).append(value)
    if team.number == 0:
        print(json.dumps({"wall": wall, "cpu": cpu, "phases": phases, "sent": sent}))


def whole(team: MpiTeam, path: str, params: Params) -> Callable[[], dict[str, float]]:
    """A score of the file, each rank its band."""

    def run() -> dict[str, float]:
        report = one_image.score(path, team, params=params, split="bands", device="cpu")
        return dict(report.timing_ms) if report is not None else {}

    return run


def published(team: MpiTeam, path: str, params: Params, reduction: Reduction) -> Callable[[], dict[str, float]]:
    """Algorithm 1 on an image that the first rank holds in memory."""
    pixels = tifffile.imread(path) if team.number == 0 else None

    def run() -> dict[str, float]:
        detector = ScalesDetector(team, reduction)
        if pixels is None:
            detector.help()
            return {}
        detector.detect(pixels, params)
        detector.dismiss()
        return dict(detector.timing_ms)

    return run


if __name__ == "__main__":
    main()
