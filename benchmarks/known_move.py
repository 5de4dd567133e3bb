"""What one known move does for the package that ships, at half-angles of the beam that nobody told it.

A pretend microscope for each half-angle and specimen: calibrated as `mhfd adjust calibrate` does near the focus of one
section, asked about pairs of another. Prints the rows of the table in decision 73.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from mhfd.contract import Proposal
from mhfd.learning.manifold.asking import PairSession, champion_or_shipped
from mhfd.learning.manifold.pair import ImagePair
from mhfd.learning.packages import Library
from mhfd_client.adjustment.as_pair import image_pair
from mhfd_client.adjustment.calibrating import PlacedPair, calibrated
from mhfd_client.adjustment.lens import TakenPair
from mhfd_client.errors import InducedRefused
from mhfd_client.instruments.config import InstrumentConfig, SoftLimits
from mhfd_client.instruments.opening import opened
from mhfd_client.instruments.pretend_scope import PretendScope, make_pretend
from mhfd_client.instruments.protocol import TakenImage

HALF_ANGLES_MRAD: Final = (5.0, 8.0, 12.0)
TOLD_MRAD: Final = 8.0
"""Whose size is compared with: what who does not calibrate would take."""
SPECIMENS: Final = 4
ASKED: Final = 5
"""Pairs of each specimen, evenly within `WITHIN_UM`."""
WITHIN_UM: Final = 4.0
PERTURBATION_UM: Final = 2.0
INDUCED_UM: Final = 5.0
FOCUS_UM: Final = 5000.0


def main() -> None:
    """A line for each half-angle."""
    rng = np.random.default_rng(5)
    with TemporaryDirectory() as name:
        session = PairSession(champion_or_shipped(Library(Path(name, "library"))))
        found = {mrad: list(_asked(session, Path(name), mrad, rng)) for mrad in HALF_ANGLES_MRAD}
    told = float(np.mean([um_a_unit for _, _, um_a_unit in found[TOLD_MRAD]]))
    for mrad, rows in found.items():
        off, units, um_a_unit = np.array(rows).T
        far = np.abs(off) > 1
        wrong = int((np.sign(units[far]) != -np.sign(off[far])).sum())
        print(
            f"{mrad:g} mrad: {um_a_unit.min():.2f} to {um_a_unit.max():.2f} um a unit; "
            f"RMSE {_rmse(units * um_a_unit + off):.2f} um, "
            f"with the size of {TOLD_MRAD:g} mrad {_rmse(units * told + off):.2f}; "
            f"{wrong} of {int(far.sum())} signs wrong; {len(off)} of {SPECIMENS * ASKED} pairs answered"
        )


def _asked(
    session: PairSession, folder: Path, mrad: float, rng: np.random.Generator
) -> Iterator[tuple[float, float, float]]:
    """How far each pair was from the focus, what the package said in its unit, and how large that is."""
    for seed in range(SPECIMENS):
        scope = make_pretend(folder / f"{mrad:g}-{seed}", half_angle_mrad=mrad, seed=seed, lens_um=FOCUS_UM)
        here = FOCUS_UM + float(rng.normal(0, 0.3))  # a hand does not focus better
        places = (0.0, INDUCED_UM / 2, -INDUCED_UM / 2)
        try:
            pairs = [PlacedPair(_pair(scope, here + at), at) for at in places]
            um_a_unit = calibrated(session.units, session.package.name, pairs).calibration.um_a_unit
        except InducedRefused as error:
            print(f"{mrad:g} mrad, specimen {seed}: refused: {error}")
            continue
        scope.change(section=7 + seed)
        for off in rng.uniform(-WITHIN_UM, WITHIN_UM, ASKED):
            said = session.units(_pair(scope, FOCUS_UM + float(off)))
            if not isinstance(said, Proposal):
                yield float(off), said, um_a_unit


def _pair(scope: PretendScope, centre_um: float) -> ImagePair:
    limits = SoftLimits(low_um=FOCUS_UM - 500, high_um=FOCUS_UM + 500)
    instrument = opened(InstrumentConfig(kind="pretend", address=str(scope.folder), limits=limits))

    def image(side: float) -> TakenImage:
        scope.turn_to(centre_um + side)
        return instrument.acquire()

    a, b = image(PERTURBATION_UM), image(-PERTURBATION_UM)
    return image_pair(TakenPair(a, b, centre_um, PERTURBATION_UM, b.reading.at), instrument)


def _rmse(errors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.sqrt((errors**2).mean()))


if __name__ == "__main__":
    main()
