"""From a plan and a dataset to a package: start the workers, hear them out, and pack what they learned.

Imports no torch: what has to compute with it is a process of its own. Promotes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mhfd.contract.training import TrainingJob, TrainingPlan, WorkerLayout
from mhfd.errors import PackageRefused, TrainingFailed, UsageError, needing_extra
from mhfd.learning.dataset import Dataset
from mhfd.learning.dataset.checking import counted
from mhfd.learning.packages import Package, read_package
from mhfd.learning.packages.card import UNKNOWN_LICENCE
from mhfd.learning.trained import NetworkTrained, Training, said_of_card
from mhfd.learning.training import place
from mhfd.learning.training.examples import Examples, open_examples, split
from mhfd.learning.training.hearing import Hearing, Say
from mhfd.learning.training.launching import (
    Cost,
    follow,
    kept_choice,
    layout_of,
    layout_words,
    machine_here,
    sweep,
)
from mhfd.learning.training.nets import net_of
from mhfd.learning.training.packaging import Packed, packed
from mhfd.learning.training.parents import Parent, joined_groups, joined_licence, parent_of
from mhfd.learning.training.place import FinishedTraining, TrainingCourse, training_name
from mhfd.learning.training.told import CheckpointSaved, Told
from mhfd.learning.training.workers.beginning import put_parent
from mhfd.learning.training.workers.checkpoint import TrainingCheckpoint, best_of, latest, read

_OPTIONS: Final = {"warmup_epochs": "warmup"}
"""What a field of a plan is called where it is asked for, if otherwise."""


def plan_of(lesson: str, learner: str, **given: Any) -> TrainingPlan:
    """The plan of what somebody said; None: as usual. UsageError names the option."""
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return TrainingPlan.model_validate({"lesson": lesson, "learner": learner, **said})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(_OPTIONS.get(str(part), str(part)) for part in first["loc"])
        words = str(first["msg"]).removeprefix("Input should be ")
        raise UsageError(f"{where}: expected {words}, got {first['input']!r}") from None


def needs_torch(learner: str) -> None:
    """Before anything else is done. OptionNeedsExtra."""
    with needing_extra("train", f"learner: {learner} is a network, which is trained with torch", option=True):
        for name in ("torch", "onnx", "onnxruntime"):
            if find_spec(name) is None:
                raise ImportError(name, name=name)


def train_net(
    dataset: Dataset | Path,
    plan: TrainingPlan,
    *,
    out: Path,
    parent: Package | None = None,
    folder: Path | None = None,
    home: Path | None = None,
    layout: WorkerLayout | None = None,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    nodes: int = 1,
    sweep_anew: bool = False,
    sweeps: Path | None = None,
    afresh: bool = False,
    at_most_hours: float | None = None,
    title: str | None = None,
    licence: str = UNKNOWN_LICENCE,
    told: Callable[[Told], object] | None = None,
    said: Say | None = None,
    saved: Callable[[CheckpointSaved], object] | None = None,
    costs: Callable[[Cost], object] | None = None,
    beat: Callable[[], object] | None = None,
) -> Training:
    """Train, or go on where the same training was, and write its package.

    What `told`, `saved`, `costs` or `beat` raises ends all workers at once and comes out of here; what was saved stays,
    and the same call goes on from it.

    Args:
        dataset: A dataset, or its folder.
        plan: What is to become of it.
        out: The folder of packages that the package is written into.
        parent: The package that the plan begins with.
        folder: The training's own folder.
        home: In place of `folder`: where trainings have folders, of which this one's is named by plan and dataset.
        layout: How the work is shared. None: as this training was begun, else as the last sweep of this machine says,
            else as a short sweep finds.
        device: Where it computes, where no layout says it.
        nodes: On how many nodes of this job, where no layout says it.
        sweep_anew: Sweep, though the best layout is known.
        sweeps: Where sweeps are kept. None: in the training's own folder.
        afresh: Take away what there is of the same training, and begin anew.
        at_most_hours: Go no further than the first steps where the whole would take longer.
        title: What people call the package.
        licence: Of the data; the parent's is added.
        told: Told all that workers tell.
        said: Told in words what happens, a line an epoch.
        saved: Told of each checkpoint once it is on the disk: here the training may be left.
        costs: Told once what it will cost.
        beat: Called at least once a second.

    Raises:
        UsageError: The dataset cannot teach this, or an argument is wrong: nothing was started.
        OptionNeedsExtra: torch is not installed.
        TrainingFailed: The training cannot go on, or would take too long.
        NotExportable: What was learned cannot be written as a package.
    """
    say = said or (lambda _words: None)
    net = net_of(plan.lesson, plan.learner)
    needs_torch(net.name)
    licence = joined_licence(licence, parent)
    said_of_card(title=title, licence=licence)
    wanted = layout or WorkerLayout(device=device, nodes=nodes)
    layout_of(None if layout is None else layout.workers, wanted.threads, machine_here(), device=wanted.device)
    examples = open_examples(dataset, plan.lesson, multiple=net.multiple, copies=plan.copies)
    if folder is None:
        if home is None:
            raise UsageError("folder: say where the training is kept, or home")
        folder = home / training_name(plan, examples.digest)
    place.made(folder, afresh=afresh)
    place.can_take(out)
    taught, validated = split(examples, plan)
    plan = batch_of(plan, len(taught))
    begins = parent_of(plan, parent, examples)
    joined_groups(examples.groups, parent)
    asked = _Asked(examples, validated, plan, begins, out, title, licence)
    if (note := place.finished(folder)) is not None:
        if (package := _package_of(note, asked)) is not None:
            say("this training was finished before, and its package is there; --afresh trains anew")
            return _training(note, package, plan)
        if best_of(folder) is not None:
            say("this training was finished before: its network is packed anew")
            return _packed(folder, asked, note.course)
        place.made(folder, afresh=True)
    job = TrainingJob(
        plan=plan,
        layout=wanted,
        dataset=str(place.dataset_in(folder, dataset)),
        digest=examples.digest,
    )
    if layout is None:
        found = _layout(job, folder, examples, sweeps or folder / "sweeps", anew=sweep_anew, say=say, beat=beat)
        job = job.model_copy(update={"layout": found})
    shared = job.layout
    if begins is not None:
        _put(folder, begins)
        for words in (begins.words, *begins.notes):
            say(words)
    say(
        f"training {plan.lesson} by {net.name} with {len(taught)} images, {len(validated)} held back to validate it: "
        f"{counted(plan.epochs, 'epoch')} of batches of {plan.batch}, by {layout_words(shared, machine_here())}"
    )
    heard = Hearing(job, folder, say, at_most_hours=at_most_hours, told=told, saved=saved, costs=costs)
    with follow(job, folder, beat=beat) as lines:
        for one in lines:
            heard.hear(one)
    heard.is_over()
    newest, _ = latest(folder, job)
    course = TrainingCourse(
        epochs=() if newest is None else newest.state.history,
        steps=0 if newest is None else newest.state.steps,
        seconds=0.0 if newest is None else newest.state.seconds,
        workers=shared.all_workers,
        threads=shared.threads,
        untrained=None if newest is None else newest.state.untrained,
    )
    return _packed(folder, asked, course)


def batch_of(plan: TrainingPlan, taught: int) -> TrainingPlan:
    """The plan with a batch that there are images for: the usual one is made as small. UsageError: any other is not."""
    if plan.batch <= taught:
        return plan
    if plan.batch != TrainingPlan.model_fields["batch"].default:
        raise UsageError(f"batch: {plan.batch} images a step are more than the {taught} that are taught; say fewer")
    return plan.model_copy(update={"batch": taught})


def _layout(
    job: TrainingJob,
    folder: Path,
    examples: Examples,
    sweeps: Path,
    *,
    anew: bool,
    say: Say,
    beat: Callable[[], object] | None,
) -> WorkerLayout:
    """How the work is shared where nobody said it."""
    if not anew and (begun := place.begun(folder)) is not None and begun.layout.device == job.layout.device:
        return begun.layout
    image = (examples.channels, *examples.side)
    if not anew and (known := kept_choice(job, sweeps, image=image)) is not None:
        return known
    say("finding out how many workers are best on this machine, by a few steps of each way")
    found = sweep(job, folder / "sweep", sweeps, told=say, beat=beat, image=image)
    say(found.why)
    return found.choice


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the package is to be of, and where it is to lie."""

    examples: Examples
    validated: NDArray[np.intp]
    plan: TrainingPlan
    parent: Parent | None
    out: Path
    title: str | None
    licence: str


