"""Teach a learner with the training groups of a dataset, and write what it became as a package.

Images of the test groups are not opened. The table in the package's card is of the training groups alone, each held
back in its turn; whether the package is worth having is said by `mhfd evaluate`, on groups that it has not seen, and
nothing here promotes it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.errors import UsageError, needing_extra
from mhfd.learning import features
from mhfd.learning.dataset.checking import refuse_leaks
from mhfd.learning.dataset.rows import Dataset, ImageCause, Side
from mhfd.learning.dataset.settling import settled
from mhfd.learning.learners import LEARNERS, RADIUS_LEARNERS, NotExportable
from mhfd.learning.learners.export import random_rows, said_by
from mhfd.learning.learners.held_out import Held, held, said_of_unseen
from mhfd.learning.learners.imbalance import BALANCES, Balance
from mhfd.learning.learners.learner import Fitted, FittedRadius, Learner, RadiusLearner
from mhfd.learning.learners.lessons import Lesson, lesson_of, teach
from mhfd.learning.learners.matrix import Matrix, Told, matrix_of, prepared_by
from mhfd.learning.learners.pipeline import KindLearner
from mhfd.learning.learners.reach import code_digest, reach_of, rings_of
from mhfd.learning.learners.selection import curve
from mhfd.learning.packages import Card, CardRow, Recipe, write_package
from mhfd.learning.packages.card import UNKNOWN_LICENCE
from mhfd.learning.trained import Training, said_of_card

_LEAST_GROUPS: Final = 2
_FEW_GROUPS: Final = 6
_FEW_OF_A_CLASS: Final = 10
_TEST_ROWS: Final = 8
_ASKED: Final = 1000


def train(
    dataset: Dataset | str | os.PathLike[str],
    lesson: str = "focus",
    *,
    out: str | os.PathLike[str],
    learner: str | None = None,
    seed: int = 0,
    licence: str = UNKNOWN_LICENCE,
    title: str | None = None,
    baseline: bool | None = None,
    balance: Balance = "weights",
    prepare: Sequence[str] = (),
    cache: Path | None = None,
    told: Told | None = None,
    said: Callable[[str], object] | None = None,
) -> Training:
    """Teach, and write a package.

    Args:
        dataset: A dataset, or its folder.
        lesson: What is to be learned: focus, cause or radius.
        out: The folder of packages that this one is written into.
        learner: A name of `LEARNERS` or, for the radius, of `RADIUS_LEARNERS`.
        seed: Of all that is drawn.
        licence: Of the data, as SPDX names it or in words.
        title: What people call the package.
        baseline: Learn from features less those of the group's sharp images. None: for focus and radius, where most
            groups have any; never for the cause.
        balance: What is done where bad images are rare.
        prepare: Steps by which pixels are prepared before features are taken (`mhfd.learning.preparation.STEPS`),
            fitted on the training groups.
        cache: A folder for the features of images, for the next time.
        told: Told after each image.
        said: Told what is being done, in words.

    Raises:
        UsageError: The dataset cannot teach this, or an argument is wrong.
        ExtraMissing: The extra `learn` is not installed.
        NotExportable: What was learned cannot be written as a package.
    """
    say = said or (lambda _words: None)
    subject = lesson_of(lesson)
    chosen = learner_of(subject, learner)
    if seed < 0:
        raise UsageError(f"seed: expected 0 or more, got {seed}")
    if balance not in BALANCES:
        raise UsageError(f"balance: {balance!r} is none of {', '.join(BALANCES)}")
    said_of_card(title=title, licence=licence)
    _needs_learn()
    whole = dataset if isinstance(dataset, Dataset) else Dataset.read(Path(dataset))
    refuse_leaks(whole, pixels=False)
    taught = settled(whole.on(Side.TRAIN))
    _teachable(taught, subject)
    say(f"measuring {len(taught.rows)} images of {len(taught.groups)} training groups; the test groups stay closed")
    clock = _Clock({})
    prepared = prepared_by(taught, prepare)
    with_all = matrix_of(taught, subject.families, cache, told=told, prepared=prepared)
    clock.lap("measure")
    less = with_all.less_baseline()
    by_baseline = _by_baseline(less, subject, baseline)
    matrix = _known(less if by_baseline else with_all, subject)
    warnings = tuple(_warnings(matrix, with_all, subject))
    say(f"teaching {chosen.name}")
    clock.lap("")
    fitted = teach(chosen, matrix, subject, np.arange(len(matrix)), seed=seed, balance=balance)
    clock.lap("teach")
    onnx = _exported(chosen, fitted, subject)
    clock.lap("")
    said_by(onnx, random_rows(matrix.values)[:_ASKED])
    clock.lap("ask")
    say("asking it of groups that it has not seen")
    figures = _figures(chosen, matrix, subject, seed=seed, balance=balance)
    card = Card(
        title=title or f"{lesson}-{chosen.name}",
        task=subject.task,
        dataset=whole.digest,
        groups_seen=tuple(dict.fromkeys(with_all.groups)),
        assumptions=tuple(_assumptions(subject, by_baseline=by_baseline, balance=balance)),
        recipe=Recipe(
            learner=chosen.name,
            families=matrix.families,
            names=matrix.names,
            features_version=features.VERSION,
            method_version=METHOD_VERSION,
            preparation=prepared.text,
            baseline=by_baseline,
            says=subject.says,
            chosen={name: float(value) for name, value in fitted.chosen.items()},
            balance=balance,
        ),
        seed=seed,
        code=code_digest(),
        pixel_nm=_ends(with_all.pixel_nm),
        data_licence=licence,
        table=(*figures.values(), *_curve(chosen, matrix, fitted, subject, seed=seed)),
        reach=reach_of(matrix.values),
        rings=None if prepared.text else rings_of(with_all),
    )
    words = (*_words(card, matrix, figures, subject), *(f"mind: {one}" for one in warnings))
    asked = random_rows(matrix.values, seed=seed)[:_TEST_ROWS]
    answers = np.asarray(said_by(onnx, asked), np.float32)
    package = write_package(Path(out), card, onnx, asked, answers, _readme(card, words))
    return Training(package, lesson, words, warnings, clock.laps)


def learner_of(lesson: Lesson, name: str | None) -> Learner | RadiusLearner:
    """By its name; the usual one where nobody says any. UsageError."""
    known: Mapping[str, Learner | RadiusLearner] = LEARNERS if lesson.classes else RADIUS_LEARNERS
    wanted = lesson.usual if name is None else name
    if wanted not in known:
        from mhfd.learning.training.nets import NETS

        networks = [net.name for net in NETS.values() if lesson.name in net.lessons]
        others = f"; networks: {', '.join(networks)}" if networks else ""
        raise UsageError(f"learner: there is no {wanted!r} for {lesson.name}; choose from {', '.join(known)}{others}")
    return known[wanted]


def _needs_learn() -> None:
    """Before an hour is spent on measuring."""
    with needing_extra("learn", "teaching needs scikit-learn, skl2onnx and onnxruntime"):
        import onnxruntime  # noqa: F401
        import skl2onnx  # noqa: F401
        import sklearn  # noqa: F401


@dataclass
class _Clock:
    laps: dict[str, float]
    since: float = -1.0

    def __post_init__(self) -> None:
        self.since = time.perf_counter()

    def lap(self, name: str) -> None:
        """What it took since the last one; without a name, nobody asks."""
        now = time.perf_counter()
        if name:
            self.laps[name] = round(now - self.since, 3)
        self.since = now


def _teachable(dataset: Dataset, lesson: Lesson) -> None:
    """Whether its labels can teach this, before an image is opened. UsageError."""
    said: list[tuple[str, object]]
    if lesson.name == "cause":
        said = [(row.group.key, row.target.cause) for row in dataset.rows if row.target.cause is not None]
    elif lesson.name == "radius":
        said = [(row.group.key, row.target.radius_px) for row in dataset.rows if row.target.radius_px is not None]
    else:
        said = [(row.group.key, row.target.bad) for row in dataset.rows if row.target.bad is not None]
    where = f"the {len(dataset.groups)} training groups"
    if not said:
        raise UsageError(f"dataset: of no image of {where} it says {lesson.labels}; label some, and build it again")
    values = {value for _, value in said}
    if len(values) < 2:
        only = values.pop()
        words = ("bad" if only else "good") if lesson.name == "focus" else str(only)
        raise UsageError(
            f"dataset: all {len(said)} labelled images of {where} are {words}: there is nothing to tell apart; label "
            "some others, and build it again"
        )
    if len({group for group, _ in said}) < _LEAST_GROUPS:
        raise UsageError(
            f"dataset: all {len(said)} labelled images for training are of one group, {said[0][0]!r}: what is learned "
            f"of one cannot be asked of another; at least {_LEAST_GROUPS} are needed, {_FEW_GROUPS} are better"
        )


def _by_baseline(less: Matrix, lesson: Lesson, wanted: bool | None) -> bool:
    """Whether features are compared with the group's sharp images: where it is wished, or usual and most rows have any.

    UsageError where it is wished and no row has any.
    """
    known = np.isfinite(lesson.target(less))
    has = np.asarray(np.isfinite(less.values).all(axis=1))
    share = float(has[known].mean()) if known.any() else 0.0
    if wanted and not share:
        raise UsageError(
            "baseline: no training group has two images that somebody said are in focus, to compare others with; "
            "confirm some, or teach without a baseline"
        )
    return (lesson.by_baseline and share > 0.5) if wanted is None else wanted


def _known(matrix: Matrix, lesson: Lesson) -> Matrix:
    """The rows to learn from. UsageError where too little is left of them."""
    known = np.isfinite(lesson.target(matrix)) & np.isfinite(matrix.values).all(axis=1)
    left = matrix.where(known)
    if not known.any() or len(np.unique(lesson.target(left))) < 2:
        raise UsageError(
            f"dataset: {int(known.sum())} of {len(matrix)} images can be learned from, and they are all alike: the "
            "others cannot be measured, or have no sharp image of their group to be compared with"
        )
    if len(set(left.groups)) < _LEAST_GROUPS:
        raise UsageError(
            f"dataset: what can be learned from is all of one group, {left.groups[0]!r}; at least {_LEAST_GROUPS} are "
            "needed, each with two images that somebody said are in focus"
        )
    return left


def _warnings(matrix: Matrix, whole: Matrix, lesson: Lesson) -> Iterator[str]:
    """What a person should know of the data."""
    if lost := len(whole) - len(matrix):
        yield f"{lost} of {len(whole)} images were left out: no label, nothing measured, or no sharp one of their group"
    if (count := len(set(matrix.groups))) < _FEW_GROUPS:
        yield f"{count} groups are few: what holds for them may hold for no other; {_FEW_GROUPS} or more are better"
    target = lesson.target(matrix)
    if lesson.classes:
        names = ("good", "bad") if lesson.classes == 2 else lesson.says
        numbers, counts = np.unique(target, return_counts=True)
        few = [f"{counts[at]} {names[int(one)]}" for at, one in enumerate(numbers) if counts[at] < _FEW_OF_A_CLASS]
        if few:
            yield f"few of a kind: {', '.join(few)}; {_FEW_OF_A_CLASS} or more are better"
        if missing := [names[one] for one in range(lesson.classes) if one not in numbers]:
            yield f"never seen, and so never said: {', '.join(missing)}"


def _exported(learner: Learner | RadiusLearner, fitted: Fitted | FittedRadius, lesson: Lesson) -> bytes:
    try:
        return fitted.to_onnx()
    except NotExportable as why:
        others = [name for name in (LEARNERS if lesson.classes else RADIUS_LEARNERS) if name != learner.name]
        raise NotExportable(
            f"{learner.name} cannot be a package: {why}; it may be compared, never promoted. Others: "
            f"{', '.join(others)}"
        ) from None


def _figures(
    learner: Learner | RadiusLearner, matrix: Matrix, lesson: Lesson, *, seed: int, balance: Balance
) -> dict[str, CardRow]:
    """How well it does on rows held back, by how they were: by group, by specimen where that is another, at random."""
    target = lesson.target(matrix)

    def predict(taught: NDArray[np.intp], asked: NDArray[np.intp]) -> NDArray[np.float64]:
        if len(np.unique(target[taught])) < 2 or (
            not lesson.classes and len({matrix.groups[row] for row in taught}) < 2
        ):
            shape = {0: (2,), 2: ()}.get(lesson.classes, (lesson.classes,))
            return np.full((len(asked), *shape), np.nan)
        return teach(learner, matrix, lesson, taught, seed=seed, balance=balance).predict(matrix.values[asked])

    specimens = [_specimen(group) for group in matrix.groups]
    alone = [str(row) for row in range(len(matrix))]
    ways = {"groups": ("groups held out", matrix.groups), "random": ("random split, which decides nothing", alone)}
    if len(set(specimens)) < len(set(matrix.groups)):
        ways["specimens"] = ("specimens held out", specimens)
    figures = {}
    for name, (words, by) in ways.items():
        said = said_of_unseen(predict, by, seed=seed)
        found = held(said, target, matrix.groups, classes=lesson.classes, seed=seed)
        figures[name] = _row(f"{lesson.figure}, {words}", found)
        if name == "groups" and not lesson.classes:
            figures["within"] = _row("part of radii within one sd, groups held out", _within(said, target, matrix))
    if lesson.classes == 2:
        found = held(-matrix.mhfd, target, matrix.groups, classes=2, seed=seed)
        figures["mhfd"] = _row("AUC of mhfd on the same images", found)
    return figures


def _within(said: NDArray[np.float64], target: NDArray[np.float64], matrix: Matrix) -> Held:
    known = np.isfinite(said).all(axis=1)
    inside = np.abs(said[known, 0] - target[known]) <= said[known, 1]
    groups = len({matrix.groups[row] for row in np.flatnonzero(known)})
    return Held(float(inside.mean()) if len(inside) else None, None, None, len(inside), groups)


def _row(what: str, found: Held) -> CardRow:
    ends = (None if end is None else round(end, 4) for end in (found.value, found.low, found.high))
    value, low, high = ends
    return CardRow(what=what, value=value, low=low, high=high, rows=found.rows, groups=found.groups)


def _specimen(group: str) -> str:
    parts = group.split("/")
    return parts[1] if len(parts) == 3 else group


def _curve(
    learner: Learner | RadiusLearner, matrix: Matrix, fitted: Fitted | FittedRadius, lesson: Lesson, *, seed: int
) -> Iterator[CardRow]:
    """How well it does with how many features, chosen anew in every fold."""
    if not lesson.classes or not isinstance(learner, KindLearner):
        return
    fixed = KindLearner(learner.name, learner.kind, fixed={**fitted.chosen, "features": 0.0})
    points = curve(fixed, matrix.values, lesson.target(matrix), groups=matrix.groups, seed=seed, classes=lesson.classes)
    for point in points:
        yield CardRow(
            what=f"{lesson.figure}, {point.columns} features",
            value=round(point.quality, 4),
            condition=f"folds of groups: {point.least:.3f} to {point.most:.3f}",
        )


def _assumptions(lesson: Lesson, *, by_baseline: bool, balance: Balance) -> Iterator[str]:
    if by_baseline:
        yield "two images or more of the same group are known to be in focus"
    if lesson.classes and balance != "none":
        kinds = "good and bad images" if lesson.classes == 2 else "all causes"
        yield f"a probability takes {kinds} as equally frequent"
    yield "tissue, staining and instrument are like those of the groups that were seen"


def _ends(pixel_nm: NDArray[np.float64]) -> tuple[float, float] | None:
    known = pixel_nm[np.isfinite(pixel_nm) & (pixel_nm > 0)]
    return (float(known.min()), float(known.max())) if len(known) else None


def _words(card: Card, matrix: Matrix, figures: Mapping[str, CardRow], lesson: Lesson) -> Iterator[str]:
    target, groups = lesson.target(matrix), len(set(matrix.groups))
    if lesson.classes == 2:
        of = f"{len(matrix)} images, {int(target.sum())} of them bad,"
    elif lesson.classes:
        of = f"{len(matrix)} images with {len(np.unique(target))} of {len(ImageCause)} causes,"
    else:
        of = f"{len(matrix)} images with radii of {target.min():.1f} to {target.max():.1f} px"
    compared = ", each less the sharp ones of its group" if card.recipe.baseline else ""
    yield f"learned {lesson.name} by {card.recipe.learner} from {of} of {groups} groups{compared}"
    for name in ("groups", "specimens", "within", "mhfd", "random"):
        if (row := figures.get(name)) is not None:
            between = "" if row.low is None or row.high is None else f" (95%: {row.low:.3f} to {row.high:.3f})"
            yield f"{row.what}: {'cannot be said' if row.value is None else f'{row.value:.3f}'}{between}"
    yield "not promoted: whether it is worth having is said by `mhfd evaluate`, on groups that it has not seen"


def _readme(card: Card, words: tuple[str, ...]) -> str:
    lines = [f"# {card.title}", "", *(f"{line}." for line in words), "", "It assumes:", ""]
    return "\n".join([*lines, *(f"- {one}" for one in card.assumptions), ""])
