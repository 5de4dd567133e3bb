"""The scale ladder and what each of its scales does to white noise.

A ladder has n + 1 Gaussians t_1 .. t_(n+1); scale i is the difference t_i (L_i - L_(i+1)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mhfd.contract.params import Params

ROUNDING = 1e-4
"""A response at or below this (per dt, of the stretched image) is rounding, not a feature: far below one grey level."""


def step(params: Params) -> float:
    """dt: the distance between two neighbouring Gaussians."""
    span = params.max_t - params.min_t
    return span / (params.n if params.ladder == "text" else params.n - 1)


def ladder(params: Params) -> NDArray[np.float64]:
    """The n + 1 sigmas."""
    sigmas: NDArray[np.float64] = params.min_t + step(params) * np.arange(params.n + 1, dtype=np.float64)
    return sigmas


def noise_gain(params: Params) -> NDArray[np.float64]:
    """nu_i: the standard deviation of scale i for white noise of standard deviation 1.

    nu_i = t_i ||G_i - G_(i+1)||_2 with the sampled, normalised Gaussians that the detector uses.
    """
    sigmas = ladder(params)
    radius = int(np.ceil(6 * sigmas[-1])) + 1
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    kernels = np.exp(-0.5 * (x / sigmas[:, None]) ** 2)
    kernels /= kernels.sum(axis=1, keepdims=True)
    same = (kernels**2).sum(axis=1) ** 2
    cross = (kernels[:-1] * kernels[1:]).sum(axis=1) ** 2
    gain: NDArray[np.float64] = sigmas[:-1] * np.sqrt(np.maximum(same[:-1] - 2 * cross + same[1:], 0))
    return gain


def floors(params: Params, sigma: float = 0.0) -> NDArray[np.float32]:
    """What a response must exceed at each scale, for the stretched image.

    `sigma` is the noise's standard deviation after the stretch: the smallest anywhere in the image, so that the
    gate can be applied exactly, place by place, to what passes.
    """
    least = np.full(params.n, ROUNDING * step(params))
    if params.gate == "absolute":
        least = np.maximum(least, params.threshold * step(params))
    elif params.gate == "noise":
        least = np.maximum(least, params.threshold * sigma * noise_gain(params))
    return least.astype(np.float32)
