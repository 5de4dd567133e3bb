"""The classical focus measures, as their authors define them, in float32. Larger is sharper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]


def tenengrad(image: Plane) -> float:
    """Mean squared Sobel gradient (Tenenbaum 1970, Krotkov 1988)."""
    return float((ndimage.sobel(image, 0) ** 2 + ndimage.sobel(image, 1) ** 2).mean())


def brenner(image: Plane) -> float:
    """Mean squared difference of pixels two apart (Brenner 1976), along both axes."""
    return float(((image[2:] - image[:-2]) ** 2).mean() + ((image[:, 2:] - image[:, :-2]) ** 2).mean())


def normalised_variance(image: Plane) -> float:
    """Variance over mean (Groen 1985)."""
    return float(image.var() / max(float(image.mean()), 1e-6))


def laplacian_variance(image: Plane) -> float:
    """Variance of the Laplacian (Pech-Pacheco 2000)."""
    return float(ndimage.laplace(image).var())


def log_variance(image: Plane) -> float:
    """Variance of the Laplacian of Gaussian, sigma 1.5 pixels."""
    return float(ndimage.gaussian_laplace(image, 1.5).var())


def fft_slope(image: Plane) -> float:
    """Slope of the logarithm of power over that of frequency, .01 to .5 cycles a pixel: less steep is sharper."""
    window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1])).astype(np.float32)
    power = np.abs(scipy.fft.rfft2((image - image.mean()) * window)).ravel() ** 2
    band, centres, counts = _rings(image.shape[0], image.shape[1])
    total = np.bincount(band, weights=power, minlength=len(centres) + 1)[1:]
    return float(np.polyfit(centres, np.log(total / counts + 1e-12), 1)[0])


@cache
def _rings(rows: int, cols: int) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """The ring of each frequency (0: none), the logarithm of its middle, how many frequencies it has."""
    edges = np.geomspace(0.01, 0.5, 18)
    radius = np.hypot(scipy.fft.fftfreq(rows)[:, None], scipy.fft.rfftfreq(cols)[None, :]).ravel()
    band = np.digitize(radius, edges)
    band[band == len(edges)] = 0
    counts = np.bincount(band, minlength=len(edges))[1:]
    return band, np.log(np.sqrt(edges[:-1] * edges[1:])), np.maximum(counts, 1).astype(np.float64)


PEERS: Final[Mapping[str, Callable[[Plane], float]]] = {
    "Tenengrad": tenengrad,
    "Brenner": brenner,
    "normalised variance": normalised_variance,
    "Laplacian variance": laplacian_variance,
    "LoG(1.5) variance": log_variance,
    "FFT slope": fft_slope,
}
