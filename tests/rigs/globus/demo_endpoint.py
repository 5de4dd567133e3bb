"""`make demo-endpoint`: a station here, an endpoint of Globus Compute there, both on this machine and both real.

The web service is a stand-in; broker, endpoint, worker, SDK and `mhfd watch` are not, and the endpoint is made from the
template that we ship. Ends with how many images were judged once, and how long a call takes; the exit code is 1, with
the reason, when an image was lost or scored twice, or a program failed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from mhfd_client.errors import StateMissing
from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from tests.rigs.globus.core_endpoint import CoreEndpoint
from tests.rigs.globus.demo_stage import Waiting, far_away, played, say, typed
from tests.rigs.globus.loopback import called
from tests.rigs.globus.processes import Program
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service

STALE_S = 240.0
"""With nothing recorded for so long, it has failed."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sections", type=int, default=190)
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args(arguments)

    def whole(folder: Path) -> int:
        with far_away(folder) as (service, endpoint):
            return demo(service, endpoint, folder, options.sections, options.calls)

    return played(whole)


def demo(service: Service, endpoint: CoreEndpoint, folder: Path, sections: int, calls: int) -> int:
    """On an endpoint that runs; afterwards its results come as slowly as without `--fast-results`."""
    env = environment(service.url, folder / "globus") | {"XDG_STATE_HOME": str(folder / "xdg")}
    root, state = endpoint.root / "wafer", folder / "state"
    before = len(lines_of(endpoint))
    microscope(env, folder, root, sections)
    watched(service, endpoint, env, folder, root, state)
    with JournalView.read(state) as journal:
        rows = journal.images(limit=100_000)
        reports = [journal.report(row.report) for row in rows if row.report is not None]
        once = sum(row.state is State.RECORDED for row in rows)
        far = sum(report.provenance.endpoint == endpoint.id for report in reports)
    lines = lines_of(endpoint)[before:]
    scored = sum(int(str(line["scored"])) for line in lines)
    say(f"the endpoint's own log: {len(lines)} tasks, {scored} images, by {len({x['pid'] for x in lines})} worker")
    median = echoed(endpoint, calls, fast=True)
    say("the same without --fast-results: the endpoint starts another process, some 5 s ...")
    endpoint.results_as_they_come()
    usual = echoed(endpoint, max(5, calls // 4), fast=False)
    if not len(rows) == once == far == scored:
        say(f"WRONG: of {len(rows)} images {once} are recorded, {far} have the endpoint's report; it scored {scored}")
    say(f"{once} of {len(rows)} judged once; median {median:.0f} ms (stock polls {usual:.0f} ms)")
    return 0 if len(rows) == once == far == scored and rows else 1


def microscope(env: Mapping[str, str], folder: Path, root: Path, sections: int) -> None:
    """Images of so many sections."""
    say(f"$ mhfd simulate --sections {sections} ...")
    size = ("--size", "256", "--into", str(root), "--at-once")
    made = typed("mhfd simulate", "simulate", "--sections", str(sections), *size, env=env, folder=folder)
    waiting = Waiting()
    try:
        while not made.over():
            waiting.on(f"{sum(1 for _ in root.rglob('*.tif'))} of some {sections} images written")
            time.sleep(0.1)
    finally:
        made.stop()


def watched(
    service: Service, endpoint: CoreEndpoint, env: Mapping[str, str], folder: Path, root: Path, state: Path
) -> None:
    """Until every image is judged."""
    say(f"$ mhfd watch DIR --runner compute --endpoint {endpoint.id} ...")
    station = typed(
        "mhfd watch",
        *("watch", str(root), "--state", str(state), "--runner", "compute", "--endpoint", endpoint.id, "--no-page"),
        *("--set", f"compute.function={endpoint.functions['mhfd_focus']}"),
        *("--until-idle", "3", "--set", "arrival.patience_s=2", "--quiet"),
        env=env,
        folder=folder,
    )
    try:
        until_over(service, endpoint, station, state)
    finally:
        station.stop()


def until_over(service: Service, endpoint: CoreEndpoint, station: Program, state: Path) -> None:
    """The station ends by itself. AssertionError when a program fails, or nothing moves any more."""
    waiting, moved, before = Waiting(), time.monotonic(), ""
    while not station.over():
        service.broker.alive()
        endpoint.alive()
        words = far_along(state)
        if words != before:
            moved, before = time.monotonic(), words
        assert time.monotonic() - moved < STALE_S, f"nothing moves any more: {words}\n{station.said()}{endpoint.said()}"
        waiting.on(words)
        time.sleep(0.1)


def far_along(state: Path) -> str:
    """How far the station is, and what it waits for."""
    try:
        with JournalView.read(state) as journal:
            counts = journal.counts()
            wrong = [trouble.why for trouble in journal.troubles() if not trouble.until_ns]
    except StateMissing:
        return "waiting for the station to start"
    seen, judged = sum(counts.values()) - counts[State.REPLACED], counts[State.RECORDED]
    if wrong:
        return f"{seen} images seen, {judged} judged; the station waits: {wrong[0]}"
    if not seen:
        return "waiting for the station's first look at the folder"
    if judged == seen:
        return f"all {seen} images judged; the station ends when no more has come for 3 s"
    there, here = counts[State.SUBMITTED], counts[State.SCORED] + counts[State.JUDGED]
    if there:
        return f"{seen} images seen, {judged} judged; waiting for the endpoint with {there}"
    if here:
        return f"{seen} images seen, {judged} judged; waiting for the station to judge {here}, some of them again"
    return f"{seen} images seen, {judged} judged; waiting until the next images are whole"


def echoed(endpoint: CoreEndpoint, calls: int, *, fast: bool) -> float:
    """The median of so many calls that do nothing, in ms. Without `fast`, of another process of the user's."""
    say(f"calling the endpoint {calls} times, one call after the other ...")
    options = {} if fast else {"warm_minutes": 7}
    with called(endpoint, fast=fast, functions=endpoint.functions, options=options) as way:
        way.echo(1)
        return statistics.median(way.echo(calls)) * 1000


def lines_of(endpoint: CoreEndpoint) -> list[dict[str, object]]:
    """The site's own log, of tasks that scored."""
    lines = map(json.loads, endpoint.log.read_text().splitlines()) if endpoint.log.exists() else []
    return [line for line in lines if line.get("scored")]


if __name__ == "__main__":
    sys.exit(main())
