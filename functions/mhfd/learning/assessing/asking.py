"""`assess`: the training images of one microscope, and every package of a library -> an `Assessment`.

A package is verified before it is asked, and asked once: what it said is kept by its name and the images, so that
whoever is killed goes on with the next one. One that is damaged, or of something else, stands in the list all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import mhfd
from mhfd.contract.assessing import MOST_TRAINED, Assessment, LibraryTask
from mhfd.errors import UsageError
from mhfd.learning.assessing.choosing import AssessmentBar, LibraryCandidate, chosen
from mhfd.learning.assessing.scoring import PackageScoring, scoring_of
from mhfd.learning.assessing.standing import Floats
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.evaluation.splits import specimen_of
from mhfd.learning.inference.runtime import loaded
from mhfd.learning.learners import kept_numbers
from mhfd.learning.packages import Listed, Package, verify
from mhfd.learning.packages.folder import is_name

_NAMED: Final = 4


def assess(
    dataset: Dataset,
    packages: Sequence[Listed],
    *,
    instrument: str,
    task: LibraryTask = "focus",
    champion: Package | None = None,
    learner: str | None = None,
    train_at_most: int = 1,
    seed: int = 0,
    cache: Path | None = None,
    told: Callable[[int, int, str], object] | None = None,
    beat: Callable[[], object] | None = None,
) -> Assessment:
    """Ask every package of a library about the first images of a microscope.

    Args:
        dataset: The images. Those of the training groups count, and of them those of the microscope.
        packages: Every folder of the library.
        instrument: The microscope.
        task: What they are asked for.
        champion: Who judges there now; None: mhfd with its baseline, or what is best without learning.
        learner: Only such a network is to be trained further; None: any network.
        train_at_most: So many packages.
        seed: Of the draws for intervals.
        cache: A folder for what was measured and said, for the next time.
        told: Told after each package how many were asked, of how many, and its title.
        beat: Called after each image.

    Raises:
        UsageError: There is no image of the microscope, labels are of one kind, the champion is of something else.
        ExtraMissing: What runs a package is not installed.
    """
    if not 0 <= train_at_most <= MOST_TRAINED:
        raise UsageError(f"train_at_most: expected 0 to {MOST_TRAINED}, got {train_at_most}")
    mine = _of_instrument(dataset, instrument)
    if packages or champion is not None:
        loaded()
    scoring = scoring_of(task, mine, seed=seed, cache=cache, beat=beat)
    asking = _Asking(scoring, mine, task, learner, cache)
    bar = asking.bar(champion)
    candidates = []
    for number, one in enumerate(packages, start=1):
        candidates.append(asking.candidate(one))
        if told is not None:
            told(number, len(packages), candidates[-1].title)
    choice = chosen(candidates, bar, short=scoring.short, over=scoring.drawn.words, train_at_most=train_at_most)
    return Assessment(
        task=task,
        instrument=instrument,
        dataset=dataset.digest,
        images=len(scoring.rows),
        groups=len(asking.specimens),
        measure=scoring.measure,
        bar=bar.name,
        bar_score=bar.standing.value,
        packages=choice.packages,
        train=choice.train,
        best=choice.best,
        words=choice.words,
    )


def _of_instrument(dataset: Dataset, instrument: str) -> Dataset:
    """The originals of the training groups that are of the microscope. UsageError that names whose images they are."""
    side = [row for row in dataset.on(Side.TRAIN).rows if row.parent is None]
    mine = tuple(row for row in side if row.group.instrument == instrument)
    if mine:
        return Dataset(mine, dataset.split)
    if not side:
        raise UsageError("dataset: no image is of a training group; build it with a split that has some")
    others = sorted({row.group.instrument for row in side} - {""})
    if not others:
        raise UsageError(
            f"dataset: its groups name no microscope, and this is for {instrument}: build it with groups as "
            f"`{instrument}/specimen/session`"
        )
    whose = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    raise UsageError(
        f"dataset: the images of its training groups are of {whose}, and this is for {instrument}: name that "
        "microscope, or bring images of this one"
    )


class _Asking:
    """Packages, one after the other, about the same images."""

    def __init__(
        self, scoring: PackageScoring, dataset: Dataset, task: LibraryTask, learner: str | None, cache: Path | None
    ) -> None:
        self._scoring, self._task, self._learner = scoring, task, learner
        self.specimens = {specimen_of(row.group.key) for row in scoring.rows}
        self._kept = None
        if cache is not None:
            of = f"{task} {dataset.digest} {mhfd.__version__}"
            self._kept = cache / "assessed" / hashlib.sha256(of.encode()).hexdigest()[:16]

    def bar(self, champion: Package | None) -> AssessmentBar:
        """Who judges now; UsageError where that package cannot be asked."""
        scoring = self._scoring
        if champion is None:
            return AssessmentBar(scoring.bar, scoring.at_the_bar())
        if champion.card.task != self._task:
            raise UsageError(f"champion: {champion.card.title} is for {champion.card.task}, and not for {self._task}")
        if seen := self._seen(champion):
            remark = f"and not of the champion {champion.card.title}, which was taught with {seen[0]}"
            return AssessmentBar(scoring.bar, scoring.at_the_bar(), remark)
        return AssessmentBar(champion.card.title, scoring.standing(self._scores(champion)))

    def candidate(self, listed: Listed) -> LibraryCandidate:
        """One folder of the library."""
        package = listed.package
        if package is None:
            name = listed.folder.name
            return LibraryCandidate(
                name, name if is_name(name) else None, refused=f"damaged: {_inside(listed.folder, str(listed.refused))}"
            )
        asked = LibraryCandidate(package.card.title, package.name, package)
        if package.card.task != self._task:
            return replace(asked, refused=f"is for {package.card.task}, and this is for {self._task}")
        try:
            scores = self._scores(package)
        except UsageError as error:
            return replace(asked, refused=f"could not be asked: {_inside(package.folder, str(error))}")
        standing = self._scoring.standing(scores)
        if standing.value is None:
            return replace(asked, refused="it says nothing of these images: they are not like those it was taught with")
        return replace(asked, standing=standing, seen=self._seen(package), untrainable=self._untrainable(package))

    def _scores(self, package: Package) -> Floats:
        """What it says; PackageRefused where it is not what it says it is."""
        place = None if self._kept is None else self._kept / f"{package.name}.npy"
        count = len(self._scoring.rows)
        if place is not None and (known := kept_numbers.kept(place, count)) is not None:
            return known
        scores = self._scoring.scores(verify(package.folder))
        if place is not None:
            kept_numbers.keep(place, scores)
        return scores

    def _seen(self, package: Package) -> tuple[str, ...]:
        return tuple(sorted({specimen_of(group) for group in package.card.groups_seen} & self.specimens))

    def _untrainable(self, package: Package) -> str | None:
        recipe = package.card.recipe
        if recipe.network is None:
            return f"learned by {recipe.learner} from features, and only a network can be trained further"
        if self._learner is not None and recipe.learner != self._learner:
            return f"is of the network {recipe.learner}, and {self._learner} was asked for"
        return None


def _inside(folder: Path, text: str) -> str:
    """What is wrong with a package, without the folder that it was looked at in."""
    return text.replace(f"{folder}/", "").removeprefix(f"{folder}: ")
