"""What an image's features are measured against: its noise, its tissue and what is clipped, and whether there is any.

Found by the first of a team, from the statistics of all blocks; the others get what their own rows need.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Finding
from mhfd.measure.noise import NoiseMap
from mhfd.measure.saturation import Saturation
from mhfd.measure.tissue import Tissue
from mhfd.team import Team, block_rows, own_rows, shares

LEAST_TISSUE = 0.01
"""Part of the image below which there is none."""
SATURATED = 0.5
"""An image is `saturated` when more than this part of it is clipped and less than `SPARED` is left to measure."""
SPARED = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Of one image."""

    noise: NoiseMap
    """To all but the first of a team, in its own rows alone."""
    tissue: Tissue
    clipped: Saturation

    @property
    def least_sigma(self) -> float:
        """The lowest noise of the tissue; infinite where there is none."""
        return float(self.noise.sigma.min(where=self.tissue.mask, initial=np.inf))

    def finding(self) -> tuple[Finding, str | None]:
        """`saturated` or `no_tissue`, with the numbers that say so."""
        mask = self.tissue.mask
        crushed = mask & self.clipped.crushed
        lost, spared = float((self.clipped.burnt | crushed).mean()), float((mask & ~crushed).mean())
        if lost > SATURATED and spared < SPARED:
            return Finding.SATURATED, (
                f"saturated: {lost:.0%} of the image is clipped to black or white and {spared:.0%} is left to measure; "
                "set brightness and contrast and take it again"
            )
        if self.tissue.share < LEAST_TISSUE:
            return Finding.NO_TISSUE, (
                f"no tissue: {self.tissue.share:.1%} of the image differs from noise; blank resin, or the field is "
                "empty"
            )
        return Finding.OK, None


@dataclass(frozen=True, slots=True, eq=False)
class GroundOfMember:
    """A ground as one of a team has it, and what is said of all of it."""

    noise: NoiseMap
    tissue: Tissue
    finding: Finding
    detail: str | None
    least_sigma: float


def shown(ground: Ground | None, team: Team, shape: tuple[int, int], blocks: tuple[int, int]) -> GroundOfMember:
    """To every member of a team what the first found. `blocks`: rows and columns of them."""
    if ground is not None and team.size == 1:
        return GroundOfMember(ground.noise, ground.tissue, *ground.finding(), ground.least_sigma)
    said = parts = None
    if ground is not None:
        mask, model = ground.tissue.mask, ground.noise.model
        said = (np.packbits(mask), ground.tissue.contrast, model, *ground.finding(), ground.least_sigma)
        parts = [ground.noise.sigma[block_rows(rows)] for rows in shares(shape[0], team.size)]
    heard = team.from_first(said)
    own: NDArray[np.float32] = team.dealt(parts or [])
    assert heard is not None  # noqa: S101  the first says something
    bits, contrast, model, finding, detail, least = heard
    tissue = Tissue(np.unpackbits(bits, count=blocks[0] * blocks[1]).reshape(blocks).astype(np.bool_), contrast)
    sigma = np.zeros(blocks, np.float32)
    sigma[block_rows(own_rows(team, shape[0]))] = own
    if ground is not None:
        sigma = ground.noise.sigma
    return GroundOfMember(NoiseMap(model, sigma), tissue, finding, detail, least)
