"""Which image a person's word would teach most about now: one at a time, and why it is that one.

Where a learned package spoke, the image of which it and the verdict say opposite things, or of which it is least sure;
where none did, the one nearest to the threshold. Images far from those that somebody has spoken of come first, so that
words are spread over the run. Pure reasoning on what others read: it asks nobody, and changes no verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mhfd.contract.estimate import Estimate, likely
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place

LEAST: Final = 0.25
"""An image that would teach less than this is not asked about. Of 2: one of which the package is sure, and against the
verdict."""
_SPREAD: Final = 6
"""Sections from the nearest image that somebody has spoken of, from which on its nearness does not count."""
_IN_FOCUS: Final = "in_focus"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """An image that nobody has spoken of."""

    image: int
    place: Place
    outcome: Outcome
    margin: float | None
    """How far it is from the threshold: 0 on it, 1 as far as it no longer matters; None where that is not known."""
    estimates: tuple[Estimate, ...] = ()


@dataclass(frozen=True, slots=True)
class NextLabel:
    """The image to ask about, and why in words."""

    image: int
    why: str


def next_label(images: Iterable[Unlabelled], said: Iterable[Place]) -> NextLabel | None:
    """The image that would teach most; None where none would teach enough.

    Args:
        images: Of which nobody has spoken.
        said: Where the images are of which somebody has.
    """
    spoken: dict[str | None, list[int]] = {}
    for place in said:
        if place.section is not None:
            spoken.setdefault(place.tile, []).append(place.section)
    best: tuple[float, int, str] | None = None
    for one in images:
        if one.outcome not in (Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS):
            continue  # of what shows nothing there is nothing to learn
        worth, why = _worth(one)
        worth *= _apart(one.place, spoken)
        if worth >= LEAST and (best is None or (worth, one.image) > best[:2]):
            best = worth, one.image, why
    return None if best is None else NextLabel(best[1], best[2])


def _worth(one: Unlabelled) -> tuple[float, str]:
    """0 to 2: above 1 where a package and the verdict disagree."""
    verdict = one.outcome.value.replace("_", " ")
    found = [(0.0, "")]
    for estimate in one.estimates:
        p = estimate.p
        if p is None:
            continue
        if estimate.cause is not None:
            against = (estimate.cause == _IN_FOCUS) is not (one.outcome is Outcome.IN_FOCUS)
            if against:
                words = estimate.cause.replace("_", " ")
                found.append((1 + p, f"the verdict is {verdict}, and {estimate.speaker} says {words} ({likely(p)})"))
            continue
        against_p = p if one.outcome is Outcome.IN_FOCUS else 1 - p
        if against_p > 0.5:
            other = "out of focus" if one.outcome is Outcome.IN_FOCUS else "in focus"
            words = f"the verdict is {verdict}, and {estimate.speaker} says {other} ({likely(against_p)})"
            found.append((2 * against_p, words))
        else:
            words = f"{estimate.speaker} is not sure of it: out of focus with {likely(p)}"
            found.append((2 * against_p, words))
    if len(found) == 1 and one.margin is not None and one.margin < 1:
        found.append((1 - one.margin, "it lies near the threshold between in focus and out of focus"))
    return max(found, key=lambda pair: pair[0])


def _apart(place: Place, spoken: dict[str | None, list[int]]) -> float:
    """1: far from every image that somebody has spoken of; less: near one."""
    sections = spoken.get(place.tile)
    if place.section is None or not sections:
        return 1.0
    nearest = min(abs(section - place.section) for section in sections)
    return min(1.0, (nearest + 1) / _SPREAD)
