"""How good the pictures are that a package makes of each image, beside the best that is made without learning.

The best classical way is chosen with the same images, which flatters it: it is the one that is to be reached.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mhfd
from mhfd.learning.assessing.standing import DrawnImages, Floats, PackageStanding, by_mean
from mhfd.learning.dataset import Dataset
from mhfd.learning.dataset.settling import settled
from mhfd.learning.evaluation.splits import specimen_of
from mhfd.learning.packages import Package
from mhfd.learning.pictures import MEASURE, PictureTask, classical_scores, image_scores
from mhfd.whole import write_whole


class PicturesScoring:
    """Pictures of images: what is known of an image lies beside it."""

    def __init__(
        self,
        dataset: Dataset,
        task: PictureTask,
        *,
        seed: int,
        cache: Path | None = None,
        beat: Callable[[], object] | None = None,
    ) -> None:
        once = settled(dataset)
        self._beat = beat
        self.measure = f"{MEASURE[task]}; of an image that a package refuses, that of what is made without learning"
        self.short = "score"
        self.bar, scores = _classical(once, task, cache, beat)
        counts = np.isfinite(scores)
        self.rows = tuple(row for row, known in zip(once.rows, counts, strict=True) if known)
        self._classical = scores[counts]
        self.drawn = DrawnImages.of([specimen_of(row.group.key) for row in self.rows], seed)

    def at_the_bar(self) -> PackageStanding:
        """The best classical way."""
        return self.standing(self._classical)

    def scores(self, package: Package) -> Floats:
        """How good its picture of each image is."""
        return image_scores(self.rows, package, beat=self._beat)

    def standing(self, scores: Floats) -> PackageStanding:
        """Their mean."""
        return by_mean(scores, self.drawn, self._classical)


def _classical(
    dataset: Dataset, task: PictureTask, cache: Path | None, beat: Callable[[], object] | None
) -> tuple[str, Floats]:
    """The best way's name and scores, as they were kept, else asked now."""
    of = hashlib.sha256(f"{task} {dataset.digest} {mhfd.__version__}".encode()).hexdigest()[:16]
    place = None if cache is None else cache / "assessed" / of / "classical.json"
    if place is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept: dict[str, Any] = json.loads(place.read_text("utf-8"))
            scores = np.array(kept["scores"], np.float64)
            if scores.shape == (len(dataset.rows),):
                return str(kept["name"]), scores
    name, scores = classical_scores(dataset.rows, task=task, beat=beat)
    if place is not None:
        known = [None if np.isnan(one) else one for one in scores.tolist()]
        with contextlib.suppress(OSError):  # a disk that is full costs the next time, not this one
            write_whole(place, json.dumps({"name": name, "scores": known}).encode())
    return name, scores
