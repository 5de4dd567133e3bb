"""A package of a network, ready to be asked about images: their pixels, prepared as its card says, and nothing else.

It is asked about all of an image; of one that is larger than `LARGEST_PICTURE` a side about the middle, and a network
of more than a million numbers of one above `LARGEST_OF_MANY`, so that memory has an end (measured: decision 87). Where
what it assumes does not hold it is not asked. Nothing is raised for an image.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.estimate import LONGEST, Estimate, EstimateMade
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.errors import UsageError
from mhfd.learning.features.part import part_of_array
from mhfd.learning.inference.distance import FAMILY
from mhfd.learning.inference.meaning import (
    BAD,
    IN_FOCUS,
    how_far,
    meaning,
    not_measured,
    why_not_reach,
    why_not_sizes,
)
from mhfd.learning.inference.runtime import NetworkRuntime
from mhfd.learning.inference.session import Features, features_by_name
from mhfd.learning.packages.card import ASKED_ELSEWHERE
from mhfd.learning.preparation.normalisation import normalisation_of, padded
from mhfd.learning.preparation.outline import OUTLINE, outline_of

if TYPE_CHECKING:
    from mhfd.learning.packages import Card, Package

LARGEST_PICTURE: Final = 4096
"""Pixels along a side, at most, that a network is shown."""
LARGEST_OF_MANY: Final = 2048
"""The same of a network that has many numbers, and so many channels: its memory is four times that of a small one."""
_MANY: Final = 1_000_000
LEAST_SIDE: Final = 64
"""Of a smaller image a network of the kinds that there are has no place of its map."""


@dataclass(frozen=True, slots=True)
class NetworkAnswer:
    """What a network gives of one image, or why it was not asked."""

    refusal: str | None
    said: NDArray[np.float64] | None = None
    """A number for each that the recipe says."""
    map: NDArray[np.float32] | None = None
    """(what it says, rows, columns): of each square of so many pixels as the recipe's grid has; the last ones may lie
    over the edge. None: the network has no map."""
    origin: tuple[int, int] = (0, 0)
    """Where the map begins, as the row and column of a pixel: of a large image the middle was shown."""


class NetworkSession:
    """One package of a network that judges images.

    Args:
        package: It was verified: its files are what its name says.
    """

    def __init__(self, package: Package) -> None:
        self.package = package
        self.card: Card = package.card
        network = self.card.recipe.network
        if network is None:
            raise UsageError(f"{self.card.title}: takes features of an image, and not the image")
        if "said" not in network.gives:
            raise UsageError(f"{self.card.title}: {ASKED_ELSEWHERE.get(self.card.task, 'says nothing of an image')}")
        self.network = network
        self._normalisation = normalisation_of(network.normalisation)
        if unknown := [name for name in network.outline if name not in OUTLINE]:
            raise UsageError(
                f"{self.card.title}: its reach is of {unknown[0]!r}, which this mhfd does not have: train it again"
            )
        self._outline = [OUTLINE.index(name) for name in network.outline]
        self._runtime = NetworkRuntime(
            package.weights(), channels=network.channels, multiple=network.multiple, gives=network.gives
        )

    @property
    def largest(self) -> int:
        """Pixels along a side, at most, that it is shown."""
        return LARGEST_PICTURE if self.network.parameters <= _MANY else min(LARGEST_PICTURE, LARGEST_OF_MANY)

    def estimate(self, pixels: NDArray[Any], report: FocusReport, baseline: Sequence[float] | None = None) -> Estimate:
        """What the package says of an image.

        Args:
            pixels: Its grey values.
            report: What `mhfd.score` says of it.
            baseline: Nothing: a network compares with no other image.
        """
        return self.made(pixels, report).estimate

    @property
    def families(self) -> tuple[str, ...]:
        """Of features, that are needed of an image: what says how far it lies, of which the network is shown none."""
        return () if self.card.rings is None else (FAMILY,)

    @property
    def preparation(self) -> tuple[str, ...]:
        """Of the pixels, before features are taken: none, whatever the network is shown."""
        return ()

    def made(self, pixels: NDArray[Any], report: FocusReport, features: Features | None = None) -> EstimateMade:
        """The same, as it is kept: no number that it was shown is. `features`: where they were computed already."""
        return self.mapped(pixels, report, features)[0]

    def mapped(
        self, pixels: NDArray[Any], report: FocusReport, features: Features | None = None
    ) -> tuple[EstimateMade, NetworkAnswer]:
        """The same, with the answer that it is of, and so with the map."""
        began = time.perf_counter()
        if features is None and self.families and report.finding is Finding.OK and pixels.ndim == 2:
            features = features_by_name(pixels, report, self.families)
        answer = self.answer(pixels, report)
        refusal = answer.refusal
        said: dict[str, Any] = {}
        if answer.said is not None:
            refusal, said = meaning(self.card.recipe, answer.said)
        estimate = Estimate(
            package=self.package.name,
            title=self.card.title,
            image=report.image.sha256,
            refusal=None if refusal is None else refusal[:LONGEST],
            ms=round(1e3 * (time.perf_counter() - began), 3),
            far=how_far(self.card, features or {}),
            **said,
        )
        return EstimateMade(estimate), answer

    def answer(self, pixels: NDArray[Any], report: FocusReport | None = None) -> NetworkAnswer:
        """What the network gives, or why it is not asked.

        Args:
            pixels: (height, width), or (channels, height, width).
            report: What `mhfd.score` says of the image; nothing: it is of no kind that mhfd scores.
        """
        why = self._why_not(pixels, report)
        if why is not None:
            return NetworkAnswer(why)
        try:
            answer = self._asked(part_of_array(pixels, self.largest))
        except Exception as e:  # whatever a stranger's model does, the image has its report
            return NetworkAnswer(f"its model fails with {type(e).__name__}: {e}")
        top, left = (max(0, (side - self.largest) // 2) for side in pixels.shape[-2:])
        return replace(answer, origin=(top, left))

    def _why_not(self, pixels: NDArray[Any], report: FocusReport | None) -> str | None:
        if report is not None:
            if report.finding is not Finding.OK:
                return not_measured(report)
            if (why := why_not_sizes(self.card, report)) is not None:
                return why
        channels = 1 if pixels.ndim == 2 else len(pixels)
        if channels != self.network.channels:
            return f"it takes images of {_channels(self.network.channels)}, and this one has {_channels(channels)}"
        if (side := min(pixels.shape[-2:])) < LEAST_SIDE:
            return f"it takes images of {LEAST_SIDE} pixels a side at least, and this one has {side}"
        return None

    def _asked(self, pixels: NDArray[Any]) -> NetworkAnswer:
        height, width = pixels.shape[-2:]
        planes = padded(self._normalisation.of(pixels), self.network.multiple)
        if (why := why_not_reach(self.card, outline_of(planes)[self._outline])) is not None:
            return NetworkAnswer(why)
        given = self._runtime.answered(planes[None])
        says, grid = len(self.card.recipe.says), self.network.grid
        said, map_ = given["said"], given.get("map")
        if said.shape != (1, says):
            return NetworkAnswer(f"its model answers with shape {said.shape}, and not {(1, says)}")
        if map_ is not None:
            if map_.shape != (whole := (1, says, *(side // grid for side in planes.shape[1:]))):
                return NetworkAnswer(f"its model gives a map of shape {map_.shape}, and not {whole}")
            map_ = map_[0, :, : -(-height // grid), : -(-width // grid)].copy()
        return NetworkAnswer(None, said[0].astype(np.float64), map_)

    def badness_map(self, answer: NetworkAnswer) -> NDArray[np.float64] | None:
        """How bad each place is, from 0 to 1; None where the network has no map, or says nothing of that kind."""
        says = self.card.recipe.says
        if answer.map is None:
            return None
        if IN_FOCUS in says:
            return np.asarray(1 - answer.map[says.index(IN_FOCUS)].astype(np.float64))
        return np.asarray(answer.map[0], np.float64) if says[0] == BAD[0] else None


def _channels(count: int) -> str:
    return "one channel" if count == 1 else f"{count} channels"
