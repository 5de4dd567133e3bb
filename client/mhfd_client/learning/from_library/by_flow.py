"""Learning for a microscope by one run of the flow `learn`: it brings the images to the endpoint, and the package back.

What a run is and how it ends is `works` and `flow`'s; here is what it is asked, and what its answer says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkState
from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.learning.asked_far import done, numbered
from mhfd_client.learning.from_library.learned import (
    Came,
    LearnedNetwork,
    assessed_told,
    benchmarked_told,
    trained_told,
)
from mhfd_client.learning.from_library.there import home
from mhfd_client.works.beginning import begin

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning

FLOW: Final = "learn"


def came_by_flow(
    asked: LearnAsked,
    kept: KeptLearning,
    endpoint: str | UUID | None,
    options: Mapping[str, Any],
    there: str,
    library: Library,
    out: Path,
    tell: Tell,
    said: Tell,
) -> Came:
    """One run, gone on with where it was. WorkNotDone; PackageElsewhere; FlowError.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun, and the key.
        endpoint: Where; nothing: the settings' own.
        options: What is chosen of the endpoint's configuration.
        there: The folder of the library, as the endpoint names it.
        library: This user's: what comes home is put into it.
        out: The folder for the report.
        tell: Told the line of each step.
        said: Told what is being done, in words.
    """
    _whole(asked.dataset, asked.folder)
    request = {
        "dataset": str(asked.folder),
        "library": there,
        "instrument": asked.instrument,
        "champion": kept.champion,
        "train_at_most": asked.best,
        "seed": asked.seed,
        "prevalence": asked.prevalence,
        "miss_cost": asked.miss_cost,
        "task": asked.task,
        "learner": asked.learner,
        **asked.training(1),
    }
    request = {name: value for name, value in request.items() if value is not None}
    for key in numbered(kept.key):
        work = begin(FLOW, request, endpoint=endpoint, key=key, via="flow", options=options, say=said)
        if work.state != WorkState.CANCELLED:
            break
    said(f"{work.key}  by flow {FLOW}, on endpoint {work.endpoint}")
    answer = done(work, FLOW, said, asked.progress, called="learning")
    result = answer.result or {}
    found = Benchmarked.model_validate(result.get("benchmark"))
    assessment = None if result.get("assess") is None else Assessment.model_validate(result["assess"])
    if assessment is not None:
        tell(assessed_told(assessment))
    parents = () if assessment is None else assessment.train
    trainings = tuple(
        LearnedNetwork.of_result(one, parents[at] if at < len(parents) else "unknown")
        for at, one in enumerate(result.get("train") or ())
    )
    for number, one in enumerate(trainings, 1):
        tell(trained_told(number, one))
    tell(benchmarked_told(found))
    return home(answer, found, assessment, trainings, PathMap(), library, out, work)


def _whole(dataset: Dataset | None, folder: Path) -> None:
    """What a run brings is one folder: the images lie in it. UsageError."""
    if dataset is None:
        raise UsageError(
            f"dataset: {folder} is not here, and a flow brings it from here; name a dataset of this machine"
        )
    away = [path for row in dataset.rows for _, path in row.files if not Path(path).is_relative_to(folder.resolve())]
    if away:
        raise UsageError(
            f"dataset: {away[0]} does not lie in {folder}, which is what a flow brings: `mhfd dataset build {folder} "
            "--copy --out FOLDER` makes one with its images"
        )
