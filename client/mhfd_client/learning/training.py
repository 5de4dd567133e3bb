"""`mhfd train` and `mhfd_client.train`: a learner of tables or a network, by its name; where packages are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mhfd.errors import UsageError
from mhfd_client.learning.networks import (
    NetworkOptions,
    network_named,
    network_there,
    parent_here,
    parent_there,
    train_network,
)
from mhfd_client.settings.load import load
from mhfd_client.settings.places import cache_dir, models_home
from mhfd_client.surface import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from mhfd.contract.training import Copies
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Package
    from mhfd.learning.trained import Training

TaughtLesson = Literal["focus", "cause", "radius", "denoise", "segment"]


@brief
def train(
    lesson: TaughtLesson,
    dataset: Dataset | str | os.PathLike[str],
    *,
    learner: str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    baseline: bool | None = None,
    balance: Literal["weights", "sampling", "none"] | None = None,
    prepare: Sequence[str] = (),
    licence: str | None = None,
    title: str | None = None,
    config: Path | None = None,
    told: Callable[[int, int], object] | None = None,
    said: Callable[[str], object] | None = None,
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
    progress: bool | None = None,
    parent: str | os.PathLike[str] | None = None,
    endpoint: str | UUID | None = None,
    library: str | None = None,
    key: str | None = None,
    into: str | None = None,
    map: Mapping[str, str] | Sequence[str] | None = None,  # noqa: A002 - as `score` calls it
    options: Mapping[str, Any] | None = None,
) -> Training:
    """Teach a learner, or train a network, with a dataset's training groups and write a package. It is not promoted.

    What says `network:` is known to networks alone, and `baseline`, `balance`, `prepare` to learners of tables.

    Args:
        lesson: What is to be learned: whether an image is bad, why, or how large its blur is; networks also learn to
            take noise away, and to tell tissue from what is none.
        dataset: A dataset, its folder, or a table `path,label,group`.
        learner: The way to learn, or the network; nothing for the usual one.
        out: The folder of packages that it is written into; nothing for this user's library.
        seed: Of all that is drawn: the same data and seed make the same package.
        baseline: Learn from features less those of the group's sharp images; nothing: where that is usual and possible.
        balance: What is done where bad images are rare; nothing: weights.
        prepare: Steps by which pixels are prepared before features are taken: flat_field, denoise, stretch.
        licence: Of the data, as SPDX names it or in words.
        title: What people call the package.
        config: A settings file; nothing for the user's.
        told: Told how many images are measured, and of how many.
        said: Told what is being done, in words.
        workers: network: processes that share the work; nothing: as the last sweep of this machine says, else one is
            made.
        threads: network: of each worker.
        sweep: network: find out how many workers are best, though it is known.
        epochs: network: how often all images are shown.
        batch: network: images a step, over all workers.
        rate: network: learning rate that it begins with.
        warmup: network: epochs until the rate is that of the batch.
        copies: network: how images are altered before they are shown: none, turns, A or B.
        until: network: it is over when so large a part of the validation is right.
        validation: network: part of the training groups that it is validated on.
        device: network: auto, cpu or gpu.
        at_most_hours: network: refuse to go on where it would take longer.
        afresh: network: begin anew where the same training was begun before.
        progress: network: a bar; nothing: where somebody looks.
        parent: network: the package whose numbers it begins with, by its folder, name or title; the learner is its.
        endpoint: network: train it there; the dataset is a folder that it sees.
        library: With `endpoint` and `parent`: the endpoint's folder of the library that the parent is in.
        key: With `endpoint`: of the work; nothing: it follows from what is asked.
        into: With `endpoint`: a folder of its, in which the work has its own; nothing: in the first that it may write.
        map: With `endpoint`: what it calls folders of this machine, as `{"/mnt/sem": "/eagle/sem"}`.
        options: With `endpoint`: what is chosen of its configuration; nothing: `{"purpose": "train"}`.
    """
    said_of_it = NetworkOptions(
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
        afresh=afresh,
    )
    home = models_home(load(config).settings)
    packages = home / "packages" if out is None else Path(out)
    far = {"library": library, "key": key, "into": into, "map": map, "options": options}
    if endpoint is None and (wrong := [name for name, value in far.items() if value]):
        raise UsageError(f"{wrong[0]}: it belongs to a training on an endpoint; say endpoint too, or leave it out")
    if library is not None and parent is None:
        raise UsageError("library: it is where the parent lies; say parent too, or leave it out")
    if endpoint is not None and parent is not None and library is None:
        raise UsageError("library: say in which folder of the endpoint's the parent lies")
    package, begins, its_learner = _begins(parent, home, there=endpoint is not None)
    learner = learner or its_learner
    network = network_named(lesson, learner) if endpoint is None else network_there(lesson, learner)
    if parent is not None and network is None:
        raise UsageError(f"parent: only a network is trained further, and {learner} is none; leave one of them out")
    if network is not None:
        of_tables = {"baseline": baseline, "balance": balance, "prepare": prepare or None}
        if wrong := [name for name, value in of_tables.items() if value is not None]:
            raise UsageError(f"{wrong[0]}: {network} is a network, which is shown images and no features; leave it out")
        about: dict[str, Any] = {"out": packages, "seed": seed, "licence": licence, "title": title}
        shown: dict[str, Any] = {"said": said, "progress": progress}
        if endpoint is None:
            return train_network(lesson, dataset, network, said_of_it, parent=package, **about, **shown)
        from mhfd_client.learning.asked_far import FarPlace
        from mhfd_client.learning.networks_far import train_there

        where = FarPlace(endpoint=endpoint, key=key, into=into, maps=map or (), options=options or {})
        about |= {"parent": begins, "library": library}
        return train_there(lesson, dataset, network, said_of_it, where, **about, **shown)
    if said_of_networks := said_of_it.said():
        named = f"{learner} is" if learner else "the usual learner is"
        raise UsageError(
            f"{said_of_networks[0]}: {named} no network, and only a network knows it; say --learner small or another"
        )
    from mhfd.learning import train as teaching
    from mhfd.learning.dataset import Dataset
    from mhfd_client.learning.datasets import read

    given: dict[str, Any] = {} if licence is None else {"licence": licence}
    return teaching.train(
        dataset if isinstance(dataset, Dataset) else read(Path(dataset)),
        lesson,
        out=packages,
        learner=learner,
        seed=seed,
        title=title,
        baseline=baseline,
        balance=balance or "weights",
        prepare=prepare,
        cache=cache_dir() / "features",
        told=told,
        said=said,
        **given,
    )


def _begins(
    parent: str | os.PathLike[str] | None, home: Path, *, there: bool
) -> tuple[Package | None, str | None, str | None]:
    """The package, where it is needed here; its name; and its network, as far as it is known. UsageError."""
    if parent is None:
        return None, None, None
    from mhfd.learning.packages import Library

    if there:
        return None, *parent_there(Library(home), parent)
    package = parent_here(Library(home), parent)
    return package, package.name, package.card.recipe.learner
