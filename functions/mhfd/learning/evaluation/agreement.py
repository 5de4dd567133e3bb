"""How far people who labelled the same images agree, chance taken off: what a learner can be held to, at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from mhfd.learning.evaluation.benchmark import Agreement

Label = tuple[str, str, bool]
"""Image, person, bad."""


def kappa_of_two(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa; None where both say one thing of all images, and there is nothing to agree on."""
    count = len(pairs)
    if not count:
        return None
    agreed = sum(one == other for one, other in pairs) / count
    first, second = sum(one for one, _ in pairs) / count, sum(other for _, other in pairs) / count
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def kappa_of_many(bad_of: Sequence[tuple[int, int]]) -> float | None:
    """Fleiss' kappa of images with two labels or more, (bad, all) of each; people need not have seen all of them."""
    seen = [(bad, count) for bad, count in bad_of if count > 1]
    if not seen:
        return None
    agreed = sum((bad * (bad - 1) + (n - bad) * (n - bad - 1)) / (n * (n - 1)) for bad, n in seen) / len(seen)
    part = sum(bad / n for bad, n in seen) / len(seen)
    chance = part**2 + (1 - part) ** 2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def agreement(labels: Iterable[Label]) -> tuple[Agreement, ...]:
    """Of every two people who labelled the same images, and of all together where there are more."""
    said: dict[str, dict[str, bool]] = {}
    for image, person, bad in labels:
        said.setdefault(image, {})[person] = bad
    several = [by for by in said.values() if len(by) > 1]
    people = sorted({person for by in several for person in by})
    found = []
    for one, other in combinations(people, 2):
        pairs = [(by[one], by[other]) for by in several if one in by and other in by]
        if pairs:
            found.append(_told((one, other), len(pairs), kappa_of_two(pairs)))
    if len(people) > 2:
        kappa = kappa_of_many([(sum(by.values()), len(by)) for by in several])
        found.append(_told(tuple(people), len(several), kappa))
    return tuple(found)


def _told(people: tuple[str, ...], images: int, kappa: float | None) -> Agreement:
    who = f"{people[0]} and {people[1]}" if len(people) == 2 else f"{len(people)} people"
    if kappa is None:
        words = f"{who} labelled {images} images alike, all of one kind: whether they agree cannot be said"
    else:
        words = f"{who} labelled {images} images in common: kappa {kappa:.2f}"
    return Agreement(people=people, images=images, kappa=None if kappa is None else round(kappa, 4), words=words)
