"""`compare`: entries on the same images -> a table by group, differences with their doubt, and a decision.

`mhfd` stands in every comparison. A challenger is promoted when what it saves over mhfd, and over the champion, is more
than the doubt that so few groups leave; else what is there is kept. Several challengers share the doubt among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.evaluation import ranking
from mhfd.learning.evaluation.benchmark import Benchmark, Duel, GroupRow, Placing, Range, RatesAt, Role
from mhfd.learning.evaluation.costs import Counts, tally
from mhfd.learning.evaluation.entry import MHFD, Entry, Terms, checked_prevalence
from mhfd.learning.evaluation.interval import doubt_of, draws_of, range_of
from mhfd.learning.evaluation.splits import specimen_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PREVALENCES = (0.01, 0.03, 0.10)
"""Bad images of all, beside the run's own: what runs have, not what labelled sets have."""
_NAMED = 8
"""So many names in a sentence; of more, the number."""


def compare(
    entries: Sequence[Entry],
    bad: NDArray[np.bool_] | Sequence[bool],
    groups: Sequence[str],
    *,
    prevalence: float,
    settings: Terms | None = None,
    seed: int = 0,
) -> Benchmark:
    """Who says best which images are bad, and whether that is sure enough to change anything.

    Args:
        entries: `mhfd` among them. Scores of learners come from folds that did not see the group.
        bad: What is true of each row.
        groups: Where each row is from: what may be alike, as a specimen. The decision rests on these.
        prevalence: The part of bad images in the run that this is for.
        settings: The terms of the decision.
        seed: Of the draws.
    """
    terms = settings or Terms()
    truth = np.asarray(bad, dtype=bool)
    _check(entries, truth, groups, prevalence)
    spoken = np.any([np.isfinite(one.scores) for one in entries if not one.beside], axis=0)
    table = _Table.of(entries, truth, groups, spoken, prevalence, terms, seed)
    barred = {one.name: table.barred(one) for one in entries}
    duels = [duel for one in entries if one.challenges for duel in table.duels(one)]
    verdict = _decided(entries, table, barred, duels, terms)
    standings = tuple(table.standing(one, barred[one.name]) for one in entries)
    own = _percent(prevalence)
    return Benchmark(
        decision="promoted" if verdict.promoted else "kept",
        kept=verdict.champion,
        reason=verdict.reason,
        line=f"{'promoted' if verdict.promoted else 'kept'}: {verdict.champion} ({verdict.reason})",
        challenger=verdict.challenger,
        champion=next((one.name for one in entries if one.champion), MHFD),
        prevalence=prevalence,
        miss_cost=terms.miss_cost,
        test=terms.test,
        alpha=terms.alpha,
        seed=seed,
        draws=terms.draws,
        unit=terms.unit,
        groups=tuple(table.names),
        images=int(spoken.sum()),
        bad=int(truth[spoken].sum()),
        entries=standings,
        duels=tuple(duels),
        auc={one.name: {"decides": one.auc} for one in standings},
        precision_at={
            key: {one.name: one.rates[place].precision for one in standings if one.rates}
            for place, key in enumerate([own, *(_percent(p) for p in PREVALENCES if _percent(p) != own)])
        },
        remarks=() if spoken.all() else (f"{int((~spoken).sum())} images on which no entry speaks are left out",),
    )


def _check(entries: Sequence[Entry], bad: Bools, groups: Sequence[str], prevalence: float) -> None:
    names = [one.name for one in entries]
    if MHFD not in names:
        raise UsageError(f"entries: {', '.join(names) or 'none'}; `{MHFD}` has to stand in every comparison")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"entries: {', '.join(twice)} stands twice; give each a name of its own")
    for one in entries:
        if len(one.scores) != len(bad):
            raise UsageError(f"entry {one.name}: {len(one.scores)} scores for {len(bad)} labels")
    if len(groups) != len(bad):
        raise UsageError(f"groups: {len(groups)} for {len(bad)} labels; name one for each")
    checked_prevalence(prevalence)
    if bad.all() or not bad.any():
        raise UsageError(
            f"labels: all {len(bad)} images are {'bad' if len(bad) and bad.all() else 'good'}; both kinds are needed"
        )


def _percent(part: float) -> str:
    return f"{part:.4g}"


