"""The driver of whoever waits: what it hands over, what it makes of what comes back, and when it loses patience."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from mhfd.contract.params import Params
from mhfd_client.errors import ComputeError, ComputeRefused, EndpointOffline, RunnerError, TaskUnknown
from mhfd_client.runners import UNSEEN, Batch, Event, Health, Job, Returned, Scored, Started, Trouble, set_aside
from mhfd_client.runners.driver import FAR_PATIENCE_S, Driver
from mhfd_client.scoring.items import Item
from mhfd_client.scoring.kept_call import Stored

TOKEN = "00000000-0000-4000-8000-000000000000"  # noqa: S105 - of a batch
Script = Callable[["Scripted"], Sequence[Event]]


class Scripted:
    """Says what the script says of what it was handed."""

    name, outlives = "scripted", False

    def __init__(self, script: Script, capacity: int = 2) -> None:
        self._script, self.capacity = script, capacity
        self.held: list[Job] = []
        self.batches: list[Batch] = []
        self.now = 0.0

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.held += batch.images
        assert len(self.held) <= self.capacity

    def events(self, timeout: float) -> Sequence[Event]:
        self.now += 30.0
        return self._script(self)

    def wake(self) -> None: ...
    def cancel(self, token: str) -> None: ...
    def close(self) -> None: ...
    def reattach(self, batch: Batch) -> bool:
        return False


def jobs(count: int) -> list[Job]:
    return [Job(n, f"/far/{n}.tif", UNSEEN, 0, Params()) for n in range(count)]


def scored(job: Job) -> Scored:
    return Scored(TOKEN, job.id, set_aside(job.path, job.params, "is made up"), 1)


def last_first(runner: Scripted) -> list[Event]:
    return [Started(TOKEN, runner.held[-1].id, 1), scored(runner.held.pop())]


def drive(runner: Scripted, **options: object) -> Driver:
    return Driver(runner, TOKEN, clock=lambda: runner.now, **options)  # type: ignore[arg-type] # as they come


def test_no_more_is_handed_over_than_there_is_room_for() -> None:
    runner = Scripted(last_first)
    answers = [answer.id for some in drive(runner).results(jobs(5)) for answer in some]
    assert answers == [1, 2, 3, 4, 0]
    assert [len(batch.images) for batch in runner.batches] == [2, 1, 1, 1]


def test_what_is_known_needs_no_runner() -> None:
    runner = Scripted(last_first)
    one, two = jobs(2)
    answers = [answer.id for some in drive(runner).results([scored(one), two]) for answer in some]
    assert answers == [0, 1]
    assert [job.id for batch in runner.batches for job in batch.images] == [1]


def test_what_the_runner_has_already_is_waited_for() -> None:
    runner = Scripted(last_first)
    runner.held = jobs(2)
    assert sum(len(some) for some in drive(runner).results((), taken=jobs(2))) == 2
    assert not runner.batches


@pytest.mark.parametrize(("blame", "times"), [(True, 1), (False, 3)])
def test_what_comes_back_goes_again_unless_it_is_its_own_fault(blame: bool, times: int) -> None:
    runner = Scripted(lambda r: [Returned(TOKEN, (r.held.pop().id,), "the file changed", blame)], capacity=1)
    ((answer,),) = drive(runner, tries=3).results(jobs(1))
    assert len(runner.batches) == times
    assert answer.report.finding_detail == "0.tif could not be scored: the file changed"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Trouble.REFUSED, ComputeRefused("no")),
        (Trouble.OFFLINE, EndpointOffline("away")),
        (Trouble.QUEUED, TaskUnknown("silent")),
    ],
)
def test_a_trouble_that_lasts_is_raised_after_what_came(kind: Trouble, error: ComputeError) -> None:
    trouble = Health(False, "in words", kind, error)
    runner = Scripted(lambda r: [trouble, *([scored(r.held.pop())] if len(r.held) == 2 else [])])
    said: list[str] = []
    done: list[Scored] = []
    results = drive(runner, patience_s=FAR_PATIENCE_S, say=said.append).results(jobs(2))
    with pytest.raises(type(error), match=str(error)):
        done.extend(answer for some in results for answer in some)
    assert len(done) == 1
    assert said[0] == "in words"
    assert FAR_PATIENCE_S[kind] <= runner.now - 30 <= FAR_PATIENCE_S[kind] + 30


def test_a_trouble_that_ends_is_forgotten() -> None:
    def script(r: Scripted) -> list[Event]:
        if r.now > 1000:
            return [scored(r.held.pop())]
        return [Health(r.now % 60 == 0, "now and then", Trouble.OFFLINE)]

    runner = Scripted(script, capacity=1)
    assert sum(len(some) for some in drive(runner, patience_s=FAR_PATIENCE_S).results(jobs(1))) == 1


def test_without_patience_to_lose_it_waits() -> None:
    script: Script = lambda r: [scored(r.held.pop())] if r.now > 1e6 else [Health(False, "ill")]  # noqa: E731
    assert sum(len(some) for some in drive(Scripted(script, capacity=1)).results(jobs(1))) == 1


def test_a_trouble_without_an_error_is_raised_in_words() -> None:
    runner = Scripted(lambda _: [Health(False, "its workers die")])
    with pytest.raises(RunnerError, match="its workers die"):
        list(drive(runner, patience_s={Trouble.FAILING: 0.0}).results(jobs(1)))


def test_a_call_that_an_earlier_version_kept_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It kept the task groups, which the runner's own file has now: what has no report is asked again."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = Stored.new(UUID(TOKEN), Params(), [Item(f"{n}.tif", f"/far/{n}.tif") for n in range(2)])
    made.scored(0, set_aside("0.tif", Params(), "is made up"))
    made.close()
    (path,) = tmp_path.rglob(f"{made.token}.jsonl")
    with path.open("a") as file:
        file.write(json.dumps({"group": TOKEN}) + "\n")
    found = Stored.open(made.token)
    found.close()
    assert (found.items, list(found.reports), found.finished) == (made.items, [0], False)