def _put(folder: Path, begins: Parent) -> None:
    """Beside the job, where the workers look. TrainingFailed."""
    try:
        put_parent(folder, begins.package.name, begins.weights)
    except OSError as error:
        why = error.strerror or str(error)
        remedy = "mend that, and type the same again"
        raise TrainingFailed(f"{folder}: the parent's numbers cannot be put there: {why}; {remedy}", "disk") from error


def _packed(folder: Path, asked: _Asked, course: TrainingCourse) -> Training:
    """Write the package of the best checkpoint, and keep what became of the training. TrainingFailed."""
    kept = best_of(folder)
    if kept is None:
        raise TrainingFailed(
            f"{folder}: the training ended, and no checkpoint of it can be read; type the same again", "no_checkpoint"
        )
    checkpoint = read(kept.path)
    try:
        found = packed(
            asked.examples,
            asked.validated,
            asked.plan,
            checkpoint,
            course.epochs,
            parent=asked.parent,
            out=asked.out,
            title=asked.title,
            licence=asked.licence,
        )
        return _training(_noted(folder, found, checkpoint, course, best=kept.path), found.package, asked.plan)
    except OSError as error:
        why = error.strerror or str(error)
        raise TrainingFailed(
            f"{error.filename or asked.out}: the package cannot be written: {why}; mend that, and type the same again: "
            "the network is kept",
            "not_written",
        ) from error


