"""What is asked of learning for a microscope, with what is wrong with it said before anything is done.

DATASET is a dataset, or what it is made of: watched or state folders, whose labels are built into one.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.contract.assessing import MOST_TRAINED, LibraryTask, no_instrument
from mhfd.errors import UsageError
from mhfd_client import files
from mhfd_client.learning import datasets
from mhfd_client.learning.from_library.kept import learnings
from mhfd_client.learning.networks import NetworkOptions, network_there

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset

Tell = Callable[[str], object]
_TITLE: Final = 56
"""Characters of a title that is made, but the dash."""
TASKS: Final[tuple[LibraryTask, ...]] = ("focus", "denoise", "segment")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnAsked:
    """All that is asked, but where it is done."""

    dataset: Dataset | None
    """None: only an endpoint sees it."""
    folder: Path
    """Where its manifest lies."""
    instrument: str
    task: LibraryTask
    learner: str
    best: int
    """How many packages are trained, at most."""
    network: NetworkOptions
    prevalence: float
    miss_cost: float
    seed: int
    title: str
    licence: str | None
    progress: bool | None

    def read(self) -> Dataset:
        """The dataset, which lies here. UsageError."""
        if self.dataset is None:
            raise UsageError(f"dataset: {self.folder} is not seen by this machine; say --endpoint, which sees it")
        return self.dataset

    @property
    def begin_with(self) -> str:
        """What a library without a package begins with."""
        return (
            f"a library begins with a network of its own: mhfd train {self.task} {self.folder} --learner {self.learner}"
        )

    def title_of(self, number: int) -> str:
        """What people call the package of that training."""
        return self.title if number == 1 else f"{self.title} {number}"

    def training(self, number: int) -> dict[str, Any]:
        """What `mhfd_train` is asked beside its dataset and its parent. UsageError."""
        title = self.title_of(number)
        return self.network.request(self.task, self.learner, seed=self.seed, title=title, licence=self.licence)

    def refuse_wrong(self, *, far: bool) -> None:
        """What of its training could never be, before anything is done. UsageError."""
        from mhfd.learning.trained import said_of_card

        said_of_card(
            title=self.title_of(max(1, self.best)), licence="unknown" if self.licence is None else self.licence
        )
        if far:
            self.training(1)
        self.network.layout()
        self.network.checked_hours()

    def as_json(self) -> dict[str, Any]:
        """All that decides what becomes of it."""
        return {
            "dataset": None if self.dataset is None else self.dataset.digest,
            "folder": str(self.folder),
            "instrument": self.instrument,
            "task": self.task,
            "learner": self.learner,
            "best": self.best,
            "plan": self.network.plan(self.task, self.learner, seed=self.seed).model_dump(mode="json"),
            "prevalence": self.prevalence,
            "miss_cost": self.miss_cost,
            "title": self.title,
            "licence": self.licence,
        }


def usual_title(instrument: str, learner: str) -> str:
    """What people call a package that nobody gave a title: `north-small`; a second one fits beside it."""
    return f"{instrument[: _TITLE - len(learner)]}-{learner}"


def task_of(task: str, learner: str | None) -> tuple[LibraryTask, str]:
    """The task, and the network that it is done by. UsageError."""
    if task not in TASKS:
        raise UsageError(f"task: {task!r} is none that a library learns; choose from {', '.join(TASKS)}")
    return task, network_there(task, learner)


def instrument_of(instrument: str | None, setting: str | None) -> str:
    """What the microscope is called. UsageError."""
    name = instrument or setting
    if name is None:
        raise UsageError(
            "instrument: say which microscope it is for, as in --instrument north, or set models.instrument"
        )
    if (why := no_instrument(name)) is not None:
        raise UsageError(f"instrument: {why}")
    return name


def checked_best(best: int) -> int:
    """How many are trained. UsageError."""
    if not 0 <= best <= MOST_TRAINED:
        raise UsageError(f"best: expected 0 to {MOST_TRAINED} packages that are trained, got {best}")
    return best


def dataset_of(
    given: object, instrument: str, *, far: bool, said: Tell = lambda _words: None
) -> tuple[Dataset | None, Path]:
    """The dataset and its folder, both of whose sides have images of the microscope. UsageError.

    Args:
        given: A dataset, its folder, or watched or state folders.
        instrument: The microscope.
        far: It has to lie in one folder, which an endpoint is given.
        said: Told which labelled images are left out, and why.
    """
    dataset, folder, called = _found(given, instrument, far=far, said=said)
    if dataset is not None:
        _both_sides(dataset, called, instrument)
    return dataset, folder


def _found(given: object, instrument: str, *, far: bool, said: Tell) -> tuple[Dataset | None, Path, str]:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.dataset.rows import MANIFEST

    if isinstance(given, Dataset):
        if far:
            raise UsageError("dataset: an endpoint reads it from a folder; write it (`Dataset.write`), and name that")
        return given, _kept(given), "the dataset"
    sources: Sequence[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not sources or not all(isinstance(one, str | os.PathLike) for one in sources):
        raise UsageError("dataset: name the folder of a dataset, or watched folders")
    paths = [Path(one).absolute() for one in sources]
    called = ", ".join(map(str, paths))
    if len(paths) == 1 and (paths[0] / MANIFEST).is_file():
        return Dataset.read(paths[0], images=not far), paths[0], called
    if far and len(paths) == 1 and not paths[0].exists():
        return None, paths[0], called
    if far:
        raise UsageError(
            f"dataset: {paths[0]} is no dataset, and labels of a watch are seen by no endpoint: `mhfd dataset build "
            f"{paths[0]} --copy --out FOLDER` makes one with its images, in a folder that is seen there"
        )
    for one in paths:
        _labels_in(one)
    made = learnings() / f".{uuid.uuid4().hex}"
    try:
        files.make_folder(learnings())
        found = datasets.built(paths, made, instrument=instrument)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    for line in found.left_out:
        said(f"left out: {line}")
    return found.dataset, _kept(found.dataset), called


def _labels_in(path: Path) -> None:
    """UsageError for what is neither a dataset nor of a watch."""
    from mhfd.learning.dataset.rows import MANIFEST

    if path.is_file():
        raise UsageError(f"dataset: {path} is a file; `mhfd dataset build {path} --out FOLDER` makes a dataset")
    if not path.is_dir():
        raise UsageError(f"dataset: {path}: there is no such folder; name that of a dataset, or watched folders")
    if not (path / MANIFEST).is_file() and datasets.state_of(path) is None:
        raise UsageError(
            f"dataset: {path} is neither a dataset nor a folder that was watched here, nor its state folder; of "
            f"labelled images `mhfd dataset build {path} --out FOLDER` makes a dataset"
        )


def _kept(dataset: Dataset) -> Path:
    """Its manifest, where the training's workers and a later day find it."""
    folder = learnings() / "datasets" / dataset.digest[:20]
    files.make_folder(folder)
    dataset.write(folder)
    return folder


def _both_sides(dataset: Dataset, called: str, instrument: str) -> None:
    from mhfd.learning.dataset import Side
    from mhfd.learning.dataset.checking import refuse_leaks

    mine = [row for row in dataset.rows if row.group.instrument == instrument]
    if not mine:
        others = sorted({row.group.instrument or "no microscope" for row in dataset.rows})
        raise UsageError(
            f"dataset: the images of {called} are of {', '.join(others[:5])}, and this is for {instrument}: name its "
            "own images, or its name as their groups have it (instrument/specimen/session)"
        )
    for side, what in ((Side.TRAIN, "to learn from"), (Side.TEST, "to test on")):
        if not any(dataset.side(row) is side for row in mine):
            raise UsageError(
                f"dataset: no group of {instrument} in {called} is there {what}: label images of another specimen or "
                "session (one run is one group), and name, or build it of, all of them"
            )
    # Takes are found by their pixels, where these are here: far away nobody sees both sides at once.
    refuse_leaks(dataset, pixels=all(Path(path).is_file() for row in dataset.rows for _, path in row.files))
