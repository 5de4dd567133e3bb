"""Teaches, asks specimens that were not seen, and makes a package: what `python -m mhfd.learning.shipped` does.

Seeds are fixed and everything runs on one thread, so that the same source makes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.learning import features
from mhfd.learning.learners import KindLearner, KindRadiusLearner, Trees
from mhfd.learning.learners.folds import grouped_folds
from mhfd.learning.learners.reach import reach_of
from mhfd.learning.packages import Card, CardRow, ModelTask, Package, Recipe, write_package
from mhfd.learning.shipped import FOLDER
from mhfd.learning.shipped.asked import cause_rows, radius_rows
from mhfd.learning.shipped.drawing import SIDES, cause_images, radius_images
from mhfd.learning.shipped.table import CAUSES, DrawnTable, table_of

SEED: Final = 61
LICENCE: Final = "MIT (simulated images)"
MEASURED: Final = FOLDER / "measured.json"
"""What was measured on micrographs, by the sha256 of the weights that were asked."""
MOST_BYTES: Final = 200_000
"""Of all files of a package."""
RIGHT: Final = 0.98
"""Of the images whose cause is named, so many are to be named rightly."""
LEAST_P: Final = 0.5
"""Below it nothing is said, even if the simulator's images would be named rightly: micrographs are less alike."""
_TAUGHT: Final = {"radius": range(40), "cause": range(33)}
_ASKED: Final = {"radius": range(1000, 1012), "cause": range(1000, 1012)}
_TEST_ROWS: Final = 8
_MODULES: Final = ("asked.py", "drawing.py", "making.py", "table.py")
_HOW_SIMULATED: Final = "simulated specimens never seen"


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a package is taught with, and what it is asked."""

    taught: DrawnTable
    asked: DrawnTable


def radius_lesson() -> Lesson:
    """For the radius."""
    families = features.RADIUS_FAMILIES
    return Lesson(*(table_of(radius_images(of["radius"]), families) for of in (_TAUGHT, _ASKED)))


def cause_lesson() -> Lesson:
    """For the cause."""
    families = features.CAUSE_FAMILIES
    return Lesson(*(table_of(cause_images(of["cause"]), families) for of in (_TAUGHT, _ASKED)))


@dataclass(frozen=True, eq=False)
class ModelMade:
    """A model before it is a package."""

    card: Card
    onnx: bytes
    test_input: NDArray[np.float32]
    test_output: NDArray[np.float32]
    about: str

    @property
    def weights(self) -> str:
        """Their sha256."""
        return hashlib.sha256(self.onnx).hexdigest()

    def write(self, folder: Path) -> Package:
        """As a package below a folder, with what was measured of these weights on micrographs."""
        kept = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
        rows = tuple(CardRow.model_validate_json(json.dumps(row)) for row in kept.get(self.weights, []))
        card = self.card.model_copy(update={"table": (*self.card.table, *rows)})
        readme = f"# {card.title}\n\n{self.about}\n\n## Validation\n\n{_told(card.table)}\n"
        return write_package(folder, card, self.onnx, self.test_input, self.test_output, readme)


def radius_made(lesson: Lesson) -> ModelMade:
    """The radius, of what remains over the sharp images near by."""
    taught = lesson.taught
    values = taught.over_baseline()
    learner = KindRadiusLearner("trees", Trees(number=20, leaves=110, least=(2,)))
    fitted = learner.fit(values, taught.radius_px, groups=taught.groups, seed=SEED)
    asked = lesson.asked.over_baseline()
    said = fitted.predict(asked)
    table = radius_rows(said, lesson.asked.radius_px, lesson.asked.groups, _HOW_SIMULATED)
    card = _card(
        "mhfd-radius",
        "focus",
        taught,
        values,
        learner="trees",
        says=("radius_px", "sd"),
        baseline=True,
        chosen=dict(fitted.chosen),
        assumptions=(
            "The blur is a disc, as defocus makes it; an ellipse is said as the disc that takes as much.",
            "Images in focus of the same tissue, pixel and instrument are there to compare with, at any dose.",
            "Radii are up to 30 pixels; what is beyond is said too small.",
        ),
        table=table,
    )
    about = (
        "How large the blur of an image is: the radius of a disc in pixels, over sharp images of the same tissue near "
        "it, and a standard deviation. Trees over the spectrum without its noise, taught with the simulator of "
        "mhfd alone."
    )
    return _made(card, fitted.to_onnx(), asked, said, about)


def cause_made(lesson: Lesson) -> ModelMade:
    """The cause, of what remains over the sharp images near by; silent where it is not sure."""
    taught = lesson.taught
    learner = KindLearner("trees", Trees(number=36, leaves=60, least=(2,)))
    values, target = taught.over_baseline(), taught.cause.astype(np.float64)

    held = np.full((len(values), len(CAUSES)), np.nan)
    for learn, ask in grouped_folds(taught.groups, seed=SEED):
        groups = [taught.groups[row] for row in learn]
        part = learner.fit(values[learn], target[learn], groups=groups, seed=SEED, classes=len(CAUSES))
        held[ask] = part.predict(values[ask])
    least = least_p(held, taught.cause)
    fitted = learner.fit(values, target, groups=taught.groups, seed=SEED, classes=len(CAUSES))
    asked = lesson.asked.over_baseline()
    said = fitted.predict(asked)
    card = _card(
        "mhfd-cause",
        "cause",
        taught,
        values,
        learner="trees",
        says=tuple(cause.value for cause in CAUSES),
        baseline=True,
        chosen={**fitted.chosen, "least_p": least},
        assumptions=(
            "One thing is wrong with an image, or nothing.",
            "Images in focus of the same tissue, pixel and instrument are there to compare with.",
            "An astigmatic image is not at its best focus: there its blur is round, as defocus is.",
            "Tissue that is embedded in resin and stained with heavy metal, in a scanning electron microscope.",
        ),
        table=cause_rows(said, lesson.asked.cause, least, lesson.asked.groups, _HOW_SIMULATED),
    )
    about = (
        "What is wrong with an image, of thirteen causes, with a probability each; below a probability of "
        f"{least:g} it says nothing. Trees over what features have over those of sharp images of the same tissue near "
        "by, taught with the simulator of mhfd alone."
    )
    return _made(card, fitted.to_onnx(), asked, said, about)


def least_p(held: NDArray[np.float64], cause: NDArray[np.intp]) -> float:
    """The least probability from which on so many are named rightly as should be, in specimens held out."""
    known = np.isfinite(held).all(axis=1)
    sure, right = held[known].max(axis=1), held[known].argmax(axis=1) == cause[known]
    for least in np.arange(LEAST_P, 0.96, 0.05):
        named = sure >= least
        if named.any() and right[named].mean() >= RIGHT:
            return round(float(least), 2)
    return 0.95


def _card(
    title: str,
    task: ModelTask,
    taught: DrawnTable,
    values: NDArray[np.float32],
    *,
    learner: str,
    says: tuple[str, ...],
    baseline: bool,
    chosen: dict[str, float],
    assumptions: tuple[str, ...],
    table: tuple[CardRow, ...],
) -> Card:
    recipe = Recipe(
        learner=learner,
        families=taught.families,
        names=features.names(taught.families),
        features_version=features.VERSION,
        method_version=METHOD_VERSION,
        baseline=baseline,
        says=says,
        chosen={**chosen, "least_side": float(min(SIDES))},
        balance="weights",
    )
    return Card(
        title=title,
        task=task,
        parent=None,
        dataset=taught.digest,
        groups_seen=tuple(sorted(set(taught.groups))),
        assumptions=(*assumptions, f"Images have {min(SIDES)} pixels a side at least."),
        recipe=recipe,
        seed=SEED,
        code=code_of(_MODULES),
        pixel_nm=(round(float(taught.pixel_nm.min()), 2), round(float(taught.pixel_nm.max()), 2)),
        data_licence=LICENCE,
        table=table,
        reach=reach_of(values),
    )


def _made(card: Card, onnx: bytes, asked: NDArray[np.float32], said: NDArray[np.float64], about: str) -> ModelMade:
    known = np.flatnonzero(np.isfinite(asked).all(axis=1))
    rows = known[:: max(1, len(known) // _TEST_ROWS)][:_TEST_ROWS]
    return ModelMade(card, onnx, asked[rows], said[rows].astype(np.float32), about)


def code_of(modules: Sequence[str]) -> str:
    """Of the source in this folder that makes a package: what else it takes is held by versions in the recipe."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(name.encode() + b"\0" + (FOLDER / name).read_bytes())
    return digest.hexdigest()


def _told(table: Sequence[CardRow]) -> str:
    lines = ["| what | value | images | specimens | on |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.value} | {r.rows} | {r.groups} | {r.condition} |" for r in table]
    return "\n".join(lines)
