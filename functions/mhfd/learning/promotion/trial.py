"""`evaluate`: labelled images -> entries on the same rows -> a `Benchmark` with its decision, counted in the life.

Measures each image once. Without the extra `learn` no learner is compared, without `models` no package; both is said.
`tried` is the same for images that may decide nothing: what each entry said of them is given in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import mhfd
from mhfd.errors import ExtraMissing, UsageError
from mhfd.learning import features
from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.dataset.checking import refuse_leaks
from mhfd.learning.evaluation import Benchmark, Entry, Terms, aspects, compare, splits, taught
from mhfd.learning.evaluation.agreement import agreement
from mhfd.learning.evaluation.benchmark import FamilyRow, Placing, Role, SplitTable
from mhfd.learning.evaluation.bounded import bounded
from mhfd.learning.evaluation.curves import curves
from mhfd.learning.evaluation.entry import MHFD
from mhfd.learning.evaluation.learning_curve import learning_curve
from mhfd.learning.evaluation.measured import MeasuredRows, measured_rows
from mhfd.learning.learners import LEARNERS
from mhfd.learning.learners.matrix import Told
from mhfd.learning.packages import Library, Package
from mhfd.learning.promotion import gates
from mhfd.learning.promotion.asked import NO_BASELINE, Asked, checked, is_of, name_in, refuse_elsewhere, standing
from mhfd.learning.promotion.life import Life, file_of, key_of

QUICKEST_LEARNER: Final = "logistic"
Say = Callable[[str], object]
Floats = NDArray[np.float64]


def evaluate(
    dataset: Dataset,
    asked: Asked | None = None,
    *,
    library: Library,
    cache: Path | None = None,
    told: Told | None = None,
    said: Say | None = None,
) -> Benchmark:
    """Compare mhfd with packages and learners on labelled images, and decide.

    Args:
        dataset: Labelled images. Where it has a split, and a package was taught with its training groups, its test
            groups decide; else all do.
        asked: Against whom, and for which run.
        library: Where packages are, and the tests that were made before.
        cache: A folder for what was measured, for the next time.
        told: Told after each image.
        said: Told what is being done, in words.

    Raises:
        UsageError: The labels leak or are of one class, a package is not there, an argument is wrong.
        ExtraMissing: A package was named, and nothing that runs it is installed.
    """
    wanted, say = asked or Asked(), said or (lambda _words: None)
    checked(wanted)
    refuse_elsewhere(dataset, wanted.instrument)
    if lacking := _lacking([row.target.bad for row in dataset.rows if is_of(row, wanted.instrument)]):
        raise UsageError(lacking)
    say(f"looking for leaks in {len(dataset.rows)} labels of {len(dataset.groups)} groups")
    refuse_leaks(dataset)
    trial, remarks = _begun(dataset, wanted, library, cache, told, say)
    return trial.decided(remarks)


@dataclass(frozen=True, eq=False)
class TriedBenchmark:
    """A comparison, and what it was made of."""

    benchmark: Benchmark
    rows: MeasuredRows
    scores: Mapping[str, Floats]
    """By entry, of every row: higher is worse, NaN where it says nothing."""
    packages: Mapping[str, Package]
    """By entry; the champion's is among them."""


def tried(
    dataset: Dataset,
    asked: Asked,
    *,
    library: Library,
    cache: Path | None = None,
    told: Told | None = None,
    said: Say | None = None,
) -> TriedBenchmark:
    """The same of images that nothing was taught with; where they decide nothing it says why, and makes no test.

    Whoever calls it has looked for leaks. UsageError, ExtraMissing.
    """
    checked(asked)
    refuse_elsewhere(dataset, asked.instrument)
    trial, remarks = _begun(dataset, asked, library, cache, told, said or (lambda _words: None))
    lacking = trial.lacking()
    found = trial.undecided(lacking, remarks) if lacking else trial.decided(remarks)
    return TriedBenchmark(found, trial.rows, trial.scores, trial.named)