@dataclass(frozen=True, eq=False)
class _Table:
    """Everything counted by group, once."""

    names: tuple[str, ...]
    at: NDArray[np.intp]
    bad: Bools
    scores: dict[str, Floats]
    all_speak: Bools
    tallies: dict[str, Counts]
    weights: Floats
    prevalence: float
    terms: Terms
    seed: int
    entries: tuple[Entry, ...]
    known: dict[str, Floats] = field(default_factory=dict)
    """AUC of each draw, by entry."""

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        bad: Bools,
        groups: Sequence[str],
        spoken: Bools,
        prevalence: float,
        terms: Terms,
        seed: int,
    ) -> _Table:
        if not spoken.any() or bad[spoken].all() or not bad[spoken].any():
            raise UsageError("labels: where any entry speaks there is one kind of image only; both are needed")
        names, at = np.unique(np.asarray(groups, dtype=str)[spoken], return_inverse=True)
        scores = {one.name: one.scores[spoken] for one in entries}
        deciding = [scores[one.name] for one in entries if not one.beside]
        kept = bad[spoken]
        weight_missed, weight_false = terms.miss_cost * prevalence, 1 - prevalence
        return cls(
            names=tuple(str(name) for name in names),
            at=at,
            bad=kept,
            scores=scores,
            all_speak=np.all([np.isfinite(each) for each in deciding], axis=0),
            tallies={
                name: tally(
                    each, kept, at, len(names), weight_missed=weight_missed, weight_false=weight_false, seed=seed
                )
                for name, each in scores.items()
            },
            weights=draws_of(len(names), terms.draws, seed),
            prevalence=prevalence,
            terms=terms,
            seed=seed,
            entries=tuple(entries),
        )

    @property
    def costs(self) -> tuple[float, float]:
        """Of missing all that is bad, and of naming all that is sharp."""
        return self.terms.miss_cost * self.prevalence, 1 - self.prevalence

    def barred(self, one: Entry) -> tuple[str, ...]:
        """Why an entry cannot be promoted."""
        return (*self.leaks(one), *one.barred)

    def leaks(self, one: Entry) -> tuple[str, ...]:
        """How an entry knows what it is asked."""
        why = []
        if seen := self.seen(one):
            why.append(f"has seen {_listed(seen)}")
        if one.challenges and not one.held_out and self._is_the_label(one.name):
            why.append("has the labels as its scores")
        return tuple(why)

    def seen(self, one: Entry) -> list[str]:
        """The groups here that an entry was made from."""
        known = {specimen_of(group) for group in one.groups_seen}
        return [name for name in self.names if specimen_of(name) in known]

    def _is_the_label(self, name: str) -> bool:
        speaks = np.isfinite(self.scores[name])
        high, low = self.scores[name][speaks & self.bad], self.scores[name][speaks & ~self.bad]
        one_value = len(np.unique(high)) == len(np.unique(low)) == 1
        return bool(one_value and len(high) + len(low) > 2 and high[0] != low[0])

    def duels(self, one: Entry) -> list[Duel]:
        """A challenger against all that are in its way."""
        return [self._duel(one.name, other.name) for other in self.entries if other.name == MHFD or other.champion]

    def _duel(self, name: str, against: str) -> Duel:
        mine, other = self.tallies[name], self.tallies[against]
        shares = other.shares(*self.costs) - mine.shares(*self.costs)
        doubt = doubt_of(
            shares,
            (
                lambda weights: other.costs(weights, *self.costs) - mine.costs(weights, *self.costs),
                lambda weights: other.chosen_anew(weights, *self.costs) - mine.chosen_anew(weights, *self.costs),
            ),
            alpha=self.terms.alpha,
            draws=self.terms.draws,
            seed=self.seed,
        )
        ours, theirs = self._auc(name), self._auc(against)
        spread = range_of(self._drawn(name) - self._drawn(against), len(self.names))
        saved = float(shares.mean())
        return Duel(
            challenger=name,
            against=against,
            saved=saved,
            range=Range(low=max(doubt.low, -1e6), high=min(doubt.high, 1e6)),
            p=doubt.p,
            auc=None if ours is None or theirs is None else ours - theirs,
            auc_range=None if spread is None else Range(low=spread[0], high=spread[1]),
        )

    def _common(self, name: str) -> Floats:
        """Scores where every entry that counts speaks: who abstains on what is hard is not the better for it."""
        return np.where(self.all_speak, self.scores[name], np.nan)

    def _auc(self, name: str) -> float | None:
        return ranking.auc(self._common(name), self.bad)

    def _drawn(self, name: str) -> Floats:
        if name not in self.known:
            won = ranking.wins(self._common(name), self.bad, self.at, len(self.names))
            self.known[name] = ranking.drawn(*won, self.weights)
        return self.known[name]

    def standing(self, one: Entry, barred: tuple[str, ...]) -> Placing:
        """How an entry did."""
        scores, count = self.scores[one.name], len(self.names)
        speaks, counted = np.isfinite(scores), self.tallies[one.name]
        spread = range_of(self._drawn(one.name), count)
        role: Role = "mhfd" if one.name == MHFD else "beside" if one.beside else "challenger"
        return Placing(
            name=one.name,
            role="champion" if one.champion and one.name != MHFD else role,
            barred=barred,
            groups_seen=tuple(sorted(one.groups_seen)),
            images=int(speaks.sum()),
            abstained=int((~speaks).sum()),
            auc=self._auc(one.name),
            auc_range=None if spread is None else Range(low=spread[0], high=spread[1]),
            rates=tuple(self._rates(one.name)),
            confusion=counted.confusion(),
            groups=tuple(self._rows(one.name)),
        )

    def _rates(self, name: str) -> list[RatesAt]:
        own = _percent(self.prevalence)
        found = [self.tallies[name].rates(self.prevalence, self.terms.miss_cost)]
        for other in PREVALENCES:
            if _percent(other) == own:
                continue
            counted = tally(
                self.scores[name],
                self.bad,
                self.at,
                len(self.names),
                weight_missed=self.terms.miss_cost * other,
                weight_false=1 - other,
                seed=self.seed,
            )
            found.append(counted.rates(other, self.terms.miss_cost))
        return found

    def _rows(self, name: str) -> list[GroupRow]:
        counted, shares = self.tallies[name], self.tallies[name].shares(*self.costs)
        return [
            GroupRow(
                group=group,
                images=int(counted.bad[place] + counted.sharp[place]),
                bad=int(counted.bad[place]),
                auc=ranking.auc(np.where(self.at == place, self.scores[name], np.nan), self.bad),
                missed=round(float(counted.missed[place]), 2),
                false_alarms=round(float(counted.false_alarms[place]), 2),
                cost=round(float(shares[place]), 5),
            )
            for place, group in enumerate(self.names)
        ]


