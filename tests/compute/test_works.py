"""Works through the compute runner: each ends once, whatever is lost, refused or killed, and beside images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from benchmarks._virtual_time import VirtualTime
from tests.rigs.chaotic_endpoint import WORK, Chances, Chaotic, work_of
from tests.rigs.facility import SHARP, Facility

from mhfd.contract.params import Params
from mhfd.contract.work import WorkState
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.compute.service import EndpointStatus
from mhfd_client.runners import UNSEEN, Batch, Event, Job, Returned, Scored
from mhfd_client.runners.driver import Driver
from mhfd_client.runners.work import Ended, Going, Work

IMAGES, WORKS = "images", "works"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, ...]:
    facility = Facility(tmp_path, monkeypatch)
    paths = [facility.image(f"{n}.tif", SHARP[:64, :64]) for n in range(2)]
    return tuple(Job(n, path, UNSEEN, 0, Params()) for n, path in enumerate(paths))


def heard(runner: ComputeRunner, far: Chaotic, until: float, *, answers: int) -> list[Event]:
    """What it says until there are so many answers, or until then."""
    events: list[Event] = []
    while far.time.now < until and len(answered(events)) < answers:
        events += runner.events(1.0)
    return events


def answered(events: Sequence[Event]) -> list[tuple[str, int]]:
    """Whose answers these are."""
    found: list[tuple[str, int]] = []
    for event in events:
        match event:
            case Scored() | Ended():
                found.append((event.token, event.id))
            case Returned():
                found += [(event.token, id_) for id_ in event.ids]
    return found


def test_work_is_asked_for_until_it_is_over() -> None:
    far = Chaotic(VirtualTime(), {"a": 200.0})
    runner = far.runner()
    runner.submit(Batch(WORKS, (work_of(7, "a"),)))
    events = heard(runner, far, 3600, answers=1)
    runner.close()
    going = [event.answer for event in events if isinstance(event, Going)]
    assert [(one.state, one.progress and one.progress.done) for one in going] == [
        (WorkState.MORE, 60.0),
        (WorkState.MORE, 120.0),
        (WorkState.MORE, 180.0),
    ]
    (end,) = [event for event in events if isinstance(event, Ended)]
    assert (end.token, end.id, end.answer.state, end.answer.result) == (WORKS, 7, WorkState.DONE, {"seconds": 200.0})
    assert end.answer.provenance.endpoint is not None
    assert (far.works["a"].taken_up, far.time.now < 230) == (4, True)


def test_who_finds_it_elsewhere_asks_less_and_less_often() -> None:
    far = Chaotic(VirtualTime(), {"a": 1000.0})
    far.works["a"].holder = "somebody else"
    runner = far.runner()
    runner.submit(Batch(WORKS, (work_of(0, "a"),)))
    events = heard(runner, far, 600, answers=1)
    runner.close()
    at = [event.at_ns / 1e9 for event in events if isinstance(event, Going)]
    assert [round(after - before) for before, after in pairwise(at)][:6] == [5, 10, 20, 40, 60, 60]


def test_two_questions_at_once_and_one_end() -> None:
    """The first is silent for longer than it may be, so it is asked again: what it says in the end is put aside."""
    far = Chaotic(VirtualTime(), {"a": 10.0})
    far.works["a"].lag_s = 60.0
    runner = far.runner(deadline_s=5.0)
    runner.submit(Batch(WORKS, (work_of(0, "a", turn_s=10.0),)))
    events = heard(runner, far, 600, answers=1)
    assert (far.time.now < 60, far.works["a"].asked) == (True, 2)
    events += heard(runner, far, 120, answers=9)
    runner.close()
    assert answered(events) == [(WORKS, 0)]


def test_who_is_late_may_be_the_one_who_ends_it() -> None:
    """Asked again while it is at work, it is elsewhere; then the first question has the answer."""
    far = Chaotic(VirtualTime(), {"a": 47.0})
    far.works["a"].turn_s = 47.0
    runner = far.runner(deadline_s=5.0)
    runner.submit(Batch(WORKS, (work_of(0, "a", turn_s=10.0),)))
    events = heard(runner, far, 600, answers=1)
    runner.close()
    assert {event.answer.state for event in events if isinstance(event, Going)} == {WorkState.ELSEWHERE}
    assert (answered(events), far.works["a"].taken_up) == ([(WORKS, 0)], 1)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(8, 200))])
def test_each_ends_once(images: tuple[Job, ...], tmp_path: Path, seed: int) -> None:
    """Two images and two works on one runner, which is killed as well and comes back with the file of what was out."""
    random = Random(seed)  # noqa: S311
    unheard, busy = (random.choice((0.0, 0.1, 0.3)) for _ in range(2))
    chances = Chances(unheard, busy, dies=random.choice((0.0, 0.2)), never_comes=0.1)
    down_s = random.uniform(20, 400)
    far = Chaotic(VirtualTime(), {"a": 150.0, "b": 400.0}, chances, seed=seed, down=(down_s, down_s + 40))
    batches = [Batch(IMAGES, images), Batch(WORKS, (work_of(0, "a"), work_of(1, "b")))]
    file = tmp_path / "compute.jsonl"
    runner = far.runner(ledger=file, attempts=10)
    for batch in batches:
        runner.submit(batch)
    killed_s = random.uniform(1, 500)
    events = heard(runner, far, killed_s, answers=4)
    runner.close()
    if len(answered(events)) < 4:
        runner = far.runner(ledger=file, attempts=10)
        for batch in batches:
            done = {id_ for token, id_ in answered(events) if token == batch.token}
            left = Batch(batch.token, tuple(one for one in batch.jobs if one.id not in done))
            if left.jobs and not runner.reattach(left):
                runner.submit(left)
        events += heard(runner, far, 6 * 3600, answers=4 - len(answered(events)))
        events += heard(runner, far, far.time.now + 600, answers=9)  # and nothing comes after
        runner.close()
    assert Counter(answered(events)) == {(IMAGES, 0): 1, (IMAGES, 1): 1, (WORKS, 0): 1, (WORKS, 1): 1}
    ends = {event.id: event.answer.result for event in events if isinstance(event, Ended)}
    assert ends == {0: {"seconds": 150.0}, 1: {"seconds": 400.0}}
    assert all(work.end is not None for work in far.works.values())


@pytest.mark.parametrize("seen", [True, False])
def test_an_endpoint_that_comes_back_without_it_is_asked_again(seen: bool) -> None:
    """Also where nothing else is out that could answer, and where nobody saw that it was away."""
    far = Chaotic(VirtualTime(), {"a": 100.0}, down=(30, 70 if seen else 30.5))
    far.known.clear()
    if not seen:
        far.status = lambda: EndpointStatus(True, "online")  # type: ignore[method-assign]
    runner = far.runner()
    runner.submit(Batch(WORKS, (work_of(0, "a"),)))
    events = heard(runner, far, 3600, answers=1)
    runner.close()
    assert (answered(events), far.works["a"].taken_up) == ([(WORKS, 0)], 3)
    assert far.time.now < (190 if seen else 220)


def test_what_is_not_allowed_comes_back_and_images_go_on(images: tuple[Job, ...]) -> None:
    far = Chaotic(VirtualTime(), {"a": 10.0})
    far.allowed.remove(WORK)
    runner = far.runner()
    runner.submit(Batch(WORKS, (work_of(0, "a"),)))
    runner.submit(Batch(IMAGES, images))
    events = heard(runner, far, 60, answers=3)
    runner.close()
    (returned,) = [event for event in events if isinstance(event, Returned)]
    assert (returned.token, returned.ids, returned.blame, returned.code) == (WORKS, (0,), True, "not_allowed")
    assert "ask its administrator" in returned.why
    assert sorted(event.id for event in events if isinstance(event, Scored)) == [0, 1]
    assert far.works["a"].asked == 0


def test_images_do_not_wait_for_a_turn(images: tuple[Job, ...]) -> None:
    far = Chaotic(VirtualTime(), {"a": 5000.0, "b": 5000.0, "c": 5000.0})
    runner = far.runner()
    runner.submit(Batch(WORKS, tuple(work_of(n, key, turn_s=1000.0) for n, key in enumerate("abc"))))
    heard(runner, far, 30, answers=1)
    runner.submit(Batch(IMAGES, images))
    events = heard(runner, far, 60, answers=2)
    assert [type(event) for event in events if isinstance(event, Scored)] == [Scored, Scored]
    assert [work.asked for work in far.works.values()] == [1, 1, 0], "as many works at once as tasks of images"
    runner.close()


def test_cancelled_work_ends_where_it_is() -> None:
    """What nobody can have begun comes back; the other is asked to end, and says so itself."""
    far = Chaotic(VirtualTime(), {"a": 5000.0, "b": 5000.0})
    runner = far.runner(tasks=1)
    runner.submit(Batch(WORKS, (work_of(0, "a"), work_of(1, "b"))))
    events = heard(runner, far, 30, answers=1)
    runner.cancel(WORKS)
    events += heard(runner, far, 600, answers=2)
    (returned,) = [event for event in events if isinstance(event, Returned)]
    assert (returned.ids, returned.why) == ((1,), "cancelled")
    (end,) = [event for event in events if isinstance(event, Ended)]
    assert (end.id, end.answer.state) == (0, WorkState.CANCELLED)
    assert [work.asked > 0 for work in far.works.values()] == [True, False]
    runner.close()


@pytest.mark.parametrize(
    ("code", "tries"), [("wrong_key", 1), ("bad_request", 1), ("internal", 3), ("cannot_write", 3)]
)
def test_what_it_does_not_take_comes_back(code: str, tries: int) -> None:
    far = Chaotic(VirtualTime(), {"a": 10.0})
    far.works["a"].end = {
        "ok": False,
        "errors": [{"code": code, "why": "is wrong", "remedy": "mend it", "field": "key"}],
        "provenance": {"version": "1", "backend": "none", "device": "none", "threads": 0},
    }
    runner = far.runner(attempts=3)
    (ended,) = [event for some in Driver(runner, WORKS).results([work_of(0, "a")]) for event in some]
    runner.close()
    assert isinstance(ended, Ended)
    assert (ended.answer.ok, ended.answer.state, ended.answer.key) == (False, None, "a")
    (error,) = ended.answer.errors
    assert error.code == code
    assert error.why.endswith(f"{WORK}: key: is wrong: mend it")
    assert far.works["a"].asked == tries


def test_an_answer_that_is_none_is_a_failure() -> None:
    far = Chaotic(VirtualTime(), {"a": 10.0})
    far.works["a"].end = {"reports": []}
    runner = far.runner(attempts=2)
    runner.submit(Batch(WORKS, (Work(0, "a", WORK, {"key": "a"}, work_of(0, "a").read),)))
    (returned,) = [event for event in heard(runner, far, 600, answers=1) if isinstance(event, Returned)]
    runner.close()
    assert returned.blame
    assert far.works["a"].asked == 2
