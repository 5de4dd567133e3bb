"""`tried_pictures`: packages that make pictures against classical ways, on test groups; and the decision, counted.

A package is promoted when its pictures are better than those of every classical way, and of the champion, by more than
the doubt that so few specimens leave. The ways' settings were chosen on the training groups, as the packages' numbers
were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

import mhfd
from mhfd.errors import UsageError
from mhfd.learning.dataset import Dataset, DatasetRow, Side
from mhfd.learning.dataset.checking import refuse_leaks
from mhfd.learning.dataset.settling import settled
from mhfd.learning.evaluation import Terms, splits
from mhfd.learning.evaluation.entry import MHFD
from mhfd.learning.packages import Library, Package
from mhfd.learning.pictures.benchmark import PictureRole, PicturesBenchmark, PicturesDuel, PicturesEntry, PicturesRow
from mhfd.learning.pictures.classical import PictureTask
from mhfd.learning.pictures.comparing import GroupMeans, PicturesVerdict, by_group, mean_of, verdict_of
from mhfd.learning.pictures.scoring import (
    MEASURE,
    Beat,
    Made,
    PictureScores,
    best_ways,
    by_package,
    by_way,
    known_of,
    nothing_known,
    picture_scores,
)
from mhfd.learning.promotion.life import Life, file_of, key_of

AS_IT_CAME: Final = "as it came"
"""The entry of the image itself: nobody has to beat it, who beats what is classical does."""
CLASSICAL: Final = "what is classical"
"""Who is champion where no package is, in words."""
Say = Callable[[str], object]


def tried_pictures(
    dataset: Dataset,
    *,
    task: PictureTask,
    library: Library,
    packages: Mapping[str, Package],
    champion: Package | None = None,
    instrument: str | None = None,
    seed: int = 0,
    said: Say | None = None,
    beat: Beat | None = None,
) -> PicturesBenchmark:
    """Compare packages that make pictures with classical ways and the champion, and decide.

    Args:
        dataset: Images with another take or a mask beside each. Its test groups decide.
        task: What the pictures are to be.
        library: Keeps how many tests were made before.
        packages: The challengers, by the name that they have in the tables; each was verified.
        champion: Who makes these pictures now. None: what is classical.
        instrument: The microscope that it is for: images of others are left out. None: any.
        seed: Of the draws.
        said: Told what is being done, in words.
        beat: Called after each picture.

    Raises:
        UsageError: Nothing is known of any test image, or a package makes no such pictures.
        ExtraMissing: scikit-image or onnxruntime is not installed.
    """
    say = said or (lambda _words: None)
    for one in [*packages.values(), *([champion] if champion else [])]:
        if one.card.task != task:
            raise UsageError(f"{one.card.title}: is for {one.card.task}, and what is compared is for {task}")
    if seed < 0:
        raise UsageError(f"seed: expected 0 or more, got {seed}")
    refuse_leaks(dataset, pixels=False)
    whole = settled(dataset)
    own = [row for row in whole.rows if instrument in (None, row.group.instrument) and row.parent is None]
    sides = {side: [row for row in own if whole.side(row) is side] for side in Side}
    remarks = []
    asked = [row for row, known in zip(sides[Side.TEST], known_of(sides[Side.TEST], task), strict=True) if known]
    if not asked:
        where = "" if instrument is None else f" of {instrument}"
        raise UsageError(f"{nothing_known(task, len(sides[Side.TEST]))}; looked for in the test groups{where}")
    if left := len(sides[Side.TEST]) - len(asked):
        remarks.append(f"{left} test images without what tells good from bad beside them are left out")
    chosen_on = sides[Side.TRAIN]
    if not known_of(chosen_on, task).any():
        chosen_on = asked
        remarks.append("no training image: the classical ways are as good as any setting makes them on these images")
    say("choosing the settings of the classical ways")
    ways = best_ways(chosen_on, task, beat=beat)
    remarks.append("settings as they are best on training images: " + "; ".join(way.name for way, _ in ways))
    say(f"making pictures of {len(asked)} test images")
    made: dict[str, Made] = {} if task == "segment" else {AS_IT_CAME: lambda pixels, _: pixels}
    roles: dict[str, PictureRole] = dict.fromkeys(made, "as it came")
    made |= {way.name: by_way(way) for way, _ in ways}
    roles |= {way.name: "classical" for way, _ in ways}
    named = dict(packages)
    if champion is not None:
        name = champion.card.title if champion.card.title not in named else f"{champion.card.title} (champion)"
        named = {name: champion, **named}
    for name, package in named.items():
        made[name] = by_package(package)
        roles[name] = "champion" if package is champion else "challenger"
    scores = picture_scores(asked, made, task, beat=beat)
    trial = _PicturesTrial(task, asked, scores, roles, named, seed)
    return trial.decided(dataset, library, instrument, remarks)


@dataclass(frozen=True, eq=False)
class _PicturesTrial:
    """Scores of the same images, side by side."""

    task: PictureTask
    rows: Sequence[DatasetRow]
    scores: Mapping[str, PictureScores]
    roles: Mapping[str, PictureRole]
    packages: Mapping[str, Package]
    seed: int

    @property
    def specimens(self) -> list[str]:
        """Of each row."""
        return [splits.specimen_of(row.group.key) for row in self.rows]

    def decided(
        self, dataset: Dataset, library: Library, instrument: str | None, remarks: Sequence[str]
    ) -> PicturesBenchmark:
        """The comparison with its decision; a test of the library's life where it could have promoted."""
        names, at = np.unique(np.asarray(self.specimens, str), return_inverse=True)
        known = np.asarray(np.isfinite(np.stack([one.score for one in self._filled().values()])).all(axis=0))
        if not known.any():
            raise UsageError(f"dataset: nothing can be said of any picture: {MEASURE[self.task]}")
        means = {name: by_group(one.score, at, len(names), known) for name, one in self._filled().items()}
        there = np.isfinite(next(iter(means.values())))
        table = GroupMeans(tuple(names[there].tolist()), {name: one[there] for name, one in means.items()})
        terms = Terms(unit="specimens")
        barred = {name: self._barred(name, table.groups) for name in self.packages}
        challengers = [name for name, role in self.roles.items() if role == "challenger"]
        standing = [name for name in challengers if not barred[name]]
        champion = next((name for name, role in self.roles.items() if role == "champion"), None)
        full = {name: package.name for name, package in self.packages.items()}
        refused = self._refused(table, challengers, standing, champion, barred, terms)
        duels: list[PicturesDuel] = []
        verdict = PicturesVerdict(False, refused or "", None, None)
        test: int | None = None
        if refused is None:
            key = key_of(
                {
                    "dataset": dataset.digest,
                    "task": self.task,
                    "instrument": instrument,
                    "champion": full[champion] if champion else MHFD,
                    "packages": sorted(full[name] for name in challengers),
                    "seed": self.seed,
                    "version": mhfd.__version__,
                }
            )
            life = Life(library, file_of(self.task, instrument))
            with life.turn(key) as turn:
                terms = replace(terms, alpha=turn.alpha, test=turn.number)
                duels = [table.duel(name, other, terms, self.seed) for name in standing for other in self._in_the_way()]
                verdict = verdict_of(duels, standing, terms, len(table.groups))
                life.record(turn, key, "promoted" if verdict.promoted else "kept", verdict.reason)
                test = turn.number
        kept = verdict.challenger if verdict.promoted and verdict.challenger else champion or MHFD
        decision = "promoted" if verdict.promoted else "kept"
        hardest = verdict.duel
        return PicturesBenchmark(
            task=self.task,
            instrument=instrument,
            decision="promoted" if verdict.promoted else "kept",
            kept=full.get(kept, kept),
            reason=verdict.reason,
            line=f"{decision}: {CLASSICAL if kept == MHFD else kept} ({verdict.reason})",
            challenger=None if verdict.challenger is None else full[verdict.challenger],
            champion=full[champion] if champion else MHFD,
            measure=MEASURE[self.task],
            gained=None if hardest is None else hardest.gained,
            low=None if hardest is None else hardest.range.low,
            high=None if hardest is None else hardest.range.high,
            test=test,
            alpha=terms.alpha,
            seed=self.seed,
            draws=terms.draws,
            groups=table.groups,
            images=int(known.sum()),
            entries=tuple(self._entry(name, table, at, known, barred, terms) for name in self.roles),
            duels=tuple(duels),
            scores_by_image={
                name: {
                    row.sha256: round(float(value), 5) if np.isfinite(value) else None
                    for row, value in zip(self.rows, one.score, strict=True)
                }
                for name, one in self.scores.items()
            },
            remarks=(
                *remarks,
                *([f"{int((~known).sum())} images of which nothing is known are left out"] if not known.all() else []),
            ),
            dataset=dataset.digest,
            packages=full,
        )

    def _filled(self) -> dict[str, PictureScores]:
        """Who refuses an image leaves it as it came: so it is no way to be asked about easy ones alone."""
        plain = self.scores[AS_IT_CAME].score if AS_IT_CAME in self.scores else None
        classical = next(one for name, one in self.scores.items() if self.roles[name] == "classical").score
        instead = np.where(np.isfinite(classical), 0.0, np.nan) if plain is None else plain
        return {
            name: replace(one, score=np.where(np.isfinite(one.score), one.score, instead))
            for name, one in self.scores.items()
        }

    def _in_the_way(self) -> list[str]:
        return [name for name, role in self.roles.items() if role in ("classical", "champion")]

    def _barred(self, name: str, groups: Sequence[str]) -> tuple[str, ...]:
        seen = {splits.specimen_of(group) for group in self.packages[name].card.groups_seen}
        known = [group for group in groups if group in seen]
        return (f"has seen {_listed(known)}",) if known else ()

    def _refused(
        self,
        table: GroupMeans,
        challengers: Sequence[str],
        standing: Sequence[str],
        champion: str | None,
        barred: Mapping[str, tuple[str, ...]],
        terms: Terms,
    ) -> str | None:
        """Why nothing can be decided; None: it can."""
        if champion is not None and barred[champion]:
            return f"refused: {champion} {', '.join(barred[champion])}; leave them out"
        if not challengers:
            return "no challenger"
        if not standing:
            return "refused: " + "; ".join(f"{name} {', '.join(barred[name])}" for name in challengers)
        if (count := len(table.groups)) < terms.least_groups:
            return f"too few {terms.unit}: {count}, at least {terms.least_groups} that no entry has seen"
        return None

    def _entry(
        self,
        name: str,
        table: GroupMeans,
        at: NDArray[np.intp],
        known: NDArray[np.bool_],
        barred: Mapping[str, tuple[str, ...]],
        terms: Terms,
    ) -> PicturesEntry:
        means = table.means[name]
        spread = table.spread(name, terms, self.seed)
        own = self.scores[name]
        count = len(np.unique(at))
        more = {what: mean_of(by_group(values, at, count, known)) for what, values in own.more.items()}
        images = [
            sum(one == group for one, kept in zip(self.specimens, known, strict=True) if kept) for group in table.groups
        ]
        return PicturesEntry(
            name=name,
            role=self.roles[name],
            package=self.packages[name].name if name in self.packages else None,
            score=mean_of(means),
            low=None if spread is None else spread[0],
            high=None if spread is None else spread[1],
            refused=int((~np.isfinite(own.score[known])).sum()),
            more=more,
            groups=tuple(
                PicturesRow(group=group, images=images[place], score=round(float(means[place]), 5))
                for place, group in enumerate(table.groups)
            ),
            barred=barred.get(name, ()),
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
