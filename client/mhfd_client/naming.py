r"""Section and tile from a file's path.

Each preset is a few regular expressions over the relative path, whatever its case and whichever way its slashes lean:
the names come from Windows machines. A path that does not fit has no section; nothing is guessed beyond that. What is
expected to come is `expected`'s.

    atlas          S_000_1752450056/Tile_r1-c1_S_000_1752450056.tif                 section 0, tile r1-c1
    wafermapper    W02_Sec017_Montage/Tile_r1-c1_W02_sec017.tif, Image_017.tif      section 17, tile r1-c1
    sbemimage      tiles/g0000/t0012/STACK_g0000_t0012_s00117.tif                   section 117, tile g0000_t0012
    sbemimage2025  tiles/a0000/r0000/t0012/STACK_a0000_r0000_t0012_s00117.ome.tif   section 117, a0000_r0000_t0012
    plain          slice_0117.tif, section_117/r1-c2.tif, 2026-03-01_0117.tif       section 117: the number that is
                   called so, in the name or in its folder's, else the last one
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mhfd_client.errors import NamingError
from mhfd_client.settings.options import NamesSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image belongs. None: the name does not say."""

    section: int | None = None
    tile: str | None = None

    @property
    def key(self) -> tuple[bool, int, list[int], str]:
        """To sort by: sections by number, tiles by the numbers in them; what has no section comes last."""
        tile = self.tile or ""
        return self.section is None, self.section or 0, [int(n) for n in re.findall(r"\d+", tile)], tile

    def __str__(self) -> str:
        section = "no section" if self.section is None else f"section {self.section}"
        return f"{section}, tile {self.tile}" if self.tile else section


NOWHERE = Place()


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


class _Any(Naming):
    """For a folder that is still empty: each path by the first preset that it fits."""

    def __init__(self, namings: Sequence[Naming]) -> None:
        super().__init__("auto", ignore=tuple(dict.fromkeys(name for naming in namings for name in naming.ignore)))
        self._namings = namings

    def place(self, path: str) -> Place:
        return next((place for naming in self._namings if (place := naming.place(path)).section is not None), NOWHERE)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        regex = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise NamingError(f"names.pattern: {pattern!r} is no regular expression: {error}") from None
    if "section" not in regex.groupindex:
        raise NamingError(f"names.pattern: {pattern!r} has no group (?P<section>...)")
    return regex


_END = r"(?:\.ome)?\.[a-z]+$"
_ROW_COLUMN = r"r\d+-c\d+"
_SECTION = r"(?<![a-z])(?:section|sect|sec|slice|s|z)[-_ ]?(?P<section>\d+)"
_SBEMIMAGE = ("overviews/", "workspace/", "meta/")

# The special ones first: `plain` fits nearly all.
PRESETS: dict[str, Naming] = {
    naming.name: naming
    for naming in (
        Naming("sbemimage2025", rf"_(?P<tile>a\d+_r\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
        Naming("sbemimage", rf"_(?P<tile>g\d+_t\d+)_s(?P<section>\d+){_END}", ignore=_SBEMIMAGE),
        Naming(
            "atlas",
            rf"(?:^|/)Tile_(?P<tile>{_ROW_COLUMN})_S_(?P<section>\d+)_\d+{_END}",
            ignore=("*preview*", "*thumb*", "*overview*", "*stitched*"),
        ),
        Naming(
            "wafermapper",
            rf"(?:^|/)(?:Tile_(?P<tile>{_ROW_COLUMN})_(?:[^/]*_)?sec|Image_)(?P<section>\d+){_END}",
            ignore=("*preview*", "*thumb*", "*overview*", "*stitched*"),
        ),
        Naming(
            "plain",
            rf"{_SECTION}(?![\d.]*\d*[a-z])[^/]*{_END}",
            rf"{_SECTION}[^/]*/[^/]*$",
            rf"(?P<section>\d+)[^\d/]*?{_END}",
            tile=r"(?<![a-z0-9])(?:r\d+[-_]?c\d+|(?:tile|t)[-_ ]?\d+)(?![a-z0-9])",
            ignore=("*preview*", "*thumb*"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Detected:
    """Which way of naming a folder's files follow, and how many of them do."""

    naming: Naming
    fitting: int
    total: int

    def __str__(self) -> str:
        if not self.total:
            return "no images yet: each will be read by the first preset that it fits"
        return f"{self.naming.name}: {self.fitting:,} of {self.total:,} names fit"


def detect(paths: Iterable[str]) -> Detected:
    """The preset that most paths fit. `plain` only where no instrument's own fits at least half of them."""
    paths = list(paths)
    if not paths:
        return Detected(_Any(tuple(PRESETS.values())), 0, 0)
    counts = {name: sum(map(naming.fits, paths)) for name, naming in PRESETS.items()}
    special = max((name for name in PRESETS if name != "plain"), key=lambda name: counts[name])
    chosen = special if 2 * counts[special] >= len(paths) else "plain"
    return Detected(PRESETS[chosen], counts[chosen], len(paths))


def choose(settings: NamesSettings, paths: Iterable[str]) -> Detected:
    """The naming that the settings ask for, and how many of the paths fit it."""
    if settings.preset == "auto":
        return detect(paths)
    custom = settings.preset == "custom"
    naming = Naming("custom", settings.pattern or "") if custom else PRESETS[settings.preset]
    paths = list(paths)
    return Detected(naming, sum(map(naming.fits, paths)), len(paths))


def canonical(tile: str | None) -> str | None:
    """One spelling for one tile: lower case, and rows and columns without leading zeros."""
    at = row_col(tile)
    return f"r{at[0]}-c{at[1]}" if at else (tile.strip().lower() or None if tile else None)


def row_col(tile: str | None) -> tuple[int, int] | None:
    """Row and column of a tile such as `r1-c2`."""
    match = re.fullmatch(r"r(\d+)[-_]?c(\d+)", tile or "", re.IGNORECASE)
    return (int(match[1]), int(match[2])) if match else None


def sbemimage_tile(tile: str | None) -> str | None:
    """A tile as SBEMimage's lists write it: `g0000_t0012` is `0.12`."""
    match = re.fullmatch(r"g(\d+)_t(\d+)", tile or "", re.IGNORECASE)
    return f"{int(match[1])}.{int(match[2])}" if match else None


def describe(place: Place) -> str:
    """Where an image belongs, in words."""
    where = "an image without a section number" if place.section is None else f"section {place.section}"
    return where if place.tile is None else f"{where}, tile {place.tile}"


def subject(place: Place) -> str:
    """The same as the beginning of a sentence."""
    words = describe(place)
    return words[0].upper() + words[1:]
