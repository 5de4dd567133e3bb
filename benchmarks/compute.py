"""What an endpoint of Globus Compute costs: `python -m benchmarks.compute [--calls 1000] [--images 1000] [--no-delay]`.

Real SDK, broker, endpoint and worker on this machine; the web service is a stand-in, so what the real one and the
network take is not in it. The time between two points is split by the worker's own clock: `function` is what
`mhfd.remote.run` took, `platform` all else; `kernel` is the part of the function that the detector took.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tifffile
from benchmarks._table import markdown, publish
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.loopback import APART_S, Calls, called, fast_program, loopback

import mhfd_client
from mhfd import simulate
from mhfd.contract.answer import ScoreResponse

BATCH = 32
HEAD = "what only the service can show"
POLLS = {
    "stock": "how long it takes to hand a task on: here no time, so that the polls of half a second are all there is",
    "results looked at every 20 ms here": "whether it sends a result on as soon as it has it",
    "... and every 10 ms there (`--fast-results`)": "its own share of a call, which lies in all three lines alike: the "
    "ratio is smaller there",
}
"""Line -> what is not in its figures. A test holds that the page has it."""
SCORING = {
    "one a call": "its share of `platform`; whether it lets calls follow each other so closely (20 requests in 10 s)",
    f"batches of {BATCH}": "its share of `platform`, in which 32 images share; whether it hands on answers of this "
    "size at once",
}
COLD = (
    "`cold` is without the service's own registration and, on a cluster, without the queue: only there can be seen how "
    "long these are."
)
DELAY = "The 20 ms are put in here; how long a round trip is, and how much it varies, only the network shows."
NOTEBOOK = "its share of each request: `score` makes several before it hands over, an endpoint that is held open one"
NOTEBOOK_CALLS = 20
NOTEBOOK_S = 2.5
Row = list[object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1000, help="one after the other; a tenth with delay")
    parser.add_argument("--no-delay", action="store_true", help="leave out the part with 20 ms of round trip")
    options = parser.parse_args()
    parts = []
    for delay_ms in (0.0,) if options.no_delay else (0.0, 10.0):
        with tempfile.TemporaryDirectory() as scratch, loopback(Path(scratch), delay_ms=delay_ms) as service:
            calls = options.calls // 10 if delay_ms else options.calls
            parts.append(measured(Path(scratch), service, calls, options.images, delay_ms))
    publish(
        "compute",
        "Scoring through Globus Compute",
        "\n\n".join(parts),
        packages=("globus-compute-sdk", "globus-compute-endpoint", "parsl", "numpy"),
    )


def measured(folder: Path, service: Any, calls: int, images: int, delay_ms: float) -> str:
    nothing: list[Row] = []
    usual = 0.0
    for name, client, endpoint in zip(POLLS, (False, True, True), (False, False, True), strict=True):
        with (
            started(folder / f"{client}-{endpoint}", service, fast=endpoint) as (running, cold),
            called(running, fast=client) as way,
        ):
            way.echo(3)
            some = way.echo(calls if endpoint else 25)
            if endpoint:
                single, together = scoring(running, way, calls, images)
                asked = notebook(running, folder / "state", statistics.median(some))
        usual = usual or statistics.median(some)
        ratio = f"1/{usual / statistics.median(some):.1f}"
        nothing.append([name, len(some), *figures(some), ratio, f"{cold:.1f} s", POLLS[name]])
    head = "On loopback" if not delay_ms else f"With {2 * delay_ms:.0f} ms of round trip between client and service"
    return "\n\n".join(
        [
            f"## {head}",
            "A call that does nothing, one after the other; `cold`: from the endpoint's start to its first answer.",
            markdown(["polls", "calls", "median", "p95", "p99", "of stock", "cold", HEAD], nothing),
            *([COLD] if not delay_ms else [DELAY]),
            "MHFD (`robust`, n=16) on 1024x1024 images, both polls lowered, one warm worker with one thread.",
            markdown(
                ["how", "images", "whole, median", "p95", "function", "kernel", "platform an image", HEAD],
                [[*row, SCORING[str(row[0])]] for row in (single, together)],
            ),
            f"An image of 256x256 from Python, one a call, {NOTEBOOK_S:g} s apart (the service takes 20 requests in "
            "10 s); `of nothing`: against the call that does nothing.",
            markdown(["how", "calls", "median", "p95", "p99", "of nothing", HEAD], [[*row, NOTEBOOK] for row in asked]),
        ]
    )


def scoring(endpoint: ChildEndpoint, way: Calls, calls: int, images: int) -> tuple[Row, Row]:
    """One image a call, as when nothing waits; and many in batches, sent at once."""
    paths = pictures(endpoint.root, min(images, 64))
    way.focus(paths[:1])
    whole, functions, kernels = [], [], []
    for index in range(calls):
        seconds, answer = way.focus([paths[index % len(paths)]])
        function, kernel = parts_of(answer)
        whole.append(seconds)
        functions.append(function)
        kernels.append(kernel)
        time.sleep(APART_S)
    platform = statistics.median(w - f for w, f in zip(whole, functions, strict=True))
    median, p95, _ = figures(whole)
    single: Row = ["one a call", calls, median, p95, ms(functions), ms(kernels), f"{1000 * platform:.1f} ms"]
    start = time.perf_counter()
    many = [paths[i % len(paths)] for i in range(images)]
    tasks = [way.send(many[at : at + BATCH]) for at in range(0, images, BATCH)]
    answers = [task.result(600) for task in tasks]
    took = time.perf_counter() - start
    worked = [parts_of(answer) for answer in answers]
    function, kernel = (sum(one[i] for one in worked) / images for i in (0, 1))
    together: Row = [
        f"batches of {BATCH}",
        images,
        f"{1000 * took / images:.1f} ms",
        "",
        f"{1000 * function:.1f} ms",
        f"{1000 * kernel:.1f} ms",
        f"{1000 * (took / images - function):.2f} ms",
    ]
    return single, together


def notebook(endpoint: ChildEndpoint, state: Path, nothing: float) -> list[Row]:
    """One image a call, as a scientist asks: each on its own, and over an endpoint that is held open."""
    path = endpoint.root / "small.tif"
    tifffile.imwrite(path, simulate.section((256, 256), seed=1))

    def timed(name: str, ask: Callable[[], object]) -> Row:
        ask()
        took = []
        for _ in range(NOTEBOOK_CALLS):
            time.sleep(NOTEBOOK_S)
            start = time.perf_counter()
            ask()
            took.append(time.perf_counter() - start)
        return [name, len(took), *figures(took), f"{statistics.median(took) / nothing:.1f} x"]

    with mock.patch.dict(os.environ, XDG_STATE_HOME=str(state)), mhfd_client.Endpoint(endpoint.id) as held:
        quiet: dict[str, Any] = {"judge": False, "thumbnails": False, "progress": False}
        return [
            timed("`mhfd_client.score(endpoint=...)`", lambda: mhfd_client.score(path, endpoint=endpoint.id, **quiet)),
            timed("`mhfd_client.Endpoint`, held open", lambda: held.submit(path).result()),
        ]


@contextmanager
def started(folder: Path, service: Any, *, fast: bool) -> Iterator[tuple[ChildEndpoint, float]]:
    options: dict[str, Any] = {"program": fast_program(folder / "bin")} if fast else {}
    start = time.perf_counter()
    with ChildEndpoint(service, folder, site="threads = 1\n", **options) as running:
        with called(running) as way:
            way.echo(1)
        yield running, time.perf_counter() - start


def pictures(folder: Path, count: int) -> list[str]:
    picture = simulate.section((1024, 1024), seed=1)
    paths = []
    for number in range(count):
        path = folder / f"S_{number:04}.tif"
        tifffile.imwrite(path, np.roll(picture, number))
        paths.append(str(path))
    return paths


def parts_of(answer: dict[str, Any]) -> tuple[float, float]:
    """Seconds of the function, and of its detector."""
    response = ScoreResponse.model_validate(answer)
    assert response.ok
    assert response.began_ns is not None
    assert response.ended_ns is not None
    kernel = sum(report["timing_ms"]["detect"] for report in response.reports if report is not None)
    return (response.ended_ns - response.began_ns) / 1e9, kernel / 1000


def figures(seconds: Sequence[float]) -> list[str]:
    return [f"{1000 * float(value):.0f} ms" for value in np.percentile(seconds, [50, 95, 99])]


def ms(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms"


if __name__ == "__main__":
    main()
