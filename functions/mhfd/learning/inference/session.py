"""A package that takes features, ready to be asked about images one by one.

It always answers: with an estimate, or why there is none.

Where what a package assumes does not hold, it is not asked: a model answers to anything. Nothing is raised for an
image, and nothing is read but what is given.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION, meaning_of
from mhfd.contract.estimate import LONGEST, Estimate, EstimateMade
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.learning.features import FAMILIES, VERSION, features_of, names
from mhfd.learning.features.part import part_of_array
from mhfd.learning.inference.distance import FAMILY
from mhfd.learning.inference.meaning import how_far, meaning, not_measured, why_not_reach, why_not_sizes
from mhfd.learning.inference.runtime import Runtime
from mhfd.learning.preparation import read

if TYPE_CHECKING:
    from mhfd.learning.packages import Card, Package

Features = Mapping[str, float]
"""Of one image, by name."""


def features_by_name(
    pixels: NDArray[Any], report: FocusReport, families: Iterable[str], preparation: Sequence[str] = ()
) -> dict[str, float]:
    """The features of an image, for all packages that prepare it alike: what is dear is computed once.

    Args:
        pixels: All of the image, or what `part_of` gives of it.
        report: What `mhfd.score` says of it.
        families: Those that any of them takes; one that this mhfd does not have is left out.
        preparation: What is done to the pixels first, as a recipe has it. UsageError where it is none of ours.
    """
    wanted = set(families)
    known = [family for family in FAMILIES if family in wanted]
    values = features_of(read(preparation).apply(part_of_array(pixels)), report, known)
    return dict(zip(names(known), map(float, values), strict=True))


class Session:
    """One package that takes features.

    Args:
        package: It was verified: its files are what its name says.
    """

    def __init__(self, package: Package) -> None:
        self.package = package
        self.card: Card = package.card
        recipe = self.card.recipe
        read(recipe.preparation)  # UsageError now, not with each image
        self._runtime = Runtime(package.weights(), columns=len(recipe.names), says=len(recipe.says))

    @property
    def families(self) -> tuple[str, ...]:
        """Of features, that are needed of an image: those that it takes, and what says how far the image lies."""
        taken = self.card.recipe.families
        return taken if self.card.rings is None or FAMILY in taken else (*taken, FAMILY)

    @property
    def preparation(self) -> tuple[str, ...]:
        """Of the pixels, before features are taken."""
        return self.card.recipe.preparation

    def estimate(self, pixels: NDArray[Any], report: FocusReport, baseline: Sequence[float] | None = None) -> Estimate:
        """What the package says of an image.

        Args:
            pixels: Its grey values.
            report: What `mhfd.score` says of it.
            baseline: What the sharp images near it have, in the order of the recipe's names; nothing: there are none.
        """
        began = time.perf_counter()
        features: Features = {}
        if report.finding is Finding.OK:
            features = features_by_name(pixels, report, self.families, self.card.recipe.preparation)
        return self.made(features, report, baseline, took_s=time.perf_counter() - began).estimate

    def made(
        self, features: Features, report: FocusReport, baseline: Sequence[float] | None = None, *, took_s: float = 0.0
    ) -> EstimateMade:
        """The same from features that were computed already, in so many seconds; with what the model was shown."""
        began = time.perf_counter()
        shown: NDArray[np.float32] | None = None
        said: dict[str, Any] = {}
        refusal = self._why_not(report)
        if refusal is None:
            try:
                shown = np.array([features[name] for name in self.card.recipe.names], np.float32)
                refusal, said = self._asked(shown, baseline)
            except KeyError as e:
                refusal = f"it was made with the feature {e.args[0]!r}, which this mhfd does not have: train it again"
            except Exception as e:  # whatever a stranger's model does, the image has its report
                refusal = f"its model fails with {type(e).__name__}: {e}"
        ms = 1e3 * (took_s + time.perf_counter() - began)
        estimate = Estimate(
            package=self.package.name,
            title=self.card.title,
            image=report.image.sha256,
            refusal=None if refusal is None else refusal[:LONGEST],
            ms=round(ms, 3),
            far=how_far(self.card, features),
            **said,
        )
        return EstimateMade(estimate, None if shown is None else shown.astype("<f4").tobytes())

    def _why_not(self, report: FocusReport) -> str | None:
        """Why this package must not be asked about an image, by its report; None: it may."""
        card, recipe = self.card, self.card.recipe
        if report.finding is not Finding.OK:
            return not_measured(report)
        if recipe.features_version != VERSION:
            return (
                f"it was made with features of version {recipe.features_version}, here they are {VERSION}: train again"
            )
        if meaning_of(recipe.method_version) != meaning_of(METHOD_VERSION):
            return (
                f"it was made with mhfd's method {recipe.method_version}, here it is {METHOD_VERSION}: train it again"
            )
        if report.params.model_copy(update={"crop": None}) != Params():
            return f"it knows reports of the preset robust, and this is one of {report.params.name!r}"
        return why_not_sizes(card, report)

    def _asked(self, shown: NDArray[np.float32], baseline: Sequence[float] | None) -> tuple[str | None, dict[str, Any]]:
        """What the model says, or why it was not asked or says nothing that counts."""
        recipe = self.card.recipe
        given = shown.astype(np.float64)
        if recipe.baseline:
            if baseline is None:
                return "it compares with sharp images near this one, and there are none yet", {}
            if len(baseline) != given.size:
                return f"it compares {given.size} features, and the sharp images near this one have {len(baseline)}", {}
            given = given - np.asarray(baseline, np.float64)
        if not np.isfinite(given).all():
            return "the image has a feature that is no number", {}
        if (why := why_not_reach(self.card, given)) is not None:
            return why, {}
        return meaning(recipe, self._runtime.said(given[None])[0].astype(np.float64))