def _noted(
    folder: Path, found: Packed, checkpoint: TrainingCheckpoint, course: TrainingCourse, *, best: Path
) -> FinishedTraining:
    note = FinishedTraining(
        package=found.package.name,
        words=found.words,
        warnings=found.warnings,
        digest=checkpoint.state.digest,
        parameters=sum(value.size for value in checkpoint.weights.values()),
        step=checkpoint.state.step,
        images=checkpoint.state.images,
        course=course,
    )
    place.finish(folder, note, best=best)
    return note


def _training(note: FinishedTraining, package: Package, plan: TrainingPlan) -> Training:
    course = note.course
    network = NetworkTrained(
        digest=note.digest,
        parameters=note.parameters,
        step=note.step,
        steps=course.steps,
        images=note.images,
        workers=course.workers,
        threads=course.threads,
        epochs=tuple(done.model_dump(mode="json", exclude={"kind"}) for done in course.epochs),
        untrained=None if course.untrained is None else course.untrained.model_dump(mode="json", exclude={"kind"}),
    )
    return Training(package, plan.lesson, note.words, note.warnings, {"teach": round(course.seconds, 3)}, network)


def _package_of(note: FinishedTraining, asked: _Asked) -> Package | None:
    """What a training was finished with, if it is there and is called as it is asked for."""
    try:
        package = read_package(asked.out / note.package)
    except (PackageRefused, OSError):  # removed, damaged, or written into another folder
        return None
    called = asked.title or f"{asked.plan.lesson}-{asked.plan.learner}"
    return package if (package.card.title, package.card.data_licence) == (called, asked.licence) else None
