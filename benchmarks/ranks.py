"""One image over ranks: what moves, and what each rank costs. `python -m benchmarks.ranks` starts mpiexec itself.

Bytes are counted where they are sent, processor time by each rank of itself. On a machine with fewer cores than ranks
the wall clock says nothing of more cores; processor time does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from benchmarks._table import markdown, publish

from mhfd.contract.params import Params
from mhfd.ranks import Reduction, Split, one_image
from mhfd.ranks.mpi_team import MpiTeam

WAYS: Final[tuple[tuple[Split, Reduction | None], ...]] = (
    ("bands", None),
    ("scales", "max"),
    ("scales", "gather"),
)
PARAMS: Final = {"bands": Params(), "scales": Params.preset("paper_text").model_copy(update={"n": 16, "max_t": 16.0})}

HEADER: Final = (
    "split",
    "image",
    "ranks",
    "bytes a pixel",
    "CPU s, first rank",
    "CPU s, most of another",
    "CPU s, all",
    "wall s",
    "runs",
)


def one_rank(file: str, split: Split, reduction: Reduction | None) -> None:
    """What mpiexec starts. The first prints: bytes sent by all, seconds of each, the report's dof."""
    from mpi4py import MPI

    team = MpiTeam()
    MPI.COMM_WORLD.Barrier()
    wall, cpu = time.perf_counter(), time.process_time()
    report = one_image.score(file, team, params=PARAMS[split], device="cpu", split=split, reduction=reduction)
    took = (time.process_time() - cpu, time.perf_counter() - wall, team.sent)
    every: list[Any] = MPI.COMM_WORLD.gather(took) or []
    if report is not None:
        cpus, walls, sent = zip(*every, strict=True)
        print(json.dumps({"sent": sum(sent), "cpu": cpus, "wall": max(walls), "dof": report.dof}))


def started(ranks: int, file: Path, split: str, reduction: str | None) -> dict[str, Any]:
    """One run."""
    beside = Path(sys.executable).parent / "mpiexec"
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    command = [mpiexec, "-n", str(ranks), sys.executable, "-m", "benchmarks.ranks", "--rank", str(file), split]
    done = subprocess.run([*command, reduction or "-"], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def picture(side: int, dtype: str) -> np.ndarray[Any, Any]:
    """Texture at several scales, and noise."""
    chance = np.random.default_rng(3)
    image = 120 + 6 * chance.normal(size=(side, side)).astype(np.float32)
    for step in (4, 8, 32):
        image += (
            np.kron(chance.normal(size=(side // step, side // step)), np.ones((step, step))).astype(np.float32) * 20
        )
    return (image.clip(0, 255) * (257 if dtype == "uint16" else 1)).astype(dtype)


def main(side: int, runs: int, slow_runs: int, counts: list[int]) -> None:
    """Measure and write docs/benchmarks/ranks.md."""
    rows, doubts = [], []
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("uint8", "uint16"):
            file = Path(folder) / f"{dtype}.tif"
            tifffile.imwrite(file, picture(side, dtype))
            for split, reduction in WAYS:
                if split == "scales" and dtype != "uint8":
                    continue
                found = set()
                for ranks in counts:
                    if reduction == "gather" and ranks == 1:
                        continue
                    again = runs if split == "bands" else slow_runs
                    made = [started(ranks, file, split, reduction) for _ in range(again)]
                    found |= {one["dof"] for one in made}
                    cpu = [statistics.median(one["cpu"][rank] for one in made) for rank in range(ranks)]
                    rows.append(
                        (
                            split if reduction is None else f"{split}, {reduction}",
                            f"{side}^2 {dtype}, n={PARAMS[split].n}",
                            ranks,
                            f"{made[0]['sent'] / side**2:.3f}",
                            f"{cpu[0]:.2f}",
                            f"{max(cpu[1:]):.2f}" if ranks > 1 else "",
                            f"{sum(cpu):.2f}",
                            f"{statistics.median(one['wall'] for one in made):.2f}",
                            again,
                        )
                    )
                    print(rows[-1], flush=True)
                doubts += [(split, found)] if len(found) != 1 else []
    if doubts:
        raise SystemExit(f"not the same features: {doubts}")
    body = f"{BODY}\n\n{markdown(HEADER, rows)}"
    publish("ranks", "One image over ranks", body, packages=("numpy", "scipy", "mpi4py", "mpich"))


BODY: Final = (
    "`mpiexec -n N mhfd score FILE --mpi`, without the start of Python. Medians; all runs of a split found the same "
    "number of features, whatever the number of ranks.\n\n"
    "Bytes are those that ranks send to each other, counted where they are sent: for bands the histogram, statistics "
    "of blocks, counts and blocks of the cross-spectrum; for scales the image to each rank, then maxima with their "
    "index, or filtered images, in float64 as the oracle's. Processor time includes waiting, as MPICH looks for "
    "messages without sleeping. Where ranks outnumber cores, and on a machine that others use too, the wall clock "
    "says little."
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", nargs=3, metavar=("FILE", "SPLIT", "REDUCE"), help="what mpiexec starts")
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=3, help="of bands")
    parser.add_argument("--slow-runs", type=int, default=1, help="of scales")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    if given.rank:
        one_rank(given.rank[0], given.rank[1], None if given.rank[2] == "-" else given.rank[2])
    else:
        main(given.side, given.runs, given.slow_runs, given.counts)
