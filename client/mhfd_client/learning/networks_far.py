"""A network trained on an endpoint for somebody: asked for by a key, followed, gone on with, and brought home.

The same words are the same training: typed again, after Ctrl-C, a crash or a cancel, they go on where it is. What is
trained on lies where the endpoint sees it. Knows no torch, and reads no image.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import PackageRefused, UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.errors import PackageElsewhere, StationError, WorkNotDone
from mhfd_client.learning.networks import NetworkOptions
from mhfd_client.progress import bar
from mhfd_client.works.beginning import begin
from mhfd_client.works.following import follow
from mhfd_client.works.kept_work import KeptWork, known
from mhfd_client.works.told import answer_told, left_told, next_told, on_bar

if TYPE_CHECKING:
    from mhfd.learning.packages import Package
    from mhfd.learning.trained import Training

NAME: Final = "mhfd_train"
_PURPOSE: Final = {"purpose": "train"}
"""What an endpoint that offers trainings has a process of its own for."""
_TURN_S: Final = 3600.0
"""So long it goes on while nobody follows it."""
_TURN_ALONE_S: Final = 120.0
"""... where the one worker can say how far it is only after its turn."""
_NOT_THE_TRAINING: Final = ("after", "turn_s")
_KEY_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedWhere:
    """Which endpoint, and what is said of it.

    Args:
        endpoint: Its id.
        key: Of the training; nothing: one that follows from what is asked.
        into: A folder of the endpoint's; nothing: in the first that it may write.
        maps: `HERE=THERE`: what the endpoint calls folders of this machine.
        options: What is chosen of its configuration, beside `purpose = "train"`.
    """

    endpoint: str | UUID
    key: str | None = None
    into: str | None = None
    maps: Mapping[str, str] | Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def train_there(
    lesson: str,
    dataset: object,
    learner: str,
    options: NetworkOptions,
    where: TrainedWhere,
    *,
    out: Path,
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
    chosen = {name: value for name, value in {**_PURPOSE, **where.options}.items() if value != ""}
    request["turn_s"] = _TURN_S if chosen.get("purpose") == "train" else _TURN_ALONE_S
    key, after = _keyed(request, endpoint_of(where.endpoint), where, afresh=bool(options.afresh))
    if after is not None:
        request["after"] = after
    kept = begin(NAME, request, endpoint=where.endpoint, key=key, into=where.into, options=chosen, say=tell)
    tell(f"{kept.key}  on endpoint {kept.endpoint}, in {kept.into}" + (f"; goes on where {after} was" if after else ""))
    answer = _followed(kept, f"{lesson} {learner}", tell, progress)
    if answer.state is not WorkState.DONE:
        raise WorkNotDone(f"training {kept.key}: {answer_told(answer)}; {_next(kept)}")
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
    layout = options.layout()
    if layout is None and options.device is not None:
        raise UsageError("device: with --endpoint it goes with --workers; without both the endpoint finds what is best")
    fields = {
        "dataset": paths.there(os.fspath(folder)),
        "plan": options.plan(lesson, learner, seed=seed).model_dump(mode="json"),
        "layout": None if layout is None else layout.model_dump(mode="json"),
        "title": title,
        "licence": licence,
        "at_most_hours": options.checked_hours(),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _keyed(request: Mapping[str, Any], endpoint: UUID, where: TrainedWhere, *, afresh: bool) -> tuple[str, str | None]:
    """The key of this training, and that of an earlier one, which was cancelled, that it goes on from. UsageError."""
    works = known()
    mine = [
        one
        for one in works
        if (one.function, one.endpoint) == (NAME, endpoint)
        and where.into in (None, one.into)
        and _same(one.request, request)
    ]
    going = [one for one in mine if one.state != WorkState.CANCELLED and where.key in (None, one.key)]
    if going and (where.key is not None or not afresh):
        return going[0].key, going[0].request.get("after")
    if any(one.key == where.key for one in mine):
        raise UsageError(
            f"key: {where.key} was cancelled, and stays so; leave --key out, or say another: it goes on from there"
        )
    kept_something = [one for one in mine if one.answer and one.answer.progress and one.answer.progress.done > 0]
    after = kept_something[0].key if kept_something and not afresh else None
    if where.key is not None:
        return where.key, after
    plan = request["plan"]
    told = json.dumps([str(endpoint), where.into, _training_of(request)], sort_keys=True)
    own = f"{plan['lesson']}-{plan['learner']}-{hashlib.sha256(told.encode()).hexdigest()[:_KEY_DIGITS]}"
    taken = {one.key for one in works}
    return next(name for name in _names(own) if name not in taken), after


def _names(own: str) -> Iterator[str]:
    yield own
    number = 2
    while True:
        yield f"{own}-{number}"
        number += 1


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _training_of(one) == _training_of(other)


def _training_of(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _NOT_THE_TRAINING}


def _followed(kept: KeptWork, what: str, tell: Callable[[str], object], progress: bool | None) -> WorkAnswer:
    """Its end, once it has one."""
    told = ""
    with (
        _left(kept, tell),
        bar(None, progress, what=what, transient=True) as shown,
        closing(follow(kept, say=lambda words: (shown.say(words), tell(words)))) as heard,
    ):
        for event in heard:
            on_bar(shown, event.answer)
            note = "" if event.answer.progress is None else event.answer.progress.note
            if note and note != told:
                told = note
                shown.note(note)
                tell(note)
    return event.answer  # its end


@contextmanager
def _left(kept: KeptWork, tell: Callable[[str], object]) -> Iterator[None]:
    """Whatever ends the waiting, the training can be gone on with, and that is said."""
    goes_on = (
        f"the same again goes on with it, as does mhfd work follow {kept.key}; mhfd work cancel {kept.key} ends it"
    )
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"not followed any more: {left_told(kept)}; {goes_on}")
        raise
    except StationError as error:
        error.add_note(goes_on)
        tell(goes_on)
        raise


def _next(kept: KeptWork) -> str:
    if kept.state == WorkState.CANCELLED:
        return "the same again goes on from its last checkpoint, under another key"
    if kept.state == WorkState.FAILED:
        return "it would fail again; change what is asked"
    return next_told(kept)


# -- its package


def _home(answer: WorkAnswer, lesson: str, paths: PathMap, out: Path, kept: KeptWork) -> Training:
    """The same as of a training here, once the package is here. PackageElsewhere."""
    from mhfd.learning.trained import NetworkTrained, Training

    result = answer.result or {}
    package = _brought(answer, str(result.get("package")), paths, out, kept)
    network = {name: value for name, value in (result.get("network") or {}).items() if name in _NETWORK}
    cost = result.get("cost") or {}
    words = (*map(str, result.get("words") or ()), *([f"cost: {cost['words']}"] if cost.get("words") else ()))
    return Training(
        package,
        lesson,
        words,
        tuple(map(str, result.get("warnings") or ())),
        dict(result.get("seconds") or {}),
        NetworkTrained(**network | {"epochs": tuple(network["epochs"])}) if len(network) == len(_NETWORK) else None,
    )


_NETWORK: Final = ("digest", "parameters", "step", "steps", "images", "workers", "threads", "epochs")


def _brought(answer: WorkAnswer, name: str, paths: PathMap, out: Path, kept: KeptWork) -> Package:
    """The package in the folder of packages: the one that the endpoint names, byte by byte."""
    from mhfd.learning.packages.folder import name_of, read_files
    from mhfd.learning.packages.package import put, verify

    there = {artefact.path.rpartition("/")[0] for artefact in answer.artefacts if artefact.kind == "package"}
    if len(there) != 1:
        raise WorkNotDone(f"training {kept.key}: it is done, and names no package; upgrade the endpoint's mhfd")
    (folder,) = there
    here = Path(paths.here(folder))
    how = (
        f"it lies in {folder} of endpoint {kept.endpoint}; copy that folder into {out}, and `mhfd models verify "
        f"{name[:12]}` looks at it; or make it readable as {here}, and type the same again"
    )
    if not here.is_dir():
        raise PackageElsewhere(f"package {name[:12]}: this machine does not see it: {how}")
    try:
        files = read_files(here)
        if name_of(files) != name:
            raise PackageRefused(f"{here}: it is not the package {name[:12]} that was made there")
        return put(out, files, check=verify)
    except PackageRefused as error:
        raise PackageElsewhere(f"package {name[:12]}: {error}; {how}") from None
