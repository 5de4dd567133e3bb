"""A focus series as reports, without pixels: profiles as discs of known size leave them, with noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.profile import HALF_EDGES, LINE_EDGES, WAY_EDGES, WAYS, WHOLE_EDGES, Profile
from mhfd_client.verdicts.blur import transfer
from tests.rigs.focus_reports import report

_RINGS = len(WHOLE_EDGES) - 1
_FIELD = -2.5 * np.log(np.arange(1, _RINGS + 1) / 3)


def profile(levels: Iterable[float], sd: float) -> Profile:
    """Of the whole image only; NaN is hidden in noise."""
    whole = tuple(None if np.isnan(level) else round(100 * level) for level in levels)
    halves, ways = 4 * (len(HALF_EDGES) - 1), WAYS * (len(WAY_EDGES) - 1)
    spread = tuple(None if level is None else round(100 * sd) for level in whole)
    return Profile(
        whole=whole,
        whole_sd=spread,
        halves=(None,) * halves,
        halves_sd=(None,) * halves,
        ways=(None,) * ways,
        ways_sd=(None,) * ways,
        lines=(None,) * (len(LINE_EDGES) - 1),
    )


def blurred_profile(px: float, sd: float, rng: np.random.Generator) -> Profile:
    """The field as it is blurred by so much, and measured so well."""
    models = transfer.discs()
    left = np.array([np.interp(px**2, models.sizes, column) for column in models.whole.T])
    levels = _FIELD + left + rng.normal(0, sd, _RINGS)
    levels[left < -4] = np.nan
    return profile(levels, sd)


def series(
    focus_um: Sequence[float], *, at: float = 0.0, px_a_um: float = 1.0, sd: float = 0.05, seed: int = 0, **image: Any
) -> list[FocusReport]:
    """A report an image, `a_0.tif` and so on; f' is `at`. `image`: what the files say."""
    rng = np.random.default_rng(seed)
    found = []
    for number, focus in enumerate(focus_um):
        measured = blurred_profile(px_a_um * abs(focus - at), sd, rng)
        one = report(density=4000 * np.exp(-0.5 * abs(focus - at)))
        told = one.image.model_copy(update={"path": f"run/a_{number}.tif"} | image)
        found.append(one.model_copy(update={"image": told, "profile": measured}))
    return found
