"""The flow runner against stand-ins that speak the wire, run the shipped flow, move files and score on a real endpoint.

The promises of tests/test_runner_contract.py that hold for images that are copied elsewhere, and each fault once: every
image has one report, the staging area is clean or its leftovers are named, and a person is told in words.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mhfd.contract import Finding
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Scored, Started, Trouble
from mhfd_client.runners.flow import FlowRunner
from tests.flow_rig import Site, site
from tests.globus.child_endpoint import ChildEndpoint
from tests.globus.service import Service

PATIENCE_S = 120.0  # a test that waits this long has failed


@pytest.fixture
def lab(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    with site(service, quick_endpoint, tmp_path, {}) as made:
        for name, value in made.env.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def start(lab: Site) -> Iterator[Callable[..., FlowRunner]]:
    made: list[FlowRunner] = []

    def start(**options: object) -> FlowRunner:
        made.append(lab.runner(**options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


def listen(runner: FlowRunner, enough: Callable[[list[Event]], bool]) -> list[Event]:
    heard: list[Event] = []
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        heard += runner.events(0.5)
        if enough(heard):
            return heard
    raise AssertionError(f"nothing came of it: {heard}\n{runner._trips}")


def answers(events: list[Event]) -> list[int]:
    ids: list[int] = []
    for event in events:
        match event:
            case Scored():
                ids.append(event.id)
            case Returned():
                ids.extend(event.ids)
    return ids


def until_answered(runner: FlowRunner, count: int) -> list[Event]:
    return listen(runner, lambda events: len(answers(events)) >= count)


def ready(runner: FlowRunner, lab: Site, count: int) -> list[Job]:
    jobs = lab.images(count)
    listen(runner, lambda _: runner.capacity >= count)
    runner.submit(Batch("a", tuple(jobs)))
    return jobs


def words(events: list[Event], *, kind: Trouble | None = None) -> str:
    return "\n".join(e.detail for e in events if isinstance(e, Health) and not e.ok and kind in (None, e.kind))


def all_scored(events: list[Event], jobs: list[Job]) -> None:
    """Each once, with the report of its own file."""
    scored = [e for e in events if isinstance(e, Scored)]
    assert Counter(e.id for e in scored) == Counter(job.id for job in jobs)
    by_id = {job.id: job for job in jobs}
    for event in scored:
        report = event.report
        assert (report.image.path, report.image.bytes) == (by_id[event.id].path, by_id[event.id].size)
        assert report.finding is not Finding.UNREADABLE, report.finding_detail


def test_each_image_is_answered_once(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start(flow__batch=4)
    jobs = ready(runner, lab, 6)
    events = until_answered(runner, 6)
    all_scored(events, jobs)
    assert not any(isinstance(e, Health) for e in events)
    assert len(lab.runs()) == 2
    assert lab.scored() == 6
    for event in events:
        if isinstance(event, Scored):
            (started,) = [e for e in events if isinstance(e, Started) and e.id == event.id]
            moments = [event.transferred_ns, event.started_ns, event.at_ns, event.returned_ns]
            assert None not in moments
            assert sorted(m for m in moments if m) == moments
            assert events.index(started) < events.index(event)
            assert event.report.provenance.endpoint == lab.endpoint.id
    runner.events(0.0)
    runner.close()
    assert lab.staged() == []
    assert not runner._logbook._open


def test_more_than_the_capacity_is_refused(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start(flow__batch=1)
    jobs = lab.images(5)
    with pytest.raises(RunnerError, match="5 images for 4 free of 4 places"):
        runner.submit(Batch("a", tuple(jobs)))
