"""Which filters the compiled kernel applies, and why they add up to the exact Gaussians.

A Gaussian of sigma t is computed on the coarsest grid, of spacing s, that `START` allows it. Its variance is spent in
three places: `BASE` in the chain that blurs and halves the image, `SPREAD` in the interpolation that brings a
difference back to every pixel, the rest in one sampled Gaussian on the coarse grid. The interpolation's weights are
those that minimise the squared error of the difference, given what the other two filters really do and a spectrum that
falls like that of natural images: that is why 6 taps are enough.

Only numbers are made here; native/kernel.c applies them.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Spacing of the grid: the smallest t that uses it. Each difference is then within 6e-5 of the exact one (rms). The
# coarser, the less a difference is of what it is taken from (dt/t), so the more samples a sigma it needs.
START = {1: 0.0, 2: 3.0, 4: 7.0, 8: 16.0, 16: 40.0}
BASE = 0.9  # sigma of a base plane, in its own pixels
SPREAD = 0.75  # sigma left to the interpolation, in the same pixels: the least error for 6 taps
CUT = {1: 4.0, 2: 4.25, 4: 4.5, 8: 4.75, 16: 4.75}  # spacing: half a kernel, in sigma
EVEN_CUT = 4.0  # the same, where a base plane is halved
TAPS = 6
STRIDE = 8  # of the weights of one phase
BLOCK = 8  # rows that the kernel computes at once

Plane = NDArray[np.float64]
Single = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SegmentFilters:
    """The scales on one base plane, which are consecutive."""

    spacing: int
    first: int
    count: int
    mixed: bool  # its first Gaussian also ends the last scale that begins at full resolution
    kernels: list[Single]  # halves: centre, then one side
    weights: Single  # item, phase, tap

    @property
    def reach(self) -> int:
        """Pixels of the base plane that an output needs to one side."""
        return max(len(k) for k in self.kernels) + TAPS


@dataclass(frozen=True, eq=False)
class PlanFilters:
    """All filters of one ladder."""

    full: int  # scales that begin at full resolution
    mixed: bool  # the last of them ends on a base plane
    kernels: list[Single]  # of the Gaussians at full resolution
    segments: list[SegmentFilters]

    @property
    def spacing(self) -> int:
        """Of the coarsest plane; 1 where there is none."""
        return max((s.spacing for s in self.segments), default=1)

    @property
    def whole(self) -> int:
        """A part of an image begins at a multiple of so many rows, or what is computed of it would differ."""
        return max(BLOCK, self.spacing)

    @property
    def reach(self) -> int:
        """Pixels of the image that an output needs to one side."""
        above, below = self.needed(0, 1)
        return max(-above, below - 1)

    def needed(self, top: int, bottom: int) -> tuple[int, int]:
        """Rows [first, last) of an endless image: what outputs in rows [top, bottom) are made from.

        Followed step by step the way the kernel goes: the taps between the rows of a base plane, its Gaussian, and each
        halving down to the image. Every step's own rows lie inside of what it needs of the finer ones, so a part of the
        image that has these rows gives the same outputs, bit for bit, whatever lies beyond.
        """
        widest = max((len(k) - 1 for k in self.kernels), default=0)
        first, last = top - widest, bottom + widest
        for segment in self.segments:
            reach = TAPS // 2 + max(len(k) - 1 for k in segment.kernels)
            above, below = top // segment.spacing - reach, (bottom - 1) // segment.spacing + reach + 1
            for _, half in reversed(halvings(segment.spacing)):
                pairs = len(half) - 1
                above, below = 2 * above + 1 - pairs, 2 * below - 1 + pairs
            first, last = min(first, above), max(last, below)
        return first, last


@lru_cache(maxsize=32)
def filters(sigmas: tuple[float, ...]) -> PlanFilters:
    """The filters of the ladder `sigmas`, n + 1 of them."""
    n = len(sigmas) - 1
    spacing = [max(s for s, start in START.items() if t >= start) for t in sigmas]
    full = spacing[:n].count(1)
    mixed = full > 0 and spacing[full] > 1
    kernels = [_half_gaussian(t, CUT[1]) for t in sigmas[: full + (full > 0 and not mixed)]]
    used = sorted({*spacing[full:n], *([spacing[full]] if mixed else [])})
    segments = []
    for s in used:
        first = spacing.index(s)
        segments.append(_segment(sigmas, s, first, spacing[:n].count(s), mixed and first == full))
    return PlanFilters(full=full, mixed=mixed, kernels=kernels, segments=segments)


@lru_cache(maxsize=8)
def halvings(coarsest: int) -> tuple[tuple[int, Single], ...]:
    """(spacing, half of the even kernel) of each step from the image to the coarsest base plane."""
    steps: list[tuple[int, Single]] = []
    for before, after in pairwise(START):
        if after > coarsest:
            break
        have = 0.0 if before == 1 else BASE * before
        steps.append((after, _half_even(np.sqrt((BASE * after) ** 2 - have**2) / before)))
    return tuple(steps)


def _half_gaussian(sigma: float, cut: float) -> Single:
    """The kernel of `cut` sigma to a side whose spectrum is nearest to that of the whole Gaussian, on natural images.

    Ten times nearer than the Gaussian cut off there, so that half a sigma less does for the same error.
    """
    x = np.arange(int(np.ceil(9 * sigma)) + 1)
    whole = np.exp(-0.5 * (x / sigma) ** 2)
    whole /= 2 * whole.sum() - whole[0]
    f = (np.arange(1024) + 0.5) / 2048
    size = min(len(x), max(1, int(np.ceil(cut * sigma))) + 1)
    turns = 2 * np.cos(2 * np.pi * x[:, None] * f)
    turns[0] /= 2
    near = turns[:size]
    prior = (f + f[4]) ** -2.0
    unit = np.where(x[:size] == 0, 1.0, 2.0)
    exact_sum = 1e6 * prior.max()
    matrix = np.einsum("if,jf->ij", near * prior, near) + exact_sum * unit[:, None] * unit
    aim = (near * (prior * (turns * whole[:, None]).sum(axis=0))).sum(axis=1)
    kernel: Single = np.linalg.solve(matrix, aim + exact_sum * unit).astype(np.float32)
    return kernel


def _half_even(sigma: float) -> Single:
    """k[j] at distance j - 1/2; k[0] is not used."""
    half = np.exp(-0.5 * ((np.arange(1, int(np.ceil(EVEN_CUT * sigma + 0.5)) + 1) - 0.5) / sigma) ** 2)
    return np.concatenate([[0], half / (2 * half.sum())]).astype(np.float32)


def _segment(sigmas: tuple[float, ...], spacing: int, first: int, count: int, mixed: bool) -> SegmentFilters:
    taus = [t / spacing for t in sigmas[first : first + count + 1]]
    kernels = [_half_gaussian(float(np.sqrt(tau**2 - BASE**2 - SPREAD**2)), CUT[spacing]) for tau in taus]
    items = ([(0, None)] if mixed else []) + [(i, i + 1) for i in range(count)]
    weights = np.zeros((len(items), spacing, STRIDE), np.float32)
    design = _Design(spacing)
    for item, (a, b) in enumerate(items):
        pair = [(taus[g], kernels[g]) for g in (a, b) if g is not None]
        weights[item, :, :TAPS] = design.weights(pair)
    return SegmentFilters(spacing, first, count, mixed, kernels, weights)


class _Design:
    """Least-squares interpolation between the samples of a base plane."""

    def __init__(self, spacing: int) -> None:
        self.spacing = spacing
        self.fx = (np.arange(192) + 0.5) / 192  # cycles a coarse pixel; beyond 1/2: what was aliased
        self.fy = (np.arange(96) + 0.5) / 192
        self.prior = 1 / (self.fx[:, None] ** 2 + self.fy**2)
        self.base = np.ones_like(self.fx)
        for step, half in halvings(spacing):
            distance = (np.arange(1, len(half)) - 0.5) * (step / 2 / spacing)
            self.base *= 2 * (half[1:, None] * np.cos(2 * np.pi * distance[:, None] * self.fx)).sum(axis=0)

    def weights(self, pair: list[tuple[float, Single]]) -> Plane:
        """Of each phase: for the difference of two Gaussians, or for one."""
        have = want = np.zeros((1, 1))
        for sign, (tau, half) in zip((1, -1), pair, strict=False):
            across = np.exp(-2 * (np.pi * tau * self.fx[:, None]) ** 2)
            down = np.exp(-2 * (np.pi * tau * self.fy) ** 2)
            turns = np.cos(2 * np.pi * np.arange(1, len(half))[:, None] * self.fx)
            sampled = self.base * (half[0] + 2 * (half[1:, None] * turns).sum(axis=0))
            have = have + sign * sampled[:, None] * down
            want = want + sign * across * down
        power = (self.prior * have * have).sum(axis=1)
        cross = (self.prior * have * want).sum(axis=1)
        out = np.empty((self.spacing, TAPS))
        for phase in range(self.spacing):
            at = (phase + 0.5) / self.spacing - 0.5
            k = np.arange(TAPS) - TAPS // 2 + (at >= 0)
            lags = (np.cos(2 * np.pi * self.fx * (k[:, None] - k)[..., None]) * power).sum(axis=-1)
            aim = (np.cos(2 * np.pi * self.fx * (k - at)[:, None]) * cross).sum(axis=-1)
            out[phase] = np.linalg.solve(lags + 1e-9 * lags[0, 0] * np.eye(TAPS), aim)
        return out
