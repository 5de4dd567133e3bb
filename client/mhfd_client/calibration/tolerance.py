"""Where the tolerance of blur lies that parts what people called sharp from what they called blurred.

Pure reckoning on pixels of blur, each judged as if nobody had said anything of that image. It proposes, and sets
nothing. What it claims of unseen images it has tried on images left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from mhfd_client.errors import SeriesRefused

Pixels = NDArray[np.float64]

FEWEST: Final = 3
"""Images of each kind."""
_APART: Final = 0.25  # a larger error on images left out: blur does not part them
_LEAST_PX: Final = 0.3  # less is not seen
_DRAWS: Final = 1000
_SEED: Final = 3


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is proposed, and how well it does."""

    px: float
    low: float
    high: float
    """Of the interval that holds it 95 times of a hundred, were other images of the run labelled."""
    sharp: int
    blurred: int
    wrong_sharp: int
    """Sharp images, left out one by one, that a tolerance from the rest calls blurred."""
    wrong_blurred: int
    """Blurred ones that it lets pass."""
    error: float
    """Mean of the two parts that are wrong."""
    error_high: float
    """At most so much, 95 times of a hundred: mean of the bounds of both."""


def tolerance(sharp: Sequence[float], blurred: Sequence[float]) -> Tolerance:
    """The proposal. SeriesRefused where there are too few labels, or blur does not part them.

    Args:
        sharp: Pixels of blur of images that people called sharp; negative where sharper than their neighbours.
        blurred: The same of those that they called blurred.
    """
    for name, found in (("sharp", sharp), ("not sharp", blurred)):
        if len(found) < FEWEST:
            raise SeriesRefused(
                f"people called {len(found)} images {name} of which the blur is known, at least {FEWEST} are needed; "
                "say more with `mhfd confirm` and `mhfd reject`"
            )
    fine, poor = np.sort(np.asarray(sharp, float)), np.sort(np.asarray(blurred, float))
    px = _parting(fine, poor)
    wrong_sharp = sum(value > _parting(np.delete(fine, at), poor) for at, value in enumerate(fine))
    wrong_blurred = sum(value <= _parting(fine, np.delete(poor, at)) for at, value in enumerate(poor))
    error = (wrong_sharp / len(fine) + wrong_blurred / len(poor)) / 2
    if error > _APART:
        raise SeriesRefused(
            f"blur does not part what people called sharp from what they did not: of images left out, {wrong_sharp} of "
            f"{len(fine)} sharp and {wrong_blurred} of {len(poor)} others come out wrong; did something else decide?"
        )
    if px < _LEAST_PX:
        raise SeriesRefused(
            f"a tolerance of {px:.2f} px would part them best, and less than {_LEAST_PX} px cannot be seen: those that "
            "people called not sharp are hardly blurred more than the others"
        )
    rng = np.random.default_rng(_SEED)
    drawn = [
        _parting(np.sort(rng.choice(fine, len(fine))), np.sort(rng.choice(poor, len(poor)))) for _ in range(_DRAWS)
    ]
    low, high = (float(value) for value in np.percentile(drawn, [2.5, 97.5]))
    bounds = _bound(int(wrong_sharp), len(fine)) + _bound(int(wrong_blurred), len(poor))
    return Tolerance(
        px=round(px, 2),
        low=min(low, px),
        high=max(high, px),
        sharp=len(fine),
        blurred=len(poor),
        wrong_sharp=int(wrong_sharp),
        wrong_blurred=int(wrong_blurred),
        error=float(error),
        error_high=bounds / 2,
    )


def _parting(fine: Pixels, poor: Pixels) -> float:
    """In the middle of the widest gap among those that make the fewest errors, a kind's errors as parts of the kind."""
    edges = np.sort(np.concatenate([fine, poor]))
    edges = np.concatenate([[edges[0] - 1], edges, [edges[-1] + 1]])
    middles, gaps = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    wrong = (
        1 - np.searchsorted(fine, middles, "right") / len(fine) + np.searchsorted(poor, middles, "right") / len(poor)
    )
    best = np.flatnonzero(wrong <= wrong.min() + 1e-9)
    return float(middles[best[np.argmax(gaps[best])]])


def _drawn(rng: np.random.Generator, values: Pixels) -> Pixels:
    return np.sort(rng.choice(values, len(values)))


def _bound(wrong: int, of: int) -> float:
    """Clopper and Pearson's upper bound of the part, one-sided at 97.5%."""
    return 1.0 if wrong == of else float(betaincinv(wrong + 1, of - wrong, 0.975))
