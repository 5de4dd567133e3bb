"""Section and tile from a file's name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an image belongs. None: the name does not say."""

    section: int | None = None
    tile: str | None = None
