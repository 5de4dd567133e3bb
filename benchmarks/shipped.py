"""The packages that ship, asked about real micrographs with simulated acquisition; and focus learned of other sources.

Needs MHFD_DATA=FOLDER with the micrographs. What it measures of the packages goes into their cards when they are made
the next time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks._scenes import data
from benchmarks._table import markdown, publish
from benchmarks._taught import FOCUS_PX, WIDE_PX, auc, chosen, kept, real_images, specimens
from numpy.typing import NDArray

from mhfd.learning import features
from mhfd.learning.features import FAMILIES, FOCUS_FAMILIES
from mhfd.learning.inference.runtime import Runtime
from mhfd.learning.learners import LEARNERS
from mhfd.learning.packages import CardRow, Package, read_package
from mhfd.learning.shipped import shipped
from mhfd.learning.shipped.asked import radius_rows
from mhfd.learning.shipped.drawing import radius_images
from mhfd.learning.shipped.making import MEASURED
from mhfd.learning.shipped.table import DrawnTable

REAL: Final = "real micrographs (vnc, fib25, axon_sem) with simulated acquisition: dose 30 to 1000, contrast .4 to 1"
_SEED: Final = 1
_SLIGHT: Final = (1.2, 4.0)


def columns(families: tuple[str, ...]) -> NDArray[np.bool_]:
    """Where their features are among those of all families."""
    wanted = set(features.names(families))
    return np.array([name in wanted for name in features.names(FAMILIES)])


def said_by(package: Package, every: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What a package says of rows of all families' features, and which of them lie within its reach."""
    recipe, reach = package.card.recipe, package.card.reach
    names = features.names(FAMILIES)
    at = [names.index(name) for name in recipe.names]
    values = every[:, at]
    known = np.asarray(np.isfinite(values).all(axis=1), np.bool_)
    said = np.full((len(values), len(recipe.says)), np.nan)
    runtime = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says))
    said[known] = runtime.said(values[known])
    if reach is None:
        return said, known
    apart = (values - np.array(reach.center)) / np.array(reach.spread)
    near: NDArray[np.bool_] = np.sqrt(np.mean(apart**2, axis=1)) <= reach.far
    within: NDArray[np.bool_] = known & near
    return said, within


def package_of(title: str) -> Package:
    """One that ships."""
    return next(package for package in map(read_package, shipped()) if package.card.title == title)


def sources(table: DrawnTable) -> NDArray[np.str_]:
    """The set of each row: all rats are one."""
    return np.array([name.split(" ")[0] for name in specimens(table.groups).tolist()])


def left_out(focus: DrawnTable, drawn: DrawnTable, *, same_scene: bool) -> str:
    """Area under the curve, with a baseline, on each source, by who learned from the others alone."""
    compared: dict[str, Sequence[str]] = {}
    if not same_scene:
        compared = {"groups": specimens(focus.groups).tolist(), "fields": focus.groups}
        known = np.isfinite(focus.mhfd_over_baseline(**compared))
    else:
        known = np.ones(len(focus.mhfd), np.bool_)
    number = -np.nan_to_num(focus.mhfd_over_baseline(**compared), nan=-99.0)[known]
    every = focus.over_baseline(**compared)[known]
    focus = chosen(focus, known)
    source, bad = sources(focus), focus.radius_px > 0
    values = every[:, columns(FOCUS_FAMILIES)]
    simulated = drawn.over_baseline()[:, columns(FOCUS_FAMILIES)]
    slight = (drawn.radius_px == 0) | ((drawn.radius_px > _SLIGHT[0]) & (drawn.radius_px < _SLIGHT[1]))
    of_simulator = LEARNERS["logistic"].fit(
        simulated[slight],
        (drawn.radius_px > 0)[slight].astype(float),
        groups=np.array(drawn.groups)[slight].tolist(),
        seed=_SEED,
    )
    radius, _ = said_by(package_of("mhfd-radius"), every)
    rows, means = [], []
    for name in np.unique(source).tolist():
        held = source == name
        entries: dict[str, NDArray[np.float64]] = {"mhfd": number[held]}
        for learner in ("logistic", "trees"):
            fitted = LEARNERS[learner].fit(
                values[~held],
                bad[~held].astype(float),
                groups=specimens(focus.groups)[~held].tolist(),
                seed=_SEED,
            )
            entries[f"{learner}, other sources"] = fitted.predict(values[held])
        entries["logistic, simulator"] = of_simulator.predict(values[held])
        entries["mhfd-radius (ships)"] = radius[held, 0]
        measured = {entry: auc(np.nan_to_num(scores), bad[held]) for entry, scores in entries.items()}
        rows.append([name, int(held.sum()), *(f"{value:.3f}" for value in measured.values())])
        means.append(list(measured.values()))
    rows.append(["**mean**", len(bad), *(f"**{value:.3f}**" for value in np.mean(means, axis=0).tolist())])
    return markdown(["left out", "images", *measured], rows)


def of_radius(wide: DrawnTable) -> tuple[str, list[CardRow]]:
    """What the radius package says of the real scenes, in all and by source."""
    package = package_of("mhfd-radius")
    said, within = said_by(package, wide.over_baseline())
    rows = list(radius_rows(said[within], wide.radius_px[within], np.array(wide.groups)[within].tolist(), REAL))
    rows.append(
        CardRow(
            what="radius: part of the images that are within reach",
            value=round(float(within.mean()), 3),
            rows=len(within),
            groups=len(set(wide.groups)),
            condition=REAL,
        )
    )
    table = [[row.what, row.value, row.rows] for row in rows]
    source = sources(wide)
    for name in np.unique(source).tolist():
        held = within & (source == name)
        off = np.abs(np.log((said[held, 0] + 0.5) / (wide.radius_px[held] + 0.5)))
        inside = np.mean(np.abs(said[held, 0] - wide.radius_px[held]) <= 2 * said[held, 1])
        table.append([f"{name}: median factor by which it is off", f"{np.exp(np.median(off)):.2f}", int(held.sum())])
        table.append([f"{name}: part within 2 sd", f"{inside:.3f}", int(held.sum())])
    return markdown(["", "value", "images"], table), rows


