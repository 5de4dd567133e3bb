"""A test of who judges, far away: the real function on an endpoint, asked by a key that a restart has again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.rigs.benched import package
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.packages import answered_here
from tests.rigs.run_tested import RunUnderTest
from tests.rigs.works_here import WorksHere

from mhfd.learning.packages import Library
from mhfd.learning.promotion import gates
from mhfd_client.errors import RunnerError
from mhfd_client.results.retested import answer_words
from mhfd_client.retesting.job import run
from mhfd_client.runners import far
from mhfd_client.works import following


class FarRun(RunUnderTest):
    """Its endpoint sees the folder of tests, and a library."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, here: WorksHere) -> None:
        super().__init__(folder)
        self.here, self.facility = here, Facility(folder, patch)
        self.there = self.facility.data / "library"
        self.there.mkdir()
        roots = [self.facility.out, self.there]
        self.facility.allow(write_roots=roots, functions={"mhfd_benchmark": {}})
        self.way = {
            "by": "compute",
            "folder": self.facility.data / "tests",
            "library": str(self.there),
            "settings": {"compute.endpoint": str(ID)},
        }


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarRun]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(far, "_PAUSE_S", 0.01)
    monkeypatch.setattr(gates, "barred", lambda _package: ())
    monkeypatch.setattr("mhfd.learning.packages.package.tried", answered_here)
    with closing(WorksHere(monkeypatch)) as here:
        made = FarRun(tmp_path, monkeypatch, here)
        with closing(made.journal):
            yield made


def test_the_champion_is_asked_where_its_library_is(asked: FarRun) -> None:
    champion = package(asked.folder / "trained")
    asked.promote(champion)
    Library(asked.there).add(champion)
    asked.image(**{champion.name: 0.5})
    asked.journal.labelled(1, sharp=True, who="Ann")
    answer = asked.answer(**asked.way)
    assert (answer.by, answer.champion, answer.bad) == ("compute", champion.name, False)
    assert answer.there is not None
    assert answer.differs is not None, "the watch was told another number of it"
    assert answer.line.startswith("kept: ")
    assert answer_words(answer).startswith(f"champion mine {champion.name[:4]} ")
    (request,) = {str(sorted(one.items())): one for one in asked.here.of("mhfd_benchmark")}.values()
    assert request["key"] == f"retest-{asked.journal.identity()}-count-1"
    assert request["champion"] == champion.name


def test_asked_again_after_a_kill_it_is_the_same_work(asked: FarRun) -> None:
    asked.image()
    first = asked.answer(**asked.way)
    count = len(asked.here.of("mhfd_benchmark"))
    assert asked.answer(**asked.way) == first
    assert len(asked.here.of("mhfd_benchmark")) == count, "its answer was kept"


def test_an_endpoint_that_refuses_says_why_and_the_next_try_is_another_work(asked: FarRun) -> None:
    asked.image()
    asked.facility.allow(read_roots=[asked.facility.out], functions={"mhfd_benchmark": {}})
    told = run(asked.test(**asked.way))
    assert told.answer is None
    assert told.why
    assert "it lies below none of" in told.why
    asked.journal.retest_failed(*asked.key, package=None, why=told.why, tries=told.tries)
    roots: dict[str, Any] = {"write_roots": [asked.facility.out, asked.there]}
    asked.facility.allow(**roots, functions={"mhfd_benchmark": {}})
    assert asked.answer(**asked.way).line.startswith("kept: mhfd")
    assert asked.here.of("mhfd_benchmark")[-1]["key"].endswith("-count-1-1")


def test_a_try_of_which_nothing_was_heard_asks_nothing_anew(asked: FarRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for may still be under way: asked anew, it would be made twice."""

    def gone(_kept: object) -> NoReturn:
        raise RunnerError("the network is gone")

    asked.image()
    with monkeypatch.context() as patch:
        patch.setattr(following, "follow", gone)
        told = run(asked.test(**asked.way))
    assert (told.why, told.tries) == ("the network is gone", 1)
    asked.journal.retest_failed(*asked.key, package=None, why="the network is gone", tries=1)
    assert asked.answer(**asked.way).line.startswith("kept: mhfd")
    assert {one["key"] for one in asked.here.of("mhfd_benchmark")} == {f"retest-{asked.journal.identity()}-count-1"}


def test_far_away_needs_the_library_s_name_there(asked: FarRun) -> None:
    asked.image()
    told = run(asked.test(**asked.way | {"library": None}))
    assert told.why == "models.library: must be set for re-tests far away: the library as the endpoint names it"
