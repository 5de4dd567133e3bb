"""What is found, what is missed and who is alarmed for nothing: simulated runs with known failures, and real stacks.

Every image goes the whole way: simulated, written as a TIFF with the instrument's tags, read, scored, judged. The
operator is played from the truth. Where the folder that MHFD_DATA names exists, real stacks are judged too: each
section in turn is blurred by us, the others are as they were taken.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
from benchmarks._long_runs import long_run, table
from benchmarks._table import markdown, publish
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import mhfd
from mhfd.contract.focus_report import FocusReport
from mhfd_client.journal.rows import Outcome as Said
from mhfd_client.microscope.images import tiff
from mhfd_client.microscope.plan import RunPlan
from mhfd_client.microscope.truth import Grade, Shot, answer, grade
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import Judged, RunJudge
from mhfd_client.verdicts.verdict import Verdict

Scored = tuple[Shot, FocusReport]
Picture = NDArray[np.uint8]


@dataclass(slots=True)
class Outcome:
    """What was said in one run."""

    first: dict[str, Verdict] = field(default_factory=dict)
    current: dict[str, Verdict] = field(default_factory=dict)
    asked: int = 0
    drift_at: Shot | None = None

    def take(self, judged: Iterable[Judged]) -> None:
        for j in judged:
            self.first.setdefault(str(j.key), j.verdict)
            self.current[str(j.key)] = j.verdict


def score(plan: RunPlan, shot: Shot) -> Scored:
    """One image, through a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.tif"
        path.write_bytes(tiff(plan, shot))
        return shot, mhfd.score(path, threads=1)


def play(scored: Sequence[Scored], answer_after: int | None) -> Outcome:
    """RunJudge a run. The operator answers every question from so many images on; None: never."""
    truth = [shot for shot, _ in scored]
    judge, outcome = RunJudge(), Outcome()
    for i, (shot, report) in enumerate(scored):
        outcome.take(judge.see(shot.path, report, Place(shot.section, shot.tile)))
        outcome.take(judge.go_on(1000))
        if outcome.drift_at is None and judge.drifts:
            outcome.drift_at = shot
        if answer_after is not None and i >= answer_after and (question := judge.question()):
            outcome.asked += 1
            for key, sharp in answer(truth, [str(k) for k in question.keys]).items():
                outcome.take(judge.hear(key, sharp))
                outcome.take(judge.go_on(1000))
    outcome.take(judge.finish())
    return outcome


def graded(scored: Sequence[Scored], verdicts: Mapping[str, Verdict]) -> Grade:
    return grade((s for s, _ in scored), {path: v.kind.value for path, v in verdicts.items()})


def row(name: str, runs: Sequence[Sequence[Scored]], answer_after: int | None) -> list[object]:
    """One line of the table: all runs together."""
    outcomes = [play(scored, answer_after) for scored in runs]
    last = [graded(s, o.current) for s, o in zip(runs, outcomes, strict=True)]
    first = [graded(s, o.first) for s, o in zip(runs, outcomes, strict=True)]
    for scored, outcome, told in zip(runs, outcomes, last, strict=True):
        for shot in (*told.missed, *told.false_alarms, *told.untold):
            print(f"{name}: {shot.kind} {shot.amount:.2f} of {len(scored)}: {outcome.current[shot.path].sentence}")
    return [
        name,
        len(runs),
        sum(map(len, runs)),
        sum(g.planted for g in last),
        sum(g.found for g in last),
        sum(len(g.missed) for g in last),
        sum(len(g.false_alarms) for g in last),
        sum(len(g.untold) for g in last),
        sum(g.found for g in first),
        sum(len(g.false_alarms) for g in first),
        sum(o.asked for o in outcomes),
    ]


def margins(runs: Sequence[Sequence[Scored]]) -> str:
    """How far from the thresholds the kinds of images are."""
    seen: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for scored in runs:
        outcome = play(scored, 0)
        for shot, _ in scored:
            ratio = {(v.measure, v.region): v.value / v.expected for v in outcome.current[shot.path].levels}
            sides = [v for (measure, region), v in ratio.items() if measure == "density" and region != "whole"]
            if ("density", "whole") in ratio and sides:
                whole = ratio["density", "whole"]
                seen[shot.kind].append((whole, min(sides), ratio.get(("cross_spectrum", "whole"), float("nan"))))
    rows = []
    for kind, values in sorted(seen.items()):
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        rows.append([kind, len(values), *(f"{a:.2f} to {b:.2f}" for a, b in zip(low, high, strict=True))])
    return markdown(["images", "count", "density", "its poorest side", "cross-spectrum"], rows)


def stacks(data: Path) -> dict[str, list[Picture]]:
    """Real stacks: consecutive sections of one field."""
    vnc = [tifffile.imread(path) for path in sorted((data / "vnc").glob("*.tif"))]
    fib = [np.asarray(Image.open(path).convert("L")) for path in sorted((data / "fib25").glob("*.png"))]
    found = {f"vnc {y},{x}": [a[y : y + 512, x : x + 512] for a in vnc] for y in (0, 512) for x in (0, 512) if vnc}
    return found | ({"vnc": vnc} if vnc else {}) | ({"fib25": fib} if fib else {})


