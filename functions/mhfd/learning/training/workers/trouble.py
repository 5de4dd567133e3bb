"""What ends a training for good, in words for a person. All else that goes wrong is a crash, and is gone on from."""

import errno
import os
from pathlib import Path

from mhfd.errors import UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class TrainingTrouble(Exception):
    """The training cannot go on: a code for programs, why, and what to do."""

    def __init__(self, code: str, why: str, remedy: str) -> None:
        super().__init__(code, why, remedy)
        self.code, self.why, self.remedy = code, why, remedy


def of_data(error: UsageError) -> TrainingTrouble:
    """What is wrong with the dataset or the plan; the message says what to do."""
    why, _, remedy = str(error).partition("; ")
    return TrainingTrouble("data", why, remedy or "correct it, and begin again")


def of_disk(error: OSError, folder: Path, needed: int) -> TrainingTrouble:
    """A checkpoint could not be written. What was saved before stays."""
    home = mount_of(folder)
    if error.errno in _FULL:
        room = os.statvfs(home)
        free = room.f_bavail * room.f_frsize
        why = (
            f"the disk is full: a checkpoint of {needed:,} bytes did not fit on the file system of {home}, "
            f"where {free:,} are free ({error.strerror})"
        )
        return TrainingTrouble("disk_full", why, f"make room on {home}, and give the same command: it goes on")
    why = f"a checkpoint could not be written into {folder}: {error.strerror or error}"
    return TrainingTrouble("disk", why, f"see to the file system of {home}, and give the same command: it goes on")


def words_of(error: Exception, images: int) -> TrainingTrouble | None:
    """What went wrong in a step, where it ends the training; none: a crash."""
    if isinstance(error, TrainingTrouble):
        return error
    if isinstance(error, UsageError):
        return of_data(error)
    said = str(error)
    if isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said:
        return of_memory(images)
    return None


def of_memory(images: int) -> TrainingTrouble:
    """The images of a step do not fit."""
    why = f"a worker has not the memory for its {images} images of a step"
    remedy = "more nodes, fewer workers on each (--workers), or a smaller --batch, which is another training"
    return TrainingTrouble("memory", why, remedy)


def of_numbers(step: int, rate: float) -> TrainingTrouble:
    """The loss or its gradient is no number any more."""
    why = f"at step {step} the loss is not a number any more (rate {rate:.3g})"
    return TrainingTrouble("not_finite", why, _GENTLER)


def of_divergence(step: int, rate: float, began: float, recent: float) -> TrainingTrouble:
    """It learns no more, but the opposite."""
    why = (
        f"the training diverges: it began with a loss of {began:.3g}, "
        f"and at step {step} has one of {recent:.3g} (rate {rate:.3g})"
    )
    return TrainingTrouble("diverged", why, _GENTLER)


_GENTLER = "try a smaller --rate or a smaller --batch, or a longer --warmup"


def mount_of(folder: Path) -> Path:
    """The file system that a folder is on, by the highest folder of it."""
    here = folder.resolve()
    while here != here.parent and here.parent.stat().st_dev == here.stat().st_dev:
        here = here.parent
    return here
