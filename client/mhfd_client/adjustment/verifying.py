"""Whether a move made it better: by what a package says of a pair before and one after it, and by the images alone.

The images are a second witness: a package that is wrong in the same way before and after a move believes itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhfd.contract import Proposal

if TYPE_CHECKING:
    from mhfd_client.adjustment.lens import TakenPair
    from mhfd_client.instruments.protocol import TakenImage

BLURRIER: Final = 0.995
"""Contrast that falls to less than this part: the move went the wrong way, whatever a package says."""
SHARPER: Final = 1.02
"""... and that rises to more: the right way, also where a package, far from the focus, says too little before it."""
_BINNED: Final = 2


@dataclass(frozen=True, slots=True)
class PairLook:
    """A pair, as a package and as its images have it."""

    said: Proposal
    contrast: float
    """Of the more blurred of the two images: it falls with every um between their middle and the focus."""
    at: float = 0.0
    """When the pair was taken: seconds since 1970. What is made of it is good for so long from then on."""

    @classmethod
    def of(cls, said: Proposal, pair: TakenPair) -> PairLook:
        """What was said of it, and its contrast."""
        return cls(said, min(contrast_of(pair.a), contrast_of(pair.b)), pair.at)


def contrast_of(image: TakenImage) -> float:
    """How much an image's grey values differ, against their mean; the finest noise is averaged out."""
    import numpy as np

    pixels = np.asarray(image.pixels, np.float64)
    height, width = (side - side % _BINNED for side in pixels.shape[:2])
    cells = pixels[:height, :width].reshape(height // _BINNED, _BINNED, width // _BINNED, _BINNED, -1)
    binned = cells.mean(axis=(1, 3))
    spread = float(binned.std())
    return spread / max(abs(float(binned.mean())), spread) if spread > 0 else 0.0


def is_better(before: PairLook, after: PairLook) -> bool:
    """Whether the move between them brought the focus nearer. Not known is no."""
    if after.said.move_um is None or before.said.move_um is None or not math.isfinite(after.contrast):
        return False
    if after.contrast < BLURRIER * before.contrast:
        return False
    return after.contrast > SHARPER * before.contrast or abs(after.said.move_um) < abs(before.said.move_um)