def blurred(picture: Picture, radius: float, *, tilted: bool = False) -> Picture:
    """Blurred by a disc; noise as strong as it was is added again. Tilted: from nothing at the left to all of it."""
    rng = np.random.default_rng(0)
    values = picture.astype(np.float64)
    noise = _noise(values)
    steps = np.linspace(0, radius, 9)[1:] if tilted else [radius]
    planes = [values] if tilted else []
    for r in steps:
        sub = (np.arange(-45, 46) / 9)[:, None] if r <= 4 else (np.arange(-81, 82) / 9)[:, None]
        disc = (sub**2 + sub.T**2 <= r * r).astype(np.float64)
        width = disc.shape[0] // 9
        taps = disc[: width * 9, : width * 9].reshape(width, 9, width, 9).sum(axis=(1, 3))
        soft = ndimage.convolve(values, taps / taps.sum(), mode="reflect")
        planes.append(soft + rng.normal(0, noise * min(1.0, r), soft.shape))
    place = np.linspace(0, len(planes) - 1, picture.shape[1])
    out = sum(p * np.maximum(1 - np.abs(place - i), 0) for i, p in enumerate(planes)) if tilted else planes[0]
    clipped: Picture = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    return clipped


def _noise(values: NDArray[np.float64]) -> float:
    """Standard deviation, from 2x2 diagonal differences in the quieter blocks."""
    d = (values[:-1, :-1] - values[:-1, 1:] - values[1:, :-1] + values[1:, 1:]) / 2
    height, width = d.shape[0] // 16, d.shape[1] // 16
    blocks = (d[: height * 16, : width * 16] ** 2).reshape(height, 16, width, 16).mean(axis=(1, 3))
    return float(np.sqrt(np.percentile(blocks, 30)))


def real(data: Path) -> str:
    """Each section in turn is changed; the others, of which the first three are confirmed, are as they were taken."""
    change: dict[str, Callable[[Picture], Picture]] = {
        "as taken": lambda p: p,
        "r = 1.5 px": partial(blurred, radius=1.5),
        "r = 2 px": partial(blurred, radius=2),
        "r = 4 px": partial(blurred, radius=4),
        "tilted to 4 px": partial(blurred, radius=4, tilted=True),
    }
    rows = []
    for name, pictures in stacks(data).items():
        reports = [mhfd.score(np.ascontiguousarray(p)) for p in pictures]
        cells: list[object] = [name, len(pictures)]
        for how in change.values():
            out = 0
            for i, picture in enumerate(pictures):
                others = [k for k in range(len(pictures)) if k != i]
                judge = RunJudge()
                for k in others:
                    judge.see(k, reports[k], Place(k))
                for k in others[:3]:
                    judge.hear(k, True)
                judge.finish()
                changed = mhfd.score(np.ascontiguousarray(how(picture)))
                out += judge.see("changed", changed, Place(i))[0].verdict.kind is Said.OUT_OF_FOCUS
            cells.append(f"{out} of {len(pictures)}")
        rows.append(cells)
    return markdown(["stack", "sections", *change], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=21)
    parser.add_argument("--sections", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    plans = {
        "usual": [RunPlan.of(seed, sections=args.sections) for seed in seeds],
        "mosaics of 5 x 5": [
            RunPlan.of(seed, sections=12, tiles=(5, 5), size=256, layout="sbemimage") for seed in range(6)
        ],
        "mosaics of 2 x 2": [RunPlan.of(200, sections=30, tiles=(2, 2))],
        "starts with 20 blurred": [RunPlan.of(201, sections=60, blurred_start=20)],
        "tissue changes much": [RunPlan.of(202, sections=100, drift=0.3)],
        "focus drifts to r = 3 px": [RunPlan.of(203, sections=300, failures=0, focus_drift_px=3)],
    }
    with ProcessPoolExecutor(args.workers) as pool:
        runs = {
            name: [list(pool.map(partial(score, plan), plan.shots, chunksize=4)) for plan in group]
            for name, group in plans.items()
        }
        long_runs = list(pool.map(long_run, range(2000, 2008)))
    header = ["runs", "count", "images", "planted", "found", "missed", "false alarms", "not told"]
    header += ["found at first", "false alarms at first", "questions"]
    rows = []
    for name, group in runs.items():
        rows.append(row(f"{name}; operator answers at once", group, 0))
        if name == "usual":
            rows.append(row(f"{name}; operator answers after 40 images", group, 40))
        rows.append(row(f"{name}; nobody answers", group, None))
    drifts = [play(group, 0).drift_at for group in runs["focus drifts to r = 3 px"]]
    alarm = ", ".join(f"section {s.section} (r = {s.amount:.2f} px)" for s in drifts if s is not None)
    body = (
        "Images of 512 x 512 pixels. Found: called what it is. At first: by the first verdict, which is the one that "
        "alerts; the first few images of a run have no baseline to be judged by and are judged again.\n\n"
        f"{markdown(header, rows)}\n\nThe drift of focus was reported at {alarm or 'no time'}.\n\n"
        "Long runs, 8 of 300 sections, in which dose (40 to 400), contrast (.5 to 1) and density change, a sixth with "
        "artefacts; every fifth section is also taken badly. First verdicts:\n\n"
        f"{table(long_runs)}\n\n"
        "As a part of the expected, in the usual runs (thresholds: .75, .65 for a side, .6 for the cross-spectrum):\n\n"
        f"{margins(runs['usual'])}"
    )
    data = Path(os.environ.get("MHFD_DATA", "no such folder"))
    if data.is_dir() and stacks(data):
        body += (
            "\n\nReal stacks (electron micrographs), blurred by us with a disc, their noise restored. "
            f"Called out of focus:\n\n{real(data)}"
        )
    publish("station_verdicts", "Verdicts: found, missed, alarmed for nothing", body, packages=("numpy", "scipy"))


if __name__ == "__main__":
    main()
