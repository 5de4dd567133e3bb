"""Who stands where, and what is to be trained: the best of a library, the best two, or none.

A package is trained where the library is surely below who judges now. Where the interval holds 0, or lies above, what
is there is good enough to be tried as it stands. Which packages are better is a guess by the same images, so it is
never more than what is trained; who judges is decided elsewhere, on other images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mhfd.contract.assessing import AssessedPackage
from mhfd.contract.focus_report import fitted
from mhfd.learning.assessing.standing import PackageStanding, ScoreDifference
from mhfd.learning.packages import Package, instruments_of

_REASON_BYTES: Final = 300
_TITLE_BYTES: Final = 80
_MOST_INSTRUMENTS: Final = 8


@dataclass(frozen=True, eq=False)
class LibraryCandidate:
    """One folder of the library.

    `refused`: why it was not asked. `seen`: specimens of these images that it was taught with.
    """

    title: str
    name: str | None
    package: Package | None = None
    refused: str | None = None
    standing: PackageStanding | None = None
    seen: tuple[str, ...] = ()
    untrainable: str | None = None
    """Why it cannot be trained further."""

    @property
    def value(self) -> float | None:
        """Its score."""
        return None if self.standing is None else self.standing.value


@dataclass(frozen=True, eq=False)
class AssessmentBar:
    """Who is to be reached."""

    name: str
    standing: PackageStanding
    remark: str = ""


@dataclass(frozen=True, eq=False)
class LibraryChoice:
    """All packages in their order, and what is to become of them."""

    packages: tuple[AssessedPackage, ...]
    train: tuple[str, ...]
    best: str | None
    words: str


def chosen(
    candidates: Sequence[LibraryCandidate], bar: AssessmentBar, *, short: str, over: str, train_at_most: int
) -> LibraryChoice:
    """The rule.

    Args:
        candidates: Every folder of the library, asked or not.
        bar: Who judges now.
        short: What a score is, in one word.
        over: What the intervals were drawn from, in words.
        train_at_most: Packages that are to be trained.
    """
    ranked = sorted(
        (one for one in candidates if one.value is not None), key=lambda one: (bool(one.seen), -(one.value or 0))
    )
    rule = _Rule(ranked, bar, short, over, train_at_most)
    rows = [rule.row(one, place) for place, one in enumerate(ranked, start=1)]
    rows += [_row(one, str(one.refused)) for one in candidates if one.value is None]
    return LibraryChoice(
        packages=tuple(rows),
        train=tuple(one.name for one in rule.train if one.name is not None),
        best=ranked[0].name if ranked else None,
        words=rule.words(len(candidates)),
    )


class _Rule:
    """What follows from the ranked, the best first."""

    def __init__(
        self, ranked: Sequence[LibraryCandidate], bar: AssessmentBar, short: str, over: str, train_at_most: int
    ) -> None:
        self._ranked, self._bar, self._short, self._over, self._most = ranked, bar, short, over, train_at_most
        self._gap = _difference(ranked[0].standing, bar.standing) if ranked else None
        self.train: tuple[LibraryCandidate, ...] = ()
        if self._gap is not None and self._gap.below:
            self.train = self._to_train([one for one in ranked if one.untrainable is None])

    def _to_train(self, may: Sequence[LibraryCandidate]) -> tuple[LibraryCandidate, ...]:
        """The best of those that can be; the second too where it may as well be the better one."""
        if len(may) > 1 and self._most > 1:
            apart = _difference(may[0].standing, may[1].standing)
            if apart.interval is not None and not apart.above:
                return tuple(may[:2])
        return tuple(may[: min(1, self._most)])

    def row(self, one: LibraryCandidate, place: int) -> AssessedPackage:
        """One of the ranked, and why it stands there."""
        first = self._ranked[0]
        if one is first:
            why = [f"the best of {len(self._ranked)}: {self._short} less that of {self._bar.name} {self._gap}"]
        else:
            why = [f"{self._short} less that of the best {_difference(one.standing, first.standing)}"]
        if one.seen:
            more = f" and {len(one.seen) - 1} more" if len(one.seen) > 1 else ""
            why.append(f"was taught with {one.seen[0]}{more}: its score flatters, so it stands behind the others")
        if one in self.train:
            why.append("to be trained")
        elif self._gap is not None and self._gap.below and one.untrainable is not None:
            why.append(one.untrainable)
        return _row(one, "; ".join(why), rank=place, train=one in self.train)

    def words(self, count: int) -> str:
        """A sentence."""
        if not self._ranked:
            return "train none: " + ("none of the library could be assessed" if count else "the library is empty")
        best, gap = self._ranked[0], self._gap
        said = f"{self._short} of the best, {best.title}, less that of {self._bar.name} is {gap}, over {self._over}"
        if self._bar.remark:
            said += f" ({self._bar.remark})"
        if self.train:
            return f"train {' and '.join(one.title for one in self.train)}: {said}"
        if gap is not None and gap.below:
            why = "as was asked for" if self._most == 0 else "no network that could be trained further is among them"
            return f"train none, {why}: {said}"
        if best.seen:
            return f"train none: {said}, and it flatters: the package was taught with {best.seen[0]}"
        if gap is None or gap.interval is None:
            return f"train none: so few images give no interval; {said}"
        return f"train none: {said}, and so not surely below"


def _difference(one: PackageStanding | None, other: PackageStanding | None) -> ScoreDifference:
    return ScoreDifference(None, None) if one is None or other is None else one.less(other)


def _row(one: LibraryCandidate, reason: str, *, rank: int | None = None, train: bool = False) -> AssessedPackage:
    interval = None if one.standing is None else one.standing.interval
    return AssessedPackage(
        package=one.name,
        title=fitted(one.title, _TITLE_BYTES),
        instruments=() if one.package is None else instruments_of(one.package.card)[:_MOST_INSTRUMENTS],
        rank=rank,
        score=one.value,
        low=None if rank is None or interval is None else interval[0],
        high=None if rank is None or interval is None else interval[1],
        images=0 if one.standing is None else one.standing.images,
        train=train,
        reason=fitted(reason, _REASON_BYTES),
    )
