"""How soon a file is reported once it is here, and what looking for it costs.

The writer is another process, so that it does not wait for the watch. A delay is counted from the moment the writer
has renamed or written its last byte, by one clock.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from io import FileIO
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import tifffile
from benchmarks._table import markdown, publish

from mhfd_client.arrival.events import Whole
from mhfd_client.arrival.folder import Arrival
from mhfd_client.arrival.plan import plan
from mhfd_client.settings.options import ArrivalSettings


def tiff(side: int) -> bytes:
    """A square 8-bit image."""
    data = io.BytesIO()
    tifffile.imwrite(data, np.arange(side * side, dtype=np.uint8).reshape(side, side))
    return data.getvalue()


MEGAPIXEL, SMALL = tiff(1024), tiff(8)
Writer = Callable[[Path, Path, int], float]


def renamed(root: Path, stage: Path, number: int) -> float:
    """Written elsewhere on the same file system."""
    (stage / "x.tif").write_bytes(MEGAPIXEL)
    at = time.monotonic()
    (stage / "x.tif").replace(root / f"{number:05}.tif")
    return at


def part(root: Path, _: Path, number: int) -> float:
    """Written here under another name."""
    (root / f"{number:05}.tif.part").write_bytes(MEGAPIXEL)
    at = time.monotonic()
    (root / f"{number:05}.tif.part").replace(root / f"{number:05}.tif")
    return at


def closed(root: Path, _: Path, number: int) -> float:
    """Written in four pieces and closed."""
    quarter = len(MEGAPIXEL) // 4
    with (root / f"{number:05}.tif").open("wb", buffering=0) as file:
        for i in range(4):
            file.write(MEGAPIXEL[i * quarter : (i + 1) * quarter if i < 3 else None])
            time.sleep(0.02)
        return time.monotonic()


HELD: list[FileIO] = []


def held(root: Path, _: Path, number: int) -> float:
    """Written and not closed: the writer keeps it open."""
    file = (root / f"{number:05}.tif").open("wb", buffering=0)
    file.write(MEGAPIXEL)
    HELD.append(file)
    return time.monotonic()


def write(connection: Connection, writer: Writer, root: Path, stage: Path, count: int, pause: float) -> None:
    """The other process."""
    stage.mkdir(exist_ok=True)
    for number in range(count):
        time.sleep(pause * (0.5 + (number * 0.618) % 1))  # not in step with whoever looks
        connection.send((f"{number:05}.tif", writer(root, stage, number)))
    connection.recv()


def delays(writer: Writer, settings: ArrivalSettings, *, count: int, pause: float) -> list[float]:
    """Milliseconds from each file's end to its report."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        root.mkdir()
        arrival = Arrival(root, settings=settings, known=lambda *_: False, shared=settings.mode == "poll")
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, writer, root, Path(folder, "stage"), count, pause)
        process = multiprocessing.get_context("fork").Process(target=write, args=arguments)
        process.start()
        reported: dict[str, float] = {}
        while len(reported) < count:
            news = arrival.poll(1)
            at = time.monotonic()
            reported |= {one.path: at for one in news if isinstance(one, Whole)}
        arrival.close()
        ended = dict(ours.recv() for _ in range(count))
        ours.send(None)
        process.join()
    return [1000 * (reported[name] - at) for name, at in ended.items()]


def quantiles(values: list[float]) -> list[str]:
    """Median, 95th percentile, largest."""
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return [f"{x:.1f}" for x in (statistics.median(values), cuts[18], max(values))]


