"""Pairs before and after a known move as files, and a package that answers about them by what it is given."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tifffile

from mhfd import simulate
from mhfd.contract.proposal import Proposal, ProposalRefusal
from mhfd.learning.manifold.pair import ImagePair, measured

PACKAGE = "c" * 64


def a_known_move(folder: Path, *, induced_um: float = 5.0, perturbation_um: float = 2.0) -> list[tuple[Path, Path]]:
    """A field in focus, and the same the known move away: A and B of each."""
    at = [middle + side for middle in (0.0, induced_um) for side in (perturbation_um, -perturbation_um)]
    files = [folder / f"at_{i}.tif" for i in range(len(at))]
    for file, image in zip(files, simulate.focus_series((512, 512), seed=3, defocus_um=at), strict=True):
        tifffile.imwrite(file, image)
    return [(files[0], files[1]), (files[2], files[3])]


def session(um_a_unit: float) -> Any:
    """It knows nothing but how much sharper one image is, about so much a um, and refuses what has no structure."""

    def units(pair: ImagePair) -> float | Proposal:
        with np.errstate(over="ignore"):  # of a field with nothing in it
            seen = measured(pair)
        if seen.snr < 3:
            return Proposal(
                sign=None, refusal=ProposalRefusal.NO_STRUCTURE, why="nothing is seen", package=PACKAGE, title="stub"
            )
        return float(seen.features[4:8].mean()) / um_a_unit

    return SimpleNamespace(units=units, package=SimpleNamespace(name=PACKAGE, card=SimpleNamespace(title="stub")))
