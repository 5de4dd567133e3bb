"""`make demo-flow`: images go through the shipped flow to a real endpoint while things go wrong, on this machine.

Auth, Transfer, Flows and Compute's web service are stand-ins; they really copy files and really run the definition.
Broker, endpoint, worker, SDK and `mhfd watch` are real. Which fault comes when is drawn from a seed that is printed;
only those that really hit are counted. Ends with how many images were judged once; the exit code is 1, with the
reason, when one was lost, judged twice, scored wrongly, or left in the staging area without being named.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.latency import waiting_times
from tests.rigs.flow_rig import Site, site
from tests.rigs.globus.broker import HOW, installed
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.demo_check import Findings, looked_at
from tests.rigs.globus.demo_endpoint import MHFD, say
from tests.rigs.globus.demo_faults import Faults
from tests.rigs.globus.loopback import fast_program, loopback
from tests.rigs.globus.sdk import environment
from tests.rigs.watched import Watched

BATCH = 8
STALE_S = 240.0
"""With nothing recorded for so long, it has failed."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sections", type=int, default=190, help="that are simulated: some are imaged again")
    parser.add_argument("--faults", type=int, default=18, help="that are tried; none to measure")
    parser.add_argument("--kills", type=int, default=2, help="of the station")
    parser.add_argument("--seed", type=int, default=None, help="of the faults; a new one each time")
    options = parser.parse_args(arguments)
    if installed() is None:
        sys.stderr.write(f"{HOW}\n")
        return 2
    seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    say(f"seed {seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends, too
    with tempfile.TemporaryDirectory(prefix="mhfd-demo-") as scratch:
        return demo(Path(scratch), options.sections, options.faults, options.kills, random.Random(seed))  # noqa: S311 - faults


def demo(folder: Path, sections: int, faults: int, kills: int, chance: random.Random) -> int:
    say("starting a broker, stand-ins of the web services, and a real endpoint ...")
    (folder / "site").mkdir()
    with (
        loopback(folder) as service,
        ChildEndpoint(service, folder / "endpoint", program=fast_program(folder / "bin")) as endpoint,
        site(service, endpoint, folder / "site", environment(service.url, folder / "globus")) as lab,
    ):
        file = lab.file(flow__batch=BATCH, flow__wait_s=1.0, arrival__patience_s=2.0)
        lab.root.rmdir()  # the microscope makes it anew
        with microscope(lab, sections) as making, watched(lab, file) as station:
            planned = Faults(lab, chance, faults, kills, runs=max(2, sections // BATCH))
            went_well = until_judged(lab, station, making, planned)
            planned.over()
            code = station.stop(signal.SIGTERM)
        found = looked_at(lab, station.state)
        return told(lab, station, planned, found, well=went_well and code == 0)


def until_judged(lab: Site, station: Watched, making: Popen[bytes], planned: Faults) -> bool:
    """Every image is recorded; False when nothing moves any more."""
    shown = moved = time.monotonic()
    before = -1
    while True:
        counts = station.ask(JournalView.counts) or dict.fromkeys(State, 0)
        made, done = sum(counts.values()) - counts[State.REPLACED], counts[State.RECORDED]
        now = time.monotonic()
        if done != before:
            before, moved = done, now
        if now - moved > STALE_S:
            say(f"nothing moves any more:\n{station.said()[-3000:]}")
            return False
        if making.poll() is not None and done == made and made >= files_of(lab):
            return True
        if planned.step():
            station.kill()
            say("  the station was killed, and starts again")
            station.start()
        if now - shown > 3:
            shown = now
            out = Counter(run.execution.at for run in lab.runs() if run.status in ("ACTIVE", "INACTIVE"))
            where = ", ".join(f"{state} {n}" for state, n in sorted(out.items())) or "none"
            say(f"  {made} seen, {done} judged; runs: {len(lab.runs())} made, out: {where}; faults: {planned.hits}")
        time.sleep(0.1)


def told(lab: Site, station: Watched, planned: Faults, found: Findings, *, well: bool) -> int:
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
    for line in found.wrong:
        say(f"WRONG: {line}")
    say(f"{found.once} of {found.images} judged once; {planned.hits} faults survived")
    return 0 if well and not found.wrong and found.once == found.images > 0 else 1


@contextmanager
def microscope(lab: Site, sections: int) -> Iterator[Popen[bytes]]:
    command = [MHFD, "simulate", "--sections", str(sections), "--size", "256", "--into", str(lab.root), "--at-once"]
    say(f"$ mhfd simulate --sections {sections} ...")
    lab.root.mkdir()
    with Popen(command, env=lab.env, stdout=DEVNULL, stderr=DEVNULL) as made:
        try:
            yield made
        finally:
            made.kill()


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
