"""What the numbers of a model mean, by what its recipe says: a part of an estimate, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.estimate import UNLIKE, likely
from mhfd.learning.inference.distance import parts_of, rings_apart

if TYPE_CHECKING:
    from mhfd.contract.focus_report import FocusReport
    from mhfd.learning.packages import Card, Recipe

BAD: Final = ("bad",)
RADIUS: Final = ("radius_px", "sd")
FOCUS: Final = (*BAD, *RADIUS)
IN_FOCUS: Final = "in_focus"
LEAST_P: Final = 0.4
"""A cause that is less likely than this is none; a recipe may have chosen another (`least_p`)."""
PIXEL_FACTOR: Final = 1.5
"""How far beyond the pixel sizes that a package has seen it may still be asked."""
_LONGEST_CAUSE: Final = 40

Meant = tuple[str | None, dict[str, Any]]
"""Why nothing is said, or the fields of an estimate."""


def meaning(recipe: Recipe, answer: NDArray[np.float64]) -> Meant:
    """What a model's answer says of an image."""
    if not np.isfinite(answer).all():
        return "its model answers with what is no number", {}
    if recipe.says == RADIUS:
        return _radius(answer)
    if recipe.says == FOCUS:
        why, radius = _radius(answer[1:])
        unlikely, p = _probability(answer[:1])
        return (why or unlikely, {}) if why or unlikely else (None, {"p": short(p[0]), **radius})
    why, sure = _probability(answer)
    if why is not None:
        return why, {}
    if recipe.says == BAD:
        return None, {"p": short(sure[0])}
    order = np.argsort(-answer, kind="stable")
    first, second = (int(one) for one in (*order[:2], order[0])[:2])
    if sure[first] < recipe.chosen.get("least_p", LEAST_P):
        both = " or ".join(f"{_words(recipe.says[i])} ({likely(sure[i])})" for i in (first, second))
        return f"it is not sure: {both}", {}
    if len(recipe.says[first]) > _LONGEST_CAUSE:
        return f"it says {recipe.says[first]!r}, which is longer than a cause may be", {}
    return None, {"cause": recipe.says[first], "p": short(sure[first])}


def not_measured(report: FocusReport) -> str:
    """Why no package is asked about an image of which the report has a finding."""
    return f"nothing was measured: the image is {report.finding.value.replace('_', ' ')}"


def why_not_sizes(card: Card, report: FocusReport) -> str | None:
    """Whether an image is of another size than all that the package was taught with, pixels or their number."""
    side, least = min(report.image.part_shape or (0,)), card.recipe.chosen.get("least_side", 0)
    if side < least:
        return f"it was taught with images of {least:g} pixels a side at least, and this one has {side}"
    pixel = report.image.pixel_nm
    if card.pixel_nm is not None and pixel is not None:
        low, high = card.pixel_nm
        if not low / PIXEL_FACTOR <= pixel <= high * PIXEL_FACTOR:
            return f"it was taught with pixels of {low:.3g} to {high:.3g} nm, and here they are {pixel:.3g} nm"
    return None


def why_not_reach(card: Card, given: NDArray[np.float64]) -> str | None:
    """Whether an image lies farther from what the package was taught with than it may."""
    reach = card.reach
    if reach is None:
        return None
    if (parts := parts_of(reach, given)) <= 1:
        return _beyond_limits(card, given)
    return f"{UNLIKE} ({parts:.2g} of its reach)"


def _beyond_limits(card: Card, given: NDArray[np.float64]) -> str | None:
    """Which number lies where it never did in what the package was taught with."""
    reach, network = card.reach, card.recipe.network
    if reach is None or reach.low is None or reach.high is None:
        return None
    names = card.recipe.names if network is None else network.outline
    for name, value, low, high in zip(names, given, reach.low, reach.high, strict=True):
        if not low <= value <= high:
            inverted = ": is it inverted?" if name.startswith("lines_") and value > max(high, 0) else ""
            return f"{UNLIKE} ({name} is {value:.2g}, and not {low:.2g} to {high:.2g}{inverted})"
    return None


def how_far(card: Card, features: Mapping[str, float]) -> float | None:
    """The distance of an image's rings, as an estimate has it; None: nobody knows it."""
    apart = rings_apart(card, features)
    return None if apart is None else short(apart)


def short(value: float) -> float:
    """Digits that mean something, so that the same image gives the same text on another machine."""
    return float(f"{value:.5g}")


def _radius(answer: NDArray[np.float64]) -> Meant:
    radius, sd = map(float, answer)
    if sd < 0:
        return "its model gives a spread below 0", {}
    return None, {"radius_px": short(max(0.0, radius)), "sd": short(sd)}


def _probability(answer: NDArray[np.float64]) -> tuple[str | None, list[float]]:
    if answer.min() < -1e-3 or answer.max() > 1 + 1e-3:
        return "its model gives a probability that is none", []
    return None, np.clip(answer, 0.0, 1.0).tolist()


def _words(cause: str) -> str:
    return cause.replace("_", " ")
