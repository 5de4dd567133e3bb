"""Which missing sections the run has passed: by how many later ones, and for how long.

Order of arrival is no gap. Files become whole in another order than they were taken; a run may go down the numbers,
take every second section first, jump about, or take one tile of every section before the next tile. So a gap is where a
run leaves its own stride; one that has none has no gaps before its end. A section is passed by those that begin beyond
it, seen from the one that began before; a tile by the later sections that have this tile; and how late sections came
that did come is part of what is told. It decides nothing: `rules` does.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mhfd_client.naming import Place

BACK: Final = 20
"""So many sections are looked at for how late they came. What is passed by more than that rings no more."""
_IN_STRIDE: Final = 0.6
"""So much of its last steps make a run's stride."""
_STEPS: Final = 3
"""Fewer may be chance."""
_MOST: Final = 300
"""Missing sections that are watched, the nearest."""
_LAST: Final = 1100
"""Sections that may pass one: more than any setting asks for."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A section of which something is missing. `passed`: by so many; `since_s`: the first of them so long ago."""

    section: int
    passed: int
    since_s: float


@dataclass(frozen=True, slots=True)
class _Begun:
    """A section that has begun. `before`: the one that began before it; `at`: when."""

    section: int
    before: int | None
    at: float

    def passes(self, gap: int, stride: int) -> bool:
        """It lies beyond the gap, or farther away than the one before, which would have come there with this stride."""
        if self.before is None:
            return self.section > gap
        across = (self.before < gap) != (self.section < gap)
        beyond = across or abs(self.section - gap) > abs(self.before - gap)
        return beyond and (gap - self.before) % stride == 0


@dataclass(frozen=True, slots=True)
class _Passed:
    times: int
    since: float


class Gaps:
    """The gaps of a run, look after look. `moment`: when a stamp (seconds) was, on a clock that nobody sets."""

    def __init__(self, moment: Callable[[float], float]) -> None:
        self._moment = moment
        self._begun: list[_Begun] = []  # in the order in which they began
        self._order: dict[int, int] = {}  # section: its place in there
        self._watched: dict[int, int] = {}  # sections of which nothing is here: since which one that began
        self._with: dict[str | None, list[tuple[int, float]]] = {}  # by tile: sections by their order, and when
        self._late: deque[int] = deque(maxlen=BACK)
        self._steps: deque[int] = deque(maxlen=BACK)
        self._missing: Collection[Place] = ()
        self._found: dict[int, _Passed] = {}

    @property
    def late(self) -> int:
        """By how many sections one that did come was late, of the last ones that began."""
        return max(self._late, default=0)

    def take(self, arrived: Mapping[Place, int], missing: Collection[Place], now: float) -> tuple[Gap, ...]:
        """The gaps now, by section.

        Args:
            arrived: Where images have come since the last look, and when (nanoseconds).
            missing: What is missing; the same object while nothing has changed.
            now: On the clock of `moment`.
        """
        if arrived or missing is not self._missing:
            self._missing = missing
            known = len(self._begun)
            self._take_in(arrived)
            near = self._near({place.section for place in missing if place.section is not None})
            self._watched = {n: self._watched.get(n, known) for n in near if n not in self._order}
            self._found = self._passed(near, missing)
        return tuple(Gap(section, seen.times, now - seen.since) for section, seen in sorted(self._found.items()))

    def _take_in(self, arrived: Mapping[Place, int]) -> None:
        for place, at_ns in sorted(arrived.items(), key=lambda pair: pair[1]):
            if place.section is None:
                continue
            at = self._moment(at_ns / 1e9)
            if place.section not in self._order:
                self._begin(place.section, at)
            having, order = self._with.setdefault(place.tile, []), self._order[place.section]
            where = bisect_left(having, (order, -math.inf))
            if where == len(having) or having[where][0] != order:
                having.insert(where, (order, at))

    def _begin(self, section: int, at: float) -> None:
        before = self._begun[-1].section if self._begun else None
        late = self._whole(section)
        self._late.append(0 if late is None else min(late.times, BACK))
        self._watched.pop(section, None)
        if before is not None:
            self._steps.append(abs(section - before))
        self._order[section] = len(self._begun)
        self._begun.append(_Begun(section, before, at))

    def _near(self, sections: set[int]) -> list[int]:
        newest = self._begun[-1].section if self._begun else 0
        return sorted(sections, key=lambda section: abs(section - newest))[:_MOST]

    def _passed(self, near: Iterable[int], missing: Iterable[Place]) -> dict[int, _Passed]:
        found = {section: seen for section in near if (seen := self._whole(section)) is not None}
        wanted = set(near)
        for place in missing:
            if place.section in wanted and (part := self._part(place.section, place.tile)) is not None:
                known = found.get(place.section)
                if known is None or part.times > known.times:
                    found[place.section] = part
        return found

    def _stride(self) -> int | None:
        """How far the run goes from section to section; None: nobody can tell."""
        stride, times = Counter(self._steps).most_common(1)[0] if self._steps else (1, 0)
        return stride if times >= max(_STEPS, _IN_STRIDE * len(self._steps)) else None

    def _whole(self, section: int) -> _Passed | None:
        """Of which nothing is here: passed by sections that began since it was missing."""
        first, stride = self._watched.get(section), self._stride()
        if first is None or stride is None or (section - self._begun[-1].section) % stride:
            return None
        some = self._begun[max(first, len(self._begun) - _LAST) :]
        moments = [begun.at for begun in some if begun.passes(section, stride)]
        return _Passed(len(moments), moments[0]) if moments else None

    def _part(self, section: int, tile: str | None) -> _Passed | None:
        """Of a section that has begun: the later ones that have what it has not."""
        if section not in self._order:
            return None
        having = self._with.get(tile, [])
        first = bisect_right(having, (self._order[section], math.inf))
        return _Passed(len(having) - first, having[first][1]) if first < len(having) else None
