"""Learning for a microscope on this machine: this user's library is assessed, trained further and benchmarked here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mhfd.errors import UsageError
from mhfd_client.learning.from_library.learned import (
    Came,
    LearnedNetwork,
    assessed_told,
    benchmarked_told,
    others,
    trained_told,
)
from mhfd_client.learning.networks import train_network
from mhfd_client.progress import bar
from mhfd_client.settings.places import cache_dir

if TYPE_CHECKING:
    from mhfd.contract.assessing import Assessment
    from mhfd.contract.benchmarking import Benchmarked
    from mhfd.learning.packages import Library, Package
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning


def came_here(asked: LearnAsked, kept: KeptLearning, library: Library, out: Path, tell: Tell, said: Tell) -> Came:
    """Every step, each gone on with where it was.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun.
        library: This user's.
        out: The folder for the report.
        tell: Told the line of each step.
        said: Told what is being done, in words.
    """
    assessment = _assessed(asked, kept, library)
    tell(assessed_told(assessment))
    trainings = []
    for number, parent in enumerate(assessment.train, 1):
        trained = train_network(
            asked.task,
            asked.folder,
            asked.learner,
            asked.network,
            parent=library.find(parent),
            out=library.folder,
            seed=asked.seed,
            licence=asked.licence,
            title=asked.title_of(number),
            said=said,
            progress=asked.progress,
        )
        trainings.append(LearnedNetwork.of_training(trained, parent))
        tell(trained_told(number, trainings[-1]))
    found, package = _benchmarked(asked, kept, library, assessment, trainings, out, said)
    tell(benchmarked_told(found))
    return Came(assessment, tuple(trainings), found, package, out)


def _assessed(asked: LearnAsked, kept: KeptLearning, library: Library) -> Assessment:
    """As it was found when this was begun: packages that were trained since are not assessed by what taught them."""
    from mhfd.contract.assessing import Assessment
    from mhfd.learning.assessing import assess

    if (before := kept.get("assessment")) is not None:
        return Assessment.model_validate(before)
    with bar(None, asked.progress, what="assessing", transient=True) as shown:

        def told(done: int, of: int, title: str) -> None:
            shown.of(of)
            shown.reach(done)
            shown.say(title)

        found = assess(
            asked.read(),
            [one for one in library.list() if not one.shipped],
            task=asked.task,
            instrument=asked.instrument,
            champion=None if kept.champion is None else library.find(kept.champion),
            learner=asked.learner,
            train_at_most=asked.best,
            seed=asked.seed,
            cache=cache_dir() / "features",
            told=told,
        )
    if found.best is None:
        raise UsageError(f"library {library.home}: {found.words}; {asked.begin_with}")
    kept.keep(assessment=found.model_dump(mode="json"))
    return found


def _benchmarked(
    asked: LearnAsked,
    kept: KeptLearning,
    library: Library,
    assessment: Assessment,
    trainings: list[LearnedNetwork],
    out: Path,
    said: Tell,
) -> tuple[Benchmarked, Package | None]:
    from mhfd.learning.benchmarking import benchmark

    against = others(assessment, kept.champion)
    given: dict[str, Any] = {"prevalence": asked.prevalence, "miss_cost": asked.miss_cost, "seed": asked.seed}
    with bar(None, asked.progress, what="benchmarking", transient=True) as shown:
        found = benchmark(
            asked.read(),
            library=library,
            instrument=asked.instrument,
            task=asked.task,
            trained=[library.find(one.package).folder for one in trainings],
            against=against,
            champion=kept.champion,
            out=out,
            cache=cache_dir() / "features",
            told=lambda done, of: (shown.of(of), shown.reach(done)),
            said=lambda words: (shown.say(words), said(words)),
            **given,
        )
    standing = found.challenger or next(iter([*(one.package for one in trainings), *against]), None)
    return found, None if standing is None else library.find(standing)