def latency(count: int) -> str:
    """A table of delays."""
    local = ArrivalSettings(mode="events")
    share = ArrivalSettings(mode="poll", poll_s=0.5, settle_s=1.0)
    cases: list[tuple[str, str, Writer, ArrivalSettings, int, float]] = [
        ("renamed in from outside, local disk", "100 ms", renamed, local, count, 0.05),
        ("`.part` renamed inside, local disk", "100 ms", part, local, count, 0.05),
        ("written and closed, local disk", "settle_s (2 s) + 200 ms", closed, local, count // 2, 0.1),
        ("written and held open, local disk", "settle_s (2 s) + 200 ms", held, local, count // 2, 0.1),
        ("renamed in, polled every 0.5 s, settle 1 s", "settle + one poll: 1500 ms", renamed, share, count // 2, 0.2),
    ]
    rows = []
    for name, goal, writer, settings, number, pause in cases:
        rows.append([name, number, *quantiles(delays(writer, settings, count=number, pause=pause)), goal])
    return markdown(["how it came", "files", "p50 ms", "p95 ms", "max ms", "goal"], rows)


def burst(count: int) -> str:
    """How long many files at once take."""
    with tempfile.TemporaryDirectory() as folder:
        root, stage = Path(folder, "root"), Path(folder, "stage")
        root.mkdir()
        stage.mkdir()
        for i in range(count):
            (stage / f"{i}.tif").write_bytes(SMALL)
        arrival = Arrival(root, settings=ArrivalSettings(mode="events"), known=lambda *_: False)
        arrival.poll(0)
        start = time.monotonic()
        for i in range(count):
            (stage / f"{i}.tif").replace(root / f"{i}.tif")
        moved = time.monotonic()
        seen = 0
        while seen < count:
            seen += len(arrival.poll(1))
        end = time.monotonic()
        arrival.close()
    within, later = 1000 * (moved - start), 1000 * (end - moved)
    return f"{count:,} files renamed in within {within:.0f} ms: all reported {later:.0f} ms later."


def rescan(count: int) -> str:
    """What it costs to look at many files of which none is new."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(count):
            if i % 100 == 0:
                (root / f"S_{i // 100:03}").mkdir()
            (root / f"S_{i // 100:03}" / f"Tile_r{i % 100 + 1}-c1_S_{i // 100:03}_1752450056.tif").write_bytes(SMALL)
            os.utime(root / f"S_{i // 100:03}" / f"Tile_r{i % 100 + 1}-c1_S_{i // 100:03}_1752450056.tif", (1, 1))
        settings = ArrivalSettings(mode="poll", rescan_s=1e5, poll_s=1e5)
        rows = []
        start = time.perf_counter()
        plan(root, settings=settings, known=lambda *_: False)
        rows.append(["plan (opens every file)", _ms(start)])
        start = time.perf_counter()
        tracemalloc.start()
        arrival = Arrival(root, settings=settings, known=lambda *_: True)
        arrival.poll(0)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for name, full in (("listing of names", False), ("full rescan, size and mtime of all", True)):
            times = []
            for _ in range(7):
                arrival._next_list = 0.0  # noqa: SLF001 - its turn has come
                arrival._next_full = 0.0 if full else float("inf")  # noqa: SLF001
                start = time.perf_counter()
                arrival.poll(0)
                times.append(_ms(start))
            rows.append([name, statistics.median(times)])
        start = time.perf_counter()
        Arrival(root, settings=settings, known=lambda *_: True).poll(0)
        rows.append(["start, all known to the journal", _ms(start)])
        start = time.perf_counter()
        fresh, taken = Arrival(root, settings=settings, known=lambda *_: False), 0
        while taken < count:
            taken += len(fresh.poll(0))
        rows.append(["start, all new (opens every file)", _ms(start)])
    table = markdown([f"{count:,} files in {count // 100} folders", "ms"], [[n, f"{t:.0f}"] for n, t in rows])
    return f"{table}\n\nMemory kept for them: {kept / 2**20:.1f} MB."


def _ms(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="files a case")
    parser.add_argument("--files", type=int, default=20000, help="files of the rescan")
    options = parser.parse_args()
    parts = [
        "Delay from the end of writing to the report, images of 1 MB:",
        latency(options.count),
        burst(2000),
        "What looking costs:",
        rescan(options.files),
    ]
    publish("arrival", "Arrival: how soon, and at what cost", "\n\n".join(parts), packages=("watchdog",))


if __name__ == "__main__":
    main()
