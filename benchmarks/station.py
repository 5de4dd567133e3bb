"""What the station adds to scoring: `python -m benchmarks.station [--images 200]`.

Its memory: `--memory 20000`. What a confirmation of a long run holds up: `--confirm 100000`.

Real workers, judge, journal, sidecars and thumbnails, on this machine's disk. Two ways of arriving: one image after
the other (each waits until the one before is recorded: what an operator feels), and all at once (what a backlog
costs). The kernel's share is taken from the worker's own clock (started to scored); all else is the station's.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from benchmarks._confirmed import confirmed
from benchmarks._given import Given
from benchmarks._table import markdown, publish

import mhfd
from mhfd import simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.threads import thread_count
from mhfd_client.arrival.events import Whole
from mhfd_client.files import write_whole
from mhfd_client.journal.folder import thumbnails
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import PRESETS
from mhfd_client.results.sidecars import Recorder
from mhfd_client.runners.local import LocalRunner
from mhfd_client.settings.load import load
from mhfd_client.station.loop import Station
from mhfd_client.verdicts.from_journal import JournalJudge


def whole(path: Path) -> Whole:
    found = path.stat()
    now = time.time()
    return Whole(path.name, found.st_size, found.st_mtime_ns, now, now)


def images(folder: Path, count: int, size: int) -> list[Path]:
    """Different files of one simulated picture, named as sections."""
    folder.mkdir()
    part = simulate.section((min(size, 1024), min(size, 1024)), seed=1)
    picture = np.tile(part, (-(-size // len(part)),) * 2)[:size, :size]
    paths = []
    for number in range(count):
        picture[0, :2] = number % 256, number // 256
        paths.append(folder / f"section_{number:05}.tif")
        tifffile.imwrite(paths[-1], picture)
    return paths


@contextmanager
def station(root: Path, state: Path, given: Given, recorded: Callable[[], None]) -> Iterator[Station]:
    """All parts are real but arrival, which is measured elsewhere."""
    loaded = load(env={}, args={"state.dir": str(state)})
    known: set[int] = set()

    def first(row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        if row.id not in known:  # not when it is judged again
            known.add(row.id)
            recorded()

    with Journal.open(state, root=root) as journal:
        yield Station(
            journal,
            given,
            LocalRunner(device="cpu", thumbnails=thumbnails(state)),
            JournalJudge(journal, loaded.settings.verdict),
            Recorder(state, journal, loaded, said=first),
            root=root,
            params=Params(),
            place=PRESETS["plain"].place,
            until_idle=2.0,
        )


def run(root: Path, state: Path, paths: list[Path], *, at_once: bool) -> float:
    given = Given()
    waiting = [] if at_once else list(reversed(paths))

    def following() -> None:
        if waiting:
            given.news.put([whole(waiting.pop())])

    with station(root, state, given, following) as made:
        if at_once:
            given.news.put([whole(path) for path in paths])
        else:
            following()
        begun = time.perf_counter()
        summary = made.run()
        assert summary.left == 0
        return time.perf_counter() - begun - 2.0


def memory(root: Path, state: Path, paths: list[Path]) -> list[tuple[int, float]]:
    """Resident megabytes of the station's process after so many images."""
    given, seen, done = Given(), [], itertools.count(1)
    every = max(1, len(paths) // 10)

    def count() -> None:
        number = next(done)
        if number % every == 0:
            seen.append((number, resident_mb()))

    with station(root, state, given, count) as made:
        for start in range(0, len(paths), 50):
            given.news.put([whole(path) for path in paths[start : start + 50]])
        assert made.run().left == 0
    return seen


def resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def ledger(state: Path) -> dict[str, list[float]]:
    """Milliseconds of each part, by image; without the first ones, which wait for workers to start."""
    with JournalView.read(state) as view:
        rows = view.images(limit=1_000_000)[8:]
    parts: dict[str, list[float]] = {"whole -> submitted": [], "submitted -> started": [], "started -> scored": []}
    parts |= {"scored -> judged": [], "judged -> recorded": [], "station alone": [], "whole -> verdict": []}
    for row in rows:
        times = [row.whole_ns, row.submitted_ns, row.started_ns, row.scored_ns, row.judged_ns, row.recorded_ns]
        steps = [(b - a) / 1e6 for a, b in itertools.pairwise(times) if a is not None and b is not None]
        assert len(steps) == 5
        for name, step in zip(parts, steps, strict=False):
            parts[name].append(step)
        parts["station alone"].append(sum(steps) - steps[2])
        parts["whole -> verdict"].append(sum(steps[:4]))
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=200, help="of the smaller size; a quarter of it of the larger")
    parser.add_argument("--dir", type=Path, help="where to work; a folder on the disk that shall be measured")
    parser.add_argument("--memory", type=int, metavar="IMAGES", help="instead: memory over so many small images")
    parser.add_argument("--confirm", type=int, metavar="IMAGES", help="instead: a confirmation of so many")
    args = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=args.dir) as name:
        folder = Path(name)
        if args.memory:
            publish("station-memory", "Memory of the station", grown(folder, args.memory))
            return
        if args.confirm:
            paths = images(folder / "root", 240, 256)
            scored = mhfd.score(paths[0])
            body = confirmed(folder / "root", folder / "state", paths, args.confirm, scored)
            load_text = f"Load average {load_before:.1f} before the run."
            publish("station-confirmed", "What a confirmation of a long run holds up", f"{body} {load_text}")
            return
        synced = sync_ms(folder)
        parts = [
            measured(folder / "small", args.images, 1024),
            measured(folder / "large", max(12, args.images // 4), 4096),
        ]
    body = (
        f"Real workers, judge, journal, sidecars and thumbnails; {thread_count()} cores, load average "
        f"{load_before:.1f} before the run. One sync of a small file takes {synced[0]:.1f} ms (p95 {synced[1]:.1f}) on "
        "this disk, and each image pays one, for its sidecar. `station alone` is all but the worker's own time: the "
        "goal is a p95 below 15 ms. Memory over a long run: [station-memory](station-memory.md). What a confirmation "
        "holds up: [station-confirmed](station-confirmed.md).\n\n" + "\n\n".join(parts)
    )
    publish("station", "What the station adds to scoring", body)


def measured(folder: Path, count: int, size: int) -> str:
    folder.mkdir()
    paths = images(folder / "root", count, size)
    run(folder / "root", folder / "one", paths, at_once=False)
    rows = [
        (part, f"{np.percentile(values, 50):.1f}", f"{np.percentile(values, 95):.1f}")
        for part, values in ledger(folder / "one").items()
    ]
    seconds = run(folder / "root", folder / "all", paths, at_once=True)
    busy = sum(ledger(folder / "all")["started -> scored"]) / 1000
    return (
        f"## {size}x{size}\n\n{count} images. One after the other, each when the one before is recorded "
        f"(milliseconds):\n\n{markdown(('', 'p50', 'p95'), rows)}\n\n"
        f"All at once: {count / seconds:.1f} images a second, the start of the workers included; they scored for "
        f"{busy:.1f} s in {seconds:.1f} s on {thread_count()} cores."
    )


def grown(folder: Path, count: int) -> str:
    """How the station's process grows."""
    paths = images(folder / "root", count, 128)
    seen = memory(folder / "root", folder / "state", paths)
    rows = [(f"{number:,}", f"{mb:.1f}") for number, mb in seen]
    return (
        f"Resident memory of the station's own process while it watches, judges and records {count:,} images of "
        f"128x128; it grew by {seen[-1][1] - seen[0][1]:.1f} MB from the first tenth to the end (goal: below 20 MB)."
        f"\n\n{markdown(('images', 'MB'), rows)}"
    )


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
