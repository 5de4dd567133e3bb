"""The order of a learning, whoever does the steps: one after the other, each told once it is done, none too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mhfd.contract.assessing import AssessedPackage, Assessment, AssessRequest
from mhfd.contract.benchmarking import Benchmarked, BenchmarkRequest
from mhfd.contract.training import TrainRequest
from mhfd.errors import UsageError
from mhfd.learning.packages import Package
from mhfd_client.learning.from_library.asked import LearnAsked
from mhfd_client.learning.from_library.learned import Came, LearnedNetwork
from mhfd_client.learning.from_library.requests import LibraryRequests
from mhfd_client.learning.from_library.road import came_by
from mhfd_client.learning.networks import NetworkOptions

A, B, C, D = (letter * 64 for letter in "abcd")
ASKED = LearnAsked(
    dataset=None,
    folder=Path("/data/first"),
    instrument="north",
    task="focus",
    learner="small",
    best=2,
    network=NetworkOptions(),
    prevalence=0.1,
    miss_cost=7.0,
    seed=3,
    title="of north",
    licence="CC-BY-4.0",
    progress=False,
)
BENCHMARKED = Benchmarked(
    task="focus",
    instrument="north",
    decision="kept",
    line="kept",
    champion=None,
    challenger=None,
    measure="AUC",
    images=4,
    groups=2,
    entries=(),
    report="r",
)


def assessment(*train: str, ranked: Sequence[str] = (A, B, C, D)) -> Assessment:
    return Assessment(
        task="focus",
        instrument="north",
        dataset="d",
        images=4,
        groups=2,
        measure="AUC",
        bar="mhfd",
        packages=tuple(
            AssessedPackage(package=name, title=name[0], instruments=(), rank=rank, score=0.5, reason="")
            for rank, name in enumerate(ranked, 1)
        ),
        train=train,
        best=next(iter(ranked), None),
        words="as it is",
    )


class Noted:
    """Steps that note when they were asked for what."""

    library = "/eagle/models"

    def __init__(self, found: Assessment | None) -> None:
        self.found, self.noted = found, list[str]()

    def assess(self) -> Assessment | None:
        self.noted.append("assess")
        return self.found

    def train(self, parents: Sequence[str]) -> Iterator[LearnedNetwork]:
        for parent in parents:
            self.noted.append(f"train {parent[0]}")
            yield LearnedNetwork(f"of {parent[0]}", parent, 1, None, None, (), ())

    def benchmark(self, against: Sequence[str]) -> Benchmarked:
        self.noted.append(f"benchmark {''.join(one[0] for one in against)}")
        return BENCHMARKED

    def home(self, found: Benchmarked) -> tuple[Package | None, Path]:
        assert found == BENCHMARKED
        self.noted.append("home")
        return None, Path("/report")

    def tell(self, line: str) -> None:
        self.noted.append(f"told: {line.split()[0].rstrip(':')}")

    def come(self, champion: str | None = None) -> Came:
        return came_by(self, ASKED, champion, self.tell)


def test_each_step_is_told_before_the_next_is_begun() -> None:
    steps = Noted(assessment(A, B))
    came = steps.come(champion=D)
    assert steps.noted == [
        "assess",
        "told: assessed",
        "train a",
        "told: trained",
        "train b",
        "told: trained",
        "benchmark c",
        "told: benchmarked",
        "home",
    ]
    assert [one.package for one in came.trainings] == ["of a", "of b"]
    assert (came.assessment, came.benchmark, came.package, came.report) == (
        steps.found,
        BENCHMARKED,
        None,
        Path("/report"),
    )


def test_what_the_library_was_worth_may_be_unknown_at_the_end() -> None:
    steps = Noted(None)
    assert steps.come().assessment is None
    assert steps.noted == ["assess", "benchmark ", "told: benchmarked", "home"]


def test_a_library_without_a_package_that_can_be_asked_ends_there() -> None:
    steps = Noted(assessment(ranked=()))
    with pytest.raises(UsageError, match=r"library /eagle/models: as it is; .*mhfd train focus /data/first --learner"):
        steps.come()
    assert steps.noted == ["assess", "told: assessed"]


def test_a_flow_is_given_all_that_its_functions_are_asked() -> None:
    """But what one step finds for the next; and each function takes what it is asked."""
    requests = LibraryRequests(ASKED, D, "/data/first", "/eagle/models")
    assess, train, benchmark = requests.assess(), requests.train(2, A), requests.benchmark(["/out/p"], [B])
    work = {"key": "k", "into": "/out"}
    for kind, fields in ((AssessRequest, assess), (TrainRequest, train), (BenchmarkRequest, benchmark)):
        kind.model_validate(fields | work)
    assert train["title"] == "of north 2"
    whole = {**assess, **train, **benchmark, "title": "of north"}
    assert requests.run() == {name: whole[name] for name in whole if name not in ("parent", "trained", "against")}