def _begun(
    dataset: Dataset, asked: Asked, library: Library, cache: Path | None, told: Told | None, say: Say
) -> tuple[_Trial, list[str]]:
    """With every image measured, and what is to be said of who is left out."""
    champion, packages, remarks = standing(asked, library)
    names, more = _learners(asked)
    every = [*packages.values(), *([champion] if champion else [])]
    rows = measured_rows(dataset, every, cache, told, all_families=bool(names))
    return _Trial(dataset, asked, library, champion, packages, names, rows, say), [*remarks, *more]


def _lacking(labels: Sequence[bool | None]) -> str:
    """What labels lack for a comparison; empty where both kinds are there."""
    known = [bad for bad in labels if bad is not None]
    if len(set(known)) == 2:
        return ""
    which = "none has a label" if not known else f"all are {'bad' if known[0] else 'good'}"
    if len(labels) == 1:
        which = which.replace("none has a label", "it has no label").replace("all are", "it is")
    images = "image" if len(labels) == 1 else "images"
    return f"labels: of {len(labels)} {images} {which}; both kinds are needed, good and bad"


def _learners(asked: Asked) -> tuple[tuple[str, ...], list[str]]:
    names = tuple(LEARNERS) if asked.learners is None and asked.against is None else asked.learners or ()
    if not names or taught.available():
        return names, []
    if asked.learners:
        raise ExtraMissing("learners are compared by scikit-learn: pip install 'mhfd[learn]'")
    return (), ["learners are not compared: scikit-learn is not installed, pip install 'mhfd[learn]'"]


