"""The folder of a training: its name, what of it is kept, and what became of it.

The name is of the plan and the dataset, not of the layout: the same training goes on where it was, however its work is
shared. What is in `checkpoints` is the workers'; this only takes it away, once a package holds the network.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from mhfd.contract.base import Wire
from mhfd.contract.training import TrainingJob, TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset
from mhfd.learning.training.told import EpochDone, UntrainedNet
from mhfd.learning.training.workers import JOB
from mhfd.learning.training.workers.beginning import PARENT
from mhfd.whole import write_whole

CHECKPOINTS: Final = "checkpoints"
DATASET: Final = "dataset"
FINISHED: Final = "finished.json"
_PASSING: Final = ("sweep", "errors.log", PARENT)
_DIGITS: Final = 16


class TrainingCourse(Wire):
    """How a training went, from its beginning to its end."""

    epochs: tuple[EpochDone, ...]
    steps: int
    seconds: float
    workers: int
    threads: int
    untrained: UntrainedNet | None = None


class FinishedTraining(Wire):
    """What became of a training: `finished.json` in its folder, once its package is written."""

    schema_version: Literal[1] = 1
    package: str = Field(description="its name")
    words: tuple[str, ...]
    warnings: tuple[str, ...]
    digest: str = Field(description="of the weights")
    parameters: int
    step: int = Field(description="of the checkpoint that became the package")
    images: int
    course: TrainingCourse


def training_name(plan: TrainingPlan, dataset_digest: str) -> str:
    """As in `focus-small-1f0c...`: the same for the same plan and the same dataset."""
    said = json.dumps({"plan": plan.model_dump(mode="json"), "dataset": dataset_digest}, sort_keys=True)
    return f"{plan.lesson}-{plan.learner}-{hashlib.sha256(said.encode()).hexdigest()[:_DIGITS]}"


def made(folder: Path, *, afresh: bool) -> None:
    """Make the folder; with `afresh`, without anything of an earlier training. UsageError."""
    try:
        if afresh and folder.exists():
            for name in (CHECKPOINTS, FINISHED):
                _taken_away(folder / name)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: the training cannot be kept there: {error.strerror or error}") from error


def can_take(out: Path) -> None:
    """Whether a package can be written there, before hours are spent. UsageError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".trying-", dir=out):
            pass
    except OSError as error:
        raise UsageError(f"out: no package can be written into {out}: {error.strerror or error}") from error


def finished(folder: Path) -> FinishedTraining | None:
    """What became of it; None where it goes on, or where its note cannot be read."""
    try:
        return FinishedTraining.model_validate_json((folder / FINISHED).read_bytes())
    except (OSError, ValidationError):
        return None


def finish(folder: Path, note: FinishedTraining, *, best: Path) -> None:
    """Keep what became of it, and of its checkpoints the one that the package was made of: they are large.

    With that one the same network is packed again, under another title or into another folder.
    """
    write_whole(folder / FINISHED, note.model_dump_json().encode())
    for path in best.parent.iterdir():
        if path != best:
            _taken_away(path)
    for name in _PASSING:
        _taken_away(folder / name)


def begun(folder: Path) -> TrainingJob | None:
    """The job of a training that has saved something; None: none has, or it cannot be read."""
    try:
        job = TrainingJob.model_validate_json((folder / JOB).read_bytes())
    except (OSError, ValidationError):
        return None
    return job if any((folder / CHECKPOINTS).glob("*.ckpt")) else None


def dataset_in(folder: Path, dataset: Dataset | Path) -> Path:
    """Where workers find the dataset: as it lies, or, of rows that have no folder, written into the training's."""
    if not isinstance(dataset, Dataset):
        return Path(dataset).absolute()
    home = folder / DATASET
    dataset.write(home)
    return home


def _taken_away(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
