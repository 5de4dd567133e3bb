"""How far a lens is off, learned from so many recorded moves: three ways to learn, on specimens that were never seen.

Pairs of the simulator, taken and measured as `mhfd adjust learn` does. `--quick` takes few and writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from benchmarks._moves import HAND_UM, Bench, pairs_of, recorded, row_of
from benchmarks._table import markdown, publish
from numpy.typing import NDArray

from mhfd.contract import Proposal
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.manifold.asking import PairSession
from mhfd.learning.manifold.learning import learn
from mhfd.learning.manifold.model import STIGS, HeldMoves, input_of, taught_by
from mhfd.learning.manifold.movers import MOVE_LEARNERS
from mhfd.learning.manifold.pair import ImagePair
from mhfd.learning.manifold.table import MoveTable, move_table
from mhfd.learning.packages import Library
from mhfd.simulate import Exposure
from mhfd.simulate.exposure import expose

BENCH: Final = Bench()
SPECIMENS: Final = 40
EACH: Final = 6
NEW: Final = range(500, 515)
COUNTS: Final = ((24, 6, 12), (90, 15, 4), (240, 40, 1))
"""Moves, of so many specimens, drawn so often."""
FAR_UM: Final = (-40.0, -35.0, -30.0, -25.0, 25.0, 30.0, 35.0, 40.0)
BLANK: Final = 12
NEAR_UM: Final = 5.0
"""Of the stigmators."""

INTRODUCTION: Final = (
    f"Pairs at +-{BENCH.perturbation_um:g} um of the simulator's tissue: {BENCH.side} x {BENCH.side} pixels of "
    f"{BENCH.optics.pixel_nm:g} nm, half-angle {BENCH.optics.half_angle_mrad:g} mrad, dose {BENCH.dose:g}, an "
    f"astigmatism of {BENCH.optics.astigmatism_um:g} um. Where the lens stood is normal, 3 um about the focus; the "
    f"hand that moved it is off by {HAND_UM:g} um (standard deviation). Asked are 75 pairs of 15 specimens that nobody "
    "had seen, evenly within 8 um; errors are against the truth. Of several draws of specimens: the median, the worst "
    "in brackets. Signs are of moves beyond 1 um, all draws together."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer specimens and draws; nothing is written")
    quick = parser.parse_args().quick
    specimens, new = (8, NEW[:4]) if quick else (SPECIMENS, NEW)
    counts = ((24, 6, 2),) if quick else COUNTS
    with TemporaryDirectory() as name:
        folder = Path(name)
        taught = _measured(recorded(folder / "taught", BENCH, range(specimens), EACH))
        asked = _measured(_asked(folder / "asked", BENCH, new))
        turned = replace(BENCH, stigmators_um=0.7)
        stigs = _measured(recorded(folder / "stigs", turned, range(6 if quick else 15), EACH))
        stigs_asked = _measured(_asked(folder / "stigs-asked", turned, new[:4]))
        print("measured", file=sys.stderr, flush=True)
        package = recorded(folder / "package", BENCH, range(100, 106), 4)
        rows = list(_rows(taught, asked, counts))
        body = "\n\n".join(
            [
                INTRODUCTION,
                markdown(
                    (
                        "moves",
                        "specimens",
                        "learner",
                        "RMSE, um",
                        "within 4 um",
                        "within 1 um",
                        "wrong signs",
                        "in 2 sd",
                    ),
                    rows,
                ),
                "## Where it has to be silent",
                _silent(package, folder),
                "## Stigmators",
                _stigmators(stigs, stigs_asked),
            ]
        )
    if quick:
        print(body)
        return
    publish(
        "adjust",
        "How far a lens is off, learned from recorded moves",
        body,
        packages=("numpy", "scipy", "scikit-learn", "onnxruntime"),
    )


def _measured(dataset: Dataset) -> MoveTable:
    table = move_table(dataset.rows)
    return table.where(table.usable)


def _asked(folder: Path, bench: Bench, specimens: Sequence[int]) -> Dataset:
    """New specimens, five pairs each, with the truth."""
    rng = np.random.default_rng(5)
    rows = [
        row_of(folder, f"{specimen}-{number}", taken, bench, f"new{specimen}")
        for specimen in specimens
        for number, taken in enumerate(pairs_of(bench, specimen, rng.uniform(-8, 8, 5).tolist()))
    ]
    return Dataset(tuple(rows), {row.group.key: Side.TEST for row in rows})


def _rows(taught: MoveTable, asked: MoveTable, counts: Sequence[tuple[int, int, int]]) -> Iterator[list[object]]:
    named = np.array(taught.specimen)
    every = np.unique(named)
    for moves, specimens, draws in counts:
        rng = np.random.default_rng([moves, 1])
        chosen = []
        for _ in range(draws):
            drawn = rng.choice(every, specimens, replace=False)
            chosen.append(np.concatenate([np.flatnonzero(named == one)[: moves // specimens] for one in drawn]))
        for learner in MOVE_LEARNERS.values():
            found = []
            for rows in chosen:
                part = taught.where(rows)
                held = HeldMoves.of(part, learner, seed=0)
                said = taught_by(part, learner, held, seed=0).predict(input_of(asked))
                found.append(_figures(said, asked.move_um))
            whole, near, nearest, wrong, clear, within = np.array(found).T
            row: list[object] = [moves, specimens, learner.name, _told(whole), _told(near), _told(nearest)]
            row += [f"{wrong.sum():.0f} of {clear.sum():.0f}", f"{within.mean():.0%}"]
            print(row, file=sys.stderr, flush=True)
            yield row


def _figures(said: NDArray[Any], truth: NDArray[Any]) -> list[float]:
    off = said[:, 0] - truth
    clear = np.abs(truth) > 1
    return [
        *(float(np.sqrt(np.square(off[np.abs(truth) <= most]).mean())) for most in (99, 4, 1)),
        float((np.sign(said[:, 0]) != np.sign(truth))[clear].sum()),
        float(clear.sum()),
        float((np.abs(off) <= 2 * said[:, 1]).mean()),
    ]


def _told(values: NDArray[Any]) -> str:
    return f"{np.median(values):.2f}" + (f" ({values.max():.2f})" if len(values) > 1 else "")


def _silent(moves: Dataset, folder: Path) -> str:
    """A package of 24 moves, asked about nothing, and about what is far away."""
    library = Library(folder / "home")
    learned = learn(moves, library=library)
    assert learned.package is not None
    session = PairSession(learned.package)
    blank = []
    for seed in range(BLANK):
        rng = np.random.default_rng(seed)
        plane = (0.7 + 0.01 * rng.standard_normal((BENCH.side, BENCH.side))).astype(np.float32)
        a, b = (expose(plane, Exposure(dose=BENCH.dose), rng) for _ in range(2))
        blank.append(session.propose(ImagePair(a, b, BENCH.perturbation_um, pixel_nm=8.0)))
    far = []
    for number, off in enumerate(FAR_UM):
        for taken in pairs_of(BENCH, 950 + number, [off]):
            pair = ImagePair(taken.a, taken.b, BENCH.perturbation_um, pixel_nm=8.0)
            far.append((off, session.propose(pair)))
    lines = [
        f"A package of 24 moves on 6 specimens ({learned.report.line}). Blank resin: "
        f"{sum(one.refusal is not None for one in blank)} of {BLANK} refused. Far out of focus:",
        markdown(("off by, um", "said"), [(f"{off:+g}", _words(one)) for off, one in far]),
    ]
    return "\n\n".join(lines)


def _words(said: Proposal) -> str:
    if said.refusal is not None:
        return f"refused: {said.refusal}"
    return f"{said.move_um:+.1f} +- {said.sd_um:.1f} um" if said.move_um is not None else f"sign {said.sign:+d}"


def _stigmators(taught: MoveTable, asked: MoveTable) -> str:
    learner = MOVE_LEARNERS["pca"]
    held = HeldMoves(taught.move_um, np.full(len(taught), np.inf))  # its doubt is not asked for
    model = taught_by(taught, learner, held, seed=0)
    said = model.predict(input_of(asked))
    near = np.abs(asked.move_um) <= NEAR_UM
    found = []
    for which, name in enumerate(STIGS):
        off = said[:, model.says.index(name)] - asked.stig[:, which]
        found.append(
            (name, *(f"{np.sqrt(np.square(one).mean()):.2f}" for one in (off[near], off[~near], asked.stig[:, which])))
        )
    return (
        f"Each pair has an astigmatism of its own, .7 um (standard deviation) along each axis; {len(taught)} moves "
        f"that correct both, {len(asked)} pairs of new specimens, {near.sum()} of them within {NEAR_UM:g} um of the "
        "focus. A package says them as far out as specimens held back were helped.\n\n"
        + markdown(("", f"RMSE within {NEAR_UM:g} um, um", "beyond, um", "without a correction, um"), found)
    )


if __name__ == "__main__":
    main()
