"""What the ledger says was spent: how far lenses were moved within the hour, and the dose of a field. Reads only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from mhfd_client.adjustment import ledger
from mhfd_client.adjustment.ledger import LensEntry

HOUR_S: Final = 3600.0


def hour_um(state_dir: Path, now: float | None = None) -> float:
    """By how much lenses were moved within the last hour, there and back added up; pairs not counted."""
    since = (time.time() if now is None else now) - HOUR_S
    return sum(line.numbers.get("moved_um", 0.0) for line in ledger.lines(state_dir) if line.at > since)


def images_of(state_dir: Path, field: str | None, *, since: float = 0.0) -> int:
    """How many images of a field were begun: its dose, whether they came or not."""
    return sum(
        line.what is LensEntry.IMAGE and line.field == field and line.at > since for line in ledger.lines(state_dir)
    )
