"""Measured moves that were never images: rings that answer to the move, directions that answer to the stigmators."""

from __future__ import annotations

import numpy as np

from mhfd.learning.manifold.pair import ANGULAR_NAMES, LEVEL_NAMES, RING_NAMES
from mhfd.learning.manifold.table import MoveTable


def move_table_of(
    specimens: int = 6, each: int = 4, *, seed: int = 0, hand_um: float = 0.1, stigs: bool = False, name: str = "s"
) -> MoveTable:
    """So many specimens, each with rings a little stronger or weaker than another's."""
    rng = np.random.default_rng(seed)
    rows = specimens * each
    move = rng.normal(0, 3, rows)
    which = np.repeat(np.arange(specimens), each)
    strength = np.linspace(0.02, 1, len(RING_NAMES)) * np.exp(rng.normal(0, 0.05, specimens))[which][:, None]
    rings = strength * np.tanh(move / 12)[:, None] * 3 + rng.normal(0, 0.005, (rows, len(RING_NAMES)))
    stig = rng.normal(0, 1, (rows, 2))
    turned = rng.normal(0, 0.02, (rows, len(ANGULAR_NAMES)))
    if stigs:
        turned[:, ::2] += 0.3 * stig[:, :1]
        turned[:, 1::2] += 0.3 * stig[:, 1:]
    sharp = np.linspace(2, -2, len(LEVEL_NAMES)) + rng.normal(0, 0.1, (rows, len(LEVEL_NAMES)))
    blurred = sharp - 0.1 * np.abs(move)[:, None] * np.linspace(0, 1, len(LEVEL_NAMES))
    return MoveTable(
        pair=np.concatenate([rings, turned], axis=1),
        slope=move,
        level=blurred,
        levels=np.stack([blurred, sharp], axis=1),
        move_um=move + rng.normal(0, hand_um, rows),
        stig=stig if stigs else np.full((rows, 2), np.nan),
        perturbation_um=np.full(rows, 2.0),
        pixel_nm=np.full(rows, 8.0),
        snr=np.full(rows, 300.0),
        specimen=[f"scope/{name}{one}" for one in which],
        groups=[f"scope/{name}{one}/" for one in which],
        flaws=[None] * rows,
    )
