"""Beside a watch: tests that are due are made in order, asked again with patience, and answered once whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.estimates import FOCUS
from tests.rigs.runs import Run

from mhfd.learning.packages.seats import Seat
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.view import JournalView
from mhfd_client.results import retested as told_of
from mhfd_client.results.retested import RetestAnswer, retested
from mhfd_client.retesting.desk import HOPES, RetestDesk
from mhfd_client.retesting.job import RetestJob, RetestWay
from mhfd_client.retesting.told import RetestTold, put, untold
from mhfd_client.station.inbox import Inbox


class Ran:
    """A child that has ended, or has not yet."""

    def __init__(self, told: str = "", code: int | None = 0, said: str = "it was killed") -> None:
        self.code, self.answer, self.said, self.ended = code, told, said, False

    def end(self, grace_s: float) -> None:
        self.ended = True


class Desk:
    """A desk whose tests end as it is told, on a clock of its own, with the station's inbox beside it."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder)
        self.run.journal._tests = RetestRule(every=2)
        self.state = self.run.state
        self.way = RetestWay(by="local", home=folder / "models", folder=folder / "tests", instrument="sem-a")
        self.now = 0.0
        self.asked: list[str] = []
        self.ends: Callable[[RetestJob], Ran] = lambda job: Ran(self.answered(job).model_dump_json())
        self.again()

    def again(self) -> None:
        """Another watch's."""

        def start(job: RetestJob) -> Ran:
            self.asked.append(f"{job.name}/{job.tries}")
            return self.ends(job)

        self.desk = RetestDesk(self.state, self.way, starts=start, clock=lambda: self.now)
        self.inbox = Inbox(self.state, self.run.judge)

    def answered(self, job: RetestJob, **says: Any) -> RetestTold:
        answer = RetestAnswer(by="local", line="kept: mhfd (1 specimen, 6 are needed)", **says)
        return RetestTold(reason=job.reason, number=job.number, answer=answer)

    def step(self) -> None:
        with closing(JournalView.read(self.state)) as view:
            self.desk.step(view)

    def taken(self) -> None:
        """The station's part."""
        for file, other in self.inbox.others().items():
            other.into(self.run.journal)
            self.inbox.done(file)

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.step()
            self.taken()

    def images(self, count: int) -> None:
        for _ in range(count):
            self.run.image(self.run.journal.files())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with closing(made.run):
        yield made


def left(journal: Journal) -> list[str]:
    return [row.name for row in journal.retests() if row.answer is None]


def test_what_is_due_is_made_in_order_and_once(desk: Desk) -> None:
    desk.images(6)
    desk.turn(12)
    assert desk.asked == ["count-1/0", "count-2/0", "count-3/0"]
    assert left(desk.run.journal) == []
    assert told_of.summary(retested(desk.run.journal)) == "re-tested 3 of 3"


def test_one_that_fails_is_asked_again_with_patience_and_holds_up_nobody(desk: Desk) -> None:
    desk.images(4)

    def ends(job: RetestJob) -> Ran:
        good = job.number != 1 or job.tries == 2
        told = desk.answered(job) if good else job.failed("the endpoint is offline")
        return Ran(told.model_dump_json())

    desk.ends = ends
    desk.turn(10)
    assert desk.asked == ["count-1/0", "count-2/0"]
    assert told_of.lines(retested(desk.run.journal))[0] == "re-tested 1 of 2, 1 is asked again"
    assert told_of.lines(retested(desk.run.journal))[-1].endswith(": is asked again: the endpoint is offline")
    desk.now += 6
    desk.turn(4)
    assert desk.asked[2:] == ["count-1/1"]
    desk.now += 6
    desk.turn(4)
    assert len(desk.asked) == 3, "it waits longer after each"
    desk.now += 6
    desk.turn(4)
    assert desk.asked[3:] == ["count-1/2"]
    assert left(desk.run.journal) == []


def test_a_watch_that_died_asks_the_same_question_again(desk: Desk) -> None:
    desk.images(2)
    desk.ends = lambda _: Ran(code=None)
    desk.turn(3)
    desk.again()
    desk.ends = lambda job: Ran(desk.answered(job).model_dump_json())
    desk.turn(4)
    assert desk.asked == ["count-1/0", "count-1/0"]
    assert left(desk.run.journal) == []


