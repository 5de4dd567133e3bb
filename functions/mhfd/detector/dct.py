"""The fallback where no compiled library loads: exact, in SciPy, one scale at a time.

A half-sample reflect border is what a DCT-II continues an image by, so each difference of Gaussians is one product in
its spectrum. The difference is taken there, before rounding, which is why float32 is enough. Memory does not grow with
the number of scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd import scales, stretch
from mhfd.detector import Features
from mhfd.detector.paper import features_of, transfer
from mhfd.detector.reflect import ReflectDetector

if TYPE_CHECKING:
    from mhfd.contract.params import Params
    from mhfd.rows import Pixels

ROWS = 256  # of the spectrum, multiplied at once


class DctDetector(ReflectDetector):
    """Streaming DCT. `threads` is chosen by itself if left out."""

    name = "dct"

    def __init__(self, threads: int | None = None) -> None:
        super().__init__(threads, "SciPy DCT")

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        self.check(params)
        lo, hi = stretch.limits(pixels, params, threads=self.threads)
        image = stretch.apply(pixels, lo, hi, np.float32)
        maximum, scale = self._maximum(image, params)
        return features_of(maximum, scale, params, limits=(lo, hi), sigma_floor=sigma_floor)

    def _maximum(self, image: NDArray[np.float32], params: Params) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        sigmas = scales.ladder(params)
        sign = 1.0 if params.polarity == "bright" else -1.0
        spectrum = scipy.fft.dctn(image, overwrite_x=True, workers=self.threads)
        maximum = np.full(image.shape, -np.inf, np.float32)
        where = np.zeros(image.shape, np.uint8)
        product = np.empty_like(spectrum)
        upper = [_of_cosines(size, sigmas[0]) for size in image.shape]
        for i, sigma in enumerate(sigmas[:-1]):
            lower, upper = upper, [_of_cosines(size, sigmas[i + 1]) for size in image.shape]
            for row in range(0, len(product), ROWS):
                part = slice(row, row + ROWS)
                gain = lower[0][part, None] * lower[1] - upper[0][part, None] * upper[1]
                np.multiply(spectrum[part], sign * sigma * gain, out=product[part], casting="same_kind")
            response = scipy.fft.idctn(product, overwrite_x=True, workers=self.threads)
            for row in range(0, len(product), ROWS):
                part = slice(row, row + ROWS)
                better = response[part] > maximum[part]
                np.copyto(maximum[part], response[part], where=better)
                where[part][better] = i
            product = response
        return maximum, where


def _of_cosines(size: int, sigma: float) -> NDArray[np.float64]:
    """What a sampled, normalised Gaussian does to each of the `size` cosines, wherever it is reflected to."""
    return transfer(2 * size, sigma)[:size]
