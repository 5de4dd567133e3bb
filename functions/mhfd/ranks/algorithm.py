"""The paper's Algorithm 1 over ranks: each filters some of the scales of the whole image.

The first rank broadcasts the image, rank m computes its part of the L_i. Then either all L_i are gathered by the first,
as printed, or each rank keeps the maximum over its own scales, with its index, and the ranks reduce that: each for its
own rows. In the oracle's arithmetic, so that the features are the oracle's, bit for bit, for any number of ranks; what
is sent is float64. On GPUs it is the arithmetic of `detector.stream`, which is within a tolerance of that. It decides
nothing about borders, limits or thresholds: see `detector.paper`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd import stretch
from mhfd.contract.params import Params
from mhfd.detector import Features, bands, paper
from mhfd.detector.stream import StreamDetector
from mhfd.ranks import Reduction as Reduction
from mhfd.ranks.mpi_team import MpiTeam
from mhfd.rows import Pixels
from mhfd.team import shares

Maximum = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class _Task:
    """What the first rank tells the others, before the pixels themselves."""

    shape: tuple[int, int]
    dtype: str
    params: Params
    limits: tuple[float, float]
    sigma_floor: float


class ScalesDetector:
    """A `Detector` of the first rank; the others call `help` and compute what it asks for.

    Args:
        team: The ranks.
        reduction: `max`, or the paper's `gather`.
        stream: What filters on this rank's GPU, and reduces there; nothing: the oracle, on the CPU.
    """

    threads = 1

    def __init__(self, team: MpiTeam, reduction: Reduction = "max", stream: StreamDetector | None = None) -> None:
        self._team, self._reduction, self._stream = team, reduction, stream
        self.name = paper.PaperDetector.name if stream is None else stream.name
        self.device = paper.PaperDetector.device if stream is None else stream.device
        self.timing_ms: dict[str, float] = {}
        """How long this rank took for each phase: stretch, broadcast, filter, reduce (or gather), maxima."""

    def supports(self, params: Params) -> bool:
        """All parameters."""
        return True

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`. All ranks take part: the others are in `help`."""
        with self._phase("stretch"):
            image = pixels if params.resize is None else paper.resize_bilinear(pixels, params.resize)
            limits = stretch.limits(image, params)
            image = np.ascontiguousarray(image)
        shape = (image.shape[0], image.shape[1])
        task = _Task(shape, image.dtype.name, params, limits, sigma_floor)
        with self._phase("broadcast"):
            self._team.from_first(task)
        parts = self._compute(task, image)
        return bands.joined(parts)

    def dismiss(self) -> None:
        """On the first rank: there is nothing more to compute."""
        self._team.from_first(None)

    def help(self) -> None:
        """On the other ranks: compute what the first asks for, until it asks no more."""
        nothing: _Task | None = None
        while (task := self._team.from_first(nothing)) is not None:
            self._compute(task, np.empty(task.shape, task.dtype))

    def _compute(self, task: _Task, pixels: NDArray[Any]) -> list[Features]:
        """The features of the rows of each rank, on the first."""
        with self._phase("broadcast"):
            self._team.to_all(pixels)
        if self._reduction == "gather":
            with self._phase("stretch"):
                image = stretch.apply(pixels, *task.limits)
            return self._gathered(task, image)
        own = _intervals(task.params.n, self._team.size)[self._team.number]
        if self._stream is None:
            maximum, where = self._over_own(task, pixels, own)
        else:
            with self._phase("filter"):
                maximum, where = self._on_gpu(self._stream, task, pixels, own)
        return self._reduced(task, maximum, where)

    def _over_own(self, task: _Task, pixels: NDArray[Any], own: range) -> tuple[Maximum, NDArray[np.uint8]]:
        """The maximum over a rank's own scales, in the oracle's arithmetic."""
        with self._phase("stretch"):
            image = stretch.apply(pixels, *task.limits)
        found = paper.RunningMaximum(image.shape, task.params)
        # One filter more than there are scales: L_i and L_(i+1) make one.
        filters = range(own.start, own.stop + 1) if own else own
        for i, blurred in zip(filters, self._filtered(image, task.params, filters), strict=True):
            with self._phase("filter"):
                found.take(i, blurred)
        return found.maximum, found.where

    def _on_gpu(
        self, stream: StreamDetector, task: _Task, pixels: NDArray[Any], own: range
    ) -> tuple[Maximum, NDArray[np.uint8]]:
        """The same on a GPU, in the precision of its FFTs. A resized image came resized."""
        if not own or task.limits[1] <= task.limits[0]:
            nothing = 0.0 if own else -np.inf
            return np.full(task.shape, nothing, np.float32), np.zeros(task.shape, np.uint8)
        return stream.maximum(pixels, task.params.model_copy(update={"resize": None}), own)

    def _gathered(self, task: _Task, image: paper.Plane) -> list[Features]:
        """Every L_i goes to the first, in the order of i: as printed, but never a stack of them."""
        team, params = self._team, task.params
        parts = _intervals(params.n + 1, team.size)
        if team.number:
            for blurred in self._filtered(image, params, parts[team.number]):
                with self._phase("gather"):
                    team.to_first(np.ascontiguousarray(blurred))
            return []
        found = paper.RunningMaximum(image.shape, params)
        for blurred, i in zip(self._filtered(image, params, parts[0]), parts[0], strict=True):
            with self._phase("maxima"):
                found.take(i, blurred)
        for rank, part in enumerate(parts[1:], 1):
            for i in part:
                with self._phase("gather"):
                    blurred = team.taken(np.empty(image.shape), rank)
                with self._phase("maxima"):
                    found.take(i, blurred)
        with self._phase("maxima"):
            return [_features(task, found, (0, task.shape[0]), 0)]

    def _reduced(self, task: _Task, own: Maximum, own_scale: NDArray[np.uint8]) -> list[Features]:
        """Each rank takes its rows of everybody's maximum over its own scales, and one around them."""
        team, params, (rows, columns) = self._team, task.params, task.shape
        spans = shares(rows, team.size)
        wide = [(max(0, top - 1), min(rows, bottom + 1)) if bottom > top else (top, top) for top, bottom in spans]
        top, bottom = wide[team.number]
        with self._phase("reduce"):
            theirs = {team.number: (own[top:bottom], own_scale[top:bottom])}
            for step in range(1, team.size):
                to, source = (team.number + step) % team.size, (team.number - step) % team.size
                maximum = np.empty((bottom - top, columns), own.dtype)
                where = np.empty((bottom - top, columns), np.uint8)
                team.swapped(to, own[slice(*wide[to])], source, maximum)
                team.swapped(to, own_scale[slice(*wide[to])], source, where)
                theirs[source] = maximum, where
            best = paper.RunningMaximum((bottom - top, columns), params)
            for _, (maximum, where) in sorted(theirs.items()):  # lower ranks have lower scales
                best.add(where, maximum)
        with self._phase("maxima"):
            features = _features(task, best, spans[team.number], top)
            return team.collected(features)

    def _filtered(self, image: paper.Plane, params: Params, which: range) -> Iterator[paper.Plane]:
        """The filters, timed."""
        following = paper.blurs(image, params, which)
        while True:
            with self._phase("filter"):
                blurred = next(following, None) if which else None
            if blurred is None:
                return
            yield blurred

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timing_ms[name] = round(self.timing_ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3, 3)


def _intervals(count: int, ranks: int) -> list[range]:
    """Which of so many each rank computes: as evenly as it goes, none where there are more ranks."""
    edges = [count * rank // ranks for rank in range(ranks + 1)]
    return [range(edges[rank], edges[rank + 1]) for rank in range(ranks)]


def _features(task: _Task, found: paper.RunningMaximum, rows: tuple[int, int], first: int) -> Features:
    """Those in some rows of the whole image. `found` begins with its row `first`."""
    if rows[0] == rows[1]:
        nothing = np.empty(0, np.int32)
        return Features(nothing, nothing, nothing.astype("u1"), nothing.astype("f4"), task.limits, task.shape)
    features = paper.features_of(
        found.maximum, found.where, task.params, limits=task.limits, sigma_floor=task.sigma_floor
    )
    y = features.y + np.int32(first)
    kept = (y >= rows[0]) & (y < rows[1])
    return replace(
        features,
        y=y[kept],
        x=features.x[kept],
        scale=features.scale[kept],
        response=features.response[kept],
        shape=task.shape,
    )
