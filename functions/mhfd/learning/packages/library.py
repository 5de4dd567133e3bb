"""The packages of a user, and which of them is the champion of a task.

Nobody becomes champion but by a report that says 'promoted' of exactly this package against exactly this champion. Back
is always possible, without a network: to who was it before, or to mhfd. Packages that ship with mhfd are listed with
the user's own and are never changed.
"""

import getpass
import shutil
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mhfd.errors import PackageRefused, UsageError
from mhfd.learning.packages.card import TASKS, ModelTask
from mhfd.learning.packages.folder import MANIFEST, is_name, read_files
from mhfd.learning.packages.history import MHFD, ChampionChange, ChampionHistory, ToldChange, append_line, locked
from mhfd.learning.packages.package import Package, put, read_package, verify
from mhfd.learning.packages.report import PROMOTED, read_ground

SHIPPED: Final = Path(__file__).parents[1] / "shipped"
_SHORTEST: Final = 6


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder of the library: a package, or why it is none."""

    folder: Path
    shipped: bool
    package: Package | None
    refused: str | None


class Library:
    """The packages below `home`, and those that ship with mhfd."""

    def __init__(self, home: Path, shipped: Path = SHIPPED) -> None:
        self.home = home
        self.folder = home / "packages"
        self._shipped = shipped
        self._history = ChampionHistory(home)

    def list(self) -> tuple[Listed, ...]:
        """Every package, the user's own first; one that is damaged with what is wrong with it."""
        return tuple(self._listed())

    def shipped(self) -> tuple[Package, ...]:
        """The packages that ship with mhfd."""
        return tuple(one.package for one in self._listed() if one.shipped and one.package is not None)

    def find(self, word: str) -> Package:
        """The package of a folder, of a name or its beginning, or of a title that only one has. UsageError."""
        if Path(word).is_dir():
            return read_package(Path(word))
        found: dict[str, Package] = {}
        refused = []
        for one in self._listed():
            named = len(word) >= _SHORTEST and one.folder.name.startswith(word)
            if one.package is None:
                if named:
                    refused.append(one.refused)
            elif (
                named
                or one.package.card.title == word
                or (len(word) >= _SHORTEST and one.package.name.startswith(word))
            ):
                found.setdefault(one.package.name, one.package)
        if len(found) == 1:
            return next(iter(found.values()))
        if refused and not found:
            raise PackageRefused(str(refused[0]))
        if found:
            raise UsageError(f"{word!r} is the name of several packages: {', '.join(sorted(found))}")
        raise UsageError(f"there is no package {word!r}: name a folder, or one of `mhfd models list`")

    def champion(self, task: ModelTask) -> Package | None:
        """The champion's package; None: mhfd. PackageRefused when it is damaged, LibraryDamaged when nobody knows."""
        name = self._history.champion(task)
        if name == MHFD:
            return None
        folder = self._folder_of(name)
        if folder is None:
            raise PackageRefused(
                f"{self.folder / name}: the champion of {task} is gone; `mhfd models rollback {task}` goes back"
            )
        return read_package(folder)

    def champion_name(self, task: ModelTask) -> str:
        """The champion's name, or `mhfd`, without looking at the package. LibraryDamaged."""
        return self._history.champion(task)

    def history(self, task: ModelTask | None = None) -> tuple[ToldChange, ...]:
        """Who became champion when and on what ground, the oldest first. LibraryDamaged."""
        return self._history.told(task)

    def add(self, package: Package) -> Package:
        """The same package in this library: verified again as it is copied."""
        folder = self._folder_of(package.name)
        if folder is not None:
            return read_package(folder)
        return put(self.folder, read_files(package.folder), check=verify)

    def promote(self, package: Package, report: Path, *, why: str = "", who: str | None = None) -> ChampionChange:
        """Make a package champion of its task, on the ground of a report; UsageError when it gives none."""
        ground = read_ground(report)
        task = package.card.task
        if ground.decision != PROMOTED:
            raise UsageError(f"{report}: the decision is {ground.decision!r}, and not 'promoted': {ground.reason}")
        if ground.task != task or ground.challenger != package.name:
            raise UsageError(
                f"{report}: is about {ground.challenger} for {ground.task}, and not about {package.name} for {task}"
            )
        verify(package.folder)
        with locked(self.home):
            champion = self._history.champion(task)
            if champion == package.name:
                raise UsageError(f"{package.name} is the champion of {task} already")
            if ground.champion != champion:
                command = "mhfd adjust learn" if task == "adjust" else "mhfd evaluate"
                raise UsageError(
                    f"{report}: compares with {ground.champion}, and the champion of {task} is {champion}: "
                    f"run `{command}` against it"
                )
            self.add(package)
            return self._history.record(
                task, "promoted", package.name, who=who or _who(), why=why or ground.reason, decision=ground.digest
            )

    def rollback(
        self, task: ModelTask, to: str | None = None, *, why: str = "", who: str | None = None
    ) -> ChampionChange:
        """Go back to who was champion before, or to `mhfd`, or to a package that once was; UsageError.

        Args:
            task: The task.
            to: `mhfd`, or the name of a package or its beginning; nothing for the one before.
            why: A word for the history.
            who: Who does it; nothing for this user.
        """
        with locked(self.home):
            if to == MHFD:
                return self._history.record(task, "rolled back", MHFD, who=who or _who(), why=why, decision=None)
            now = self._history.champion(task)
            if now == MHFD:
                raise UsageError(f"mhfd is the champion of {task}: there is nothing to go back from")
            target = self._before(task, now) if to is None else self._once(task, to)
            if target != MHFD:
                if target == now:
                    raise UsageError(f"{target} is the champion of {task} already")
                folder = self._folder_of(target)
                if folder is None:
                    raise UsageError(
                        f"{target} was champion of {task}, and is not here any more: name another with --to, or mhfd"
                    )
                verify(folder)
            return self._history.record(task, "rolled back", target, who=who or _who(), why=why, decision=None)

    def remove(self, word: str) -> Listed:
        """Delete a package of the user's, a damaged one too; UsageError for a champion and for one that ships."""
        with locked(self.home):
            found = [one for one in self._listed() if len(word) >= _SHORTEST and one.folder.name.startswith(word)]
            if not found:
                found = [one for one in self._listed() if one.folder.name == self.find(word).name]
            own = [one for one in found if not one.shipped]
            if not own:
                raise UsageError(f"{word!r} is not in {self.folder}: only packages there are removed")
            if len(own) > 1:
                raise UsageError(
                    f"{word!r} is the name of several packages: {', '.join(one.folder.name for one in own)}"
                )
            name = own[0].folder.name
            for task in TASKS:
                if self._history.champion(task) == name:
                    raise UsageError(f"{name} is the champion of {task}: first `mhfd models rollback {task}`")
            gone = own[0].folder.with_name(f".removed-{uuid4().hex}")
            own[0].folder.rename(gone)  # it is there whole, or not at all
            shutil.rmtree(gone)
            return own[0]

    def locked(self) -> AbstractContextManager[None]:
        """Held by whoever changes something in `home`."""
        return locked(self.home)

    def append(self, path: Path, document: dict[str, Any]) -> None:
        """One whole line more in a file of lines in `home`, on the disk when this returns; hold `locked`."""
        append_line(path, document)

    def _listed(self) -> Iterator[Listed]:
        for parent, shipped in ((self.folder, False), (self._shipped, True)):
            if not parent.is_dir():
                continue
            for folder in sorted(parent.iterdir()):
                if folder.name.startswith(".") or (shipped and not (folder / MANIFEST).is_file()):
                    continue
                try:
                    yield Listed(folder, shipped, read_package(folder), None)
                except PackageRefused as error:
                    yield Listed(folder, shipped, None, str(error))

    def _folder_of(self, name: str) -> Path | None:
        if is_name(name) and (self.folder / name).is_dir():
            return self.folder / name
        return next((one.folder for one in self.shipped() if one.name == name), None)

    def _before(self, task: ModelTask, now: str) -> str:
        """Who was champion when the one of now was promoted."""
        told = [one.change for one in self._history.told(task) if one.in_effect]
        return next((one.before for one in reversed(told) if one.kind == "promoted" and one.after == now), MHFD)

    def _once(self, task: ModelTask, word: str) -> str:
        were = {one.change.after for one in self._history.told(task) if one.in_effect} - {MHFD}
        found = sorted(name for name in were if len(word) >= _SHORTEST and name.startswith(word))
        if len(found) != 1:
            there_are = ", ".join([MHFD, *sorted(were)])
            raise UsageError(f"{word!r} was never champion of {task}; there are: {there_are}")
        return found[0]


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
