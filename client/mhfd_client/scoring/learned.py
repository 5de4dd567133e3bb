"""What learned packages say of an image, for tables and lists: a few columns beside what was measured and judged.

Words and cells of `Estimate`s that others made. Nothing here learns, opens a package or changes a verdict.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mhfd.contract.estimate import Estimate

COLUMNS: Final = (
    *("learned_radius_px", "learned_radius_sd", "learned_cause", "learned_cause_p", "learned_bad_p", "learned_by"),
)
"""Where they stand in a table beside others. `learned_by`: the packages that spoke, by title and the beginning of their
name."""


def flat(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """One value a column; None where no package says it. Of several that say the same thing, the first."""
    spoke = [one for one in estimates if one.refusal is None]
    radius = next((one for one in spoke if one.radius_px is not None), None)
    cause = next((one for one in spoke if one.cause is not None), None)
    bad = next((one for one in spoke if one.cause is None and one.p is not None), None)
    by = dict.fromkeys(one.speaker for one in (radius, cause, bad) if one is not None)
    values = (
        None if radius is None else radius.radius_px,
        None if radius is None else radius.sd,
        None if cause is None else cause.cause,
        None if cause is None else cause.p,
        None if bad is None else bad.p,
        "; ".join(by) or None,
    )
    return dict(zip(COLUMNS, values, strict=True))


def spoken(estimates: Iterable[Estimate]) -> list[str]:
    """What packages say, a line each, without those that say nothing."""
    return [one.words for one in estimates if one.refusal is None]


def plain(estimates: Iterable[Estimate]) -> list[dict[str, Any]]:
    """For programs."""
    return [one.model_dump(mode="json") for one in estimates]
