"""Learning for a microscope on an endpoint: its library is assessed, trained further and benchmarked there, and what
stood the test comes home.

Three long works, whose keys follow from the learning's: the same words go on with whichever was under way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.errors import WorkNotDone
from mhfd_client.learning.asked_far import done, numbered
from mhfd_client.learning.from_library.learned import (
    Came,
    LearnedNetwork,
    assessed_told,
    benchmarked_told,
    others,
    trained_told,
)
from mhfd_client.learning.homecoming import brought_package, brought_report, package_there
from mhfd_client.works.beginning import begin
from mhfd_client.works.kept_work import KeptWork

if TYPE_CHECKING:
    from mhfd.learning.packages import Library
    from mhfd_client.learning.asked_far import FarPlace
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning

_CALLED: Final = {"mhfd_assess": "assessment", "mhfd_train": "training", "mhfd_benchmark": "benchmark"}


def came_there(
    asked: LearnAsked,
    kept: KeptLearning,
    where: FarPlace,
    there: str,
    library: Library,
    out: Path,
    tell: Tell,
    said: Tell,
) -> Came:
    """Every step, each gone on with where it was.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun, and the key.
        where: The endpoint.
        there: The folder of the library, as the endpoint names it.
        library: This user's: what comes home is put into it.
        out: The folder for the report.
        tell: Told the line of each step.
        said: Told what is being done, in words.

    Raises:
        WorkNotDone: A work was cancelled, failed, or was not taken.
        PackageElsewhere: It is done, and what came of it cannot be read here.
    """
    paths = PathMap.of(where.maps)
    steps = _Steps(asked, kept, where, said)
    usual = {"dataset": paths.there(os.fspath(asked.folder)), "library": there}
    about = {"instrument": asked.instrument, "task": asked.task, "champion": kept.champion, "seed": asked.seed}
    assess = usual | about | {"learner": asked.learner, "train_at_most": asked.best}
    assessment = Assessment.model_validate(steps.done("mhfd_assess", "assess", assess)[1].result)
    tell(assessed_told(assessment))
    if assessment.best is None:
        raise UsageError(f"library {there}: {assessment.words}; {asked.begin_with}")
    trainings, folders = [], []
    for number, parent in enumerate(assessment.train, 1):
        train = usual | asked.training(number) | {"parent": parent}
        work, answer = steps.done("mhfd_train", f"train-{number}", train)
        trainings.append(LearnedNetwork.of_result(answer.result or {}, parent))
        folders.append(_folder_of(answer, work))
        tell(trained_told(number, trainings[-1]))
    against = others(assessment, kept.champion)
    rule: dict[str, Any] = {"prevalence": asked.prevalence, "miss_cost": asked.miss_cost}
    benchmark = usual | about | rule | {"trained": folders, "against": list(against)}
    work, answer = steps.done("mhfd_benchmark", "benchmark", benchmark)
    found = Benchmarked.model_validate(answer.result)
    tell(benchmarked_told(found))
    return home(answer, found, assessment, tuple(trainings), paths, library, out, work)


def home(
    answer: WorkAnswer,
    found: Benchmarked,
    assessment: Assessment | None,
    trainings: tuple[LearnedNetwork, ...],
    paths: PathMap,
    library: Library,
    out: Path,
    work: KeptWork,
) -> Came:
    """What a benchmark has made, in folders of this machine; the package first, without which a report says nothing."""
    name = found.challenger or package_there(answer)
    package = None if name is None else brought_package(answer, name, paths, library.folder, work)
    return Came(assessment, trainings, found, package, brought_report(answer, found.report, paths, out, work))


def _folder_of(answer: WorkAnswer, work: KeptWork) -> str:
    """Where the package of a training lies there."""
    folders = {one.path.rpartition("/")[0] for one in answer.artefacts if one.kind == "package"}
    if len(folders) != 1:
        raise WorkNotDone(f"training {work.key}: it is done, and names no package; upgrade the endpoint's mhfd")
    return folders.pop()


class _Steps:
    """The works of one learning, each known by its key."""

    def __init__(self, asked: LearnAsked, kept: KeptLearning, where: FarPlace, said: Tell) -> None:
        self._asked, self._kept, self._where, self._said = asked, kept, where, said

    def done(self, function: str, step: str, request: Mapping[str, Any]) -> tuple[KeptWork, WorkAnswer]:
        """A work and its end. WorkNotDone; ComputeError."""
        where = self._where
        after: str | None = None
        for key in numbered(f"{self._kept.key}-{step}"):
            fields = {**request, "turn_s": where.turn_s, "after": after if function == "mhfd_train" else None}
            kept = begin(
                function,
                {name: value for name, value in fields.items() if value is not None},
                endpoint=where.endpoint,
                key=key,
                into=where.into,
                options=where.chosen,
                say=self._said,
            )
            if kept.state != WorkState.CANCELLED:
                break
            after = key if kept.answer and kept.answer.progress and kept.answer.progress.done > 0 else after
        self._said(f"{kept.key}  on endpoint {kept.endpoint}, in {kept.into}")
        return kept, done(kept, step, self._said, self._asked.progress, called=_CALLED[function])
