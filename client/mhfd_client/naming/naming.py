"""One way to name files: regular expressions over the relative path, whatever its case and its slashes."""

import re

from mhfd_client.errors import NamingError
from mhfd_client.naming.place import NOWHERE, Place, canonical


class Naming:
    """One way to name files.

    Args:
        name: The preset's name, or `custom`.
        patterns: Regular expressions with the group `section` and, if there is one, `tile`. They are searched for in
            the path one after the other. Case does not matter; slashes are forward.
        tile: Where the tile is found when it may stand anywhere in the file's name.
        ignore: Names of this instrument's own that are no images to score; folders end in /.
    """

    def __init__(self, name: str, *patterns: str, tile: str | None = None, ignore: tuple[str, ...] = ()) -> None:
        self._patterns = tuple(_compiled(pattern) for pattern in patterns)
        self._tile = re.compile(tile, re.IGNORECASE) if tile else None
        self.name = name
        self.ignore = ignore

    def __repr__(self) -> str:
        return f"Naming({self.name!r})"

    def place(self, path: str) -> Place:
        """Section and tile of a path; both None where its name does not fit."""
        path = path.replace("\\", "/")
        tile = None
        if self._tile is not None:
            folder, slash, name = path.rpartition("/")
            if found := self._tile.search(name):
                tile = found[0]
                path = f"{folder}{slash}{name[: found.start()]}_{name[found.end() :]}"  # its numbers are no section
        for pattern in self._patterns:
            match = pattern.search(path)
            # A number of more digits is a serial number, and would not fit into the journal.
            if match and match["section"] and match["section"].isdecimal() and len(match["section"]) <= 18:
                tile = match.groupdict().get("tile") or tile
                return Place(int(match["section"]), canonical(tile))
        return NOWHERE

    def fits(self, path: str) -> bool:
        """Whether this path is named so."""
        return self.place(path).section is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        regex = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise NamingError(f"names.pattern: {pattern!r} is no regular expression: {error}") from None
    if "section" not in regex.groupindex:
        raise NamingError(f"names.pattern: {pattern!r} has no group (?P<section>...)")
    return regex
