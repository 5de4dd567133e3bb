"""`make demo-flow`: images go through the shipped flow to a real endpoint while things go wrong, on this machine.

Auth, Transfer, Flows and Compute's web service are stand-ins; they really copy files and really run the definition.
Broker, endpoint, worker, SDK and `mhfd watch` are real, and the endpoint is made from the template that we ship. Which
fault comes when is drawn from a seed that is printed; only those that really hit are counted. Ends with how many images
were judged once; the exit code is 1, with the reason, when one was lost, judged twice, scored wrongly, left in the
staging area without being named, or when a program failed.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.latency import waiting_times
from mhfd_client.runners import Trouble
from tests.rigs.flow_rig import Site, site
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.demo_check import Findings, looked_at
from tests.rigs.globus.demo_faults import Faults
from tests.rigs.globus.demo_stage import Waiting, far_away, played, say, typed
from tests.rigs.globus.demo_table import counted, timed
from tests.rigs.globus.flows_state import OVER
from tests.rigs.globus.processes import Program, ProgramFailed
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service
from tests.rigs.watched import Watched

BATCH = 8
STALE_S = 240.0
"""With nothing recorded for so long, it has failed."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sections", type=int, default=190, help="that are simulated: some are imaged again")
    parser.add_argument("--faults", type=int, default=18, help="that are tried; none to measure")
    parser.add_argument("--kills", type=int, default=2, help="of the station")
    parser.add_argument("--markdown", action="store_true", help="end with the table of docs/benchmarks/flow.md")
    parser.add_argument("--seed", type=int, default=None, help="of the faults; a new one each time")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    say(f"seed {seed}")

    def whole(folder: Path) -> int:
        chance = random.Random(seed)  # noqa: S311 - faults
        with far_away(folder) as (service, endpoint):
            given = (options.sections, options.faults, options.kills, chance)
            return demo(service, endpoint, folder, *given, table=options.markdown)

    return played(whole)


def demo(
    service: Service,
    endpoint: CoreEndpoint,
    folder: Path,
    sections: int,
    faults: int,
    kills: int,
    chance: random.Random,
    *,
    table: bool = False,
) -> int:
    """On an endpoint that runs."""
    (folder / "site").mkdir()
    with site(service, endpoint, folder / "site", environment(service.url, folder / "globus")) as lab:
        file = lab.file(flow__batch=BATCH, flow__wait_s=1.0, arrival__patience_s=2.0)
        lab.root.rmdir()  # the microscope makes it anew
        with microscope(lab, sections) as making, watched(lab, file) as station:
            planned = Faults(lab, chance, faults, kills, runs=max(2, sections // BATCH))
            until_judged(service, lab, station, making, planned)
            planned.over()
            code = station.stop(signal.SIGTERM)
        found = looked_at(lab, station.state)
        if code:
            found.wrong.append(str(ProgramFailed("mhfd watch", code, station.said())))
        return told(lab, station, planned, found, table=table)


def until_judged(service: Service, lab: Site, station: Watched, making: Program, planned: Faults) -> None:
    """Every image is recorded. AssertionError when a program fails, or nothing moves any more."""
    assert isinstance(lab.endpoint, CoreEndpoint)
    waiting, moved, before = Waiting(), time.monotonic(), -1
    while True:
        service.broker.alive()
        lab.endpoint.alive()
        station.alive()
        counts = station.ask(JournalView.counts) or dict.fromkeys(State, 0)
        made, done = sum(counts.values()) - counts[State.REPLACED], counts[State.RECORDED]
        if done != before:
            before, moved = done, time.monotonic()
        if making.over() and done == made and made >= files_of(lab) > 0:
            return
        words = f"{made} images seen, {done} judged; {len(lab.runs())} runs made; {planned.hits} faults hit; "
        words += f"waiting for {awaited(lab, station, planned, made, done)}"
        stuck = time.monotonic() - moved > STALE_S
        assert not stuck, f"nothing moves any more: {words}\n{station.said()[-3000:]}\n{lab.endpoint.said()}"
        if planned.step():
            station.kill()
            say("  the station was killed, and starts again")
            station.start()
        waiting.on(words)
        time.sleep(0.1)


def awaited(lab: Site, station: Watched, planned: Faults, made: int, done: int) -> str:
    """What it is that the demo waits for now."""
    out = Counter(run.execution.at for run in lab.runs() if run.status not in OVER)
    held = planned.holding()
    if out:
        where = ", ".join(f"{n} in {state}" for state, n in sorted(out.items()))
        first = (
            "" if done or "Score" not in out else "; the endpoint starts a process and a worker for the first of them"
        )
        return f"runs ({where})" + (f", one held by a fault: {held}" if held else first)
    if not made:
        return "the station to start and see the first image" if files_of(lab) else "the microscope's first image"
    troubles = station.ask(JournalView.troubles) or []
    wrong = [row.why for row in troubles if not row.until_ns and row.kind != Trouble.LEFTOVER]  # that one stays said
    if wrong:
        return f"the station, which says: {wrong[0]}"
    if done < made:
        return "the station to start the next run, or take its reports"
    return "the microscope's next image"


def told(lab: Site, station: Watched, planned: Faults, found: Findings, *, table: bool) -> int:
    for kind, count in sorted(planned.by_kind().items()):
        say(f"  fault: {kind}, {count} times")
    say(f"{len(lab.runs())} runs; the endpoint's own log: {found.scored} images scored, {found.repeated} of them again")
    for why, count in sorted(found.repeats.items()):
        say(f"  scored again, as {why}: {count}")
    named = "" if any("not named" in line for line in found.wrong) else ", each named by the station"
    say(f"left in the staging area: {len(found.left) or 'nothing'}{named if found.left else ''}")
    if not planned.hits:
        with JournalView.read(station.state) as journal:
            times = waiting_times(journal.images(limit=100_000), target_s=60)
        say(
            f"{times.total}; "
            + ", ".join(f"{name} {at.p50_ms:.0f}/{at.p95_ms:.0f}" for name, at in times.spans.items())
        )
        if table:
            say(timed(times))
    elif table:
        say(counted(found, planned.by_kind(), runs=len(lab.runs())))
    for line in found.wrong:
        say(f"WRONG: {line}")
    say(f"{found.once} of {found.images} judged once; {planned.hits} faults survived")
    return 0 if not found.wrong and found.once == found.images > 0 else 1


@contextmanager
def microscope(lab: Site, sections: int) -> Iterator[Program]:
    say(f"$ mhfd simulate --sections {sections} ...")
    lab.root.mkdir()
    size = ("--size", "256", "--into", str(lab.root), "--at-once")
    made = typed("mhfd simulate", "simulate", "--sections", str(sections), *size, env=lab.env, folder=lab.folder)
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def watched(lab: Site, file: Path) -> Iterator[Watched]:
    station = Watched(lab.root, lab.folder, lab.env, ["--runner", "flow", "--config", str(file), "--quiet"])
    say("$ mhfd watch DIR --runner flow ...")
    station.start()
    try:
        yield station
    finally:
        station.close()


def files_of(lab: Site) -> int:
    return sum(1 for path in lab.root.rglob("*.tif"))


if __name__ == "__main__":
    sys.exit(main())
