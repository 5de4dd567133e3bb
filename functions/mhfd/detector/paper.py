"""The oracle: MHFD line by line, in float64, by plain FFT.

Nothing here is fast and nothing may be. Stretch, ladder, polarity, border, truncation and threshold are arguments; the
maximum over scale is a running one, so that memory does not grow with the number of scales. A faster kernel that
disagrees beyond its stated tolerance is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd import scales, stretch
from mhfd.detector import Features
from mhfd.rows import Pixels

if TYPE_CHECKING:
    from mhfd.contract.params import Params

Plane = NDArray[np.float64]


class PaperDetector:
    """The reference backend: any parameters, any size, no speed."""

    name = "paper"
    device = "CPU, float64 FFT"
    threads = 1

    def supports(self, params: Params) -> bool:
        """All of them."""
        return True

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        image = pixels
        if params.resize is not None:
            image = resize_bilinear(pixels, params.resize)
        lo, hi = stretch.limits(image, params)
        maximum, scale = response_maximum(stretch.apply(image, lo, hi), params)
        return features_of(maximum, scale, params, limits=(lo, hi), sigma_floor=sigma_floor)


def response_maximum(image: Plane, params: Params) -> tuple[Plane, NDArray[np.uint8]]:
    """max_i and argmax_i of t_i (L_i - L_(i+1)) for a stretched image."""
    found = RunningMaximum(image.shape, params)
    for i, blurred in enumerate(blurs(image, params, range(params.n + 1))):
        found.take(i, blurred)
    return found.maximum, found.where


def blurs(image: Plane, params: Params, which: Iterable[int]) -> Iterator[Plane]:
    """L_i of a stretched image, for these i of the ladder."""
    sigmas = scales.ladder(params)
    padded = _periodic(image, params)
    spectrum = scipy.fft.rfft2(padded)
    for i in which:
        rows = transfer(padded.shape[0], sigmas[i], params.truncate)
        columns = transfer(padded.shape[1], sigmas[i], params.truncate)[: spectrum.shape[1]]
        yield scipy.fft.irfft2(spectrum * rows[:, None] * columns[None, :], s=padded.shape)[
            : image.shape[0], : image.shape[1]
        ]


class RunningMaximum:
    """max_i and argmax_i of t_i (L_i - L_(i+1)), of the L_i that were taken one after the other.

    Of equal responses the lowest i is kept.
    """

    def __init__(self, shape: tuple[int, ...], params: Params) -> None:
        self.maximum = np.full(shape, -np.inf)
        self.where = np.zeros(shape, np.uint8)
        sign = 1.0 if params.polarity == "bright" else -1.0
        self._factors = sign * scales.ladder(params)
        self._previous: Plane | None = None

    def take(self, i: int, blurred: Plane) -> None:
        """The next L_i."""
        if self._previous is not None:
            self.add(i - 1, self._factors[i - 1] * (self._previous - blurred))
        self._previous = blurred

    def add(self, i: int | NDArray[np.uint8], response: NDArray[np.floating[Any]]) -> None:
        """The response at scale i, or at one scale for each pixel."""
        better = response > self.maximum
        self.maximum[better] = response[better]
        self.where[better] = i[better] if isinstance(i, np.ndarray) else i


def features_of(
    maximum: NDArray[np.floating[Any]],
    scale: NDArray[np.uint8],
    params: Params,
    *,
    limits: tuple[float, float],
    sigma_floor: float,
) -> Features:
    """The maxima above the floor of their scale; the noise is given in grey values of the image before the stretch."""
    lo, hi = limits
    floor = scales.floors(params, sigma_floor / (hi - lo) if hi > lo else 0.0)
    y, x = local_maxima(maximum, floor[scale])
    return Features(
        y=y,
        x=x,
        scale=scale[y, x],
        response=maximum[y, x].astype(np.float32),
        limits=limits,
        shape=(maximum.shape[0], maximum.shape[1]),
    )


def local_maxima(
    maximum: NDArray[np.floating[Any]], floor: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows and columns where the value equals the maximum of its 3x3 neighbourhood and exceeds the floor.

    Of a plateau every pixel counts, as in the authors' `value == maxpool3x3`.
    """
    around = np.pad(maximum, 1, constant_values=-np.inf)
    best = np.maximum(np.maximum(around[:-2], around[1:-1]), around[2:])
    best = np.maximum(np.maximum(best[:, :-2], best[:, 1:-1]), best[:, 2:])
    y, x = np.nonzero((maximum == best) & (maximum > floor))
    return y.astype(np.int32), x.astype(np.int32)


def resize_bilinear(pixels: Pixels, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bilinear interpolation at pixel centres, without a low-pass filter: what the authors' script does."""

    def taps(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Plane]:
        centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(centre).astype(np.intp)
        return low, np.minimum(low + 1, old - 1), centre - low

    y0, y1, fy = taps(pixels.shape[0], shape[0])
    x0, x1, fx = taps(pixels.shape[1], shape[1])
    image = pixels.astype(np.float64)
    rows = image[y0] * (1 - fy)[:, None] + image[y1] * fy[:, None]
    out: NDArray[np.float64] = rows[:, x0] * (1 - fx) + rows[:, x1] * fx
    return out


def _periodic(image: Plane, params: Params) -> Plane:
    """The array that is circularly convolved.

    The even extension of a half-sample reflect border has twice the size and is periodic, so that its circular
    convolution is exact at any size and for any Gaussian.
    """
    if params.border == "wrap":
        return image
    doubled = np.concatenate([image, image[::-1]], axis=0)
    return np.concatenate([doubled, doubled[:, ::-1]], axis=1)


def transfer(size: int, sigma: float, truncate: float | None = None) -> Plane:
    """The Fourier transform of a sampled, normalised Gaussian laid around a circle of `size` pixels."""
    radius = int((9.0 if truncate is None else truncate) * sigma + 0.5)
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / sigma) ** 2)
    kernel /= kernel.sum()
    circle = np.zeros(size)
    np.add.at(circle, x % size, kernel)
    spectrum: Plane = scipy.fft.fft(circle).real
    return spectrum