@dataclass(frozen=True)
class _Verdict:
    promoted: bool
    champion: str
    reason: str
    challenger: str | None = None


def _decided(
    entries: Sequence[Entry], table: _Table, barred: dict[str, tuple[str, ...]], duels: Sequence[Duel], terms: Terms
) -> _Verdict:
    incumbent = next((one.name for one in entries if one.champion), MHFD)
    for one in entries:
        if (one.champion or one.name == MHFD) and (seen := table.seen(one)):
            return _Verdict(False, incumbent, f"refused: {one.name} has seen {_listed(seen)}; leave them out")
    challengers = [one for one in entries if one.challenges]
    standing = [one.name for one in challengers if not barred[one.name]]
    if not standing and any(table.leaks(one) for one in challengers):
        return _Verdict(False, incumbent, _refused(challengers, barred))
    if lacking := _too_few(table, terms):
        return _Verdict(False, incumbent, lacking)
    if not challengers:
        return _Verdict(False, incumbent, "no challenger")
    if not standing:
        return _Verdict(False, incumbent, _refused(challengers, barred))
    hardest = {
        name: max((duel for duel in duels if duel.challenger == name), key=lambda duel: (duel.p, -duel.saved))
        for name in standing
    }
    alpha = terms.alpha / len(standing)
    passed = [name for name in standing if hardest[name].p <= alpha and hardest[name].range.low > 0]
    best = max(passed or standing, key=lambda name: hardest[name].saved)
    why = _why(hardest[best], table, terms, alpha, bool(passed))
    if len(standing) > 1 and not passed:
        why += f"; best of {len(standing)}: {best}"
    return _Verdict(bool(passed), best if passed else incumbent, why, best)


def _refused(challengers: Sequence[Entry], barred: dict[str, tuple[str, ...]]) -> str:
    return "refused: " + "; ".join(f"{one.name} {', '.join(barred[one.name])}" for one in challengers)


def _too_few(table: _Table, terms: Terms) -> str:
    """Why these groups decide nothing; empty when they may."""
    count = len(table.names)
    if count < terms.least_groups:
        return f"too few {terms.unit}: {count}, at least {terms.least_groups} that no entry has seen"
    mhfd = table.tallies[MHFD]
    for kind, has in (("bad", mhfd.bad), ("good", mhfd.sharp)):
        if (having := int((has > 0).sum())) < terms.least_groups:
            return f"too few {terms.unit} with {kind} images: {having}, at least {terms.least_groups}"
    return ""


def _why(duel: Duel, table: _Table, terms: Terms, alpha: float, promoted: bool) -> str:
    """The difference, its interval, and what it lacks."""
    low, high = duel.range.low, duel.range.high
    said = f"difference {signed(duel.saved)}, 95% [{signed(low)}, {signed(high)}]"
    told = f"{len(table.names)} {terms.unit}"
    if promoted:
        return f"{said}, p {_chance(duel.p)}; {told}"
    if low <= 0 <= high:
        return f"{said} holds 0; {told}"
    if high < 0:
        return f"{said} is worse; {told}"
    asked = f"test {terms.test} of this library" if terms.test > 1 else f"{round(terms.alpha / alpha)} challengers"
    return f"{said} is not sure enough: p {_chance(duel.p)}, {asked} ask for {_chance(alpha)}; {told}"


def signed(value: float) -> str:
    """+.020, as the tables have it."""
    return f"{value:+.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:+.2f}"


def _chance(p: float) -> str:
    return f"{p:.3f}".replace("0.", ".", 1) if p >= 0.001 else f"{p:.1g}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
