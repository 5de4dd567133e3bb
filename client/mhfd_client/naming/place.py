"""Where an image belongs: section and tile, their spelling and their words."""

import re
from dataclasses import dataclass


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
