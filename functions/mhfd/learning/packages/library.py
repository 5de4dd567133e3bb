"""The packages of a user or of an endpoint, and which of them is the champion of a task at a microscope.

Nobody becomes champion but by a report that says 'promoted' of exactly this package against exactly this champion. Back
is always possible, without a network: to who was it before, or to mhfd. Beside the champion one package may challenge:
it is asked where somebody wants that, and judges nothing. Packages that ship with mhfd are listed with the user's own
and are never changed.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mhfd.errors import PackageRefused, UsageError
from mhfd.learning.packages.card import ModelTask
from mhfd.learning.packages.history import MHFD, ChampionChange, ChampionHistory, ToldChange
from mhfd.learning.packages.origins import refused_for
from mhfd.learning.packages.package import Package, read_package, verify
from mhfd.learning.packages.pulling import champion_there
from mhfd.learning.packages.report import PROMOTED, PromotionGround, kept_report, read_report
from mhfd.learning.packages.seats import ROLES, Seat, at
from mhfd.learning.packages.shelf import SHIPPED, Listed, Shelf, take_away
from mhfd.learning.packages.succession import before, end_challenge, last, once, rolled_back_from, seated, this_user
from mhfd.learning.packages.writing import append_line, changing, locked
from mhfd.whole import write_whole


class Library(Shelf):
    """The packages below `home`, and those that ship with mhfd, with champions and challengers.

    Where an `instrument` is asked for, it is the name of a microscope; None: wherever none is named. One that never had
    a champion of its own has the one without a microscope.
    """

    def __init__(self, home: Path, shipped: Path = SHIPPED) -> None:
        super().__init__(home, shipped)
        self._history = ChampionHistory(home)

    def champion(self, task: ModelTask, instrument: str | None = None) -> Package | None:
        """The champion's package; None: mhfd. PackageRefused when it is damaged, LibraryDamaged when nobody knows."""
        seat = Seat.of(task, instrument)
        name = self._history.champion(seat)
        if name == MHFD:
            return None
        folder = self.folder_of(name)
        if folder is None:
            raise PackageRefused(
                f"{self.folder / name}: the champion of {seat} is gone; `mhfd models rollback {seat.typed}` goes back"
            )
        return read_package(folder)

    def champion_name(self, task: ModelTask, instrument: str | None = None) -> str:
        """The champion's name, or `mhfd`, without looking at the package. LibraryDamaged."""
        return self._history.champion(Seat.of(task, instrument))

    def challenger(self, task: ModelTask, instrument: str | None = None) -> Package | None:
        """The challenger's package; None: nobody challenges. PackageRefused, LibraryDamaged."""
        seat = Seat.of(task, instrument)
        name = self._history.challenger(seat)
        if name is None:
            return None
        folder = self.folder_of(name)
        if folder is None:
            raise PackageRefused(f"{self.folder / name}: the challenger of {seat} is gone: put it back, or learn again")
        return read_package(folder)

    def challenger_name(self, task: ModelTask, instrument: str | None = None) -> str | None:
        """The challenger's name, without looking at the package; None: nobody challenges. LibraryDamaged."""
        return self._history.challenger(Seat.of(task, instrument))

    def instruments(self) -> tuple[str, ...]:
        """The microscopes that have, or had, a champion or a challenger of their own."""
        found = {seat.instrument for role in ROLES for seat in self._history.seats(role)}
        return tuple(sorted(name for name in found if name is not None))

    def history(self, task: ModelTask | None = None, instrument: str | None = None) -> tuple[ToldChange, ...]:
        """Who became champion or challenger when and on what ground, the oldest first. LibraryDamaged.

        Args:
            task: Of which; None: all, of every microscope.
            instrument: Of which microscope; None, where a task is named: what is of none.
        """
        return self._history.told(None if task is None else Seat.of(task, instrument))

    def refuse_elsewhere(self, package: Package, instrument: str | None) -> None:
        """PackageRefused for a package of other microscopes that has earned no place at this one."""
        if (why := refused_for(package.card, instrument)) is None:
            return
        task = package.card.task
        if package.name not in (self.champion_name(task, instrument), self.challenger_name(task, instrument)):
            raise PackageRefused(f"{package.short}: {why}")

    def promote(
        self, package: Package, report: Path, *, instrument: str | None = None, why: str = "", who: str | None = None
    ) -> ChampionChange:
        """Make a package champion of its task, on the ground of a report; UsageError when it gives none.

        Args:
            package: Copied into this library where it is not there.
            report: Of a comparison at this very microscope, with who is champion there now.
            instrument: The microscope.
            why: A word for the history; nothing for the report's reason.
            who: Who does it; nothing for this user.
        """
        ground, data = read_report(report)
        seat = Seat.of(package.card.task, instrument)
        if ground.decision != PROMOTED:
            raise UsageError(f"{report}: the decision is {ground.decision!r}, and not 'promoted': {ground.reason}")
        if ground.task != seat.task or ground.challenger != package.name:
            raise UsageError(
                f"{report}: is about {ground.challenger} for {ground.task}, and not about {package.name} for {seat}"
            )
        if ground.instrument != seat.instrument:
            raise UsageError(f"{report}: {_another_microscope(package, ground, seat)}")
        verify(package.folder)
        with changing(self.home):
            champion = self._history.champion(seat)
            if champion == package.name:
                raise UsageError(f"{package.name} is the champion of {seat} already")
            if ground.champion != champion:
                command = "mhfd adjust learn" if seat.task == "adjust" else "mhfd evaluate"
                raise UsageError(
                    f"{report}: compares with {ground.champion}, and the champion of {seat} is {champion}: "
                    f"run `{command}` against it"
                )
            return self._enthrone(seat, package, ground, data, who=who, why=why or ground.reason)

    def pull(
        self,
        source: "Library",
        task: ModelTask,
        instrument: str | None = None,
        *,
        again: bool = False,
        why: str = "",
        who: str | None = None,
    ) -> ChampionChange:
        """Take the champion of another library, with the report that made it so there. UsageError, PackageRefused.

        The champion of here has to be one of those that it, or who it beat, was compared with there.

        Args:
            source: The other library: it is only read.
            task: Of which task.
            instrument: At which microscope, there and here.
            again: Also one that was rolled back from here.
            why: A word for the history.
            who: Who does it; nothing for this user.
        """
        seat = Seat.of(task, instrument)
        found = champion_there(source, source._history, seat)  # noqa: SLF001 - another of this class
        name = found.package.name
        with changing(self.home):
            champion = self._history.champion(seat)
            if champion == name:
                raise UsageError(f"{name} is the champion of {seat} already, as in {source.home}")
            back = rolled_back_from(self._history, seat, name)
            if back is not None and not again:
                raise UsageError(
                    f"{name} was rolled back from here at {back.at} by {back.who}{back.why and ': '}{back.why}; "
                    f"`mhfd models pull {seat.typed} --from {source.home} --again` takes it nevertheless"
                )
            if champion not in found.beaten:
                raise UsageError(
                    f"{source.home}: {name} was compared with {found.ground.champion}, and the champion of {seat} here "
                    f"is {champion}: go back to who it was compared with (`mhfd models rollback {seat.typed} --to "
                    "...`), or run `mhfd evaluate` against the champion of here"
                )
            because = f"pulled from {source.home}: {why or found.ground.reason}"
            return self._enthrone(seat, found.package, found.ground, found.report, who=who, why=because)

    def follow(
        self, name: str, task: ModelTask, *, instrument: str | None = None, why: str = "", who: str | None = None
    ) -> ChampionChange:
        """Note who judges at a microscope, as whoever stands there says: there it was decided. UsageError.

        Args:
            name: `mhfd`, or a package of this library.
            task: The task.
            instrument: The microscope.
            why: A word for the history.
            who: Who does it; nothing for this user.
        """
        seat = Seat.of(task, instrument)
        with changing(self.home):
            if self._history.champion(seat) == name:
                raise UsageError(f"{name} is the champion of {seat} already")
            if name != MHFD:
                folder = self.folder_of(name)
                if folder is None:
                    raise UsageError(f"{name} judges {seat}, and is not in {self.folder}: put it there first")
                verify(folder)
            return seated(self._history, seat, "told", name, who=who, why=why)

    def rollback(
        self,
        task: ModelTask,
        to: str | None = None,
        *,
        instrument: str | None = None,
        why: str = "",
        who: str | None = None,
    ) -> ChampionChange:
        """Go back to who was champion before, or to `mhfd`, or to a package that once was; UsageError.

        Args:
            task: The task.
            to: `mhfd`, or the name of a package or its beginning; nothing for the one before.
            instrument: The microscope.
            why: A word for the history.
            who: Who does it; nothing for this user.
        """
        seat = Seat.of(task, instrument)
        with changing(self.home):
            if to == MHFD:
                return seated(self._history, seat, "rolled back", MHFD, who=who, why=why)
            now = self._history.champion(seat)
            if now == MHFD:
                raise UsageError(f"mhfd is the champion of {seat}: there is nothing to go back from")
            target = before(self._history, seat, now) if to is None else once(self._history, seat, to)
            if target != MHFD:
                if target == now:
                    raise UsageError(f"{target} is the champion of {seat} already")
                folder = self.folder_of(target)
                if folder is None:
                    raise UsageError(
                        f"{target} was champion of {seat}, and is not here any more: name another with --to, or mhfd"
                    )
                verify(folder)
            return seated(self._history, seat, "rolled back", target, who=who, why=why)

    def challenge(
        self, package: Package, *, instrument: str | None = None, why: str = "", who: str | None = None
    ) -> ChampionChange:
        """Let a package be the challenger of its task, in place of another; who judges stays. UsageError.

        The same again changes nothing. It ends where it becomes champion, or is removed.

        Args:
            package: Copied into this library where it is not there.
            instrument: The microscope.
            why: A word for the history.
            who: Who does it; nothing for this user.
        """
        seat = Seat.of(package.card.task, instrument)
        verify(package.folder)
        with changing(self.home):
            if self._history.champion(seat) == package.name:
                raise UsageError(f"{package.name} is the champion of {seat}, and challenges nobody")
            self.add(package)
            if self._history.challenger(seat) == package.name:
                return last(self._history, seat, "challenger")
            return self._history.record(seat, "challenges", package.name, who=who or this_user(), why=why)

    def remove(self, word: str) -> Listed:
        """Delete a package of the user's, a damaged one too; UsageError for a champion and for one that ships."""
        with changing(self.home):
            found = self.named(word)
            own = [one for one in found if not one.shipped]
            if not own:
                raise UsageError(f"{word!r} is not in {self.folder}: only packages there are removed")
            if len(own) > 1:
                raise UsageError(
                    f"{word!r} is the name of several packages: {', '.join(one.folder.name for one in own)}"
                )
            name = own[0].folder.name
            for seat in self._history.seats("champion"):
                if self._history.champion(seat) == name:
                    raise UsageError(f"{name} is the champion of {seat}: first `mhfd models rollback {seat.typed}`")
            for seat in self._history.seats("challenger"):
                end_challenge(self._history, seat, name, why="it was removed")
            take_away(own[0].folder)
            return own[0]

    def locked(self) -> AbstractContextManager[None]:
        """Held by whoever changes something in `home`."""
        return locked(self.home)

    def append(self, path: Path, document: dict[str, Any]) -> None:
        """One whole line more in a file of lines in `home`, on the disk when this returns; hold `locked`."""
        append_line(path, document)

    def _enthrone(
        self, seat: Seat, package: Package, ground: PromotionGround, report: bytes, *, who: str | None, why: str
    ) -> ChampionChange:
        """The package and its report are here whole before anybody is told of them."""
        here = self.add(package)
        if here.name != package.name:
            raise PackageRefused(f"{here.folder}: is {here.name}, and {package.name} was to be brought: bring it again")
        write_whole(kept_report(self.home, ground.digest), report, private=True)
        return seated(self._history, seat, "promoted", package.name, who=who, why=why, decision=ground.digest)


def _another_microscope(package: Package, ground: PromotionGround, seat: Seat) -> str:
    """Why the report of one microscope promotes nobody at another, in words."""
    decided = "no microscope in particular" if ground.instrument is None else ground.instrument
    asked = "no microscope in particular" if seat.instrument is None else seat.instrument
    again = "mhfd evaluate" if seat.instrument is None else f"mhfd evaluate {at(seat.instrument)}"
    why = refused_for(package.card, seat.instrument)
    learned = "" if why is None else f"; and {why}"
    return f"was decided for {decided}, and this is {asked}: run `{again}`, and give its report{learned}"
