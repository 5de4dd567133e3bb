"""One way to name files: regular expressions over the relative path, whatever its case and its slashes."""

import re

from mhfd_client.errors import NamingError
from mhfd_client.naming.limited import Limited
from mhfd_client.naming.place import NOWHERE, Place, canonical

SAID = r"(?<![a-z])(?:section|sect|sec|slice|s|z)[-_ ]?(?P<section>\d+)(?!\d)"
"""A number that is called a section's."""
_FOLDER = re.compile(rf"{SAID}|^(?P<number>\d{{1,6}})$", re.IGNORECASE)
COPY = re.compile(r" ?\(\d+\)(?=(?:\.ome)?\.[a-z]+$)| - (?:copy|kopie|copie|copia)\b", re.IGNORECASE)
"""What Windows writes into the name of a copy: `Name_0150 (2).tif`, `Name_0150 - Copy.tif`."""
_DIGITS = 18
"""A number of more is a serial number, and would not fit into the journal."""


class Naming:
    """One way to name files.

    Groups of its patterns: `section`; `tile`, or `row` and `col`; `more`, which belongs to the tile unless it is all
    zeros.

    Args:
        name: The preset's name, or `custom`.
        patterns: Regular expressions, searched for in the path one after the other. Case does not matter; slashes are
            forward.
        tile: Where the tile is found when it may stand anywhere in the file's name.
        folders: The section is the number of the nearest folder that has one, where the pattern does not say it.
        guess: It takes a number for the section that nobody called so: it may be wrong.
        ignore: Names of this instrument's own that are no images to score; folders end in /.
    """

    def __init__(
        self,
        name: str,
        *patterns: str,
        tile: str | None = None,
        folders: bool = False,
        guess: bool = False,
        ignore: tuple[str, ...] = (),
    ) -> None:
        self._patterns = tuple(_compiled(pattern, named=name != "custom") for pattern in patterns)
        self._tile = re.compile(tile, re.IGNORECASE) if tile else None
        self._folders, self._guess = folders, guess
        self.name = name
        self.ignore = ignore

    def __repr__(self) -> str:
        return f"Naming({self.name!r})"

    def read(self, path: str) -> Place | None:
        """Section and tile of a path, as far as its name says them; None where it is named in another way.

        NamingError where a pattern of somebody else takes too long on it.
        """
        path = path.replace("\\", "/")
        folder, slash, name = path.rpartition("/")
        if self._guess and COPY.search(name):
            return None  # Windows made it of another; whether it shows the same is anybody's guess
        tile = None
        if self._tile is not None and (found := self._tile.search(name)):
            tile = found[0]
            path = f"{folder}{slash}{name[: found.start()]}_{name[found.end() :]}"  # its numbers are no section
        for pattern in self._patterns:
            match = pattern.search(path)
            if match is None:
                continue
            groups = match.groupdict()
            section = groups.get("section")
            if section is not None and not (section.isdecimal() and len(section) <= _DIGITS):
                continue
            if section is None and self._folders:
                section = section_of(folder)
            return Place(None if section is None else int(section), _tile_of(groups) or canonical(tile))
        return None

    def place(self, path: str) -> Place:
        """The same; NOWHERE where the name does not fit."""
        return self.read(path) or NOWHERE

    def fits(self, path: str) -> bool:
        """Whether this path is named so."""
        return self.read(path) is not None

    def guesses(self, path: str) -> bool:
        """Whether the place of this path is a guess."""
        return self._guess and self.fits(path)


def _tile_of(groups: dict[str, str | None]) -> str | None:
    row, col, more = groups.get("row"), groups.get("col"), groups.get("more")
    tile = canonical(groups.get("tile") if row is None or col is None else f"r{row}-c{col}")
    return canonical(f"{tile}_{more}") if tile and more and re.search("[1-9]", more) else tile


def section_of(folder: str) -> str | None:
    """The number of the nearest folder of a path that is called a section's, or is nothing but a number."""
    for name in reversed(folder.split("/")):
        if found := _FOLDER.search(name):
            section = found["section"] or found["number"]
            return section if len(section) <= _DIGITS else None
    return None


def _compiled(pattern: str, *, named: bool) -> re.Pattern[str] | Limited:
    if named:
        return re.compile(pattern, re.IGNORECASE)  # ours, and short on any name, by test
    limited = Limited(pattern)
    if "section" not in limited.groupindex:
        raise NamingError(f"names.pattern: {pattern!r} has no group (?P<section>...)")
    return limited
