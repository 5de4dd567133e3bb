"""What each family of features is worth, alone and beside the others: held-out results by task, grouped by specimen.

Runs on the simulator; with MHFD_DATA=FOLDER also on real micrographs with simulated acquisition.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks._scenes import data
from benchmarks._table import markdown, publish
from benchmarks._taught import FOCUS_PX, auc, chosen, kept, real_images, specimens
from numpy.typing import NDArray

import mhfd
from mhfd import simulate
from mhfd.learning import features
from mhfd.learning.features import FAMILIES
from mhfd.learning.shipped.drawing import cause_images, radius_images
from mhfd.learning.shipped.table import CAUSES, DrawnTable

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
FOLDS: Final = 3
DRAWS: Final = 100
_STEPS: Final = 3
"""Families that are added one by one, at most."""
MOVED: Final = 0.003
"""By so much a result has to move, and by more than chance moves it, for a family to be worth its place."""
_SLIGHT: Final = (1.2, 4.0)
"""Radii that focus is asked about."""


@dataclass(frozen=True)
class Task:
    """What is asked, of which images, and how an answer is rated: higher is better, 1 is all right."""

    name: str
    of: DrawnTable
    asked: Callable[[Values, DrawnTable, Rows, Rows], Values]
    """(values, table, rows to learn from, rows to ask of) -> answers of the latter."""
    rated: Callable[[Values, DrawnTable], float]
    compared: dict[str, Sequence[str]] | None = None
    """How features are compared with a baseline; None: they are not."""

    def values(self, families: Sequence[str]) -> Values:
        """What a learner gets."""
        wanted = set(features.names(families))
        columns = [name in wanted for name in features.names(FAMILIES)]
        values = self.of.values if self.compared is None else self.of.over_baseline(**self.compared)
        return np.nan_to_num(values[:, columns].astype(np.float64))

    def answers(self, families: Sequence[str]) -> Values:
        """Of each row, by who has not seen its specimen."""
        values, groups = self.values(families), specimens(self.of.groups)
        names = np.random.default_rng(0).permutation(np.unique(groups))
        found: Values | None = None
        for part in np.array_split(names, min(FOLDS, len(names))):
            held = np.isin(groups, part)
            said = self.asked(values, self.of, np.flatnonzero(~held), np.flatnonzero(held))
            if found is None:
                found = np.zeros((len(held), *said.shape[1:]))
            found[held] = said
        assert found is not None
        return found

    def drawn(self, answers: Sequence[Values]) -> Values:
        """Ratings of several sets of answers on the same drawn specimens: (draws, sets)."""
        rng = np.random.default_rng(1)
        groups = specimens(self.of.groups)
        rows = {name: np.flatnonzero(groups == name) for name in np.unique(groups).tolist()}
        ratings = []
        for _ in range(DRAWS):
            some = np.concatenate([rows[name] for name in rng.choice(list(rows), len(rows)).tolist()])
            part = chosen(self.of, some)
            ratings.append([self.rated(one[some], part) for one in answers])
        return np.array(ratings)


def blurred_rows(of: DrawnTable) -> NDArray[np.bool_]:
    bad: NDArray[np.bool_] = of.radius_px > 0
    return bad


def by_logistic(values: Values, of: DrawnTable, learn: Rows, ask: Rows) -> Values:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500))
    model.fit(values[learn], blurred_rows(of)[learn])
    return np.asarray(model.decision_function(values[ask]))


def by_trees(values: Values, of: DrawnTable, learn: Rows, ask: Rows) -> Values:
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(40, random_state=0, min_samples_leaf=2).fit(values[learn], of.cause[learn])
    said = np.zeros((len(ask), len(CAUSES)))
    said[:, model.classes_] = model.predict_proba(values[ask])
    return said


def by_regression(values: Values, of: DrawnTable, learn: Rows, ask: Rows) -> Values:
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(40, random_state=0, min_samples_leaf=2, max_features=0.4)
    return np.asarray(model.fit(values[learn], np.log1p(of.radius_px[learn])).predict(values[ask]))


def rated_auc(answers: Values, of: DrawnTable) -> float:
    return auc(answers, blurred_rows(of))


def rated_causes(answers: Values, of: DrawnTable) -> float:
    """The mean over causes of the area under the curve, one against the rest."""
    return float(np.nanmean([auc(answers[:, cause], of.cause == cause) for cause in range(len(CAUSES))]))


def rated_radius(answers: Values, of: DrawnTable) -> float:
    """The part of the variance of log(1 + radius) that is explained."""
    target = np.log1p(of.radius_px)
    return 1 - float(np.mean((answers - target) ** 2) / np.var(target))


def tasks(keep: Path | None, count: int) -> Iterator[Task]:
    def focus(name: str, of: DrawnTable, compared: dict[str, Sequence[str]]) -> Iterator[Task]:
        yield Task(f"focus, {name}", of, by_logistic, rated_auc)
        yield Task(f"focus, {name}, with baseline", of, by_logistic, rated_auc, compared)

    if data() is not None:
        real = kept(keep, "real-focus", lambda: real_images(FOCUS_PX))
        of_specimens = specimens(real.groups).tolist()
        there = np.isfinite(real.mhfd_over_baseline(groups=of_specimens, fields=real.groups))
        real = chosen(real, there)
        yield from focus("real micrographs", real, {"groups": specimens(real.groups).tolist(), "fields": real.groups})
    wide = kept(keep, f"radius-{count}", lambda: radius_images(range(count)))
    slight = (wide.radius_px == 0) | ((wide.radius_px > _SLIGHT[0]) & (wide.radius_px < _SLIGHT[1]))
    yield from focus("simulated", chosen(wide, slight), {})
    yield Task("radius, simulated, with baseline", wide, by_regression, rated_radius, {})
    cause = kept(keep, f"cause-{count}", lambda: cause_images(range(count)))
    yield Task("cause, simulated, with baseline", cause, by_trees, rated_causes, {})


def table(task: Task) -> tuple[str, dict[str, tuple[float, float]]]:
    """Each family alone, with mhfd's own number, and what is lost without it; (page, family -> loss and its error)."""
    together = task.answers(FAMILIES)
    alone = {family: task.answers([family]) for family in FAMILIES}
    without = {family: task.answers([other for other in FAMILIES if other != family]) for family in FAMILIES}
    drawn = task.drawn([together, *without.values()])
    whole = task.rated(together, task.of)
    moved, rows = {}, []
    for number, family in enumerate(FAMILIES):
        less = task.rated(without[family], task.of)
        error = float(np.std(drawn[:, 0] - drawn[:, 1 + number]))
        moved[family] = (whole - less, error)
        count = len(features.names([family]))
        rows.append(
            [family, count, f"{task.rated(alone[family], task.of):.3f}", f"{whole - less:+.3f}", f"{error:.3f}"]
        )
    rows.append(["all together", len(features.names(FAMILIES)), f"{whole:.3f}", "", ""])
    return markdown(["family", "features", "alone", "together less without", "sd"], rows), moved


