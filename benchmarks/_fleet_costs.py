"""What an image costs on this machine, measured in one run: scored alone, by a station, and over Globus Compute."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Final

import tifffile
from benchmarks._figure import in_turn
from benchmarks._figure_memory import SCORE, peak_mb
from benchmarks.compute import BATCH, parts_of, pictures, started
from benchmarks.speed import picture as image_of
from benchmarks.station import images, run
from tests.rigs.globus.loopback import APART_S, called, loopback

import mhfd

FEW: Final = 12
"""Images of the first of two runs of a station: their difference is without its start."""


def scored(sides: tuple[int, ...], runs: int) -> dict[int, tuple[float, float]]:
    """side -> (seconds of the processor, peak MB) of `mhfd.score(path)`, one thread, 8 bit."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {side: Path(folder, f"{side}.tif") for side in sides}
        for side, path in paths.items():
            tifffile.imwrite(path, image_of(side), rowsperstrip=64)
        score = {str(side): partial(mhfd.score, path, device="cpu", threads=1) for side, path in paths.items()}
        times = in_turn(score, runs)
        return {side: (median(times[str(side)].cpu) / 1e3, peak_mb(SCORE, path, 16)) for side, path in paths.items()}


def watched(side: int, count: int) -> float:
    """Seconds of the processor, of a station and all its workers, for each image beyond the first few."""
    with tempfile.TemporaryDirectory() as folder:
        spent = []
        for number, some in enumerate((FEW, FEW + count)):
            place = Path(folder, str(number))
            place.mkdir()
            paths = images(place / "root", some, side)
            before = processor_s()
            run(place / "root", place / "state", paths, at_once=True)
            spent.append(processor_s() - before)
    return (spent[1] - spent[0]) / count


def processor_s() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def over_compute(calls: int, batches: int) -> tuple[float, float, float]:
    """(seconds that the platform adds to a call, to an image of a batch, bytes of an answer an image), on loopback."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        loopback(Path(scratch)) as globus,
        started(Path(scratch, "endpoint"), globus, fast=True) as (running, _),
        called(running, fast=True) as way,
    ):
        paths = pictures(running.root, BATCH)
        way.focus(paths[:1])
        alone = []
        for index in range(calls):
            seconds, answer = way.focus([paths[index % BATCH]])
            alone.append(seconds - parts_of(answer)[0])
            time.sleep(APART_S)
        start = time.perf_counter()
        answers = [task.result(600) for task in [way.send(paths) for _ in range(batches)]]
        took = time.perf_counter() - start
        function = sum(parts_of(answer)[0] for answer in answers)
        size = fmean(len(json.dumps(answer)) for answer in answers) / BATCH
    return median(alone), max(0.0, took - function) / (BATCH * batches), size
