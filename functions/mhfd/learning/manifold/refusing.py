"""Which pairs say nothing, whatever package is asked: why, by a code and in words that say what to do.

Careful on the side of answering: what a file says may be rounded or missing, images may differ in brightness, and a
field strays by some pixels. What a package itself cannot answer is `asking`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mhfd.contract.proposal import ProposalRefusal
from mhfd.learning.manifold.overlay import strays_px
from mhfd.learning.manifold.pair import ImagePair, MeasuredPair

NO_CHANCE: Final = 8.0
"""Standard deviations from which on two images agree by more than chance."""
NO_CHANCE_NEAR: Final = 6.0
"""The same where hardly any shift was needed: there were fewer to choose of."""
LEAST_SNR: Final = 1.0
"""Below it, what stands out of the noise is no structure, where the images don't agree either."""
LEAST_FINE: Final = 0.2
"""Of what edges have next to the coarsest rings, so little is left in the sharper image only far out of focus."""
LEAST_UPRIGHT: Final = 4.3
"""Where both are blurred, fewer rings that both show alike are too few: the sharper cannot be told."""
BLURRED: Final = 0.7
"""Both are, where the sharper has less of that than this."""
_EXCHANGED: Final = (-1.5, -0.5)  # of what should lie between A and B
_THOUSAND: Final = (500.0, 2000.0)  # mm for um


@dataclass(frozen=True, slots=True)
class PairRefused:
    """Why a pair says nothing."""

    code: ProposalRefusal
    why: str


def before_measuring(pair: ImagePair, most_age_s: float | None = None) -> PairRefused | None:
    """What is wrong with a pair by what is known of it; None: nothing."""
    code, a, b = ProposalRefusal, pair.a, pair.b
    if pair.flaw is not None:
        return PairRefused(code.UNREADABLE, pair.flaw)
    if a.shape != b.shape:
        sizes = " and ".join(f"{image.shape[0]} x {image.shape[1]}" for image in (a, b))
        return PairRefused(code.SIZES_DIFFER, f"A and B have {sizes} pixels: take both with the same settings")
    if pair.pixels_nm is not None:
        nm = " and ".join(f"{one:.4g}" for one in pair.pixels_nm)
        return PairRefused(code.OTHER_PIXEL, f"A and B have pixels of {nm} nm: take both at one magnification")
    if _one_place(pair) and np.array_equal(a, b):
        return PairRefused(code.SAME_IMAGE, "A and B are the same image: take one on each side of the focus")
    if said := _contradicted(pair):
        return PairRefused(code.DISAGREES, said)
    if most_age_s is not None and pair.age_s is not None and pair.age_s > most_age_s:
        why = f"the pair is {pair.age_s:.0f} s old, more than {most_age_s:g} s: the lens may have moved; take another"
        return PairRefused(code.PAIR_TOO_OLD, why)
    return None


def by_what_is_seen(pair: ImagePair, seen: MeasuredPair) -> PairRefused | None:
    """What is wrong with a pair by what its images show; None: nothing."""
    code, match = ProposalRefusal, seen.match
    shift, strays = max(map(abs, match.shift_px)), strays_px(pair.a.shape)
    if match.stands_out < (NO_CHANCE_NEAR if shift <= strays else NO_CHANCE):
        if seen.snr < LEAST_SNR:
            return PairRefused(
                code.NO_STRUCTURE,
                "nothing stands out of the noise in either image: go to a place that shows something, or take more "
                "electrons a pixel",
            )
        if max(seen.fine) < LEAST_FINE:
            return _too_far()
        return PairRefused(code.TWO_FIELDS, "A and B do not show the same field: take both without moving the stage")
    if shift > strays:
        return PairRefused(
            code.DRIFT,
            f"B lies {match.shift_px[0]} rows and {match.shift_px[1]} columns from A, more than {strays} pixels: wait "
            "until nothing drifts, and take both again",
        )
    sharper = max(seen.fine)
    if sharper < LEAST_FINE or (sharper < BLURRED and seen.upright < LEAST_UPRIGHT):
        return _too_far()
    return None


def _too_far() -> PairRefused:
    why = "both images are so far out of focus that the sharper cannot be told: focus by hand first, or go some way and"
    return PairRefused(ProposalRefusal.TOO_FAR, f"{why} take another pair")


def _one_place(pair: ImagePair) -> bool:
    """Nobody says that the two were taken at two working distances."""
    return pair.distances_um is None or pair.distances_um[0] == pair.distances_um[1]


def _contradicted(pair: ImagePair) -> str | None:
    """What the files say where that cannot be: equal, rounded or merely other distances are nothing to go by."""
    if pair.distances_um is None:
        return None
    apart, asked = pair.distances_um[0] - pair.distances_um[1], 2 * pair.perturbation_um
    if _EXCHANGED[0] * asked <= apart <= _EXCHANGED[1] * asked:
        return (
            f"the files say that A was taken {-apart:.4g} um nearer than B: name the one first that was taken at the "
            "longer working distance"
        )
    if _THOUSAND[0] * asked <= abs(apart) <= _THOUSAND[1] * asked:
        return (
            f"the files say that A and B lie {abs(apart) / 1000:.4g} mm apart, and not {asked:g} um: was the "
            "perturbation given in mm?"
        )
    return None
