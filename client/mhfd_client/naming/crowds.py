"""Places with several files: whether those are takes, copies or another wafer's, the names do not say."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mhfd_client.files import shown, text_of
from mhfd_client.naming.place import Place

REMEDY: Final = (
    "If they are retakes, say so (mhfd fine DIR --retaken); if they are other wafers or sessions, watch each folder by "
    "itself; else say how they are named (names.preset, names.pattern)"
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """One place, how many files have it, and two of them."""

    place: Place
    files: int
    first: str
    second: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        paths = {"first": text_of(self.first), "second": text_of(self.second)}
        return {"section": self.place.section, "tile": self.place.tile, "files": self.files, **paths}

    def __str__(self) -> str:
        more = f" and {self.files - 2:,} more" if self.files > 2 else ""
        return f"{shown(self.first)} and {shown(self.second)}{more} are {shown(str(self.place))}"


def crowds_of(placed: Iterable[tuple[str, Place]]) -> list[Crowd]:
    """The places of sections that several paths have, in their order."""
    found: dict[Place, set[str]] = {}
    for path, place in placed:
        if place.section is not None:
            found.setdefault(place, set()).add(path)
    crowded = ((place, sorted(paths)) for place, paths in found.items() if len(paths) > 1)
    return sorted((Crowd(p, len(paths), *paths[:2]) for p, paths in crowded), key=lambda crowd: crowd.place.key)


def crowded_words(crowds: Iterable[Crowd]) -> str:
    """How many places are crowded, with an example; empty where none is."""
    every = list(crowds)
    if not every:
        return ""
    places = "1 place has" if len(every) == 1 else f"{len(every):,} places have"
    return f"{places} several files: {every[0]}"
