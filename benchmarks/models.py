"""Is anything that learns worth having on real tissue? `mhfd evaluate` on micrographs, taken again sharp and blurred.

Needs MHFD_DATA, a folder with vnc, fib25 and axon_sem. Each scene's noise is removed, it is blurred by a disc or not,
and taken at a dose that is drawn; a scene is a group, and specimens are held out. fibrun would be the block of fib25.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import tifffile
from benchmarks._scenes import blurred, micrographs, scene_of, taken
from benchmarks._table import markdown, publish

from mhfd.learning.dataset import Dataset, DatasetRow, Origin, Side, SourceGroup, Target
from mhfd.learning.evaluation import Benchmark
from mhfd.learning.evaluation.benchmark import Range
from mhfd.learning.features import FOCUS_FAMILIES
from mhfd.learning.learners import LEARNERS
from mhfd.learning.learners.matrix import matrix_of
from mhfd.learning.packages import Library
from mhfd.learning.promotion.asked import Asked
from mhfd.learning.promotion.trial import evaluate

RADII: Final = (1.5, 2.0, 2.5, 3.0)
"""Of the bad images of a scene; it has as many sharp ones."""
DOSES: Final = (30.0, 1000.0)
CONTRASTS: Final = (0.4, 1.0)
INTRODUCTION: Final = (
    "{scenes} scenes of {specimens} specimens (one of vnc, one of fib25, five rats of axon_sem), at most "
    "512x512 pixels, their noise removed. Of each scene four sharp images and four blurred by a disc of 1.5 to 3 px, "
    "each taken at a dose of its own (30 to 1000 electrons a pixel) and with contrast of its own (.4 to 1): {images} "
    "images, {bad} bad. The acquisition is simulated, the tissue is not. A scene is a group: each image is compared "
    "with the sharp others of its scene. Specimens are held out; the difference is in cost, at 3% bad images. Here the "
    "sharp images of a scene show the same field, taken again: no run has so good a baseline, and with it mhfd leaves "
    "nothing to learn. Without it, one threshold for all tissues does poorly."
)


def specimen_of(kind: str, path: Path) -> str:
    """Of axon_sem the rat, of the others the block."""
    return path.stem.split("_")[0] if kind == "axon_sem" else kind


def of_one(folder: Path, seed: int, number: int) -> list[DatasetRow]:
    """A scene's images, written and measured."""
    kind, path = micrographs()[number]
    picture = scene_of(kind, path).picture
    rng = np.random.default_rng((seed, number))
    group = SourceGroup(instrument=kind, specimen=specimen_of(kind, path), session=path.stem)
    rows = []
    for take, radius in enumerate((*(0.0 for _ in RADII), *RADII)):
        dose = float(np.exp(rng.uniform(*np.log(DOSES))))
        contrast = float(rng.uniform(*CONTRASTS))
        written = folder / f"{number:02}_{take}.tif"
        tifffile.imwrite(written, taken(blurred(picture, radius), dose, rng, contrast=contrast))
        rows.append(
            DatasetRow(
                sha256=hashlib.sha256(written.read_bytes()).hexdigest(),
                path=str(written),
                group=group,
                origin=Origin.FOLDER,
                target=Target(bad=radius > 0, radius_px=radius),
                covariates={"dose": round(dose, 1), "contrast": round(contrast, 3)},
            )
        )
    matrix_of(Dataset(tuple(rows), {group.key: Side.TEST}), FOCUS_FAMILIES, folder / "cache")
    print(f"{kind} {path.stem}", file=sys.stderr, flush=True)
    return rows


def dataset(folder: Path, seed: int, workers: int) -> Dataset:
    """The images of all scenes, with what is true of them."""
    if not micrographs():
        raise SystemExit("MHFD_DATA: name the folder that has vnc, fib25 and axon_sem")
    with ProcessPoolExecutor(workers) as pool:
        rows = [row for some in pool.map(partial(of_one, folder, seed), range(len(micrographs()))) for row in some]
    return Dataset(tuple(rows), dict.fromkeys((row.group.key for row in rows), Side.TEST))


def tables(found: Benchmark, count: int) -> str:
    """The page."""
    names = [table.name for table in found.splits]
    parts = list(found.precision_at)
    return "\n\n".join(
        [
            INTRODUCTION.format(scenes=count, specimens=len(found.groups), images=found.images, bad=found.bad),
            f"**`{found.line}`**",
            "## AUC by split",
            markdown(
                ("", *names),
                [[one.name, *(_figure(found.auc[one.name].get(name)) for name in names)] for one in found.entries],
            ),
            "\n".join(
                f"- `{table.name}`: {table.words}{' **(decides)**' if table.decides else ''}" for table in found.splits
            ),
            "## Cost, and what a person meets",
            markdown(
                ("", "AUC 95%", "cost", "recall", "false alarms", *(f"precision at {float(p):.0%}" for p in parts)),
                [
                    [
                        one.name,
                        _range(one.auc_range),
                        _figure(one.rates[0].cost),
                        _figure(one.rates[0].recall),
                        _figure(one.rates[0].false_alarms),
                        *(_figure(found.precision_at[p].get(one.name)) for p in parts),
                    ]
                    for one in found.entries
                ],
            ),
            "## Against mhfd",
            markdown(
                ("", "saves, an image", "95%", "p", "AUC", "95%"),
                [
                    [
                        duel.challenger,
                        f"{duel.saved:+.3f}",
                        _range(duel.range),
                        f"{duel.p:.2g}",
                        "-" if duel.auc is None else f"{duel.auc:+.3f}",
                        _range(duel.auc_range),
                    ]
                    for duel in found.duels
                ],
            ),
            "## By specimen",
            markdown(
                ("", "images", *(f"AUC {one.name}" for one in found.entries)),
                [
                    [row.group, row.images, *(_figure(one.groups[place].auc) for one in found.entries)]
                    for place, row in enumerate(found.entries[0].groups)
                ],
            ),
            *([found.curve.words[0].upper() + found.curve.words[1:] + "."] if found.curve else []),
            *(f"{one.name}: {'; '.join(one.barred)}." for one in found.entries if one.barred),
        ]
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(found: Range | None) -> str:
    return "-" if found is None else f"{found.low:+.3f} to {found.high:+.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learner", nargs="+", default=list(LEARNERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        labelled = dataset(Path(folder), asked.seed, asked.workers)
        found = evaluate(
            labelled,
            Asked(against=(), learners=tuple(asked.learner), seed=asked.seed),
            library=Library(Path(folder, "library")),
            cache=Path(folder, "cache"),
            said=lambda words: print(words, file=sys.stderr, flush=True),
        )
    publish(
        "models",
        "Is anything learned worth having on real tissue?",
        tables(found, len({row.group.key for row in labelled.rows})),
        packages=("numpy", "scipy", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
