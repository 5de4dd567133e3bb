"""`mhfd learn` and `mhfd_client.learn`: a library is assessed, trained further and benchmarked for one microscope.

Here, on an endpoint, or by a flow: the steps are the same, and so is what decides. What comes home is champion where
the sealed report says so, and challenger where it does not; nobody else changes who judges.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mhfd.errors import UsageError
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.learning.asked_far import FarPlace
from mhfd_client.learning.from_library.asked import (
    LearnAsked,
    Tell,
    checked_best,
    dataset_of,
    instrument_of,
    task_of,
    usual_title,
)
from mhfd_client.learning.from_library.kept import KeptLearning
from mhfd_client.learning.from_library.learned import Learned
from mhfd_client.learning.from_library.road import LearningSteps, came_by
from mhfd_client.learning.from_library.settling import settled
from mhfd_client.learning.networks import NetworkOptions
from mhfd_client.settings.load import load
from mhfd_client.settings.places import models_home
from mhfd_client.surface import brief
from mhfd_client.times import local

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from mhfd.contract.assessing import LibraryTask
    from mhfd.contract.training import Copies
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library


@brief
def learn(
    dataset: Dataset | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    instrument: str | None = None,
    task: LibraryTask = "focus",
    learner: str | None = None,
    best: int = 1,
    workers: int | None = None,
    threads: int | None = None,
    sweep: bool = False,
    epochs: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    warmup: float | None = None,
    copies: Copies | None = None,
    until: float | None = None,
    validation: float | None = None,
    device: Literal["auto", "cpu", "gpu"] | None = None,
    at_most_hours: float | None = None,
    afresh: bool = False,
    prevalence: float | None = None,
    seed: int = 0,
    title: str | None = None,
    licence: str | None = None,
    out: str | os.PathLike[str] | None = None,
    endpoint: str | UUID | None = None,
    via: Literal["compute", "flow"] | None = None,
    library: str | None = None,
    key: str | None = None,
    into: str | None = None,
    map: Mapping[str, str] | Sequence[str] | None = None,  # noqa: A002 - as `score` calls it
    options: Mapping[str, Any] | None = None,
    config: Path | None = None,
    told: Callable[[str], object] | None = None,
    said: Callable[[str], object] | None = None,
    progress: bool | None = None,
) -> Learned:
    """Learn for a microscope: assess a library, train the best of it further, and let the rule decide on the test side.

    The same words go on where they were, whoever was killed; once it is over they say what came of it.

    Args:
        dataset: A dataset with both sides, its folder, or watched folders whose labels make one.
        instrument: The microscope; nothing: the setting `models.instrument`.
        task: focus, denoise or segment.
        learner: The network; nothing for the usual one. Only such packages are trained further.
        best: So many of the best packages are trained, at most: 0, 1 or 2.
        workers: Processes that share the training; nothing: as a sweep finds.
        threads: Of each worker.
        sweep: Find out how many workers are best, though it is known.
        epochs: How often all images are shown.
        batch: Images a step, over all workers.
        rate: Learning rate that it begins with.
        warmup: Epochs until the rate is that of the batch.
        copies: How images are altered before they are shown: none, turns, A or B.
        until: It is over when so large a part of the validation is right.
        validation: Part of the training groups that it is validated on.
        device: auto, cpu or gpu.
        at_most_hours: Refuse to go on where a training would take longer.
        afresh: Learn anew, though the same was learned before.
        prevalence: The part of bad images in the run that it is for; nothing: the setting.
        seed: Of all that is drawn.
        title: What people call the package that is trained; nothing: microscope and network, as `north-small`.
        licence: Of the data.
        out: A folder for report.json and report.html; nothing: below this user's state.
        endpoint: Learn there, with the library there.
        via: `flow`: a run of the flow `learn` brings the images there, and the package back.
        library: The endpoint's folder of its library, as it names it; nothing: the setting `models.library`.
        key: What the learning is called; nothing: that follows from what is asked.
        into: With `endpoint`: a folder of its, in which the works have their own; nothing: in the first that it may
            write.
        map: With `endpoint`: what it calls folders of this machine, as `{"/mnt/sem": "/eagle/sem"}`.
        options: With `endpoint`: what is chosen of its configuration; nothing: `{"purpose": "train"}`.
        config: A settings file; nothing for the user's.
        told: Told the line of each step, once it is done.
        said: Told what is being done, in words.
        progress: A bar; nothing: where somebody looks.

    Raises:
        WorkNotDone: A work there was cancelled, failed, or was not taken.
        PackageElsewhere: It is done, and what came of it cannot be read here.
        ChampionChanged: It earned its place against who judges no longer; nothing has changed.
    """
    from mhfd.learning.evaluation.entry import checked_prevalence
    from mhfd.learning.packages import Library

    settings = load(config).settings
    far = endpoint is not None or via is not None
    _far_only(far, via, {"library": library, "into": into, "map": map, "options": options})
    kind, network = task_of(task, learner)
    microscope = instrument_of(instrument, settings.models.instrument)
    made, folder = dataset_of(dataset, microscope, far=far, said=said or _silent)
    asked = LearnAsked(
        dataset=made,
        folder=folder,
        instrument=microscope,
        task=kind,
        learner=network,
        best=checked_best(best),
        network=NetworkOptions(
            workers=workers,
            threads=threads,
            sweep=sweep,
            epochs=epochs,
            batch=batch,
            rate=rate,
            warmup=warmup,
            copies=copies,
            until=until,
            validation=validation,
            device=device,
            at_most_hours=at_most_hours,
        ),
        prevalence=checked_prevalence(settings.models.prevalence if prevalence is None else prevalence),
        miss_cost=settings.models.miss_cost,
        seed=seed,
        title=usual_title(microscope, network) if title is None else title,
        licence=licence,
        progress=progress,
    )
    asked.refuse_wrong(far=far)
    mine = Library(models_home(settings))
    there = _there(library, settings.models.library) if far else None
    where = {
        "endpoint": None if endpoint is None else str(endpoint_of(endpoint)),
        "via": via,
        "library": there or str(mine.home),
        "into": into,
    }
    champion = mine.champion_name(kind, microscope)
    kept = KeptLearning.begun(
        asked.as_json() | where, key=key, afresh=afresh, champion=None if champion == "mhfd" else champion
    )
    tell = told or _silent
    lines: list[str] = []

    def step(line: str) -> None:
        lines.append(line)
        tell(line)

    place = None if endpoint is None else FarPlace(endpoint=endpoint, into=into, maps=map or (), options=options or {})
    with kept.alone():
        if kept.get("came") is not None:
            return _known(kept, asked, mine, tell)
        report = Path(out) if out is not None else kept.folder
        steps = _way(asked, kept, mine, report, place, via, there, options or {}, said or _silent)
        came = came_by(steps, asked, kept.champion, step)
        change, words = settled(came, kept, asked.task, asked.instrument, mine, far=far)
        for line in words:
            step(line)
        learned = Learned(
            kept.key, came.assessment, came.trainings, came.benchmark, came.package, report, change, tuple(lines)
        )
        kept.keep(came=learned.as_json(), over=time.time())
        return learned


def _way(
    asked: LearnAsked,
    kept: KeptLearning,
    mine: Library,
    report: Path,
    place: FarPlace | None,
    via: str | None,
    there: str | None,
    options: Mapping[str, Any],
    said: Tell,
) -> LearningSteps:
    """By whom it is done: each is loaded where it is asked for."""
    if there is None:
        from mhfd_client.learning.from_library.here import StepsHere

        return StepsHere(asked, kept, mine, report, said)
    if via == "flow":
        from mhfd_client.learning.from_library.by_flow import StepsByFlow

        endpoint = None if place is None else place.endpoint
        return StepsByFlow(asked, kept, endpoint, options, there, mine, report, said)
    from mhfd_client.learning.from_library.there import StepsThere

    if place is None:
        raise UsageError("endpoint: must be given; `mhfd endpoint check NAME` shows its id where it runs")
    return StepsThere(asked, kept, place, there, mine, report, said)


def _known(kept: KeptLearning, asked: LearnAsked, library: Library, tell: Tell) -> Learned:
    """What came of it, as it was kept; with what is otherwise by now."""
    with kept.read():
        before = kept.get("came")
        found = library.folder_of(str(before["package"]))
        learned = Learned.known(kept.key, before, None if found is None else library.find(str(found)))
        over = local(kept.get("over"))
    for line in learned.words:
        tell(line)
    tell(f"learned {over}, and nothing was asked again; --afresh learns anew")
    change = learned.change
    then = change.after if change is not None and change.role == "champion" else kept.champion or "mhfd"
    if (now := library.champion_name(asked.task, asked.instrument)) != then:
        tell(f"since then: champion of {asked.task} at {asked.instrument} is {now[:12]}")
    if learned.package is None and before["package"] is not None:
        tell(f"since then: package {before['package'][:12]} was removed")
    return learned


def _far_only(far: bool, via: str | None, given: Mapping[str, object]) -> None:
    """UsageError for what belongs elsewhere."""
    if via not in (None, "compute", "flow"):
        raise UsageError(f"via: {via!r} is neither compute nor flow")
    for name, value in given.items():
        if value and not far:
            raise UsageError(f"{name}: it belongs to learning on an endpoint; say endpoint too, or leave it out")
        if value and via == "flow" and name in ("into", "map"):
            raise UsageError(f"{name}: a flow finds its folders itself; leave it out")


def _there(library: str | None, setting: str | None) -> str:
    there = library or setting
    if there is None:
        raise UsageError(
            "library: say where the endpoint has its library, as in --library /eagle/sem/models, or set models.library"
        )
    if not there.startswith("/"):
        raise UsageError(f"library: {there!r} is no folder of an endpoint: write it whole, from / on")
    return there


def _silent(_words: str) -> None:
    """Nobody listens."""
