"""Images to find features in, and what was found, in a form that can be compared."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from mhfd.contract.params import Params
from mhfd.detector import Features


def params(**fields: Any) -> Params:
    gate = {} if "gate" in fields else {"gate": "absolute", "threshold": 0.05}
    return Params(**{**gate, **fields})


@functools.cache
def picture(shape: tuple[int, int], dtype: str, content: str) -> NDArray[Any]:
    rng = np.random.default_rng([*shape, len(content)])
    noise = rng.standard_normal(shape)
    if content == "blobs":  # of many sizes, on a shaded ground
        image = 0.05 * noise + np.linspace(0, 0.5, shape[1])
        for sigma in (1.5, 3, 6, 12):
            spots = rng.random(shape) < 0.04 / sigma**2
            image += scipy.ndimage.gaussian_filter(np.where(spots, rng.uniform(-1, 1, shape), 0), sigma) * 6 * sigma**2
    elif content == "texture":  # the spectrum of natural images
        f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
        f[0, 0] = 1
        image = np.fft.irfft2(np.fft.rfft2(noise) / f, s=shape) + 0.2 * noise
    else:  # hard edges, both ends clipped
        image = np.zeros(shape)
        for _ in range(120):
            y, x = (int(rng.integers(0, side)) for side in shape)
            image[y : y + int(rng.integers(2, 50)), x : x + int(rng.integers(2, 50))] += rng.uniform(-1, 1)
        image = np.clip(image + 0.02 * noise, -0.8, 0.8)
    image = (image - image.min()) / np.ptp(image)
    pixels: NDArray[Any]
    if dtype == "float32":
        pixels = (1e3 * image - 200).astype(np.float32)
    else:
        pixels = np.round((255 if dtype == "uint8" else 40000) * image).astype(dtype)
    return pixels


def places(found: Features) -> set[tuple[int, int, int]]:
    return set(zip(found.y.tolist(), found.x.tolist(), found.scale.tolist(), strict=True))
