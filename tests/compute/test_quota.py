"""A station whose quota is used up on the endpoint: it waits for the next day, and no image is blamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.facility import SHARP, Facility
from tests.rigs.here import ID, here

import mhfd
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.remote import examine, quota, run
from mhfd_client.compute.callable_endpoint import CallableEndpoint
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import Task
from mhfd_client.runners import UNSEEN, Batch, Event, Health, Job, Returned, Scored, Trouble

MIDNIGHT_S = 95.0


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    made = Facility(tmp_path, monkeypatch)
    (tmp_path / "state").mkdir()
    made.allow(state=tmp_path / "state", max_images_a_day=3)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Its midnight is that of the endpoint."""
    time = VirtualTime()
    monkeypatch.setattr(quota, "utc_day", lambda _: f"2026-01-0{1 + (time.now >= MIDNIGHT_S)}")
    return time


def runner_of(clock: VirtualTime, **options: Any) -> ComputeRunner:
    def opened(sent: Callable[[list[Task]], None]) -> CallableEndpoint:
        return here(clock, sent, {"mhfd_focus": run, "mhfd_examine": examine})

    plain: dict[str, Any] = {"batch": 2, "tasks": 2, "clock": clock.clock, "background": clock.background(0.1)}
    return ComputeRunner(ID, opened, **plain | options)


def jobs_of(facility: Facility, count: int) -> tuple[Job, ...]:
    paths = [facility.image(f"{n}.tif", SHARP[:64, :64]) for n in range(count)]
    return tuple(Job(n, path, UNSEEN, 0, Params()) for n, path in enumerate(paths))


def listened(runner: ComputeRunner, clock: VirtualTime, until: float) -> list[Event]:
    heard: list[Event] = []
    while clock.now < until and runner.held:
        heard += runner.events(1.0)
    return heard


def test_it_waits_for_the_next_day_and_blames_no_image(facility: Facility, clock: VirtualTime) -> None:
    runner = runner_of(clock)
    runner.submit(Batch("a", jobs_of(facility, 4)))
    heard = listened(runner, clock, MIDNIGHT_S)
    assert [type(event) for event in heard if isinstance(event, Scored | Returned)] == [Scored] * 3
    (said,) = [event for event in heard if isinstance(event, Health)]
    assert (said.ok, said.kind) == (False, Trouble.REFUSED), "said once, though it was asked again and again"
    assert "3 images a day" in said.detail
    assert "00:00 UTC" in said.detail
    assert runner.capacity == 0, "no more is handed over"
    assert len(facility.lines()) < 2 + MIDNIGHT_S / 10
    heard = listened(runner, clock, MIDNIGHT_S + 60)
    assert [type(event) for event in heard if not isinstance(event, Health)][-1] is Scored
    assert [event.ok for event in heard + list(runner.events(0)) if isinstance(event, Health)] == [True]
    assert runner.held == 0
    runner.close()
    focus = [line for line in facility.lines() if line["function"] == "mhfd_focus"]
    assert {line["client"] for line in focus} == {f"mhfd {mhfd.__version__}"}


def test_somebody_who_waits_is_told(facility: Facility, clock: VirtualTime) -> None:
    """A notebook does not wait for midnight: each image that is left has the reason."""
    runner = runner_of(clock, believes=True)
    runner.submit(Batch("a", jobs_of(facility, 4)))
    heard = listened(runner, clock, 60.0)
    runner.close()
    (left,) = [event for event in heard if isinstance(event, Returned)]
    assert (left.code, left.ids) == (Code.QUOTA, (3,))
    assert "00:00 UTC" in left.why
