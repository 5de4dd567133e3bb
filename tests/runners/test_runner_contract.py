"""What every runner must do, whoever scores: one suite over every implementation of the seam."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.rigs.far import far_runner
from tests.rigs.jobs_folder import Folder
from tests.rigs.listening import PATIENCE_S, answers, listen, until_answered

from mhfd.contract.focus_report import Finding
from mhfd.contract.params import Params
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Health, Returned, Runner, Scored, SeatsTaken, Started
from mhfd_client.runners.local import LocalRunner
from mhfd_client.runners.work import Ended, Going, Work

if TYPE_CHECKING:
    from tests.rigs.globus.child_endpoint import ChildEndpoint
    from tests.rigs.globus.service import Service


def local(_: pytest.FixtureRequest) -> Runner:
    return LocalRunner(workers=2, device="cpu", score="tests.rigs.jobs:score", backoff_s=0.01)


def compute(request: pytest.FixtureRequest) -> Runner:
    """A real endpoint, reached through the SDK; its function does what `tests.rigs.jobs` does."""
    return far_runner(request.getfixturevalue("service"), request.getfixturevalue("roomy_endpoint"))


RUNNERS: dict[str, Callable[[pytest.FixtureRequest], Runner]] = {"local": local, "compute": compute}
"""Every runner, made so that it calls `tests.rigs.jobs.score`."""


@pytest.fixture(params=["local", pytest.param("compute", marks=pytest.mark.globus)])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    runner = RUNNERS[request.param](request)
    try:
        yield runner
    finally:
        runner.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    yield Folder(tmp_path)
    for path in tmp_path.iterdir():
        if path.is_file():
            path.unlink()  # what still hangs over one, far away, ends with it


@pytest.fixture(scope="session")
def roomy_endpoint(lasting_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildEndpoint]:
    """An endpoint with room for tasks that hang."""
    from tests.rigs.globus.child_endpoint import ChildEndpoint

    folder = tmp_path_factory.mktemp("roomy")
    with ChildEndpoint(lasting_service, folder, kind="thread", workers=16) as running:
        yield running


def test_each_image_is_answered_once(runner: Runner, folder: Folder) -> None:
    jobs = [folder.job() for _ in range(runner.capacity)]
    runner.submit(Batch("a", tuple(jobs[:2])))
    runner.submit(Batch("b", tuple(jobs[2:])))
    events = until_answered(runner, len(jobs))
    assert sorted(answers(events)) == [job.id for job in jobs]
    by_id = {job.id: job for job in jobs}
    for event in events:
        assert not isinstance(event, Returned | Health | SeatsTaken)
        assert event.token == ("a" if event.id <= 2 else "b")
        if isinstance(event, Scored):
            job = by_id[event.id]
            assert (event.report.image.path, event.report.params_id) == (job.path, job.params.id)
            (started,) = (e for e in events if isinstance(e, Started) and e.id == event.id)
            assert events.index(started) < events.index(event)
            assert started.at_ns <= event.at_ns


def test_each_image_has_its_own_parameters(runner: Runner, folder: Folder) -> None:
    jobs = [folder.job(), folder.job(params=Params(n=8))]
    runner.submit(Batch("a", tuple(jobs)))
    reports = {e.id: e.report for e in until_answered(runner, 2) if isinstance(e, Scored)}
    assert [reports[job.id].params for job in jobs] == [job.params for job in jobs]


def test_more_than_the_capacity_is_refused(runner: Runner, folder: Folder) -> None:
    jobs = tuple(folder.job() for _ in range(runner.capacity + 1))
    with pytest.raises(RunnerError, match=rf"{len(jobs)} images for {runner.capacity} free"):
        runner.submit(Batch("a", jobs))
    runner.submit(Batch("b", jobs[1:]))
    assert len(answers(until_answered(runner, runner.capacity))) == runner.capacity, "the refused batch left no trace"


def test_a_name_that_is_no_utf8(runner: Runner, folder: Folder) -> None:
    job = folder.job(name=os.fsdecode(b"stra\xdfe\n2.tif"))
    runner.submit(Batch("a", (job,)))
    (scored,) = (e for e in until_answered(runner, 1) if isinstance(e, Scored))
    assert scored.report.finding is Finding.OK


def test_file_that_changed_comes_back(runner: Runner, folder: Folder) -> None:
    job = folder.job()
    Path(job.path).write_text("ok, but other bytes\n")
    runner.submit(Batch("a", (job,)))
    (returned,) = (e for e in until_answered(runner, 1) if isinstance(e, Returned))
    assert (returned.ids, returned.blame) == ((job.id,), False)
    assert "changed" in returned.why


def test_file_that_changes_while_it_is_read_comes_back(runner: Runner, folder: Folder) -> None:
    job = folder.job("rewrite")
    runner.submit(Batch("a", (job,)))
    (returned,) = (e for e in until_answered(runner, 1) if isinstance(e, Returned))
    assert (returned.ids, returned.blame) == ((job.id,), False)


def test_file_that_is_gone_comes_back_for_its_own_fault(runner: Runner, folder: Folder) -> None:
    job = folder.job()
    Path(job.path).unlink()
    runner.submit(Batch("a", (job,)))
    (returned,) = (e for e in until_answered(runner, 1) if isinstance(e, Returned))
    assert (returned.ids, returned.blame) == ((job.id,), True)
    assert "No such file" in returned.why


def test_cancelled_work_comes_back(runner: Runner, folder: Folder) -> None:
    hang = [folder.job("hang") for _ in range(runner.capacity - 1)]
    good = folder.job()
    runner.submit(Batch("a", tuple(hang)))
    runner.submit(Batch("b", (good,)))
    heard = listen(runner, lambda events: any(isinstance(e, Started) for e in events))
    runner.cancel("a")
    runner.cancel("no such token")
    heard += until_answered(runner, len(hang) + 1 - len(answers(heard)))
    assert sorted(answers(heard)) == [job.id for job in [*hang, good]]
    assert all(e.token == "a" and not e.blame for e in heard if isinstance(e, Returned))  # noqa: S105
    assert [e.id for e in heard if isinstance(e, Scored)] == [good.id]


def test_unknown_work_is_not_taken_up(runner: Runner, folder: Folder) -> None:
    assert runner.reattach(Batch("from another life", (folder.job(),))) is False
    assert list(runner.events(0.0)) == []


def test_work_of_a_function_ends_or_comes_back(runner: Runner, folder: Folder) -> None:
    """An endpoint does it, beside images; who has none gives it back, and scores on."""
    job = folder.job()
    work = Work(7, "a", "mhfd_long", {"key": "a", "turns": 3}, WorkAnswer.model_validate)
    runner.submit(Batch("a", (job, work)))
    events = until_answered(runner, 2)
    assert [event.id for event in events if isinstance(event, Scored)] == [job.id]
    (end,) = (event for event in events if isinstance(event, Ended | Returned))
    if isinstance(end, Ended):
        going = [event.answer.progress for event in events if isinstance(event, Going)]
        assert [progress and progress.done for progress in going] == [1, 2]
        assert (end.token, end.id, end.answer.state, end.answer.result) == ("a", 7, WorkState.DONE, {"turns": 3})
    else:
        assert isinstance(end, Returned)
        assert (runner.name, end.token, end.ids, end.blame) == ("local", "a", (7,), True)
        assert "give an endpoint" in end.why


def test_wake_ends_a_wait(runner: Runner) -> None:
    listener = threading.Thread(target=runner.events, args=(PATIENCE_S * 2,))
    listener.start()
    while listener.is_alive():
        runner.wake()
        listener.join(timeout=0.05)


def test_nothing_after_close(runner: Runner, folder: Folder) -> None:
    runner.submit(Batch("a", (folder.job("hang"),)))
    runner.close()
    runner.close()
    with pytest.raises(RunnerError, match="closed"):
        runner.submit(Batch("b", (folder.job(),)))
