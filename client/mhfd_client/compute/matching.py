"""Patterns of the endpoint's files: they cannot be expanded from here, and that is said before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mhfd.errors import UsageError

if TYPE_CHECKING:
    from mhfd_client.compute.opening import Opened

__all__ = ["expand"]


def expand(paths: Sequence[str], opened: Opened) -> list[str]:
    """The same paths, none of them a pattern. UsageError."""
    for path in paths:
        if "*" in path or "?" in path:  # a bracket may be part of a name
            raise UsageError(
                f"{path}: endpoint {opened.endpoint} does not expand patterns; name the files, or say with --map where "
                "it has a folder of this machine, whose patterns are expanded here"
            )
    return list(paths)
