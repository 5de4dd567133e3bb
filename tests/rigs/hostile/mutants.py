"""Damaged copies of files, made one by one as they are wanted: the same number, the same bytes, always."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.rigs.damage import DAMAGES, edit_chunk, seal, splice


def mutant(number: int, originals: Sequence[Path], seed: int) -> tuple[str, bytes]:
    """A name and the bytes: one to three damages, most of them where the layout is."""
    path = originals[number % len(originals)]
    rng = np.random.default_rng([seed, number])
    data = bytearray(path.read_bytes())
    png = path.suffix.lower() == ".png"
    for _ in range(int(rng.choice([1, 2, 3]))):
        if not data:
            break
        chance = rng.random()
        if chance < 0.1:
            splice(data, originals[int(rng.integers(len(originals)))].read_bytes(), rng)
        elif png and chance < 0.6:
            edit_chunk(data, rng)
        else:
            DAMAGES[int(rng.integers(len(DAMAGES)))](data, rng)
    if png and rng.random() < 0.8:
        seal(data)
    return f"{number}-{path.stem[:60]}{path.suffix}", bytes(data)
