"""Tiles that the sections around have and one section lacks. Nobody said what a mosaic is: its neighbours do.

A tile is expected where nearly all of the nearest sections have it. Where a mosaic grows or ends, those of one side
have it and those of the other have not, so nothing is missing; and where many sections lack something that most have,
the mosaic is ragged by design, and nothing is said. What a section lacks may still come until one that began later has
it.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from mhfd_client.naming import Place

_AROUND: Final = 5
"""Sections on each side."""
_LEAST: Final = 5
"""Fewer say nothing."""
_NEARLY_ALL: Final = 0.9
_MOST: Final = 0.7
_RAGGED: Final = 0.25
"""So many of them may lack a tile that most have."""


class Mosaics:
    """The tiles of each section of a run, look after look. No look costs more than what came since the last."""

    def __init__(self) -> None:
        self._sections: list[int] = []  # that have begun, by number
        self._tiles: dict[int, set[str | None]] = {}
        self._order: dict[int, int] = {}  # section: how many began before it
        self._latest: dict[str | None, int] = {}  # tile: the order of the last section with it
        self._holes: dict[int, tuple[str | None, ...]] = {}

    @property
    def absent(self) -> list[Place]:
        """The tiles that sections lack, in their order."""
        return [Place(section, tile) for section in sorted(self._holes) for tile in self._holes[section]]

    @property
    def missing(self) -> list[Place]:
        """Those of them that a section which began later has."""
        return [p for p in self.absent if p.section is not None and self._latest[p.tile] > self._order[p.section]]

    def take(self, arrived: Mapping[Place, int]) -> None:
        """What has come since, and when."""
        touched = set()
        for place in sorted(arrived, key=lambda place: arrived[place]):
            section = place.section
            if section is None:
                continue
            if section not in self._tiles:
                self._order[section] = len(self._order)
                self._tiles[section] = set()
                insort(self._sections, section)
            if place.tile not in self._tiles[section]:
                self._tiles[section].add(place.tile)
                self._latest[place.tile] = max(self._latest.get(place.tile, 0), self._order[section])
                touched.add(section)
        for section in self._with_neighbours(touched):
            if holes := self._lacks(section):
                self._holes[section] = holes
            else:
                self._holes.pop(section, None)

    def _with_neighbours(self, sections: Iterable[int]) -> set[int]:
        found = set()
        for section in sections:
            at = bisect_left(self._sections, section)
            found.update(self._sections[max(0, at - _AROUND) : at + _AROUND + 1])
        return found

    def _lacks(self, section: int) -> tuple[str | None, ...]:
        at = bisect_left(self._sections, section)
        around = self._sections[max(0, at - _AROUND) : at] + self._sections[at + 1 : at + 1 + _AROUND]
        mine = self._tiles[section]
        if len(around) < _LEAST or all(self._tiles[other] == mine for other in around):
            return ()
        counts = Counter(tile for other in around for tile in self._tiles[other])
        lacking = {tile for tile, n in counts.items() if n >= _NEARLY_ALL * len(around)} - mine
        if lacking:
            usual = {tile for tile, n in counts.items() if n >= _MOST * len(around)}
            if sum(not usual <= self._tiles[other] for other in around) > _RAGGED * len(around):
                return ()
        return tuple(sorted(lacking, key=lambda tile: Place(section, tile).key))
