"""What runners whose work is done elsewhere do with what was opened for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mhfd_client.flow.places import Places
from mhfd_client.runners import Runner
from mhfd_client.runners.compute import ComputeRunner
from mhfd_client.runners.flow import FlowRunner

SOMETHING = "6d686664-0000-4000-8000-000000000009"
PLACES = Places(
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
