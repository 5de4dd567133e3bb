"""The road of one learning: a library is assessed, trained further, benchmarked, and what stood the test comes home.

The order is said here, once, with the line that each step is told in; whoever does the steps says only how: this
machine, an endpoint, or a run of a flow. Decides nothing, and changes no champion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mhfd.errors import UsageError
from mhfd_client.learning.from_library.learned import (
    Came,
    LearnedNetwork,
    assessed_told,
    benchmarked_told,
    others,
    trained_told,
)

if TYPE_CHECKING:
    from mhfd.contract.assessing import Assessment
    from mhfd.contract.benchmarking import Benchmarked
    from mhfd.learning.packages import Package
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell


class LearningSteps(Protocol):
    """Who does the steps, one after the other, each gone on with where it was."""

    @property
    def library(self) -> str:
        """Where the library is that is assessed, as people know it."""
        ...

    def assess(self) -> Assessment | None:
        """What the library is worth; None: it is not known any more, and the rest is."""
        ...

    def train(self, parents: Sequence[str]) -> Iterator[LearnedNetwork]:
        """What each of these packages became, as soon as it did."""
        ...

    def benchmark(self, against: Sequence[str]) -> Benchmarked:
        """What was trained, and these packages as they stand, compared with who judges."""
        ...

    def home(self, found: Benchmarked) -> tuple[Package | None, Path]:
        """The package in this user's library, and the folder of the report; None: no package came."""
        ...


def came_by(steps: LearningSteps, asked: LearnAsked, champion: str | None, tell: Tell) -> Came:
    """All steps. UsageError where no package of the library can be asked.

    Args:
        steps: Who does them.
        asked: What is asked.
        champion: Who judged when it was begun.
        tell: Told the line of each step, once it is done.
    """
    assessment = steps.assess()
    if assessment is not None:
        tell(assessed_told(assessment))
        if assessment.best is None:
            raise UsageError(f"library {steps.library}: {assessment.words}; {asked.begin_with}")
    trainings = []
    for trained in steps.train(() if assessment is None else assessment.train):
        trainings.append(trained)
        for line in trained_told(trained, assessment):
            tell(line)
    found = steps.benchmark(() if assessment is None else others(assessment, champion))
    tell(benchmarked_told(found))
    package, report = steps.home(found)
    return Came(assessment, tuple(trainings), found, package, report)
