"""What was learned of moves as a package: its card, with what it was taught with and how well it did, and its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.learning.learners.export import said_by
from mhfd.learning.manifold.comparing import CLEAR_UM
from mhfd.learning.manifold.model import NAMES, STIGS, AdjustmentModel, HeldMoves, held_stigs, input_of, stigs_within_um
from mhfd.learning.manifold.movers import MoveLearner
from mhfd.learning.manifold.pair import PAIR_VERSION
from mhfd.learning.manifold.reaching import least_of
from mhfd.learning.manifold.table import LEAST_SNR, MoveTable
from mhfd.learning.packages import Card, CardRow, Package, Recipe, write_package

FAMILY: Final = "pair"
_TEST_ROWS: Final = 8


@dataclass(frozen=True, eq=False)
class MoveLesson:
    """What is taught, and who is asked afterwards."""

    taught: MoveTable
    asked: MoveTable
    """Of specimens that are kept for the test."""
    dataset: str
    """Its digest."""
    learner: MoveLearner
    seed: int


def packed(
    lesson: MoveLesson, model: AdjustmentModel, held: HeldMoves, home: Path, *, licence: str, title: str | None
) -> Package:
    """The model as a package below a folder, with what was measured of it. NotExportable."""
    onnx = model.to_onnx(lesson.taught)
    perturbation, move = lesson.taught.perturbation_um, lesson.taught.move_um
    pixels = lesson.taught.pixel_nm[np.isfinite(lesson.taught.pixel_nm)]
    chosen = {
        **model.chosen,
        "low_um": round(float(move.min()), 4),
        "high_um": round(float(move.max()), 4),
        "perturbation_low_um": float(perturbation.min()),
        "perturbation_high_um": float(perturbation.max()),
        **least_of(lesson.taught.level, lesson.taught.snr, floor=LEAST_SNR),
    }
    stigs = held_stigs(lesson.taught, lesson.learner, seed=lesson.seed) if model.stig else None
    if stigs is not None:
        chosen["stig_within_um"] = stigs_within_um(lesson.taught, stigs)
    card = Card(
        title=title or f"adjust-{lesson.learner.name}",
        task="adjust",
        dataset=lesson.dataset,
        groups_seen=tuple(dict.fromkeys(lesson.taught.groups)),
        assumptions=(
            "The instrument, its pixel size, dwell time, voltage and current are those of the recorded moves.",
            "A is taken at a working distance that is longer by the perturbation than the middle, B at one that "
            "is shorter by it.",
            "The specimen looks like those that were taught: it shows structure, and is not far out of focus.",
        ),
        recipe=Recipe(
            learner=lesson.learner.name,
            families=(FAMILY,),
            names=NAMES,
            features_version=PAIR_VERSION,
            method_version=METHOD_VERSION,
            baseline=False,
            says=model.says,
            chosen=chosen,
            balance="none",
        ),
        seed=lesson.seed,
        code=_code(),
        pixel_nm=(float(pixels.min()), float(pixels.max())) if len(pixels) else None,
        data_licence=licence,
        table=tuple(_table(lesson, model, held, stigs)),
    )
    rows = input_of(lesson.taught)[:: max(1, len(lesson.taught) // _TEST_ROWS)][:_TEST_ROWS]
    answers = np.asarray(said_by(onnx, rows), np.float32)
    return write_package(home, card, onnx, rows, answers, _readme(card))


def _table(
    lesson: MoveLesson, model: AdjustmentModel, held: HeldMoves, stigs: NDArray[np.float64] | None
) -> Iterator[CardRow]:
    """What was measured, on specimens held back."""
    off, count, groups = held.said - lesson.taught.move_um, len(lesson.taught), len(set(lesson.taught.specimen))
    clear = np.abs(lesson.taught.move_um) >= CLEAR_UM
    wrong = int((np.sign(held.said) != np.sign(lesson.taught.move_um))[clear].sum())
    condition = "against what was recorded, which has its own error"
    for what, value, rows in (
        ("root mean square of the error in um, specimens held out", np.sqrt(np.square(off).mean()), count),
        ("median of |error| in um, specimens held out", np.median(np.abs(off)), count),
        ("wrong signs of moves of 1 um and more, specimens held out", wrong, int(clear.sum())),
        ("root mean square of what was recorded in um", np.sqrt(np.square(lesson.taught.move_um).mean()), count),
    ):
        yield CardRow(what=what, value=round(float(value), 4), rows=rows, groups=groups, condition=condition)
    if stigs is not None:
        near = np.abs(lesson.taught.move_um) <= stigs_within_um(lesson.taught, stigs)
        for which, name in enumerate(STIGS):
            both = np.flatnonzero(near & np.isfinite(stigs[:, which] - lesson.taught.stig[:, which]))
            apart = stigs[both, which] - lesson.taught.stig[both, which]
            yield CardRow(
                what=f"root mean square of the error of {name}, specimens held out, where it is said",
                value=round(float(np.sqrt(np.square(apart).mean())), 4) if len(both) else None,
                rows=len(both),
                groups=groups,
                condition=condition,
            )
    if len(lesson.asked):
        apart = model.predict(input_of(lesson.asked))[:, 0] - lesson.asked.move_um
        yield CardRow(
            what="root mean square of the error in um, specimens of the test side",
            value=round(float(np.sqrt(np.square(apart).mean())), 4),
            rows=len(lesson.asked),
            groups=len(set(lesson.asked.specimen)),
            condition=condition,
        )


def _code() -> str:
    """Of the source in this folder: it says whether the same would be made again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _readme(card: Card) -> str:
    lines = [f"# {card.title}", "", "How far, and to which side, a working distance is off, of a pair of images.", ""]
    lines += [f"- {one}" for one in card.assumptions]
    lines += ["", "## Validation", "", "| what | value | rows | specimens |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.value} | {row.rows} | {row.groups} |" for row in card.table]
    return "\n".join([*lines, ""])
