"""A whole `mhfd watch --runner compute`, its endpoint real, while everything between them breaks.

After each fault: every image has one report and one verdict, and a person was told in words. The endpoint's own log
says how often it scored.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.globus.broker import Broker
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until
from tests.rigs.typed import refused
from tests.rigs.watched import Watched

from mhfd_client.journal.view import JournalView
from mhfd_client.results.latency import spans


@pytest.fixture
def watch(tmp_path: Path, globus_env: dict[str, str]) -> Iterator[Callable[[ChildEndpoint], Watched]]:
    made: list[Watched] = []

    def make(endpoint: ChildEndpoint) -> Watched:
        root = endpoint.root / tmp_path.name
        root.mkdir()
        options = ["--runner", "compute", "--endpoint", endpoint.id, "--set", "runner.backoff_s=0.2"]
        made.append(Watched(root, tmp_path, globus_env, options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def mortal(endpoint: ChildEndpoint) -> ChildEndpoint:
    """The shared one with a real worker: a test that kills it leaves it well, as it was started anew."""
    return endpoint


@pytest.fixture
def quick_mortal(quick_endpoint: ChildEndpoint) -> ChildEndpoint:
    """The same, with threads."""
    return quick_endpoint


Make = Callable[[ChildEndpoint], Watched]


def scored(endpoint: ChildEndpoint) -> int:
    """How many images the endpoint has scored, by its own log."""
    if not endpoint.log.exists():
        return 0
    return sum(json.loads(line)["scored"] for line in endpoint.log.read_text().splitlines())


def test_images_are_scored_far_away_once(endpoint: ChildEndpoint, watch: Make) -> None:
    station, before = watch(endpoint), scored(endpoint)
    station.images(12)
    station.start()
    station.recorded(12)
    station.images(3)
    station.recorded(15)
    station.loads_no_scoring()
    station.end()
    station.check(endpoint.id)
    assert scored(endpoint) - before == 15
    with JournalView.read(station.state) as journal:
        for row in journal.images(limit=100):
            assert {"wait", "queue", "score", "return", "judge"} <= set(spans(row))
            assert row.started_ns is not None
            assert row.scored_ns is not None
            assert row.returned_ns is not None
            assert row.started_ns <= row.scored_ns <= row.returned_ns


def test_a_killed_station_finds_its_tasks_again(endpoint: ChildEndpoint, watch: Make) -> None:
    station, before = watch(endpoint), scored(endpoint)
    station.images(60)
    for _ in range(3):
        station.start("--set", "compute.batch=4")
        until(lambda: scored(endpoint) > before or station.ask(JournalView.counts), "it does nothing")
        station.kill()
    station.start("--set", "runner.deadline_s=10")  # what was lost on its way is asked again, as in the other tests
    station.end()
    station.check(endpoint.id)


def test_a_killed_endpoint_is_waited_for(quick_mortal: ChildEndpoint, watch: Make) -> None:
    endpoint, station = quick_mortal, watch(quick_mortal)
    station.images(10)
    station.start("--set", "runner.deadline_s=10")
    station.recorded(10)
    endpoint.kill()
    station.images(10)
    offline = station.trouble("offline")
    assert "offline" in offline.why or "not running" in offline.why
    endpoint.start()
    station.end()
    station.check(endpoint.id)
    assert all(row.until_ns for row in station.ask(lambda journal: journal.troubles()))


def test_a_worker_that_is_killed_at_work_costs_no_image(mortal: ChildEndpoint, watch: Make) -> None:
    """At work: an idle one holds the lock of its pool's queue, and the pool of this release stands still for ever.

    It is held in the middle of a task by its log, which becomes a pipe that nobody reads.
    """
    endpoint, station = mortal, watch(mortal)
    station.images(2)
    station.start("--set", "runner.deadline_s=30")
    station.recorded(2)
    (worker,) = endpoint.workers()
    endpoint.log.unlink()
    os.mkfifo(endpoint.log)
    try:
        station.images(6)
        until(lambda: "wait_for_partner" in Path(f"/proc/{worker}/wchan").read_text(), "the worker does nothing")
        os.kill(worker, signal.SIGKILL)
    finally:
        endpoint.log.unlink()  # whoever read it would wait, too
    station.end()
    station.check(endpoint.id)
    assert worker not in endpoint.workers()


@pytest.mark.soak  # an endpoint with workers is started anew; one with threads is, above
def test_a_pool_that_stands_still_is_told_and_outlived(mortal: ChildEndpoint, watch: Make) -> None:
    endpoint, station = mortal, watch(mortal)
    station.images(2)
    station.start("--set", "runner.deadline_s=10")
    station.recorded(2)
    endpoint.kill_worker()  # it waits for work, and takes the lock of its pool's queue with it
    station.images(4)
    station.trouble("queued", "starts it again")
    endpoint.kill()
    endpoint.start()
    station.end()
    station.check(endpoint.id)


def test_connections_that_break_lose_nothing(
    broker: Broker, service: Service, endpoint: ChildEndpoint, watch: Make
) -> None:
    station = watch(endpoint)
    station.images(6)
    station.start("--set", "runner.deadline_s=10")
    station.recorded(6)
    for _ in range(2):
        broker.close_connections()
        station.images(6)
    service.fail("POST .*/submit", 503, times=2)
    service.fail("POST .*/submit", 429, times=1, retry_after=1)
    station.images(6)
    station.end()
    station.check(endpoint.id)


@pytest.mark.parametrize(("status", "kind", "more"), [(503, "offline", {}), (429, "queued", {"retry_after": 3})])
def test_a_service_that_answers_nothing_for_long_is_told(
    service: Service, endpoint: ChildEndpoint, watch: Make, status: int, kind: str, more: dict[str, Any]
) -> None:
    station = watch(endpoint)
    station.images(3)
    station.start()
    station.recorded(3)
    trouble = service.fail(".*", status, times=10**9, **more)
    station.images(3)
    station.trouble(kind, f"({status})")
    trouble.lift()
    service.reset()
    station.end()
    station.check(endpoint.id)


def test_an_answer_that_is_lost_scores_nothing_twice(service: Service, endpoint: ChildEndpoint, watch: Make) -> None:
    station, before = watch(endpoint), scored(endpoint)
    station.images(2)
    station.start("--set", "runner.deadline_s=30")
    station.recorded(2)
    lost = service.fail("POST .*/submit", "drop", times=1, after=True)
    station.images(1)
    lost.wait()
    station.images(5)
    station.end()
    station.check(endpoint.id)
    assert scored(endpoint) - before == 8


def test_this_machine_scores_meanwhile_if_it_is_told_to(quick_mortal: ChildEndpoint, watch: Make) -> None:
    endpoint, station = quick_mortal, watch(quick_mortal)
    station.images(4)
    station.start("--set", "compute.meanwhile_s=1", "--set", "runner.workers=1", "--set", "runner.deadline_s=10")
    station.recorded(4)
    endpoint.kill()
    station.images(6)
    assert "this machine scores" in station.trouble("meanwhile").why
    station.recorded(10)
    endpoint.start()
    until(lambda: station.trouble("meanwhile").until_ns, "the endpoint is not taken again")
    station.images(4)
    station.recorded(14)
    station.end()
    with JournalView.read(station.state) as journal:
        rows = journal.images(limit=100)
        where = [journal.report(row.report or 0).provenance.endpoint for row in rows]
    assert where == [endpoint.id] * 4 + [None] * 6 + [endpoint.id] * 4


def test_a_function_that_is_not_allowed_is_named_with_what_to_do(service: Service, watch: Make, tmp_path: Path) -> None:
    """The service knows without the endpoint, which is not started."""
    endpoint = ChildEndpoint(service, tmp_path / "endpoints", allowed=[])
    station = watch(endpoint)
    station.images(1)
    station.start()
    assert "mhfd endpoint pin" in station.trouble("refused").why
    assert not [task for task in list(service.compute.tasks.values()) if task.endpoint == endpoint.id]


def test_a_file_outside_the_endpoints_folders_is_named(endpoint: ChildEndpoint, watch: Make, tmp_path: Path) -> None:
    station = watch(endpoint)
    station.root = tmp_path / "elsewhere"
    station.root.mkdir()
    station.images(1)
    station.start()
    assert str(endpoint.root) in station.trouble("refused").why


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runner", "compute"], "compute.endpoint"),
        (["--runner", "compute", "--endpoint", "mine"], "'mine'"),
        (["--runner", "compute", "--endpoint", "0" * 32, "--map", "/nowhere=/there"], "no pair covers"),
        (["--runner", "compute", "--endpoint", "0" * 32, "--map", "x"], "HERE=THERE"),
        (["--runner", "compute", "--endpoint", "0" * 32, "--set", "compute.function=x"], "compute.function"),
    ],
)
def test_what_cannot_work_is_said_before_it_starts(tmp_path: Path, arguments: list[str], said: str) -> None:
    root = tmp_path / "run"
    root.mkdir()
    assert said in refused(["watch", str(root), "--state", str(tmp_path / "state"), "--no-page", *arguments])
