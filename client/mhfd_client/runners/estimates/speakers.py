"""The learned packages of a runner, seen from the parent: who spoke, who holds a worker up, who is not asked again.

An image that is scored waits here for what they say, bounded by the runner's clock, and goes on without those that did
not answer. Nothing is imported that learns: a package is a name and a title.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from mhfd.contract.estimate import SHORT, EstimateMade
from mhfd_client.runners import Event, Health, Scored, SeatsTaken, Trouble
from mhfd_client.runners.estimates.packages import CHAMPION
from mhfd_client.runners.process import NO_PACKAGE

_JUDGES: Final = CHAMPION, "focus"
_MHFD: Final = "mhfd"
FAILURES: Final = 2
"""After so many in one watch a package is not asked any more."""


@dataclass(slots=True, eq=False)
class Hearing:
    """An image that has its report while packages are asked about it."""

    scored: Scored
    titles: Mapping[str, str]
    """The packages that its worker asks, and what people call them."""
    asking: str = NO_PACKAGE
    """Which one is asked now."""


class Speakers:
    """See the module. One for all workers of a runner."""

    def __init__(self) -> None:
        self.titles: Mapping[str, str] = {}
        """Those of the worker that told last."""
        self._failures: Counter[str] = Counter()
        self._aside: dict[str, str] = {}
        self._refused: list[str] = []
        self._looked_ns = 0
        self._seats: dict[tuple[str, str], str] | None = None

    @property
    def aside(self) -> Mapping[str, str]:
        """The packages that are not asked any more, and why."""
        return MappingProxyType(self._aside)

    def met(self, payload: bytes, hearing: Hearing | None) -> Iterator[Event]:
        """A worker has opened the packages, the first time or because a seat has another one now.

        Those that cannot be used are named, once. Each worker finds out by itself: who looked before the one that told
        last says nothing new.
        """
        told = json.loads(payload)
        titles = {one["package"]: one["title"] for one in told["speakers"]}
        if hearing is not None:
            hearing.titles = titles
        if told["looked_ns"] < self._looked_ns:
            return
        self._looked_ns, self.titles = told["looked_ns"], titles
        before, self._refused = self._refused, told["refused"]
        if self._refused and before != self._refused:
            yield Health(False, f"a learned package is not used: {'; '.join(self._refused)}", Trouble.MODELS)
        elif before and not self._refused and not self._aside:
            yield Health(True, "every learned package that is asked for can be used again", Trouble.MODELS)
        yield from self._taken(told["seats"])

    def _taken(self, seats: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
        """Who has which seat now."""
        before = self._seats
        self._seats = {(one["role"], one["task"]): _called(one) for one in seats}
        changed = [
            f"the {role} of {task} here is {called} from now on, in place of {before[role, task]}"
            for (role, task), called in self._seats.items()
            if before is not None and before.get((role, task), called) != called and (role, task) != _JUDGES
        ]
        champion = next((one for one in seats if (one["role"], one["task"]) == _JUDGES), None)
        if champion is not None or changed:
            yield SeatsTaken(None if champion is None else _champion(champion), tuple(changed))

    def heard(self, hearing: Hearing, kind: str, payload: bytes) -> None:
        """A package is asked, or has answered."""
        if kind == "asking":
            hearing.asking = payload.decode()
            return
        try:
            made = EstimateMade.of_json(payload)
        except ValueError as e:
            made = self._silent(hearing, hearing.asking, f"it answered with what is no estimate: {e}")
        hearing.scored = replace(hearing.scored, estimates=(*hearing.scored.estimates, made))

    def cut_off(self, hearing: Hearing, why: str) -> Iterator[Event]:
        """The worker ended in the middle. The image goes on with what was said; the others say nothing."""
        at = hearing.asking
        title = hearing.titles.get(at, "what learned packages need")
        heard = {made.estimate.package for made in hearing.scored.estimates}
        others = f"it was not asked: {title} {why}"
        silent = [
            self._silent(hearing, name, f"it {why}" if name == at else others)
            for name in hearing.titles
            if name not in heard
        ]
        yield replace(hearing.scored, estimates=(*hearing.scored.estimates, *silent))
        if why == "cancelled":
            return  # by whoever asked for the work: no package's doing
        self._failures[at] += 1
        if self._failures[at] >= FAILURES and at not in self._aside:
            self._aside[at] = f"it is not asked any more in this watch: {FAILURES} times it {why}"
            whom = "they are" if at == NO_PACKAGE else "it is"
            words = f"{title} {why}: {whom} not asked any more in this watch; images keep their reports and verdicts"
            yield Health(False, words, Trouble.MODELS)

    def _silent(self, hearing: Hearing, package: str, why: str) -> EstimateMade:
        title = hearing.titles.get(package, package[:SHORT])
        return EstimateMade.silent(package, title, why, hearing.scored.report.image.sha256)


def _champion(seat: Mapping[str, Any]) -> tuple[str | None, str]:
    return seat["package"], seat["title"] or ("" if seat["package"] else _MHFD)


def _called(seat: Mapping[str, Any]) -> str:
    """Who has a seat, for a person."""
    if seat["package"] is None:
        return _MHFD if seat["role"] == CHAMPION else "nobody"
    return f"{seat['title']} {seat['package'][:SHORT]}".strip()
