"""Who judges at a microscope, as `mhfd models list` tells it: champion and challenger of each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mhfd.errors import LibraryDamaged
from mhfd_client.commands.common import echo

if TYPE_CHECKING:
    from mhfd.learning.packages import Library, ModelTask, Package


@dataclass(frozen=True, slots=True)
class Judging:
    """The champions of a microscope and its challengers, by task. Of a champion None: nobody knows."""

    instrument: str | None
    champions: Mapping[ModelTask, str | None]
    challengers: Mapping[ModelTask, str | None]

    @classmethod
    def of(cls, library: Library, instrument: str | None) -> Judging:
        """As the library has it; what is damaged there is said."""
        from mhfd.learning.packages import TASKS

        champions: dict[ModelTask, str | None] = {}
        challengers: dict[ModelTask, str | None] = {}
        damaged: dict[str, None] = {}
        for task in TASKS:
            champions[task] = challengers[task] = None
            try:
                champions[task] = library.champion_name(task, instrument)
                challengers[task] = library.challenger_name(task, instrument)
            except LibraryDamaged as error:
                damaged[str(error)] = None
        for told in damaged:
            echo(told, err=True)
        return cls(instrument, champions, challengers)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"instrument": self.instrument, "champions": self.champions, "challengers": self.challengers}

    def marks(self, package: Package) -> Iterator[str]:
        """What a package is here."""
        for role, names in (("champion", self.champions), ("challenger", self.challengers)):
            if names[package.card.task] == package.name:
                yield role if self.instrument is None else f"{role} at {self.instrument}"

    def lines(self, here: Mapping[str, ModelTask], beyond: Judging | None = None) -> Iterator[str]:
        """For people: the tasks of which there are packages `here`, or of which somebody is champion.

        `beyond`: only what is otherwise there.
        """
        from mhfd.learning.packages import MHFD
        from mhfd.learning.packages.seats import Seat

        for task, champion in self.champions.items():
            seat = Seat.of(task, self.instrument)
            if beyond is None or champion != beyond.champions[task]:
                if champion is not None and champion not in (MHFD, *here):
                    yield (
                        f"champion of {seat}: {champion}, which is damaged or gone: `mhfd models rollback {seat.typed}`"
                    )
                elif task in here.values() or champion != MHFD:
                    yield f"champion of {seat}: {champion or 'unknown'}"
            if (challenger := self.challengers[task]) is not None:
                gone = "" if challenger in here else ", which is damaged or gone: put it back, or learn again"
                yield f"challenger of {seat}: {challenger}{gone}"
