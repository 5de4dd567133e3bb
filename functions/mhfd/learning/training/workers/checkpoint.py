"""What a training goes on from: a file for a step, whole or not there. Knows no torch: who makes a package reads it.

A file is a line with its digest, a line of JSON, and the numbers as they lie in memory (float32, little-endian): no
code is in it that reading would run. What is torn, altered or of another training is not believed, and the one before
it is taken. The last two are kept, and the best validated.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from mhfd.contract.base import Wire
from mhfd.contract.training import TrainingJob
from mhfd.errors import UsageError
from mhfd.learning.training.told import EpochDone, UntrainedNet
from mhfd.learning.training.workers.divergence import LossWatch
from mhfd.whole import PART, whole

FOLDER: Final = "checkpoints"
KEPT: Final = 2
"""The last so many; the older one is for when the newer is found damaged."""

_MAGIC: Final = b"mhfd checkpoint 1 "
_NAME: Final = re.compile(r"step-([0-9]{6,12})\.ckpt")
_NUMBERS: Final = np.dtype("<f4")

Arrays = Mapping[str, NDArray[np.float32]]


class TrainingState(Wire):
    """All of a training's state that is not an array. What is drawn is a function of the step: no generator is kept."""

    schema_version: Literal[1] = 1
    of: str = Field(description="the training: its plan and its dataset")
    step: int = Field(ge=0, description="steps taken")
    steps: int = Field(ge=0, description="of the whole training")
    digest: str = Field(description="of the weights")
    seconds: float = Field(0.0, description="of training so far, over all turns")
    images: int = Field(0, description="seen so far")
    loss: float = Field(0.0, description="of the epoch under way, summed")
    labels: float = Field(0.0, description="that this sum is of")
    watched: LossWatch = LossWatch()
    untrained: UntrainedNet | None = Field(None, description="before the first step; null: not validated yet")
    history: tuple[EpochDone, ...] = ()

    @property
    def best(self) -> EpochDone | None:
        """The epoch that was validated best: by top-1 if that means anything, then by the loss; of equals the first."""
        return min(self.history, key=lambda done: (-(done.top1 or 0.0), done.validation_loss), default=None)


@dataclass(frozen=True)
class TrainingCheckpoint:
    """One of them. `answers`: of the last validation, by the number of its example; none where a net says nothing."""

    state: TrainingState
    weights: Arrays
    momentum: Arrays
    answers: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class KeptCheckpoint:
    """A file of a checkpoint, and what its head says."""

    path: Path
    state: TrainingState


def training_id(job: TrainingJob) -> str:
    """What a checkpoint has to be of to be gone on from. The layout is no part of it."""
    said = f"{job.plan.model_dump_json()}\n{job.digest}"
    return hashlib.sha256(said.encode()).hexdigest()


def save(folder: Path, checkpoint: TrainingCheckpoint) -> Path:
    """Put one into the folder of a training, lasting; then forget the old. OSError where that cannot be."""
    home = folder / FOLDER
    path = home / f"step-{checkpoint.state.step:06}.ckpt"
    write(path, checkpoint)
    best = checkpoint.state.best
    _forget(home, spare=set() if best is None else {best.step})
    return path


def write(path: Path, checkpoint: TrainingCheckpoint) -> None:
    """One file, lasting and whole, or none. OSError where that cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.writelines(_pieces(checkpoint))
    _last(path.parent)


def read(path: Path) -> TrainingCheckpoint:
    """What is in a file. UsageError: it is no checkpoint, or not whole."""
    state, arrays = _read(path)
    return TrainingCheckpoint(state, *({name[len(kind) :]: a for name, a in arrays.items() if name.startswith(kind)}
                                       for kind in ("weights/", "momentum/", "answers/")))  # fmt: skip


def latest(folder: Path, job: TrainingJob) -> tuple[TrainingCheckpoint | None, tuple[str, ...]]:
    """What a training in a folder goes on from, and in words the files that were not believed."""
    refused: list[str] = []
    for path in reversed(_files(folder / FOLDER)):
        try:
            found = read(path)
        except UsageError as error:
            refused.append(str(error))
            continue
        if found.state.of == training_id(job):
            return found, tuple(refused)
        refused.append(f"{path}: is of another training")
    return None, tuple(refused)


def best_of(folder: Path) -> KeptCheckpoint | None:
    """The checkpoint that was validated best, of a training that got so far; it is whole. None: there is none."""
    found: dict[int, KeptCheckpoint] = {}
    for path in _files(folder / FOLDER):
        try:
            state, _ = _read(path)
        except UsageError:
            continue
        found[state.step] = KeptCheckpoint(path, state)
    if not found:
        return None
    newest = found[max(found)].state
    best = newest.best
    return None if best is None else found.get(best.step)


def sweep_parts(folder: Path) -> None:
    """Remove what a killed writer left half written. Only before the first step: nobody writes yet."""
    for part in (folder / FOLDER).glob(f"*{PART}"):
        part.unlink(missing_ok=True)


def _pieces(checkpoint: TrainingCheckpoint) -> Iterator[bytes]:
    kinds = {"weights": checkpoint.weights, "momentum": checkpoint.momentum, "answers": checkpoint.answers}
    arrays = {f"{kind}/{name}": kind_of[name] for kind, kind_of in kinds.items() for name in sorted(kind_of)}
    head = {
        "state": checkpoint.state.model_dump(mode="json"),
        "arrays": [{"name": name, "shape": array.shape} for name, array in arrays.items()],
    }
    pieces = [json.dumps(head).encode() + b"\n", *(array.astype(_NUMBERS).tobytes() for array in arrays.values())]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    yield _MAGIC + digest.hexdigest().encode() + b"\n"
    yield from pieces


def _read(path: Path) -> tuple[TrainingState, dict[str, NDArray[np.float32]]]:
    wrong = f"{path}: is not a whole checkpoint of a training"
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): {_REMEDY}") from None
    first, _, rest = whole.partition(b"\n")
    if not first.startswith(_MAGIC) or first[len(_MAGIC) :] != hashlib.sha256(rest).hexdigest().encode():
        raise UsageError(f"{wrong}: {_REMEDY}")
    head, _, numbers = rest.partition(b"\n")
    try:
        said = json.loads(head)
        state = TrainingState.model_validate(said["state"])
        shapes = {str(one["name"]): tuple(int(side) for side in one["shape"]) for one in said["arrays"]}
        flat = np.frombuffer(numbers, _NUMBERS).astype(np.float32)
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        if flat.size != (ends[-1] if len(ends) else 0):
            raise UsageError(f"{wrong}: it holds {flat.size} numbers: {_REMEDY}")
        parts = np.split(flat, ends[:-1])
        return state, {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"{wrong} that this release reads ({error}): {_REMEDY}") from None


_REMEDY: Final = "the training goes on from the one before it"


def _files(home: Path) -> list[Path]:
    """The oldest first."""
    return sorted((path for path in home.glob("step-*.ckpt") if _NAME.fullmatch(path.name)), key=_step)


def _step(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else -1


def _forget(home: Path, *, spare: set[int]) -> None:
    for path in _files(home)[:-KEPT]:
        if _step(path) not in spare:
            path.unlink(missing_ok=True)


def _last(home: Path) -> None:
    """The new name outlives a power cut, where the file system can do that."""
    fd = os.open(home, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)
