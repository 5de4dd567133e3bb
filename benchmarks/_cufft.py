"""The peer on a GPU: the paper's chain of operations with cuFFT, every scale stacked, as its authors did it.

Kept simple on purpose, but not slowed down: float32, transfer functions made beforehand, no copy that is not needed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mhfd import scales, stretch
from mhfd.contract.params import Params


class PaperChain:
    """Stretch, rfft2, multiply, irfft2 of all Gaussians, differences, argmax, 3x3 maxima; circular border."""

    def __init__(self, cupy: Any, shape: tuple[int, int], params: Params) -> None:
        self.cupy, self.shape, self.params = cupy, shape, params
        sigmas = scales.ladder(params)
        fy = np.fft.fftfreq(shape[0])[:, None]
        fx = np.fft.rfftfreq(shape[1])[None, :]
        transfer = [np.exp(-2 * (math.pi * t) ** 2 * (fy**2 + fx**2)).astype(np.float32) for t in sigmas]
        self.transfer = cupy.asarray(np.stack(transfer))
        sign = 1.0 if params.polarity == "bright" else -1.0
        self.factors = cupy.asarray((sign * sigmas[:-1]).astype(np.float32)[:, None, None])
        self.floor = float(scales.floors(params)[0])

    def count(self, pixels: Any) -> int:
        """The number of maxima of an image on the device; waits for it."""
        return int(self.launch(pixels))

    def launch(self, pixels: Any) -> Any:
        """The same, left on the device: only the limits are read back, as the chain does."""
        cupy = self.cupy
        counts = cupy.bincount(pixels.ravel(), minlength=256 if pixels.dtype == np.uint8 else 65536)
        low, high = stretch.limits_of_counts(cupy.asnumpy(counts), self.params)
        image = cupy.clip((pixels.astype(np.float32) - np.float32(low)) * np.float32(1 / max(high - low, 1)), 0, 1)
        spectrum = cupy.fft.rfft2(image)
        blurred = cupy.fft.irfft2(spectrum[None] * self.transfer, s=self.shape)
        responses = (blurred[:-1] - blurred[1:]) * self.factors
        best = responses.argmax(axis=0)
        maximum = cupy.take_along_axis(responses, best[None], axis=0)[0]
        padded = cupy.pad(maximum, 1, constant_values=-math.inf)
        around = cupy.maximum(cupy.maximum(padded[:-2], padded[1:-1]), padded[2:])
        around = cupy.maximum(cupy.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
        return ((maximum == around) & (maximum > self.floor)).sum()
