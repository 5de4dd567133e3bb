"""The learned packages of a runner, seen from the parent: who spoke, who holds a worker up, who is not asked again.

An image that is scored waits here for what they say, bounded by the runner's clock, and goes on without those that did
not answer. Nothing is imported that learns: a package is a name and a title.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from mhfd.contract.estimate import EstimateMade
from mhfd_client.runners import Event, Health, Scored, Trouble
from mhfd_client.runners.process import NO_PACKAGE

FAILURES: Final = 2
"""After so many in one watch a package is not asked any more."""


@dataclass(slots=True, eq=False)
class Hearing:
    """An image that has its report while packages are asked about it."""

    scored: Scored
    asking: str = NO_PACKAGE
    """Which one is asked now."""


class Speakers:
    """See the module. One for all workers of a runner."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._aside: dict[str, str] = {}
        self._refused: list[str] = []

    @property
    def aside(self) -> Mapping[str, str]:
        """The packages that are not asked any more, and why."""
        return MappingProxyType(self._aside)

    def met(self, payload: bytes) -> Iterator[Event]:
        """A worker has opened the packages. Those that cannot be used are named, once."""
        told = json.loads(payload)
        self._titles = {one["package"]: one["title"] for one in told["speakers"]}
        if told["refused"] and told["refused"] != self._refused:
            self._refused = told["refused"]
            yield Health(False, f"a learned package is not used: {'; '.join(self._refused)}", Trouble.MODELS)

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
        title = self._titles.get(at, "what learned packages need")
        heard = {made.estimate.package for made in hearing.scored.estimates}
        others = f"it was not asked: {title} {why}"
        silent = [
            self._silent(hearing, name, f"it {why}" if name == at else others)
            for name in self._titles
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
        return EstimateMade.silent(package, self._titles[package], why, hearing.scored.report.image.sha256)
