"""The packages of a folder, and those that ship with mhfd: listed, found by a word, added. Knows no champion."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from mhfd.errors import PackageRefused, UsageError
from mhfd.learning.packages.folder import MANIFEST, is_name, read_files
from mhfd.learning.packages.package import Package, put, read_package, verify
from mhfd.learning.packages.writing import writable

SHIPPED: Final = Path(__file__).parents[1] / "shipped"
SHORTEST: Final = 6
"""Digits of a name that say which it is."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder of the library: a package, or why it is none."""

    folder: Path
    shipped: bool
    package: Package | None
    refused: str | None


class Shelf:
    """The packages below `home`, and those that ship with mhfd."""

    def __init__(self, home: Path, shipped: Path = SHIPPED) -> None:
        self.home = home
        self.folder = home / "packages"
        self._shipped = shipped

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
            named = len(word) >= SHORTEST and one.folder.name.startswith(word)
            if one.package is None:
                if named:
                    refused.append(one.refused)
            elif (
                named or one.package.card.title == word or (len(word) >= SHORTEST and one.package.name.startswith(word))
            ):
                found.setdefault(one.package.name, one.package)
        if len(found) == 1:
            return next(iter(found.values()))
        if refused and not found:
            raise PackageRefused(str(refused[0]))
        if found:
            raise UsageError(f"{word!r} is the name of several packages: {', '.join(sorted(found))}")
        if Path(word).is_file():
            return read_package(Path(word))  # which says that it is none
        raise UsageError(f"there is no package {word!r}: name a folder, or one of `mhfd models list`")

    def add(self, package: Package) -> Package:
        """The same package in this library: verified again as it is copied, in place of a copy that is damaged.

        PackageRefused, LibraryUnwritable.
        """
        folder = self.folder_of(package.name)
        if folder is not None:
            try:
                return read_package(folder)
            except PackageRefused:
                verify(package.folder)  # it can be mended; one that is damaged as well refuses for both
        with writable(self.home):
            files = read_files(package.folder)
            if folder is not None:
                take_away(folder)
            return put(self.folder, files, check=verify)

    def folder_of(self, name: str) -> Path | None:
        """Where the package of a whole name lies; None: it is not here."""
        if is_name(name) and (self.folder / name).is_dir():
            return self.folder / name
        return next((one.folder for one in self.shipped() if one.name == name), None)

    def named(self, word: str) -> tuple[Listed, ...]:
        """Packages, damaged ones too, whose folder begins so; else the one that `find` finds."""
        listed = self.list()
        found = tuple(one for one in listed if one.folder.name == word)
        found = found or tuple(one for one in listed if len(word) >= SHORTEST and one.folder.name.startswith(word))
        return found or tuple(one for one in listed if one.folder.name == self.find(word).name)

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


def take_away(folder: Path) -> None:
    """Delete a package: it is there whole, or not at all. Of a link the link, and nothing that it leads to."""
    gone = folder.with_name(f".removed-{uuid4().hex}")
    folder.rename(gone)
    if gone.is_dir() and not gone.is_symlink():
        shutil.rmtree(gone)
    else:
        gone.unlink()
