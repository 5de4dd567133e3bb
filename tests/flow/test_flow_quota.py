"""A station that scores by runs of a flow, where the endpoint does nothing for it: it waits, and moves few images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from benchmarks._virtual_time import EPOCH_S, VirtualTime
from benchmarks.virtual_day import folders
from tests.rigs.focus_reports import report

from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd_client.flow.reports import Collected
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.flow.service import FlowService, Run, Start, held_by
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Scored, Trouble
from mhfd_client.runners.answers import Reason

MIDNIGHT_S = 86_400 - EPOCH_S % 86_400
ERROR = {"code": "quota", "why": "5 images a day are used up", "remedy": "it goes on at 00:00 UTC", "index": 0}


def log_of(*errors: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the service's log of a run has of the step that asks the endpoint."""
    output = {"ok": not errors, "reports": [None], "errors": list(errors)}
    done = {"status": "SUCCEEDED", "details": {"results": [{"task_id": "x", "output": output}]}}
    return [
        {"code": "FlowStarted", "time": "2026-01-01T00:00:00+00:00", "details": {"input": {}}},
        {"code": "ActionCompleted", "details": {"state_name": "Bring", "output": {"details": {"files": 3}}}},
        {"code": "ActionCompleted", "details": {"state_name": "Score", "output": done}},
        {"code": "FlowFailed", "details": None},
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (log_of(ERROR), "5 images a day are used up: it goes on at 00:00 UTC"),
        (log_of({**ERROR, "code": "unavailable"}, ERROR), "5 images a day are used up: it goes on at 00:00 UTC"),
        (log_of({**ERROR, "code": "unavailable"}), ""),
        (log_of({"code": "not_allowed", "why": "not here", "remedy": "ask"}), "not here: ask"),
        (log_of({"code": "no_mhfd", "why": "not there", "remedy": "ask"}), "not there: ask"),
        ([{}, {"details": {"output": "text"}}, {"details": {"output": {"details": {"results": None}}}}], ""),
    ],
)
def test_the_log_of_a_run_says_whether_the_endpoint_does_nothing(entries: list[dict[str, Any]], said: str) -> None:
    assert str(held_by(entries) or "") == said
    assert ERROR["code"] == Code.QUOTA


class Limited:
    """A flow whose endpoint scores so many images a day, and says so of the others. Its own files, too."""

    def __init__(self, time: VirtualTime, most: int) -> None:
        self._time, self.most = time, most
        self.held = Reason("quota", "5 a day", "at 00:00 UTC")
        self.began: list[float] = []
        self._had: dict[int, int] = {}
        self._runs: dict[str, tuple[int, int]] = {}  # of how many images, and how many are scored

    def start(self, key: str, body: Mapping[str, Any], label: str, tags: Collection[str] = ()) -> Start:
        self.began.append(self._time.now)
        wanted, day = len(body["batch"]["images"]), int(self._time.today_s() // 86_400)
        scored = min(wanted, self.most - self._had.get(day, 0))
        self._had[day] = self._had.get(day, 0) + scored
        self._runs[key] = wanted, scored
        return Start(key)

    def look(self, run: str) -> Run:
        wanted, scored = self._runs[run]
        if scored == wanted:
            return Run(run, "SUCCEEDED")
        return Run(run, "FAILED", "SomeNotScored", "SomeNotScored", "not all", held=self.held)

    def find(self, keys: Collection[str]) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass

    def unfit(self, job: Job) -> None:
        return

    def collect(
        self, folder: Path, aside: Path, jobs: Sequence[Job], seen: Sequence[str], answered: Sequence[str] = ()
    ) -> Collected:
        return Collected({n: report(4000.0, 0.04) for n in range(self._runs[folder.name][1])})

    def discard(self, folder: Path) -> None:
        pass


def runner_with_images(there: Limited, time: VirtualTime, folder: Path) -> FlowRunner:
    runner = FlowRunner(
        lambda: cast("FlowService", there),
        folders(folder),
        batch=4,
        wait_s=1.0,
        poll_s=5.0,
        clock=time.clock,
        background=time.background(0.1),
        files=there,
    )
    runner.events(1.0)
    runner.submit(Batch("a", tuple(Job(n, f"/sem/run/{n}.tif", 1000, 1, Params()) for n in range(8))))
    return runner


def test_where_the_function_may_not_run_no_image_is_at_fault(tmp_path: Path) -> None:
    """Its administrator allows it after two hours; until then a run asks every few minutes."""
    time = VirtualTime()
    there = Limited(time, 0)
    there.held = Reason("not_allowed", "the administrator does not let mhfd_focus run", "ask the administrator")
    runner = runner_with_images(there, time, tmp_path)
    heard: list[Event] = []
    while time.now < 7200:
        heard += runner.events(60.0)
    assert 10 < len(there.began) < 30
    assert not any(isinstance(event, Scored | Returned) for event in heard)
    (said,) = [event for event in heard if isinstance(event, Health)]
    assert (said.ok, said.kind) == (False, Trouble.REFUSED)
    assert f"endpoint {folders(tmp_path).endpoint}: the administrator does not let mhfd_focus run: ask" in said.detail
    there.most = 99
    while runner.held and time.now < 9000:
        heard += runner.events(60.0)
    runner.close()
    assert sorted(event.id for event in heard if isinstance(event, Scored)) == list(range(8))


def test_no_run_is_begun_before_the_next_day_but_one_an_hour(tmp_path: Path) -> None:
    time = VirtualTime()
    time.now = MIDNIGHT_S - 5400.0
    there = Limited(time, 5)
    runner = runner_with_images(there, time, tmp_path)
    heard: list[Event] = []
    while runner.held and time.now < MIDNIGHT_S + 3600:
        heard += runner.events(60.0)
    heard += runner.events(0.0)
    runner.close()
    scored = [event for event in heard if isinstance(event, Scored)]
    assert sorted(event.id for event in scored) == list(range(8))
    assert not any(isinstance(event, Returned) for event in heard), "no image is at fault"
    assert len(there.began) == 4, "two, one an hour later, and one on the next day"
    assert there.began[-1] < MIDNIGHT_S + 120, "at once on the next day"
    said = [(event.ok, event.kind) for event in heard if isinstance(event, Health)]
    assert said == [(False, Trouble.REFUSED), (True, Trouble.REFUSED)], "said once"
