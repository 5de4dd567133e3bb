"""An endpoint without a function serves the others; the client says which is missing, where, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.facility import SHARP, Facility
from tests.rigs.here import ID, here
from tests.rigs.remote import hashing

import mhfd
from mhfd import shim
from mhfd.contract.params import Params
from mhfd.contract.work import WorkAnswer
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.runners import UNSEEN, Batch, Event, Health, Job, Returned, Scored, Trouble
from mhfd_client.runners.work import Work

AWAY = shim.function("mhfd_anneal", module="mhfd.remote.annealing", entry="anneal", summary="Not there yet.")
FUNCTIONS = {**shim.FUNCTIONS, hashing.NAME: hashing.FUNCTION, "mhfd_anneal": AWAY}


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


def runner_of(clock: VirtualTime) -> ComputeRunner:
    return ComputeRunner(
        ID, lambda sent: here(clock, sent, FUNCTIONS), clock=clock.clock, background=clock.background(0.1)
    )


def job_of(facility: Facility) -> Job:
    return Job(0, facility.image("a.tif", SHARP[:64, :64]), UNSEEN, 0, Params())


def listened(runner: ComputeRunner, clock: VirtualTime, until: float) -> list[Event]:
    heard: list[Event] = []
    while clock.now < until:
        heard += runner.events(1.0)
    return heard


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        (hashing.NAME, "not_allowed", "the administrator of endpoint does not let mhfd_hash_folder run: ask "),
        ("mhfd_anneal", "no_function", f"mhfd {mhfd.__version__} on this worker has no function mhfd_anneal: the "),
    ],
)
def test_the_function_that_is_missing_is_named(facility: Facility, function: str, code: str, words: str) -> None:
    clock = VirtualTime()
    runner = runner_of(clock)
    request: dict[str, Any] = {"key": "a", "into": str(facility.out), "folder": str(facility.data)}
    runner.submit(Batch("works", (Work(0, "a", function, request, WorkAnswer.model_validate),)))
    runner.submit(Batch("images", (job_of(facility),)))
    heard = listened(runner, clock, 10)
    runner.close()
    (returned,) = [event for event in heard if isinstance(event, Returned)]
    assert (returned.token, returned.blame, returned.code) == ("works", True, code)
    assert returned.why.startswith(f"endpoint {ID}: {function}: {words}")
    assert len([event for event in heard if isinstance(event, Scored)]) == 1, "the others are served"


def test_where_scoring_is_not_allowed_images_wait_for_it(facility: Facility) -> None:
    facility.allow(functions={"mhfd_focus": {"allowed": False}})
    clock = VirtualTime()
    runner = runner_of(clock)
    runner.submit(Batch("images", (job_of(facility),)))
    heard = listened(runner, clock, 10)
    assert not [event for event in heard if isinstance(event, Scored | Returned)]
    (said,) = [event for event in heard if isinstance(event, Health)]
    assert said.kind is Trouble.REFUSED
    assert "the administrator of endpoint does not let mhfd_focus run" in said.detail
    assert "[functions.mhfd_focus]" in said.detail
    assert str(ID) in str(said.error)
    facility.allow()
    heard = listened(runner, clock, 60)
    runner.close()
    assert len([event for event in heard if isinstance(event, Scored)]) == 1
