"""How far out of focus a pair may be for a package that learned from others: as far as what it was taught with.

Farther out the finer rings, which tell the move near the focus, say the opposite or nothing: a package that is asked
all the same answers with a small move of either sign. A pair is measured elsewhere; this compares.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.proposal import ProposalRefusal
from mhfd.learning.manifold.pair import ImagePair, MeasuredPair
from mhfd.learning.manifold.refusing import PairRefused

LEAST_SNR: Final = "least_snr"
LEAST_FALL: Final = "least_fall"
"""Names among what a package has chosen."""
_COARSE: Final = slice(0, 3)
_FINE: Final = slice(6, 11)
_FARTHER: Final = 2.0
"""Logarithms of power by which the fine rings may be weaker than in all that was taught."""
_WIDER: Final = 3.0
"""The same for a pair that was taken farther apart than any that was taught: one of its images is blurred by that."""
_SNR_PART: Final = 1 / 3
"""Of the least signal over noise that was taught."""
_ENOUGH_SNR: Final = 100.0
"""Above it, noise tells nothing of the focus: images may have none at all."""


def fall(levels: NDArray[Any]) -> NDArray[np.float64]:
    """By how many logarithms the power of fine rings lies over that of coarse ones, of rows of `LEVEL_NAMES`."""
    rows = np.asarray(levels, np.float64)
    fallen: NDArray[np.float64] = rows[..., _FINE].mean(axis=-1) - rows[..., _COARSE].mean(axis=-1)
    return fallen


def least_of(levels: NDArray[Any], snr: NDArray[Any], *, floor: float) -> dict[str, float]:
    """What a package keeps of the pairs that it was taught with: `levels` and signal over noise, a row a pair."""
    enough = min(_ENOUGH_SNR, _SNR_PART * float(np.min(snr)))
    return {LEAST_SNR: round(max(floor, enough), 2), LEAST_FALL: round(float(fall(levels).min()), 3)}


def beyond_reach(chosen: dict[str, float], pair: ImagePair, seen: MeasuredPair) -> PairRefused | None:
    """Why a pair is farther out than all that a package was taught with; None: it is not, or the package says none."""
    least_snr, least_fall = chosen.get(LEAST_SNR), chosen.get(LEAST_FALL)
    if least_snr is not None and seen.snr < least_snr:
        return PairRefused(
            ProposalRefusal.TOO_FAR,
            f"much less stands out of the noise ({seen.snr:.3g}) than in all that was taught ({least_snr:.3g}): "
            "far out of focus, or fewer electrons a pixel; focus by hand first",
        )
    if least_fall is None:
        return None
    wider = pair.perturbation_um > chosen.get("perturbation_high_um", np.inf)
    if float(fall(seen.spectrum)) < least_fall - (_WIDER if wider else _FARTHER):
        return PairRefused(
            ProposalRefusal.TOO_FAR,
            "farther out of focus than all that the package was taught with: fine structure is gone; focus by hand "
            "first, or teach it with moves from as far away",
        )
    return None