def path(task: Task) -> tuple[str, list[tuple[str, float]]]:
    """Families added one at a time, each time the one that helps most: (words, the family and the rating with it)."""
    picked: list[str] = []
    steps: list[tuple[str, float]] = []
    while len(picked) < _STEPS:
        tried = {f: task.rated(task.answers([*picked, f]), task.of) for f in FAMILIES if f not in picked}
        best = max(tried, key=lambda family: tried[family])
        if steps and tried[best] < steps[-1][1] + MOVED:
            break
        picked.append(best)
        steps.append((best, tried[best]))
    return " -> ".join(f"+ {family} {rating:.3f}" for family, rating in steps), steps


def cost(repeats: int = 3) -> str:
    """CPU of each family over that of `mhfd.score`, one thread."""
    tile = simulate.section((1024, 1024), seed=9)
    sizes = {1024: tile, 4096: np.tile(tile, (4, 4))}
    reports = {side: mhfd.score(image, threads=1, device="cpu") for side, image in sizes.items()}

    def least(run: Callable[[], object]) -> float:
        took = []
        for _ in range(repeats):
            begin = time.thread_time()
            run()
            took.append(time.thread_time() - begin)
        return min(took)

    scored = {side: least(lambda: mhfd.score(sizes[side], threads=1, device="cpu")) for side in sizes}  # noqa: B023
    rows = []
    for name, families in [
        *((family, (family,)) for family in FAMILIES),
        ("for focus", features.FOCUS_FAMILIES),
        ("for the radius", features.RADIUS_FAMILIES),
        ("for the cause", features.CAUSE_FAMILIES),
    ]:
        took = {
            side: least(lambda: features.features_of(sizes[side], reports[side], families))  # noqa: B023
            for side in sizes
        }
        rows.append([name, *(f"{1e3 * took[side]:.0f} ms, {took[side] / scored[side]:.2f}" for side in sizes)])
    return markdown(["", *(f"{side}x{side}" for side in sizes)], rows)


