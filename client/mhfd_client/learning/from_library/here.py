"""Learning for a microscope on this machine: this user's library is assessed, trained further and benchmarked here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mhfd_client.learning.from_library.learned import LearnedNetwork
from mhfd_client.learning.networks import train_network
from mhfd_client.progress import bar
from mhfd_client.settings.places import cache_dir

if TYPE_CHECKING:
    from mhfd.contract.assessing import Assessment
    from mhfd.contract.benchmarking import Benchmarked
    from mhfd.learning.packages import Library, Package
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning


class StepsHere:
    """The steps of one learning here.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun.
        mine: This user's library.
        out: The folder for the report.
        said: Told what is being done, in words.
    """

    def __init__(self, asked: LearnAsked, kept: KeptLearning, mine: Library, out: Path, said: Tell) -> None:
        self._asked, self._kept, self._mine, self._out, self._said = asked, kept, mine, out, said
        self._trained: list[Package] = []
        self._against: Sequence[str] = ()

    @property
    def library(self) -> str:
        """This user's."""
        return str(self._mine.home)

    def assess(self) -> Assessment:
        """As it was found when this was begun: what was trained since is not assessed by what taught it."""
        from mhfd.contract.assessing import Assessment
        from mhfd.learning.assessing import assess

        if (before := self._kept.get("assessment")) is not None:
            with self._kept.read():
                return Assessment.model_validate(before)
        champion = self._kept.champion
        with bar(None, self._asked.progress, what="assessing", transient=True) as shown:

            def told(done: int, of: int, title: str) -> None:
                shown.of(of)
                shown.reach(done)
                shown.say(title)

            found = assess(
                self._asked.read(),
                [one for one in self._mine.list() if not one.shipped],
                task=self._asked.task,
                instrument=self._asked.instrument,
                champion=None if champion is None else self._mine.find(champion),
                learner=self._asked.learner,
                train_at_most=self._asked.best,
                seed=self._asked.seed,
                cache=cache_dir() / "features",
                told=told,
            )
        if found.best is not None:
            self._kept.keep(assessment=found.model_dump(mode="json"))
        return found

    def train(self, parents: Sequence[str]) -> Iterator[LearnedNetwork]:
        """Each in this process's own workers, into this user's library."""
        for number, parent in enumerate(parents, 1):
            trained = train_network(
                self._asked.task,
                self._asked.folder,
                self._asked.learner,
                self._asked.network,
                parent=self._mine.find(parent),
                out=self._mine.folder,
                seed=self._asked.seed,
                licence=self._asked.licence,
                title=self._asked.title_of(number),
                said=self._said,
                progress=self._asked.progress,
            )
            self._trained.append(trained.package)
            yield LearnedNetwork.of_training(trained, parent)

    def benchmark(self, against: Sequence[str]) -> Benchmarked:
        """On the test groups."""
        from mhfd.learning.benchmarking import benchmark

        self._against = against
        with bar(None, self._asked.progress, what="benchmarking", transient=True) as shown:
            return benchmark(
                self._asked.read(),
                library=self._mine,
                instrument=self._asked.instrument,
                task=self._asked.task,
                trained=[one.folder for one in self._trained],
                against=against,
                champion=self._kept.champion,
                prevalence=self._asked.prevalence,
                miss_cost=self._asked.miss_cost,
                seed=self._asked.seed,
                out=self._out,
                cache=cache_dir() / "features",
                told=lambda done, of: (shown.of(of), shown.reach(done)),
                said=lambda words: (shown.say(words), self._said(words)),
            )

    def home(self, found: Benchmarked) -> tuple[Package | None, Path]:
        """Who was promoted or came nearest is here already; nobody: the first that was asked."""
        name = found.challenger or next(iter([*(one.name for one in self._trained), *self._against]), None)
        return None if name is None else self._mine.find(name), self._out
