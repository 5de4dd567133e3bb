"""Estimates as learned packages make them, made up."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mhfd.contract.estimate import Estimate, EstimateMade

RADIUS = "3f2a" + "0" * 60
CAUSE = "9b1c" + "0" * 60
FOCUS = "77d0" + "0" * 60
TITLES = {RADIUS: "mhfd-radius", CAUSE: "mhfd-cause", FOCUS: "lab-focus"}


def made(package: str, *shown: float, **says: Any) -> EstimateMade:
    """What a package says, and what it was shown."""
    estimate = Estimate(package=package, title=TITLES[package], ms=1.5, **says)
    return EstimateMade(estimate, struct.pack(f"<{len(shown)}f", *shown) if shown else None)


def tissue() -> NDArray[np.uint8]:
    """A small image that can be measured."""
    fine = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(256, 256)), 2)
    noise = np.random.default_rng(4).normal(size=fine.shape)
    pixels: NDArray[np.uint8] = np.clip(128 + 30 * fine / fine.std() + 3 * noise, 0, 255).astype(np.uint8)
    return pixels
