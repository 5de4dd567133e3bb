"""Learners on rows that were held back: their scores as entries, and AUC under every way of splitting.

A learner never sees the group that it is asked about, but in the random split, which is shown beside to say by how much
it flatters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra
from mhfd.learning.evaluation import ranking, splits
from mhfd.learning.evaluation.benchmark import FamilyRow, SplitTable
from mhfd.learning.learners import LEARNERS, NotExportable
from mhfd.learning.learners.learner import Fitted
from mhfd.learning.learners.lessons import LESSONS, teach
from mhfd.learning.learners.matrix import Matrix

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]

SPLIT_WORDS: Mapping[str, str] = {
    "by_specimen": "k-fold, whole specimens held out",
    "test_side": "the dataset's own test groups, taught with its training groups",
    "by_scene": "k-fold, whole groups (instrument/specimen/session) held out",
    "held_out": "80/20, whole specimens held out",
    "three_way": "60/20/20, whole specimens: taught, chosen, asked",
    "random": "5-fold at random: decides nothing, and flatters",
}


ALL_FAMILIES = "all together"


@dataclass
class Taught:
    """A learner, asked about what it had not seen."""

    name: str
    scores: Floats
    train_s: float
    predict_s: float
    """CPU seconds for 1,000 images, features not counted."""
    barred: tuple[str, ...] = ()
    by_split: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bench:
    """The rows of a comparison: which may be learned from, which are asked about."""

    matrix: Matrix
    """Less the baseline; groups are specimens. Copies are in it, to be learned from."""
    scenes: tuple[str, ...]
    asked: Bools
    """Rows that count: of labelled images that are no copies, of groups that decide."""
    may_teach: Bools
    apart: bool
    """Taught with some groups and asked about others, as the dataset's own split says; else in folds."""
    seed: int

    @property
    def bad(self) -> Bools:
        """What is true of each row; False where nobody knows."""
        return np.asarray(self.matrix.bad == 1, bool)

    @property
    def specimens(self) -> list[str]:
        """Of each row."""
        return self.matrix.groups


def available() -> bool:
    """Whether learners can be compared here."""
    try:
        with needing_extra("learn", "learners are compared by scikit-learn"):
            import sklearn  # noqa: F401
    except Exception:  # a broken installation is none
        return False
    return True


def out_of_fold(name: str, bench: Bench) -> Taught:
    """A learner's scores of rows of groups that it had not seen."""
    clock = _Clock()
    found, last = _asked(name, bench, clock)
    why: tuple[str, ...] = ()
    if last is not None:
        try:
            last.to_onnx()
        except NotExportable as error:
            why = (f"cannot be exported: {error}",)
    return Taught(name, found, round(clock.train_s, 3), round(clock.per_thousand, 4), why)


def scores(name: str, bench: Bench) -> Floats:
    """The same scores alone."""
    return _asked(name, bench, _Clock())[0]


def _asked(name: str, bench: Bench, clock: _Clock) -> tuple[Floats, Fitted | None]:
    """What a learner says of all rows that count, and the last that was taught."""
    found = np.full(len(bench.matrix), np.nan)
    last: Fitted | None = None
    for taught, asked in _folds(bench):
        found[asked], fitted = _said(name, bench, taught, asked, clock)
        last = fitted or last
    return found, last


def _folds(bench: Bench) -> Sequence[tuple[Rows, Rows]]:
    if bench.apart:
        return [(np.flatnonzero(bench.may_teach & ~bench.asked), np.flatnonzero(bench.asked))]
    return list(_dealt(bench, splits.by_group(bench.specimens, bench.bad, seed=bench.seed)))


def _dealt(bench: Bench, fold: NDArray[np.intp]) -> Sequence[tuple[Rows, Rows]]:
    return [
        (np.flatnonzero(bench.may_teach & (fold != number)), np.flatnonzero(bench.asked & (fold == number)))
        for number in range(int(fold.max()) + 1)
    ]


def split_tables(
    bench: Bench, shown: Mapping[str, Floats], learners: Sequence[str], told: Callable[[str], object]
) -> tuple[SplitTable, ...]:
    """AUC under every way of splitting.

    Args:
        bench: The rows.
        shown: Scores that do not depend on a split: mhfd's and packages'.
        learners: Names of those that are taught anew in each.
        told: What is being done, in words.
    """
    found = []
    for name, dealt in _ways(bench).items():
        told(f"split {name}: {SPLIT_WORDS[name]}")
        asked_of = np.zeros(len(bench.matrix), bool)
        for _, asked in dealt:
            asked_of[asked] = True
        row: dict[str, float | None] = {
            entry: ranking.auc(scores[asked_of], bench.bad[asked_of]) for entry, scores in shown.items()
        }
        for learner in learners:
            scores = np.full(len(bench.matrix), np.nan)
            for taught, asked in dealt:
                scores[asked] = _said(learner, bench, taught, asked, _Clock())[0]
            row[learner] = ranking.auc(scores[asked_of], bench.bad[asked_of])
        words = SPLIT_WORDS[name]
        if name == "three_way" and learners:
            words += _chosen(bench, learners)
        found.append(SplitTable(name=name, words=words, auc={entry: _short(value) for entry, value in row.items()}))
    return tuple(found)


