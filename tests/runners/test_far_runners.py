"""What runners whose work is done elsewhere do with what was opened for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.rigs.far import far_runner
from tests.rigs.jobs_folder import Folder
from tests.rigs.listening import listen, until_answered

from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.runners import Batch, Health, Returned, Runner, Scored

if TYPE_CHECKING:
    from tests.rigs.globus.child_endpoint import ChildEndpoint
    from tests.rigs.globus.service import Service

SOMETHING = "6d686664-0000-4000-8000-000000000009"
PLACES = Folders(
    flow=SOMETHING,
    endpoint=SOMETHING,
    function=SOMETHING,
    source=SOMETHING,
    source_here=Path("/sem"),
    source_path="/",
    watched=Path("/sem/run"),
    results=SOMETHING,
    results_here=Path("/sem/reports"),
    results_path="/reports",
    staging=SOMETHING,
    staging_path="/",
    staging_root="/stage",
)


class Opening:
    """A service that answers late, and that nothing is asked of."""

    def __init__(self) -> None:
        self.asked, self.answer, self.closed = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_: Any) -> Any:
        self.asked.set()
        assert self.answer.wait(60)
        return self

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("answers", ["before", "after"])
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda opening: ComputeRunner(UUID(SOMETHING), opening), id="compute"),
        pytest.param(lambda opening: FlowRunner(opening, PLACES), id="flow"),
    ],
)
def test_a_runner_that_goes_closes_what_it_has_not_heard_of(made: Callable[[Opening], Runner], answers: str) -> None:
    opening = Opening()
    if answers == "before":
        opening.answer.set()
    runner = made(opening)
    runner.events(0.0)
    assert opening.asked.wait(60)
    runner.close()
    opening.answer.set()
    assert opening.closed.wait(60)


@pytest.mark.globus
def test_only_the_task_that_failed_says_why(service: Service, endpoint: ChildEndpoint) -> None:
    """The SDK drops what waits behind a request that fails."""
    folder, later = Folder(endpoint.root), 0.0
    runner = far_runner(service, endpoint, batch=1, clock=lambda: time.monotonic() + later)
    try:
        runner.submit(Batch("a", (folder.job(),)))
        heard = until_answered(runner, 1)
        service.fail("POST .*/submit", 429, retry_after=1)
        held = service.fail("POST .*/submit", 429, retry_after=1, slow=True)
        runner.submit(Batch("b", (folder.job(),)))
        heard += listen(runner, lambda _: held.hits > 0)
        later = 60.0
        runner.submit(Batch("c", (folder.job(),)))
        held.lift()
        heard += until_answered(runner, 2)
    finally:
        runner.close()
    troubles = [event.detail for event in heard if isinstance(event, Health) and not event.ok]
    # By a clock that jumps, what is out is late: that is said too when the endpoint was looked at meanwhile.
    troubles = [detail for detail in troubles if "is there and has not begun" not in detail]
    assert len(troubles) == 1
    assert "(429)" in troubles[0]


@pytest.mark.globus
def test_an_endpoint_that_is_believed_is_not_asked_again(service: Service, endpoint: ChildEndpoint) -> None:
    """For somebody who waits: what it says of an image is that image's answer; and all goes in one request."""
    folder = Folder(endpoint.root)
    runner = far_runner(service, endpoint, batch=1, tasks=4, together=3, believes=True)
    try:
        jobs = folder.job(), folder.job("raise"), folder.job()
        runner.submit(Batch("a", jobs))
        heard = until_answered(runner, 3)
    finally:
        runner.close()
    (returned,) = (event for event in heard if isinstance(event, Returned))
    assert (returned.ids, returned.blame) == ((jobs[1].id,), True)
    assert "LookupError" in returned.why
    assert not any(isinstance(event, Health) for event in heard)
    assert runner.held == 0


@pytest.mark.globus
def test_an_older_endpoint_scores_on(service: Service, endpoint: ChildEndpoint) -> None:
    """It refuses a request of our version: it is asked in its own, no image pays for it, and its reports are taken."""
    folder = Folder(endpoint.root)
    runner = far_runner(service, endpoint, batch=1, tasks=3, together=3, focus="older_focus")
    try:
        runner.submit(Batch("a", (folder.job(), folder.job(), folder.job())))
        heard = until_answered(runner, 3)
    finally:
        runner.close()
    reports = [event.report for event in heard if isinstance(event, Scored)]
    assert [report.params.version_of(report.params_id) for report in reports] == [1, 1, 1]
    assert not any(isinstance(event, Health) and not event.ok for event in heard)
