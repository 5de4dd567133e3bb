"""Estimates as learned packages make them, made up."""

from __future__ import annotations

import struct
from typing import Any

from mhfd.contract.estimate import Estimate, EstimateMade

RADIUS = "3f2a" + "0" * 60
CAUSE = "9b1c" + "0" * 60
FOCUS = "77d0" + "0" * 60
TITLES = {RADIUS: "mhfd-radius", CAUSE: "mhfd-cause", FOCUS: "lab-focus"}


def made(package: str, *shown: float, **says: Any) -> EstimateMade:
    """What a package says, and what it was shown."""
    estimate = Estimate(package=package, title=TITLES[package], ms=1.5, **says)
    return EstimateMade(estimate, struct.pack(f"<{len(shown)}f", *shown) if shown else None)