def _ways(bench: Bench) -> dict[str, Sequence[tuple[Rows, Rows]]]:
    """The splits beside the one that decides, as far as there are groups for them."""
    specimens, bad = bench.specimens, bench.bad
    count = len(set(specimens))
    ways: dict[str, Sequence[tuple[Rows, Rows]]] = {}
    if len(set(bench.scenes)) > count:
        ways["by_scene"] = _dealt(bench, splits.by_group(bench.scenes, bad, seed=bench.seed))
    if count >= 2:
        ways["held_out"] = [_between(bench, splits.held_out(specimens, bad, seed=bench.seed), splits.TEST)]
    if count >= 3:
        ways["three_way"] = [_between(bench, splits.three_way(specimens, bad, seed=bench.seed), splits.TEST)]
    ways["random"] = [
        (np.setdiff1d(taught, asked), asked) for taught, asked in _dealt(bench, splits.at_random(bad, seed=bench.seed))
    ]
    return ways


def _between(bench: Bench, part: NDArray[np.intp], asked: int) -> tuple[Rows, Rows]:
    return (
        np.flatnonzero(bench.may_teach & (part == splits.TRAIN)),
        np.flatnonzero(bench.asked & (part == asked)),
    )


def _chosen(bench: Bench, learners: Sequence[str]) -> str:
    """Which learner the middle part chooses."""
    part = splits.three_way(bench.specimens, bench.bad, seed=bench.seed)
    taught, asked = _between(bench, part, splits.VALIDATE)
    values = {name: ranking.auc(_said(name, bench, taught, asked, _Clock())[0], bench.bad[asked]) for name in learners}
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return "; the middle part chooses nobody"
    best = max(known, key=lambda name: known[name])
    return f"; the middle part chooses {best} ({known[best]:.3f})"


def family_rows(
    benches: Sequence[Bench], families: Sequence[str], taken: Sequence[str], *, learner: str
) -> tuple[FamilyRow, ...]:
    """What each family of features is worth to a learner, alone and all together.

    Args:
        benches: The rows with every feature: less the baseline, and as they are.
        families: All of them; a feature's name begins with its family's.
        taken: Those that the comparison itself takes.
        learner: Its name.
    """
    rows = []
    for family in (*families, ALL_FAMILIES):
        names = [name for name in benches[0].matrix.names if family in (ALL_FAMILIES, name.partition(".")[0])]
        alone = (replace(bench, matrix=columns(bench.matrix, names)) for bench in benches)
        less, plain = (
            _short(ranking.auc(scores(learner, bench)[bench.asked], bench.bad[bench.asked])) for bench in alone
        )
        is_taken = set(taken) == set(families) if family == ALL_FAMILIES else family in taken
        rows.append(
            FamilyRow(family=family, features=len(names), less_baseline=less, as_they_are=plain, taken=is_taken)
        )
    return tuple(rows)


class _Clock:
    train_s = 0.0
    predict_s = 0.0
    asked = 0

    @property
    def per_thousand(self) -> float:
        return 1000 * self.predict_s / self.asked if self.asked else 0.0


def _said(name: str, bench: Bench, taught: Rows, asked: Rows, clock: _Clock) -> tuple[Floats, Fitted | None]:
    """What a learner that was taught with some rows says of others; NaN where they could not teach it."""
    known = taught[np.isfinite(bench.matrix.values[taught]).all(axis=1) & np.isfinite(bench.matrix.bad[taught])]
    if not len(known) or len(np.unique(bench.matrix.bad[known])) < 2 or not len(asked):
        return np.full(len(asked), np.nan), None
    began = time.process_time()
    fitted = teach(LEARNERS[name], bench.matrix, LESSONS["focus"], known, seed=bench.seed, balance="weights")
    taught_at = time.process_time()
    said: Floats = np.asarray(fitted.predict(bench.matrix.values[asked]), np.float64)
    clock.train_s = taught_at - began
    clock.predict_s += time.process_time() - taught_at
    clock.asked += len(asked)
    return said, fitted


def teacher(name: str, bench: Bench) -> Callable[[Rows, Rows], Floats]:
    """Learn from some rows, score others."""
    return lambda taught, asked: _said(name, bench, taught, asked, _Clock())[0]


def columns(matrix: Matrix, names: Sequence[str]) -> Matrix:
    """The same rows with some of the features."""
    place = {name: column for column, name in enumerate(matrix.names)}
    chosen = [place[name] for name in names]
    families = tuple(dict.fromkeys(name.partition(".")[0] for name in names))
    return replace(matrix, values=matrix.values[:, chosen], names=tuple(names), families=families)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