INTRODUCTION: Final = (
    "Each image is scored, its features are found, and a plain learner that has not seen its specimen says what it "
    f"is: {FOLDS} parts of specimens, each asked of who learned from the others. Dose 30 to 1000, contrast .4 to 1. "
    "**Focus**: logistic regression, area under the ROC curve, in focus against discs of 1.5, 2 and 3 px (simulated: "
    f"{_SLIGHT[0]:g} to {_SLIGHT[1]:g}). **Radius**: 40 extra trees, the part of the variance of log(1 + radius) that "
    "is explained, 0 to 30 px. **Cause**: 40 extra trees, thirteen causes, mean area under the curve of one against "
    "the rest. **With baseline**: features less the median of sharp images of the specimen that show other fields; "
    f"of the real micrographs those that have any. `sd`: of the difference, from {DRAWS} draws of specimens."
)


def mhfd_alone(task: Task) -> float | None:
    """The area under the curve of the cross-spectrum, where focus is asked for."""
    if task.rated is not rated_auc:
        return None
    scores = task.of.mhfd
    if task.compared is not None:
        scores = task.of.mhfd_over_baseline(**task.compared)
    return auc(-np.nan_to_num(scores, nan=-99.0), blurred_rows(task.of))


def pages(keep: Path | None, count: int) -> Iterator[str]:
    yield INTRODUCTION
    moved: dict[str, list[str]] = {family: [] for family in FAMILIES}
    for task in tasks(keep, count):
        page, losses = table(task)
        words, steps = path(task)
        for family, (loss, error) in losses.items():
            if loss > max(MOVED, 2 * error):
                moved[family].append(f"{task.name} (without it {-loss:+.3f})")
        for (family, rating), (_, before) in zip(steps[1:], steps, strict=False):
            if rating - before >= MOVED:
                moved[family].append(f"{task.name} (added {rating - before:+.3f})")
        moved[steps[0][0]].append(f"{task.name} (best alone)")
        groups = len(np.unique(specimens(task.of.groups)))
        mhfd_says = mhfd_alone(task)
        beside = "" if mhfd_says is None else f" mhfd's cross-spectrum, which learns nothing: **{mhfd_says:.3f}**."
        yield (
            f"## {task.name[0].upper()}{task.name[1:]}\n\n{len(task.of.mhfd)} images of {groups} specimens.{beside}\n\n"
            f"{page}\n\nAdded one at a time, while it moves the result by {MOVED}: {words}."
        )
    rows = [[family, "; ".join(where) or "nothing"] for family, where in moved.items()]
    yield f"## What each family moved\n\n{markdown(['family', 'moved'], rows)}"
    yield f"## What they cost\n\nCPU of one thread, and over that of `mhfd.score`.\n\n{cost()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specimens", type=int, default=33, metavar="N", help="simulated ones (default: 33)")
    parser.add_argument("--keep", type=Path, default=None, metavar="FOLDER", help="keep what was measured there")
    arguments = parser.parse_args()
    publish(
        "features",
        "Features: what each family is worth",
        "\n\n".join(pages(arguments.keep, arguments.specimens)),
        packages=("numpy", "scipy", "scikit-learn"),
    )
