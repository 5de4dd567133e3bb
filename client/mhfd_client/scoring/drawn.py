"""What learned packages say of an image for a picture of it: asked in this process, where the pixels are.

A network's map is drawn beside what was measured. A package that hangs holds the command up, as nothing here may be
ended: who scores many images without a picture has worker processes for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mhfd.contract.estimate import Estimate, EstimateMade
from mhfd.learning.inference import NetworkSession, opened
from mhfd.learning.inference.meaning import not_measured
from mhfd.overlay import PlacesMap
from mhfd_client.runners.estimates.found_packages import found

if TYPE_CHECKING:
    from mhfd.measure.measure import Measurement
    from mhfd_client.runners.estimates.packages import AskedPackages


class PictureSpeakers:
    """The packages that a person named, opened once. UsageError where one cannot be.

    Args:
        asked: Their names, and where they are looked up.
    """

    def __init__(self, asked: AskedPackages) -> None:
        packages = {one.name: one for name in asked.names for one in found(name, asked.library, asked.instrument)}
        self._sessions = [opened(package) for package in packages.values()]

    def say(self, measured: Measurement) -> tuple[tuple[Estimate, ...], list[PlacesMap]]:
        """What each says of an image, and the maps of those that have any."""
        estimates: list[Estimate] = []
        maps: list[PlacesMap] = []
        report, pixels = measured.report, measured.pixels
        for session in self._sessions:
            if pixels is None:
                why, card = not_measured(report), session.card
                estimates.append(
                    EstimateMade.silent(session.package.name, card.title, why, report.image.sha256).estimate
                )
                continue
            if not isinstance(session, NetworkSession):
                estimates.append(session.estimate(pixels, report))
                continue
            made, answer = session.mapped(pixels, report)
            estimates.append(made.estimate)
            bad = session.badness_map(answer)
            if bad is not None:
                grid = session.network.grid
                words = f"out of focus, dark 0 to bright 1, {grid} px a place, says {made.estimate.speaker}"
                maps.append(PlacesMap(words, bad, grid, answer.origin))
        return tuple(estimates), maps
