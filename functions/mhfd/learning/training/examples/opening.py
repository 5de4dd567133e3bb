"""A folder, or a dataset -> what a network is taught with, whatever the images are of."""

from __future__ import annotations

from pathlib import Path

from mhfd.contract.training import Copies, NetLesson
from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import Dataset
from mhfd.learning.training.examples.example import Examples
from mhfd.learning.training.examples.labelled import open_labelled
from mhfd.learning.training.examples.plates import is_plates, open_plates
from mhfd.learning.training.examples.restoring import open_restoring


def open_examples(dataset: Dataset | Path, lesson: NetLesson, *, multiple: int, copies: Copies = "none") -> Examples:
    """What can be learned from: of the training groups alone; for focus and cause all of one size.

    Args:
        dataset: A dataset, its folder, or a folder that is laid out as BBBC021 is.
        lesson: What is to be learned; of BBBC021's layout a cause, which is there the mechanism of a compound.
        multiple: Sides are padded to multiples of it.
        copies: Of the plan: set B cuts what is shown, of validation too.

    Raises:
        UsageError: It cannot teach this; what is wrong and what to do about it.
    """
    if isinstance(dataset, Path) and is_plates(dataset):
        if lesson != "cause":
            raise UsageError(f"lesson: {dataset} says of cells what a compound does: train `cause`, not {lesson!r}")
        return open_plates(dataset, multiple=multiple, copies=copies)
    # Images of the test stay closed, and may be elsewhere.
    whole = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset, images=False)
    if lesson == "denoise" or lesson == "segment":
        return open_restoring(whole, lesson, multiple=multiple, copies=copies)
    return open_labelled(whole, lesson, multiple=multiple, copies=copies)
