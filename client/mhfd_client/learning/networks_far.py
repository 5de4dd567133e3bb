"""A network trained on an endpoint for somebody: asked for by a key, followed, gone on with, and brought home.

The same words are the same training: typed again, after Ctrl-C, a crash or a cancel, they go on where it is. What is
trained on lies where the endpoint sees it. Knows no torch, and reads no image.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.contract.work import WorkAnswer
from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.learning.asked_far import FarPlace, done, keyed
from mhfd_client.learning.homecoming import brought_package
from mhfd_client.learning.networks import NetworkOptions
from mhfd_client.works.beginning import begin
from mhfd_client.works.kept_work import KeptWork

if TYPE_CHECKING:
    from mhfd.learning.trained import Training

NAME: Final = "mhfd_train"


def train_there(
    lesson: str,
    dataset: object,
    learner: str,
    options: NetworkOptions,
    where: FarPlace,
    *,
    out: Path,
    parent: str | None,
    library: str | None,
    seed: int,
    licence: str | None,
    title: str | None,
    said: Callable[[str], object] | None,
    progress: bool | None,
) -> Training:
    """Train it there, or go on where the same training is, and bring its package into a folder.

    Args:
        lesson: What is to be learned.
        dataset: The folder of a dataset, by this machine's name.
        learner: The network.
        options: What else was said.
        where: The endpoint.
        out: The folder of packages that it is brought into.
        parent: The name of the package that it begins with; None: with drawn numbers.
        library: The endpoint's folder of the library that the parent is in.
        seed: Of all that is drawn.
        licence: Of the data.
        title: What people call the package.
        said: Told what is being done, in words, where no bar shows it.
        progress: A bar; nothing: where somebody looks.

    Raises:
        WorkNotDone: It was cancelled, failed, or was not taken.
        PackageElsewhere: It is done, and its package cannot be read here.
    """
    paths, tell = PathMap.of(where.maps), said or (lambda _words: None)
    request = _request(lesson, dataset, learner, options, paths, seed=seed, licence=licence, title=title)
    if parent is not None:
        request |= {"parent": parent, "library": library}
    request["turn_s"] = where.turn_s
    key, after = keyed(NAME, f"{lesson}-{learner}", request, where, afresh=bool(options.afresh))
    if after is not None:
        request["after"] = after
    kept = begin(NAME, request, endpoint=where.endpoint, key=key, into=where.into, options=where.chosen, say=tell)
    tell(f"{kept.key}  on endpoint {kept.endpoint}, in {kept.into}" + (f"; goes on where {after} was" if after else ""))
    answer = done(kept, f"{lesson} {learner}", tell, progress, called="training")
    return _home(answer, lesson, paths, out, kept)


def _request(
    lesson: str,
    dataset: object,
    learner: str,
    options: NetworkOptions,
    paths: PathMap,
    *,
    seed: int,
    licence: str | None,
    title: str | None,
) -> dict[str, Any]:
    """The function's own fields. UsageError; SettingsError where no pair of the map covers the dataset."""
    if not isinstance(dataset, str | os.PathLike):
        raise UsageError("dataset: an endpoint reads it from a folder; write it (`Dataset.write`), and name that")
    folder = Path(dataset).absolute()
    if folder.is_file():
        raise UsageError(f"dataset: {folder} is a file; an endpoint takes the folder of `mhfd dataset build --out`")
    asked = options.request(lesson, learner, seed=seed, title=title, licence=licence)
    return {"dataset": paths.there(os.fspath(folder)), **asked}


def _home(answer: WorkAnswer, lesson: str, paths: PathMap, out: Path, kept: KeptWork) -> Training:
    """The same as of a training here, once the package is here. PackageElsewhere."""
    from mhfd.learning.trained import NetworkTrained, Training

    result = answer.result or {}
    package = brought_package(answer, str(result.get("package")), paths, out, kept)
    known = {one.name for one in fields(NetworkTrained)}
    network = {name: value for name, value in (result.get("network") or {}).items() if name in known}
    cost = result.get("cost") or {}
    words = (*map(str, result.get("words") or ()), *([f"cost: {cost['words']}"] if cost.get("words") else ()))
    return Training(
        package,
        lesson,
        words,
        tuple(map(str, result.get("warnings") or ())),
        dict(result.get("seconds") or {}),
        NetworkTrained(**network | {"epochs": tuple(network["epochs"])}) if known - network.keys() <= _OLDER else None,
    )


_OLDER: Final = {"untrained"}
"""What an endpoint of before does not say."""
