"""A package that learned from what an operator did at the pretend microscope: the whole way, in half a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mhfd.learning.manifold.learning import learn
from mhfd.learning.packages import Library
from mhfd_client.adjustment.moves import as_dataset, record_typed
from mhfd_client.instruments.pretend_scope import PretendScope
from tests.rigs.instruments.demo_trials import write_image
from tests.rigs.lens_rig import FOCUS_UM, LensRig

SPECIMENS: Final = 6
MOVES_EACH: Final = 4
HAND_UM: Final = 0.2
"""How well the operator finds the focus: standard deviation."""


def taught(rig: LensRig, folder: Path, *, seed: int = 0) -> Library:
    """A library whose only package learned from 24 moves on 6 specimens of the pretend microscope."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for specimen in range(SPECIMENS):
        for field in range(MOVES_EACH):
            lay(rig.scope, specimen, field)
            rig.scope.turn_to(FOCUS_UM + float(rng.uniform(-8, 8)))
            with rig.lens(field=f"taught {specimen}/{field}") as lens:
                pair = lens.pair(rig.config.perturbation_um)
            left = FOCUS_UM + float(rng.normal(0, HAND_UM))
            images = [folder / f"{specimen}-{field}-{which}.tif" for which in "AB"]
            for path, image in zip(images, (pair.a, pair.b), strict=True):
                write_image(path, image.pixels, image.reading.pixel_nm, image.reading.working_distance_um)
            record_typed(
                rig.state,
                f"working distance {left - pair.centre_um:+.4f} um",
                pair=(images[0], images[1]),
                perturbation_um=pair.perturbation_um,
                who="the operator",
                instrument=rig.instrument().name,
                specimen=f"specimen {specimen}",
            )
    library = Library(folder / "models")
    learn(as_dataset(rig.state), library=library)
    return library


def lay(scope: PretendScope, specimen: int, field: int, **truth: object) -> None:
    """Another specimen and field below the beam."""
    scope.change(seed=specimen, section=1, tile=f"r{1 + field // 8}-c{1 + field % 8}", **truth)
