"""`make demo-endpoint`: a station here, an endpoint of Globus Compute there, both on this machine and both real.

The web service is a stand-in; broker, endpoint, worker, SDK and `mhfd watch` are not. Ends with how many images were
judged once, and how long a call takes; the exit code is 1 when an image was lost or scored twice.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from tests.rigs.globus.broker import HOW, installed
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.loopback import called, fast_program, loopback
from tests.rigs.globus.sdk import environment

MHFD = str(Path(sys.executable).with_name("mhfd"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sections", type=int, default=190)
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args(arguments)
    if installed() is None:
        sys.stderr.write(f"{HOW}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="mhfd-demo-") as scratch:
        return demo(Path(scratch), options.sections, options.calls)


def demo(folder: Path, sections: int, calls: int) -> int:
    say("starting a broker, a stand-in of the web service, and a real endpoint ...")
    with (
        loopback(folder) as service,
        ChildEndpoint(service, folder / "fast", program=fast_program(folder / "bin")) as endpoint,
    ):
        env = environment(service.url, folder / "globus") | {"XDG_STATE_HOME": str(folder / "xdg")}
        root, state = endpoint.root / "wafer", folder / "state"
        run(env, "simulate", "--sections", str(sections), "--size", "256", "--into", str(root), "--at-once")
        run(
            env,
            *("watch", str(root), "--state", str(state), "--runner", "compute", "--endpoint", endpoint.id, "--no-page"),
            *("--until-idle", "3", "--set", "arrival.patience_s=2", "--quiet"),
        )
        with JournalView.read(state) as journal:
            rows = journal.images(limit=100_000)
            reports = [journal.report(row.report) for row in rows if row.report is not None]
            once = sum(row.state is State.RECORDED for row in rows)
            far = sum(report.provenance.endpoint == endpoint.id for report in reports)
        lines = [json.loads(line) for line in endpoint.log.read_text().splitlines()]
        scored = sum(line["scored"] for line in lines)
        say(f"the endpoint's own log: {len(lines)} tasks, {scored} images, by {len({x['pid'] for x in lines})} worker")
        with called(endpoint) as both:
            median = statistics.median(both.echo(calls)) * 1000
        with ChildEndpoint(service, folder / "stock") as slow, called(slow, fast=False) as stock:
            usual = statistics.median(stock.echo(max(5, calls // 4))) * 1000
    say(f"{once} of {len(rows)} judged once; median {median:.0f} ms (stock polls {usual:.0f} ms)")
    return 0 if len(rows) == once == far == scored and rows else 1


def run(env: dict[str, str], *arguments: str) -> None:
    say(f"$ mhfd {' '.join(arguments[:1])} ...")
    subprocess.run([MHFD, *arguments], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def say(line: str) -> None:
    sys.stdout.write(f"{line}{os.linesep}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
