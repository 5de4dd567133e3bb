"""Which images a call far away is about: each file's name here and there.

Patterns of the endpoint's files cannot be expanded from here, and that is said before anything is sent.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.scoring import lines

_ABSOLUTE: Final = re.compile(r"[A-Za-z]:[\\/]|[\\/]")


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its path as the caller has it, and as the endpoint does."""

    path: str
    there: str


def items_of(paths: Iterable[str], maps: PathMap, endpoint: UUID) -> list[Item]:
    """Each file as it is called here and there.

    With a map, paths and patterns are this machine's. Without one the paths are the endpoint's, and no patterns.
    """
    if maps:
        return [Item(path, maps.there(_absolute(path))) for path in lines.expand(paths)]
    named = list(paths)
    for path in named:
        if not path.startswith("/"):
            raise UsageError(
                f"{path}: without --map, paths are the endpoint's own and begin with /; for files of this machine say "
                "where the endpoint has them, as in --map /mnt/sem=/eagle/sem"
            )
    for path in named:
        if "*" in path or "?" in path:  # a bracket may be part of a name
            raise UsageError(
                f"{path}: endpoint {endpoint} does not expand patterns; name the files, or say with --map where it has "
                "a folder of this machine, whose patterns are expanded here"
            )
    return [Item(path, path) for path in named]


def _absolute(path: str) -> str:
    return path if _ABSOLUTE.match(path) else os.path.abspath(path)  # noqa: PTH100 - links in it stay
