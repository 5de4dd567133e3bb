"""Which images a call far away is about: each file's name here and there.

Patterns of the endpoint's files cannot be expanded from here, and that is said before anything is sent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.scoring import lines

if TYPE_CHECKING:
    from mhfd_client.compute.reach import ReachedEndpoint

_ABSOLUTE: Final = re.compile(r"[A-Za-z]:[\\/]|[\\/]")


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its path as the caller has it, and as the endpoint does."""

    path: str
    there: str


def items_of(paths: Iterable[str], maps: PathMap, reached: ReachedEndpoint) -> list[Item]:
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
    return [Item(path, path) for path in unexpanded(named, reached)]


def unexpanded(paths: Sequence[str], reached: ReachedEndpoint) -> list[str]:
    """The same paths, none of them a pattern. UsageError."""
    for path in paths:
        if "*" in path or "?" in path:  # a bracket may be part of a name
            raise UsageError(
                f"{path}: endpoint {reached.endpoint} does not expand patterns; name the files, or say with --map "
                "where it has a folder of this machine, whose patterns are expanded here"
            )
    return list(paths)


def _absolute(path: str) -> str:
    return path if _ABSOLUTE.match(path) else os.path.abspath(path)  # noqa: PTH100 - links in it stay
