"""Labelled images for tests: files with bytes of their own, and the rows that name them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.learning.dataset import Dataset, DatasetRow, ImageCause, Origin, Side, SourceGroup, Target


def row(
    folder: Path,
    name: str,
    *,
    bad: bool | None = False,
    group: str = "a",
    content: bytes | None = None,
    radius_px: float | None = None,
    cause: ImageCause | None = None,
    **fields: Any,
) -> DatasetRow:
    """A row of a file that is written for it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode() if content is None else content)
    said: dict[str, Any] = {"origin": Origin.FOLDER, "said_by": None} | fields
    return DatasetRow(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        path=str(path),
        group=SourceGroup.of(group),
        target=Target(bad=bad, radius_px=radius_px, cause=cause),
        **said,
    )


def dataset(folder: Path, *, groups: int = 5, each: int = 2) -> Dataset:
    """Groups of as many good images as bad ones; the last group is for the test."""
    rows = tuple(
        row(folder, f"{group}-{number}.tif", bad=bool(number % 2), group=f"scope/{group}/monday")
        for group in range(groups)
        for number in range(2 * each)
    )
    keys = [each.group.key for each in rows]
    return Dataset(rows, dict.fromkeys(keys, Side.TRAIN) | {keys[-1]: Side.TEST})


def picture(seed: int, side: int = 192) -> NDArray[Any]:
    """Noise on a slope: nothing that anybody could focus on, and quick."""
    noise = np.random.default_rng(seed).normal(0, 12, (side, side))
    return np.clip(128 + np.linspace(-40, 40, side) + noise, 0, 255).astype(np.uint8)


def folder_of(root: Path, each: int) -> Path:
    """A folder with so many such images in each of `good` (the even sections) and `bad`."""
    for first, label in enumerate(("good", "bad")):
        (root / label).mkdir(parents=True)
        for number in range(each):
            tifffile.imwrite(root / label / f"S_{2 * number + first:03d}.tif", picture(2 * number + first, 96))
    return root
