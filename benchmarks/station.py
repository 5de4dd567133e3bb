"""What the station adds to scoring one image: `python -m benchmarks.station [--images 200] [--size 1024]`.

Real workers, real journal, real sidecars, on this machine's disk. Two ways of arriving: one image after the other
(each waits until the one before is recorded: what an operator feels), and all at once (what a backlog costs). The
kernel's share is taken from the worker's own clock (started to scored); all else is the station's.
"""

from __future__ import annotations

import argparse
import itertools
import os
import queue
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from benchmarks._table import markdown, publish

from mhfd.contract import FocusReport, Params
from mhfd.threads import thread_count
from mhfd_client.journal import Journal
from mhfd_client.journal_view import ImageRow, JournalView, Outcome, VerdictRow
from mhfd_client.naming import Place
from mhfd_client.runners.local import LocalRunner
from mhfd_client.sightings import Whole
from mhfd_client.statedir import write_whole
from mhfd_client.station import News, Station


class Given:
    """Hands on images as whole: at once, or the next when it is let."""

    def __init__(self) -> None:
        self.news: queue.SimpleQueue[list[News]] = queue.SimpleQueue()

    def poll(self, timeout: float) -> Sequence[News]:
        try:
            return self.news.get(timeout=timeout)
        except queue.Empty:
            return []

    def wake(self) -> None:
        self.news.put([])

    def again(self, path: str) -> None:
        pass


class Sharp:
    """A verdict that costs nothing: judging is measured elsewhere."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        return [(row.id, VerdictRow(Outcome.IN_FOCUS, "Sharp."))]


class Sidecars:
    """Writes a sidecar, and lets the next image come."""

    def __init__(self, folder: Path, given: Given, waiting: list[Path]) -> None:
        self.folder, self.given, self.waiting = folder, given, waiting

    def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        write_whole(self.folder / f"{row.path}.json", report.model_dump_json().encode())
        self.next()

    def next(self) -> None:
        if self.waiting:
            self.given.news.put([whole(self.waiting.pop())])


def whole(path: Path) -> Whole:
    found = path.stat()
    now = time.time()
    return Whole(path.name, found.st_size, found.st_mtime_ns, now, now)


def images(folder: Path, count: int, size: int) -> list[Path]:
    """Different files of one noisy picture."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    picture = rng.normal(128, 30, (size, size)).clip(0, 255).astype(np.uint8)
    paths = []
    for number in range(count):
        picture[0, 0] = number % 256
        paths.append(folder / f"{number:05}.tif")
        tifffile.imwrite(paths[-1], picture)
    return paths


def run(root: Path, state: Path, paths: list[Path], *, at_once: bool) -> float:
    given = Given()
    sidecars = Sidecars(state / "sidecars", given, [] if at_once else list(paths))
    with Journal.open(state, root=root) as journal:
        runner = LocalRunner(device="cpu")
        station = Station(
            journal,
            given,
            runner,
            Sharp(),
            sidecars,
            root=root,
            params=Params(),
            place=lambda _: Place(),
            until_idle=2.0,
        )
        if at_once:
            given.news.put([whole(path) for path in paths])
        else:
            sidecars.next()
        begun = time.perf_counter()
        summary = station.run()
        assert summary.left == 0
        return time.perf_counter() - begun - 2.0


def ledger(state: Path) -> dict[str, list[float]]:
    """Milliseconds of each part, by image; without the first ones, which wait for workers to start."""
    with JournalView.read(state) as view:
        rows = view.images(limit=1_000_000)[8:]
    parts: dict[str, list[float]] = {"whole -> submitted": [], "submitted -> started": [], "started -> scored": []}
    parts |= {"scored -> judged": [], "judged -> recorded": [], "station alone": [], "whole -> recorded": []}
    for row in rows:
        times = [row.whole_ns, row.submitted_ns, row.started_ns, row.scored_ns, row.judged_ns, row.recorded_ns]
        steps = [(b - a) / 1e6 for a, b in itertools.pairwise(times) if a is not None and b is not None]
        assert len(steps) == 5
        for name, step in zip(parts, steps, strict=False):
            parts[name].append(step)
        parts["station alone"].append(sum(steps) - steps[2])
        parts["whole -> recorded"].append(sum(steps))
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--dir", type=Path, help="where to work; a folder on the disk that shall be measured")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=args.dir) as name:
        folder = Path(name)
        paths = images(folder / "root", args.images, args.size)
        run(folder / "root", folder / "one", paths, at_once=False)
        rows = [
            (part, f"{np.percentile(values, 50):.1f}", f"{np.percentile(values, 95):.1f}")
            for part, values in ledger(folder / "one").items()
        ]
        seconds = run(folder / "root", folder / "all", paths, at_once=True)
        busy = sum(ledger(folder / "all")["started -> scored"]) / 1000
        synced = sync_ms(folder)
    body = (
        f"{args.images} images of {args.size}x{args.size}, {thread_count()} cores, load average {load:.1f} before the "
        f"run; one sync of a small file takes {synced[0]:.1f} ms (p95 {synced[1]:.1f}) on this disk, and each image "
        "pays one, for its sidecar.\n\n"
        "One after the other, each when the one before is recorded (milliseconds):\n\n"
        f"{markdown(('', 'p50', 'p95'), rows)}\n\n"
        f"All at once: {args.images / seconds:.0f} images a second, the start of the workers included; they scored for "
        f"{busy:.1f} s of {seconds:.1f} s on each of {thread_count()} cores."
    )
    publish("station", "What the station adds to scoring", body)


def sync_ms(folder: Path) -> tuple[float, float]:
    """p50 and p95 of writing and syncing a small file here."""
    times = []
    for number in range(100):
        begun = time.perf_counter()
        write_whole(folder / "sync" / f"{number}.json", bytes(4000))
        times.append((time.perf_counter() - begun) * 1000)
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


if __name__ == "__main__":
    main()