def test_an_answer_that_waits_in_the_inbox_is_not_asked_for_again(desk: Desk) -> None:
    desk.images(2)
    desk.step()
    desk.taken()
    desk.step()
    desk.step()
    assert untold(desk.state)
    desk.again()  # the watch died before it had written it down
    desk.step()
    desk.step()
    assert desk.asked == ["count-1/0"]
    desk.taken()
    assert left(desk.run.journal) == []


def test_a_process_that_says_nothing_has_failed(desk: Desk) -> None:
    desk.images(2)
    desk.ends = lambda _: Ran("no json", code=-9)
    desk.turn(4)
    (row,) = desk.run.journal.retests()
    assert (row.tries, row.why) == (1, "it was killed")


def test_a_watch_that_would_end_waits_for_what_has_hope(desk: Desk) -> None:
    desk.images(2)
    journal = desk.run.journal
    assert desk.desk.hold_s(journal) == 0.0, "it does not run"
    desk.ends = lambda _: Ran(code=None)
    with desk.desk:
        assert desk.desk.hold_s(journal) > 0
        journal.retest_failed(journal.retests()[0].reason, 1, package=None, why="no", tries=HOPES)
        assert desk.desk.hold_s(journal) == 0.0
    assert desk.desk.hold_s(journal) == 0.0


def test_a_library_that_cannot_be_read_is_said_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.images(2)
    alias = Seat("focus", "sem-a").alias(desk.way.home, "champion")
    alias.parent.mkdir(parents=True)
    alias.write_text("{}{}")
    for _ in range(3):
        with closing(JournalView.read(desk.state)) as view:
            desk.desk.look(view)
        desk.taken()

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()]

    (once,) = said()
    assert str(alias) in once
    for times in (2, 3):  # the second time nobody is to be told who judges meanwhile
        alias.unlink()
        desk.turn(3)
        alias.write_text("{}{}")
        desk.turn()
        assert said() == [once] * times, "it was well meanwhile"
    assert left(desk.run.journal) == [], "the test was made"


def test_what_is_no_answer_is_put_aside_and_named(desk: Desk) -> None:
    put(desk.state, RetestTold(champion=FOCUS, title="mhfd-focus"))
    (desk.state / "inbox" / "retest-0.json").write_text("{}{}")
    desk.taken()
    assert [why for why in desk.inbox.strange if "no answer of a re-test" in why]
    desk.images(2)
    assert [row.package for row in desk.run.journal.retests()] == [FOCUS]


def test_how_often_the_champion_was_right_is_said_of_who_was_asked_last(desk: Desk) -> None:
    desk.images(10)
    says: list[dict[str, Any]] = [
        {"champion": None, "bad": True, "says_bad": False},  # another's
        {"champion": FOCUS, "title": "A", "bad": True, "says_bad": True},
        {"champion": FOCUS, "title": "A", "bad": True, "says_bad": False},
        {"champion": FOCUS, "title": "A", "says_bad": False},
        {"champion": FOCUS, "title": "A", "skipped": "the file is another one now"},
    ]
    desk.ends = lambda job: Ran(desk.answered(job, **says[job.number - 1]).model_dump_json())
    agreed = []
    desk.turn()  # the first begins
    for _ in says:
        desk.turn(2)
        agreed.append(told_of.agreed(retested(desk.run.journal)))
    mhfd = "mhfd said what people did of 0 of 1 tests with their word"
    once, twice = (f"A said what people did of 1 of {n} tests with their word" for n in (1, 2))
    assert agreed == [mhfd, once, twice, twice, twice]
    assert told_of.lines(retested(desk.run.journal))[1] == twice


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            {
                "champion": FOCUS,
                "title": "A",
                "there": 0.12,
                "says_bad": False,
                "bad": False,
                "said_by": "Ann",
                "far": 0.8,
            },
            f"champion A {FOCUS[:4]} .12 (sharp, said sharp by Ann: right), rings .8 of the edge; "
            "kept: mhfd (1 specimen, 6 are needed)",
        ),
        (
            {"champion": FOCUS, "title": "A", "there": 0.12, "says_bad": False, "bad": True},
            f"champion A {FOCUS[:4]} .12 (sharp, said out of focus by a person: wrong); "
            "kept: mhfd (1 specimen, 6 are needed)",
        ),
        ({}, "champion mhfd (says nothing); kept: mhfd (1 specimen, 6 are needed)"),
        ({"skipped": "the file is another one now"}, "nobody was asked: the file is another one now"),
    ],
)
def test_words(says: dict[str, Any], words: str) -> None:
    answer = RetestAnswer(by="local", **{"line": "kept: mhfd (1 specimen, 6 are needed)", **says})
    assert told_of.answer_words(answer) == words
