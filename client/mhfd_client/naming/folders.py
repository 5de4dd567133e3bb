"""A folder for each section, and in it files whose names say nothing of it: their name is the tile."""

import re

from mhfd_client.naming.naming import COPY, SAID, Naming, section_of
from mhfd_client.naming.place import Place, canonical

TILE = r"(?<![a-z0-9])(?:r\d+[-_]?c\d+|(?:tile|t)[-_ ]?\d+)(?![a-z0-9])"
_TILE = re.compile(TILE, re.IGNORECASE)
_SAID = re.compile(SAID, re.IGNORECASE)
_END = re.compile(r"(?:\.ome)?\.[a-z]+$", re.IGNORECASE)


class SectionFolders(Naming):
    """`Section 010/a.tif`, `s0001/b.tif`; `010/c.tif` too, unless `bare` is false: a number may mean anything."""

    def __init__(self, *, bare: bool = True) -> None:
        super().__init__("folders", ignore=("*preview*", "*thumb*"))
        self._bare = bare

    def read(self, path: str) -> Place | None:
        """The section of the folder that the file lies in, and the file's name."""
        folder, _, name = path.replace("\\", "/").rpartition("/")
        parent = folder.rpartition("/")[2]
        section = section_of(parent)
        if section is None or _SAID.search(name) or COPY.search(name) or not (self._bare or _SAID.search(parent)):
            return None
        tile = _TILE.search(name)
        return Place(int(section), canonical(_END.sub("", name) if tile is None else tile[0]))
