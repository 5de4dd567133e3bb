"""Datasets of small pictures to teach a network with: files, labels, groups; the last group is for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.contract.training import Copies, TrainingPlan
from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Origin, Side, SourceGroup, Target

CAUSES = (ImageCause.IN_FOCUS, ImageCause.DEFOCUS, ImageCause.BANDING)


def textured(number: int, shape: tuple[int, int] = (80, 80)) -> NDArray[Any]:
    """A picture like no other, without a data bar; every third is much smoother."""
    noise = np.random.default_rng(number).normal(0, 1, shape)
    if number % 3 == 1:
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))) / 2
    return np.clip(120 + 30 * noise, 1, 254).astype(np.uint8)


def shown_row(folder: Path, number: int, *, group: str, shape: tuple[int, int] = (80, 80), **target: Any) -> DatasetRow:
    """A row of a picture that is written for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"picture-{number:04}.tif"
    tifffile.imwrite(path, textured(number, shape), photometric="minisblack", metadata=None)
    return DatasetRow(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        path=str(path),
        group=SourceGroup.of(group),
        origin=Origin.FOLDER,
        target=Target(**target),
    )


def labelled(number: int) -> dict[str, Any]:
    """Good, blurred and banded in turns."""
    cause = CAUSES[number % 3]
    return {
        "bad": cause is ImageCause.DEFOCUS,
        "radius_px": 3.0 if cause is ImageCause.DEFOCUS else 0.0,
        "cause": cause,
    }


def shown_dataset(
    folder: Path,
    *,
    groups: int = 4,
    each: int = 6,
    shape: tuple[int, int] = (80, 80),
    target: Callable[[int], dict[str, Any]] = labelled,
) -> Dataset:
    """So many groups; the last is for the test, and its files are gone: nothing may open them."""
    rows = tuple(
        shown_row(folder, number, group=f"scope/{number // each}/monday", shape=shape, **target(number))
        for number in range(groups * each)
    )
    keys = [row.group.key for row in rows]
    for row in rows[-each:]:
        Path(row.path).unlink()
    return Dataset(rows, dict.fromkeys(keys, Side.TRAIN) | {keys[-1]: Side.TEST})


def plan_of(copies: Copies = "turns", *, seed: int = 0, batch: int = 4, **more: Any) -> TrainingPlan:
    """What is to become of it."""
    return TrainingPlan(lesson="focus", learner="small", copies=copies, seed=seed, batch=batch, **more)
