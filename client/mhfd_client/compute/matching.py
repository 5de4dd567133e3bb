"""Patterns of the endpoint's files, expanded where the files are: below the administrator's folders, and bounded."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhfd_client.compute.opening import Opened

__all__ = ["expand"]


def expand(paths: Sequence[str], opened: Opened) -> list[str]:
    """Each pattern's files, sorted; what matches nothing stays, to be reported by its name."""
    if not any(glob.has_magic(path) for path in paths):
        return list(paths)
    raise NotImplementedError