def of_cause(wide: DrawnTable) -> tuple[str, list[CardRow]]:
    """What the cause package says of the same scenes: in focus, and blurred by 3 px and more."""
    package = package_of("mhfd-cause")
    said, within = said_by(package, wide.over_baseline())
    least = package.card.recipe.chosen["least_p"]
    named = within & (np.nan_to_num(said).max(axis=1) >= least)
    words = np.array(package.card.recipe.says)[np.nan_to_num(said).argmax(axis=1)]
    table, rows = [], []
    for name, cause, of in (
        ("in focus", "in_focus", wide.radius_px == 0),
        ("blurred by 3 px and more", "defocus", wide.radius_px >= 3),
    ):
        wrong, counts = np.unique(words[of & named & (words != cause)], return_counts=True)
        others = ", ".join(f"{word} {count}" for word, count in zip(wrong.tolist(), counts.tolist(), strict=True))
        right = int((of & named & (words == cause)).sum())
        table.append([name, int(of.sum()), right, int(counts.sum()), int((of & ~named).sum()), others or "none"])
        for what, value in (("named rightly", right), ("named wrongly", int(counts.sum()))):
            rows.append(
                CardRow(
                    what=f"cause, {name}: part {what}",
                    value=round(value / int(of.sum()), 3),
                    rows=int(of.sum()),
                    groups=len(set(wide.groups)),
                    condition=REAL,
                )
            )
    return markdown(["", "images", "named rightly", "named wrongly", "nothing said", "wrong ones"], table), rows


CURVE: Final = (
    "Area under the ROC curve, in focus against discs of 1.5, 2 and 3 px, dose 30 to 1000, contrast .4 to 1: {images} "
    "images of {scenes} scenes of {specimens} specimens (fib25 and vnc are one block each). Who learned had none of "
    "the source that it is asked of; mhfd's number is compared in the same way as the features."
)
RADIUS: Final = (
    "`mhfd-radius` was taught with the simulator alone. Discs of 0 to 20 px in {scenes} real scenes, each image "
    "compared with the sharp takes of its scene. It is of use as far as the median said follows the truth."
)


CAUSE: Final = (
    "`mhfd-cause` was taught with the simulator alone. Each image is compared with the sharp takes of its scene. It "
    "says nothing of an image beyond its reach or below its probability. Dose and contrast change from take to take "
    "here, by up to 30 and 2.5 times: `low_dose` is said of the noisiest."
)


def pages(keep: Path | None, count: int, write: bool) -> Iterator[str]:
    focus = kept(keep, "real-focus", lambda: real_images(FOCUS_PX))
    wide = kept(keep, "real-wide", lambda: real_images(WIDE_PX))
    drawn = kept(keep, f"radius-{count}", lambda: radius_images(range(count)))
    scenes, blocks = len(set(focus.groups)), len(set(specimens(focus.groups).tolist()))
    curve = CURVE.format(images=len(focus.mhfd), scenes=scenes, specimens=blocks)
    yield f"## One source left out\n\n{curve}"
    yield (
        "Each image compared with the sharp takes of its own scene, as where a field is imaged again:\n\n"
        + left_out(focus, drawn, same_scene=True)
    )
    yield (
        "Each image compared with the sharp takes of other scenes of its specimen, as in a run; only where there are "
        "any (four of the rats have one scene):\n\n" + left_out(focus, drawn, same_scene=False)
    )
    page, rows = of_radius(wide)
    yield f"## The radius on real scenes\n\n{RADIUS.format(scenes=scenes)}\n\n{page}"
    causes, of_causes = of_cause(wide)
    yield f"## The cause on real scenes\n\n{CAUSE}\n\n{causes}"
    for package in map(read_package, shipped()):
        table = [[r.what, r.value, r.rows, r.groups] for r in package.card.table if r.condition != REAL]
        size = sum(path.stat().st_size for path in package.folder.iterdir())
        yield (
            f"## {package.card.title}: simulated specimens never seen\n\n{size / 1e3:.0f} kB.\n\n"
            f"{markdown(['', 'value', 'images', 'specimens'], table)}"
        )
    if write:
        measured = {package_of("mhfd-radius").weights_digest: rows, package_of("mhfd-cause").weights_digest: of_causes}
        said = {
            weights: [row.model_dump(mode="json", exclude_none=True) for row in each]
            for weights, each in measured.items()
        }
        MEASURED.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specimens", type=int, default=33, metavar="N", help="simulated ones (default: 33)")
    parser.add_argument("--keep", type=Path, default=None, metavar="FOLDER", help="keep what was measured there")
    parser.add_argument("--write", action="store_true", help="for the cards: make the packages again afterwards")
    arguments = parser.parse_args()
    if data() is None:
        parser.error("MHFD_DATA: set it to the folder of micrographs")
    publish(
        "shipped",
        "The packages that ship",
        "\n\n".join(pages(arguments.keep, arguments.specimens, arguments.write)),
        packages=("numpy", "scipy", "scikit-learn", "onnxruntime"),
    )
