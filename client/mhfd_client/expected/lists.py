"""Sections and tiles that should come, from a list, or from what Atlas writes about its mosaics.

A list is text (`1-300, 302`) or CSV with the columns `section` and, if wanted, `tile`. Atlas keeps one
`MosaicInfo_*.ve-mif` a mosaic, XML with one Tile an image, whose Filename is a path of the acquisition machine: only
its last part is used. These files come from elsewhere: a document type, and with it every entity, is refused.
"""

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path
from xml.parsers import expat

from mhfd_client.errors import NamingError
from mhfd_client.naming import PRESETS, Naming, Place, canonical

MAX_PLACES = 1_000_000
MAX_BYTES = 256 << 20


def load(path: str | os.PathLike[str], *, naming: Naming | None = None) -> frozenset[Place]:
    """The places that a list, a `.ve-mif` or a folder of those names.

    A place without a tile stands for the section, whichever tiles it has.
    """
    path = Path(path)
    try:
        if path.is_dir():
            files = atlas_manifests(path)
            if not files:
                raise NamingError(f"names.expected: {path} holds no MosaicInfo_*.ve-mif; name a list of sections")
            return frozenset().union(*(load(file, naming=naming) for file in files))
        if path.stat().st_size > MAX_BYTES:
            raise NamingError(
                f"names.expected: {path} is larger than {MAX_BYTES >> 20} MB; that is no list of sections"
            )
        content = path.read_bytes()
    except OSError as error:
        raise NamingError(f"names.expected: {path}: {error.strerror}") from None
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or path.suffix.lower() == ".ve-mif":
        return _atlas(content, path, naming or PRESETS["atlas"])
    try:
        return _listed(content.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        raise NamingError(f"names.expected: {path} is neither text in UTF-8 nor XML") from None


def atlas_manifests(root: str | os.PathLike[str]) -> list[Path]:
    """The `MosaicInfo_*.ve-mif` below a folder."""
    return sorted(p for p in Path(root).rglob("*") if re.fullmatch(r"mosaicinfo_.*\.ve-mif", p.name, re.IGNORECASE))


def _listed(text: str, path: Path) -> frozenset[Place]:
    lines = csv.reader((line.partition("#")[0] for line in text.splitlines()), skipinitialspace=True)
    rows = [(number, row) for number, row in enumerate(lines, 1) if any(cell.strip() for cell in row)]
    if not rows:
        raise NamingError(f"names.expected: {path} is empty; write sections as 1-300, one range a line")
    header = [cell.strip().lower() for cell in rows[0][1]]
    places: set[Place] = set()
    if "section" in header:
        section, tile = header.index("section"), header.index("tile") if "tile" in header else None
        for number, row in rows[1:]:
            if len(row) <= section:
                raise NamingError(f"names.expected: {path}:{number}: has no column 'section'")
            name = canonical(row[tile]) if tile is not None and len(row) > tile else None
            _add(places, (Place(s, name) for s in _range(row[section], path, number)), path)
    else:
        for number, row in rows:
            for cell in row:
                if cell.strip():
                    _add(places, map(Place, _range(cell, path, number)), path)
    return frozenset(places)


def _range(text: str, path: Path, line: int) -> range:
    match = re.fullmatch(r"(\d{1,18})(?:\s*(?:-|\.\.|:)\s*(\d{1,18}))?", text.strip())
    if match is None:
        raise NamingError(f"names.expected: {path}:{line}: {text.strip()!r} is no section; write 12 or 1-300")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise NamingError(f"names.expected: {path}:{line}: {text.strip()!r} runs backwards; write {last}-{first}")
    if last - first >= MAX_PLACES:
        raise NamingError(f"names.expected: {path}:{line}: names more than {MAX_PLACES:,} images")
    return range(first, last + 1)


def _add(places: set[Place], more: Iterable[Place], path: Path) -> None:
    for place in more:
        places.add(place)
        if len(places) > MAX_PLACES:
            raise NamingError(f"names.expected: {path} names more than {MAX_PLACES:,} images")


def _atlas(content: bytes, path: Path, naming: Naming) -> frozenset[Place]:
    tiles = _Tiles(path)
    try:
        tiles.parse(content)
    except expat.ExpatError as error:
        raise NamingError(f"names.expected: {path} is not valid XML: {error}") from None
    places: set[Place] = set()
    for row, column, filename in tiles.found:
        name = filename.replace("\\", "/").rpartition("/")[2]
        place = naming.place(name)
        if place.section is None:
            raise NamingError(f"names.expected: {path}: cannot tell the section of {name!r} with names {naming.name!r}")
        tile = place.tile if row is None or column is None else f"r{row}-c{column}"
        _add(places, [Place(place.section, tile)], path)
    if not places:
        raise NamingError(f"names.expected: {path} names no Tile with a Filename")
    return frozenset(places)


class _Tiles:
    """Collects (row, column, file name) of every Tile: the name is an attribute or an element inside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: list[tuple[str | None, str | None, str]] = []
        self._tile: dict[str, str] | None = None
        self._text: list[str] | None = None

    def parse(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(content, True)

    def _doctype(self, *_: object) -> None:
        raise NamingError(f"names.expected: {self._path} declares a document type; Atlas writes none")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        if name == "tile":
            self._tile = {_local(key): value for key, value in attributes.items()}
        elif name == "filename" and self._tile is not None:
            self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = _local(name)
        if name == "filename" and self._tile is not None and self._text is not None:
            self._tile["filename"] = "".join(self._text).strip()
            self._text = None
        elif name == "tile" and self._tile is not None:
            if filename := self._tile.get("filename"):
                self.found.append((self._number("row"), self._number("col"), filename))
            self._tile = None

    def _number(self, name: str) -> str | None:
        value = (self._tile or {}).get(name, "").strip()
        return str(int(value)) if value.isdecimal() and len(value) < 10 else None


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
