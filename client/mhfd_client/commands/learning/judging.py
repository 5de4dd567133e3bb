"""Who judges at a microscope, as `mhfd models list` tells it: champion and challenger of each task."""

from __future__ import annotations

import shlex
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
        for task in TASKS:
            champions[task] = challengers[task] = None
            try:
                champions[task] = library.champion_name(task, instrument)
                challengers[task] = library.challenger_name(task, instrument)
            except LibraryDamaged as error:
                echo(str(error), err=True)
        return cls(instrument, champions, challengers)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"instrument": self.instrument, "champions": self.champions, "challengers": self.challengers}

    def marks(self, package: Package) -> Iterator[str]:
        """What a package is here."""
        for role, names in (("champion", self.champions), ("challenger", self.challengers)):
            if names[package.card.task] == package.name:
                yield at(role, self.instrument)

    def lines(self, here: Mapping[str, ModelTask], beyond: Judging | None = None) -> Iterator[str]:
        """For people: the tasks of which there are packages `here`, or of which somebody is champion.

        `beyond`: only what is otherwise there.
        """
        from mhfd.learning.packages import MHFD

        for task, champion in self.champions.items():
            seat = at(task, self.instrument)
            if beyond is None or champion != beyond.champions[task]:
                if champion is not None and champion not in (MHFD, *here):
                    back = task if self.instrument is None else f"{task} --instrument {shlex.quote(self.instrument)}"
                    yield f"champion of {seat}: {champion}, which is damaged or gone: `mhfd models rollback {back}`"
                elif task in here.values() or champion != MHFD:
                    yield f"champion of {seat}: {champion or 'unknown'}"
            if self.challengers[task] is not None:
                yield f"challenger of {seat}: {self.challengers[task]}"


def at(what: str, instrument: str | None) -> str:
    """Of which microscope it is."""
    return what if instrument is None else f"{what} at {instrument}"