class _Trial:
    """One evaluation, from measured rows on."""

    def __init__(
        self,
        dataset: Dataset,
        asked: Asked,
        library: Library,
        champion: Package | None,
        packages: Mapping[str, Package],
        learners: Sequence[str],
        rows: MeasuredRows,
        say: Say,
    ) -> None:
        self.dataset, self.asked, self.library, self.rows, self.say = dataset, asked, library, rows, say
        self.champion, self.packages, self.learners = champion, packages, learners
        known = np.isfinite(rows.matrix.bad)
        original = np.array([row.parent is None for row in rows.rows], bool)
        self.apart = self._seen_in_training()
        deciding = known & original & np.array([is_of(row, asked.instrument) for row in rows.rows], bool)
        if self.apart:
            deciding &= np.array([dataset.side(row) is Side.TEST for row in rows.rows], bool)
        self.deciding = deciding
        self.whole = taught.Bench(
            matrix=replace(rows.less, groups=rows.specimens),
            scenes=tuple(rows.matrix.groups),
            asked=deciding,
            may_teach=known,
            apart=self.apart,
            seed=asked.seed,
        )
        own = taught.columns(self.whole.matrix, features.names(features.FOCUS_FAMILIES))
        self.bench = replace(self.whole, matrix=own)

    def _seen_in_training(self) -> bool:
        """Some package was taught with the dataset's training groups: so only its test groups decide."""
        every = [*self.packages.values(), *([self.champion] if self.champion else [])]
        seen = {splits.specimen_of(group) for one in every for group in one.card.groups_seen}
        trained = {row.group.key for row in self.dataset.rows if self.dataset.side(row) is Side.TRAIN}
        tested = {row.group.key for row in self.dataset.rows if self.dataset.side(row) is Side.TEST}
        return self.asked.own_split and bool(tested) and any(splits.specimen_of(group) in seen for group in trained)

    def decided(self, remarks: Sequence[str]) -> Benchmark:
        """The comparison with all that it rests on."""
        if not self.deciding.any():
            where = "in the test groups that the decision rests on" if self.apart else "at all"
            where += f" of {self.asked.instrument}" if self.asked.instrument else ""
            raise UsageError(f"labels: no labelled image {where}; label some, and build the dataset again")
        self.say("asking each entry about groups that it has not seen")
        learned = [taught.out_of_fold(name, self.bench) for name in self._teachable()]
        entries = self._entries(learned)
        found = self._counted(entries)
        return self._told(found, entries, learned, remarks)

    def _teachable(self) -> Sequence[str]:
        """Learners, where there is more than one specimen to split."""
        return self.learners if len(set(self.rows.specimens)) > 1 else ()

    @cached_property
    def named(self) -> dict[str, Package]:
        """Every package by its entry's name, the champion first."""
        first = {} if self.champion is None else {name_in(self.champion, self.packages): self.champion}
        return {**first, **self.packages}

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """How bad each entry but the learners finds every image."""
        found = {MHFD: -self.rows.less.mhfd, NO_BASELINE: -self.rows.matrix.mhfd}
        for name, package in self.named.items():
            self.say(f"asking {name}")
            found[name] = self.rows.scores_by(package)
        return found

    def lacking(self) -> str:
        """Why these images decide nothing, whoever stands; empty where they may."""
        rows, bad = self.rows, self.bench.bad
        ours = np.array([is_of(row, self.asked.instrument) and row.parent is None for row in rows.rows], bool)
        if lacking := _lacking([None if np.isnan(one) else bool(one) for one in rows.matrix.bad[ours]]):
            return lacking
        deciding = [scores for name, scores in self.scores.items() if not self._is_beside(name)]
        spoken = self.deciding & np.any([np.isfinite(one) for one in deciding], axis=0)
        if len(set(bad[spoken].tolist())) == 2:
            return ""
        return (
            f"of {int(self.deciding.sum())} labelled images there are not both kinds, good and bad, among the "
            f"{int(spoken.sum())} on which anybody speaks (mhfd needs two sharp others of a group)"
        )

    def undecided(self, why: str, remarks: Sequence[str]) -> Benchmark:
        """Who is there stays, and why nothing could be decided; it is no test."""
        ours = np.array([is_of(row, self.asked.instrument) and row.parent is None for row in self.rows.rows], bool)
        champion = next(iter(self.named)) if self.champion is not None else MHFD
        return Benchmark(
            decision="kept",
            kept=champion,
            reason=why,
            line=f"kept: {champion} ({why})",
            champion=MHFD if self.champion is None else self.champion.name,
            instrument=self.asked.instrument,
            prevalence=self.asked.prevalence,
            miss_cost=self.asked.miss_cost,
            test=None,
            alpha=None,
            seed=self.asked.seed,
            draws=0,
            unit="specimens",
            groups=tuple(sorted(set(np.asarray(self.rows.specimens)[ours].tolist()))),
            images=int(ours.sum()),
            bad=int((self.rows.matrix.bad[ours] == 1).sum()),
            entries=tuple(self._not_placed(name, scores[ours]) for name, scores in self.scores.items()),
            auc={name: {} for name in self.scores},
            precision_at={},
            packages={name: package.name for name, package in self.named.items()},
            dataset=self.dataset.digest,
            remarks=tuple(remarks),
        )

    def _not_placed(self, name: str, scores: Floats) -> Placing:
        package = self.named.get(name)
        role: Role = "mhfd" if name == MHFD else "beside" if self._is_beside(name) else "challenger"
        return Placing(
            name=name,
            role="champion" if package is not None and package is self.champion else role,
            groups_seen=() if package is None else tuple(sorted(package.card.groups_seen)),
            images=int(np.isfinite(scores).sum()),
            abstained=int((~np.isfinite(scores)).sum()),
        )

    def _is_beside(self, name: str) -> bool:
        """It is shown and nothing else."""
        return name == NO_BASELINE or (name in self.named and self.named[name].card.task != "focus")

    def _entries(self, learned: Sequence[taught.Taught]) -> list[Entry]:
        keep = self.deciding
        entries = [
            Entry(MHFD, self.scores[MHFD][keep]),
            Entry(NO_BASELINE, self.scores[NO_BASELINE][keep], beside=True),
        ]
        entries += [self._entry(name, package) for name, package in self.named.items()]
        for one in learned:
            entries.append(Entry(one.name, one.scores[keep], held_out=True, barred=one.barred))
        return entries

    def _entry(self, name: str, package: Package) -> Entry:
        champion, beside = package is self.champion, self._is_beside(name)
        return Entry(
            name,
            self.scores[name][self.deciding],
            groups_seen=frozenset(package.card.groups_seen),
            champion=champion,
            beside=beside,
            barred=() if champion or beside else (self.asked.gate or gates.barred)(package),
        )

    def _counted(self, entries: Sequence[Entry]) -> Benchmark:
        """The decision; a test of the library's life where it could have promoted."""
        bad, specimens = self.bench.bad[self.deciding], np.asarray(self.rows.specimens)[self.deciding].tolist()
        terms = Terms(miss_cost=self.asked.miss_cost, unit="specimens")
        if not any(one.challenges for one in entries):
            return compare(
                entries, bad, specimens, prevalence=self.asked.prevalence, settings=terms, seed=self.asked.seed
            )
        key = self._key(entries)
        life = Life(self.library, file_of(self.asked.task, self.asked.instrument))
        with life.turn(key) as turn:
            terms = replace(terms, alpha=turn.alpha, test=turn.number)
            found = compare(
                entries, bad, specimens, prevalence=self.asked.prevalence, settings=terms, seed=self.asked.seed
            )
            if found.challenger is not None:  # it was a test, not a refusal
                life.record(turn, key, found.decision, found.reason)
        return found

    def _key(self, entries: Sequence[Entry]) -> str:
        asked = self.asked
        where = {} if asked.instrument is None else {"instrument": asked.instrument}
        return key_of(
            {
                **where,
                "dataset": self.dataset.digest,
                "champion": self.champion.name if self.champion else MHFD,
                "packages": sorted(package.name for package in self.packages.values()),
                "learners": sorted(one.name for one in entries if one.name in LEARNERS),
                "prevalence": asked.prevalence,
                "miss_cost": asked.miss_cost,
                "seed": asked.seed,
                "version": mhfd.__version__,
                "features": features.VERSION,
            }
        )

    def _told(
        self, found: Benchmark, entries: Sequence[Entry], learned: Sequence[taught.Taught], remarks: Sequence[str]
    ) -> Benchmark:
        """The decision with all that it rests on."""
        keep, bad = self.deciding, self.bench.bad
        shown = {one.name: _spread(one.scores, keep) for one in entries if one.name not in LEARNERS}
        tables = self._tables(found, shown)
        full = {name: package.name for name, package in self.named.items()}
        scores = {one.name: one.scores for one in entries}
        rows = [row for row, kept in zip(self.rows.rows, keep, strict=True) if kept]
        measured = {"mhfd.log_cross_spectrum": self.rows.matrix.mhfd[keep]}
        here = bad[keep]
        whole = found.model_copy(
            update={
                "challenger": None if found.challenger is None else full.get(found.challenger, found.challenger),
                "champion": full.get(found.champion, found.champion),
                "packages": full,
                "instrument": self.asked.instrument,
                "dataset": self.dataset.digest,
                "splits": tables,
                "auc": {one.name: {table.name: table.auc.get(one.name) for table in tables} for one in found.entries},
                "entries": tuple(self._detailed(one, entries, learned) for one in found.entries),
                "remarks": (*self._remarks(), *found.remarks, *remarks),
                "agreement": agreement(
                    (row.sha256, row.said_by, row.target.bad)
                    for row in self.dataset.rows
                    if row.said_by is not None and row.target.bad is not None and row.parent is None
                ),
                "curve": self._curve(found),
                "families": self._families(),
                "covariates": aspects.by_covariate(
                    aspects.columns_of(rows, measured), scores, here, self._folds()[keep]
                ),
                "control": aspects.control_field(rows, self.rows.matrix.mhfd[keep], here),
                "worst": aspects.worst_images(rows, {name: scores[name] for name in self._looked_at(found)}, here),
            }
        )
        return bounded(whole)

    def _folds(self) -> NDArray[np.intp]:
        count = len(self.rows.rows)
        if self.apart or len(set(self.rows.specimens)) < 2:
            return np.zeros(count, np.intp)
        return splits.by_group(self.rows.specimens, self.bench.bad, seed=self.asked.seed)

    def _tables(self, found: Benchmark, shown: Mapping[str, Floats]) -> tuple[SplitTable, ...]:
        """The split that decides, and the others beside it."""
        name = "test_side" if self.apart else "by_specimen"
        first = SplitTable(
            name=name,
            words=taught.SPLIT_WORDS[name],
            decides=True,
            auc={one.name: None if one.auc is None else round(one.auc, 4) for one in found.entries},
        )
        if self.apart:  # what is left was seen by some entry
            return (first,)
        return (first, *taught.split_tables(self.bench, shown, self._teachable(), self.say))

    def _looked_at(self, found: Benchmark) -> list[str]:
        """Entries whose worst images are worth a look: mhfd, and the best challenger."""
        best = max((duel for duel in found.duels), key=lambda duel: duel.saved, default=None)
        return [MHFD, *([best.challenger] if best else [])]

    def _families(self) -> tuple[FamilyRow, ...]:
        """Of the quickest learner: it says of features what they are worth, not how good a learner can be."""
        if not self._teachable():
            return ()
        self.say("what each family of features is worth")
        plain = replace(self.whole, matrix=replace(self.rows.matrix, groups=self.rows.specimens))
        return taught.family_rows(
            (self.whole, plain), features.FAMILIES, features.FOCUS_FAMILIES, learner=QUICKEST_LEARNER
        )

    def _curve(self, found: Benchmark) -> Any:
        learners = [one for one in found.entries if one.name in LEARNERS and one.auc is not None]
        if not learners or self.apart:
            return None
        best = max(learners, key=lambda one: one.auc or 0).name
        self.say(f"what more labels would bring {best}")
        return learning_curve(
            best,
            taught.teacher(best, self.bench),
            self.bench.bad,
            self.rows.specimens,
            asked=self.deciding,
            seed=self.asked.seed,
        )

    def _detailed(self, one: Placing, entries: Sequence[Entry], learned: Sequence[taught.Taught]) -> Placing:
        entry = next(each for each in entries if each.name == one.name)
        bad, groups = self.bench.bad[self.deciding], np.asarray(self.rows.specimens)[self.deciding]
        roc, precision = curves(entry.scores, bad, groups, prevalence=self.asked.prevalence, seed=self.asked.seed)
        took = next((each for each in learned if each.name == one.name), None)
        return one.model_copy(
            update={
                "roc": roc,
                "precision_recall": precision,
                "train_s": None if took is None else took.train_s,
                "predict_s": None if took is None else took.predict_s,
            }
        )

    def _remarks(self) -> list[str]:
        """What was left out before anybody was asked."""
        rows, said = self.rows, []
        unknown = int((~np.isfinite(rows.matrix.bad)).sum())
        if unknown:
            said.append(f"{unknown} images without a label, or with as many labels for as against, are left out")
        copies = sum(row.parent is not None for row in rows.rows)
        if copies:
            said.append(f"{copies} copies are learned from and never asked about")
        lost = self.deciding & np.isfinite(rows.matrix.mhfd) & ~np.isfinite(rows.less.mhfd)
        if lost.any():
            groups = sorted({group for group, gone in zip(rows.matrix.groups, lost, strict=True) if gone})
            more = "" if len(groups) <= 5 else f" and {len(groups) - 5} more"
            said.append(
                f"{int(lost.sum())} images have no two sharp ones of their group to be compared with: "
                f"{', '.join(groups[:5])}{more}"
            )
        if self.apart:
            said.append("a package was taught with this dataset's training groups: its test groups alone decide")
        return said


def _spread(scores: Floats, keep: NDArray[np.bool_]) -> Floats:
    """Scores of the deciding rows at the place that these have among all."""
    found = np.full(len(keep), np.nan)
    found[keep] = scores
    return found
