"""A day of images in virtual time: `python -m benchmarks.virtual_day [--hours 24] [--down 8 4] [--write]`.

10 TB in tiles of 8.5 MB, 13.6 a second, by the real runners, journal, batching and pacing, and by the shipped flow in
our interpreter; the services are models with the documented limits, and 1% of all they are asked fails. The centre is
down for four hours. `--write` puts the table into docs/benchmarks/flow.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time as real
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast
from uuid import UUID

from benchmarks._virtual_centre import REPORT, Assumed, Centre, Chance, Requests, VirtualEndpoint
from benchmarks._virtual_flows import CENTRE, VirtualFiles, VirtualFlows
from benchmarks._virtual_page import section, written
from benchmarks._virtual_station import Book, Fates, VirtualStation, journal_in
from benchmarks._virtual_time import VirtualTime

from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointService
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.flow.service import FlowService
from mhfd_client.runners.far import FarRunner
from mhfd_client.settings.options import Settings
from mhfd_flows.shipped import MAX_IMAGES

RATE: Final = 13.6
ID: Final = UUID(CENTRE)
ASSUMED: Final = Assumed()
Road = Literal["compute", "flow"]


@dataclass(frozen=True, slots=True)
class Day:
    """What is to happen. Seconds."""

    road: Road
    seconds: float
    down: tuple[float, float] | None
    rate: float = RATE
    seed: int = 1
    assumed: Assumed = ASSUMED
    options: tuple[tuple[str, Any], ...] = ()
    """Of the runner, where they are not the settings' own."""
    journal: bool = True
    """The real one; else its rules in memory."""
    takes: int = MAX_IMAGES
    """Images of a run, by the flow that is deployed."""


@dataclass(frozen=True, slots=True)
class Came:
    """What became of it."""

    day: Day
    fates: Fates
    hits: int
    asked: int
    again: int
    """Images that the centre scored more than once, each time counted."""
    figures: dict[str, Any]
    ended_s: float
    real_s: float


def lived(day: Day, folder: Path) -> Came:
    """Let a day pass."""
    begun = real.perf_counter()
    time, chance = VirtualTime(), Chance(day.seed, day.assumed.failing)
    centre = Centre(time, day.assumed, day.down)
    requests = Requests(time)
    flows = VirtualFlows(time, centre, day.assumed, chance)
    flows.takes = day.takes
    settings = Settings()
    runner: FarRunner
    if day.road == "compute":
        options = {"batch": settings.compute.batch, "tasks": 2 * day.assumed.workers} | dict(day.options)
        options |= {"deadline_s": settings.runner.deadline_s, "attempts": settings.runner.attempts}
        runner = ComputeRunner(
            ID,
            lambda sent: CallableEndpoint(
                cast(EndpointService, VirtualEndpoint(centre, requests, chance, ID, sent)),
                {"mhfd_focus": UUID(int=1), "mhfd_examine": UUID(int=2)},
            ),
            ledger=folder / "compute.jsonl",
            backoff_s=settings.runner.backoff_s,
            clock=time.clock,
            background=time.background(day.assumed.web_s),
            **options,
        )
    else:
        chosen = settings.flow
        options = {name: getattr(chosen, name) for name in ("batch", "wait_s", "runs", "poll_s", "late_s")}
        options |= {"attempts": settings.runner.attempts, "backoff_s": settings.runner.backoff_s} | dict(day.options)
        runner = FlowRunner(
            lambda: cast(FlowService, flows),
            folders(folder),
            runs_file=folder / "flow.jsonl",
            clock=time.clock,
            background=time.background(day.assumed.web_s),
            files=VirtualFiles(flows, REPORT),
            **options,
        )
    journal = journal_in(folder, time) if day.journal else Book()
    station = VirtualStation(time, runner, journal, images=round(day.seconds * day.rate), rate=day.rate)
    try:
        station.run(until=3 * day.seconds + 6 * 3600)
    finally:
        runner.close()
        journal.close()
    figures = {
        "most requests in 10 s": requests.most,
        "refused": requests.refused,
        "most transfers": flows.transfers.most,
        "transfers busy": flows.transfers.busy_s / 3 / day.seconds,
        "runs": flows.made,
        "endings": flows.endings,
        "largest state": flows.largest,
        "left": len(flows.left),
    }
    hits, asked = sum(chance.hits.values()), sum(chance.asked.values())
    again = sum(n - 1 for n in centre.scored.values() if n > 1)
    return Came(day, station.fates, hits, asked, again, figures, time.now, real.perf_counter() - begun)


def lived_apart(day: Day) -> Came:
    """In a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        return lived(day, Path(scratch))


def folders(folder: Path) -> Folders:
    """A microscope's disk, and the centre's."""
    sem = "00000000-0000-4000-8000-000000000001"
    return Folders(
        flow="00000000-0000-4000-8000-000000000002",
        endpoint=CENTRE,
        function="00000000-0000-4000-8000-000000000003",
        source=sem,
        source_here=Path("/sem"),
        source_path="/sem/",
        watched=Path("/sem/run"),
        results=sem,
        results_here=folder / "reports",
        results_path="/reports",
        staging=CENTRE,
        staging_path="/staging/",
        staging_root="/eagle/staging",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--down", type=float, nargs=2, default=(8.0, 4.0), metavar=("AT", "HOURS"))
    parser.add_argument("--road", choices=("compute", "flow"), action="append", help="one alone; both without")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--journal", action="store_true", help="the real one on a disk: twice as slow")
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks/flow.md")
    given = parser.parse_args()
    begin, hours = given.down
    down = (begin * 3600, (begin + hours) * 3600) if hours else None
    roads: tuple[Road, ...] = tuple(given.road or ("compute", "flow"))
    days = [Day(road, given.hours * 3600, down, seed=given.seed, journal=given.journal) for road in roads]
    with ProcessPoolExecutor(len(days)) as pool:
        came = list(pool.map(lived_apart, days))
    told = section(came)
    print(told)
    if given.write:
        written(told)


if __name__ == "__main__":
    main()
