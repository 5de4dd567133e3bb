"""`mhfd_client.work`: a notebook waits for work far away, shows how it goes, and loses nothing when it stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from tests.rigs.here import ID
from tests.rigs.loops import alone
from tests.rigs.works_here import WorksHere
from tests.works.conftest import DIG, Digging, said

import mhfd_client
from mhfd.contract.work import WorkState
from mhfd.errors import UsageError
from mhfd_client.errors import EndpointOffline, WorkUnknown
from mhfd_client.progress import Bar
from mhfd_client.works import notebook
from mhfd_client.works.following import follow
from mhfd_client.works.kept_work import KeptWork

ARGUMENTS: dict[str, Any] = {"endpoint": ID, "key": "wafer7", "into": "/eagle/works"}


class Shown:
    """A bar that keeps what it shows."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.notes: list[str] = []
        self.reached: list[float] = []
        self.total: list[float] = []
        patch.setattr(notebook, "bar", self.bar)

    @contextmanager
    def bar(self, total: float | None, wanted: bool | None, *, what: str) -> Iterator[Bar]:
        assert total is None
        yield Bar(lambda: None, self.reached.append, self.said.append, self.notes.append, self.total.append)


def test_a_notebook_sees_how_it_goes_and_gets_what_it_came_to(here: WorksHere, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    answer = mhfd_client.work(DIG, {"field": ("north", "south")}, **ARGUMENTS)
    assert (answer.ok, answer.state, answer.result) == (True, WorkState.DONE, {"depth_m": 12})
    assert shown.notes == ['after a crash or Ctrl-C: mhfd_client.resume_work("wafer7")']
    assert (shown.reached, shown.total) == ([1, 2, 3], [3, 3, 3])
    assert shown.said[-1] == "done"
    assert here.of(DIG)[0]["field"] == ["north", "south"]
    assert mhfd_client.resume_work("wafer7", progress=False) == answer


def test_what_is_interrupted_is_gone_on_with(
    here: WorksHere, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(notebook, "on_bar", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mhfd_client.work(DIG, {}, **ARGUMENTS, progress=False)
    assert 'mhfd_client.resume_work("wafer7") goes on' in caplog.text
    works = mhfd_client.known_works()
    assert "under way: 1 of 3 pits (33%): pit 1" in repr(works)
    assert "<td>wafer7</td>" in works._repr_html_()
    assert mhfd_client.resume_work("wafer7", progress=False).state == "done"


def test_a_trainings_second_worker_says_how_far_the_first_one_is(here: WorksHere, digging: Digging) -> None:
    """Within a turn: it answers while the first one works."""
    told = threading.Event()
    first = threading.Lock()

    def two_workers(request: dict[str, Any]) -> dict[str, Any]:
        if not first.acquire(blocking=False):
            return said("elsewhere", request["key"], 2)
        assert told.wait(30)
        return said("done", request["key"], 3, result={"depth_m": 12})

    digging.instead = two_workers
    kept = KeptWork.new("wafer7", DIG, ID, {}, into="/eagle/works", options={"purpose": "train"})
    heard = []
    with closing(follow(kept)) as events:
        for event in events:
            heard.append(event.answer.state)
            told.set()
    assert (heard[0], heard[-1], kept.state) == ("elsewhere", "done", "done")


def test_it_works_where_a_loop_runs(here: WorksHere) -> None:
    """As in Jupyter, whose cells run inside of one."""

    async def cell() -> object:
        return mhfd_client.work(DIG, {}, **ARGUMENTS, progress=False).state

    assert alone(cell()) == "done"


def test_a_work_is_cancelled(here: WorksHere, digging: Digging) -> None:
    digging.instead = lambda request: None if request.get("cancel") else said("more", request["key"], 1)
    kept = KeptWork.new("wafer7", DIG, ID, {}, into="/eagle/works")
    with closing(follow(kept)) as heard:
        next(heard)
    answer = mhfd_client.cancel_work("wafer7", progress=False)
    assert (answer.ok, answer.state) == (True, "cancelled")


def test_what_is_wrong_says_how_it_goes_on(here: WorksHere) -> None:
    here.online = False
    with pytest.raises(EndpointOffline) as raised:
        mhfd_client.work(DIG, {}, **ARGUMENTS, progress=False)
    assert raised.value.__notes__ == ['mhfd_client.resume_work("wafer7") goes on']
    with pytest.raises(WorkUnknown, match="knows no work 'nothing'"):
        mhfd_client.resume_work("nothing")
    with pytest.raises(UsageError, match="is none of mhfd's"):
        mhfd_client.work("mhfd_sing", {}, endpoint=uuid4())
    with pytest.raises(UsageError, match="is a text, not an object"):
        mhfd_client.work(DIG, "north", endpoint=ID)  # type: ignore[arg-type]  # as somebody may


def test_two_that_follow_the_same_work_hear_the_same(here: WorksHere, digging: Digging) -> None:
    """One worker has it. Who asks meanwhile hears that, and in the end the one result."""
    second, over = threading.Event(), threading.Event()
    taken = threading.Lock()

    def one_at_a_time(request: dict[str, Any]) -> dict[str, Any] | None:
        if over.is_set():
            return None
        if not taken.acquire(blocking=False):
            second.set()
            return said("elsewhere", request["key"], 2)
        second.wait()
        digging.turns[request["key"]] = 2
        over.set()
        return None

    digging.instead = one_at_a_time
    with ThreadPoolExecutor(2) as both:
        ends = [both.submit(mhfd_client.work, DIG, {}, **ARGUMENTS, progress=False) for _ in range(2)]
        answers = [end.result() for end in ends]
    assert answers[0] == answers[1]
    assert answers[0].result == {"depth_m": 12}
    assert KeptWork.named("wafer7").state == "done"
