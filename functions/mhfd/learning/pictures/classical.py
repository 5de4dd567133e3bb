"""Ways that nobody had to teach: a Gaussian and non-local means against noise, mhfd's own tissue for what pixels show.

Each has a setting or two, chosen with images of the training side as a network is: what is left of them is as good as
such a way gets. Knows no package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mhfd import survey
from mhfd.errors import needing_extra
from mhfd.learning.dataset.besides import MASK_CLASSES
from mhfd.measure import noise, saturation, tissue
from mhfd.rows import InMemory

PictureTask = Literal["denoise", "segment"]
"""Tasks whose packages make pictures."""

SIGMAS: Final = (0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.6)
"""Pixels of a Gaussian."""
STRENGTHS: Final = (0.4, 0.6, 0.8, 1.0)
"""Of non-local means, in the noise that the image has."""
EVEN_STRENGTHS: Final = (0.3, 0.4, 0.6)
"""The same of grey values that were bent so that the noise is as strong in bright places as in dark ones."""
_NON_LOCAL: Final = "non-local means"
_PATCH: Final = 5
_SEARCHED: Final = 6
"""Pixels of a patch, and how far around a pixel patches are looked for."""
_RESIN, _TISSUE, _ARTEFACT = range(len(MASK_CLASSES))

Makes = Callable[[NDArray[Any]], NDArray[Any]]
"""A picture of an image, of its size."""


@dataclass(frozen=True, slots=True)
class ClassicalWay:
    """One way with one setting."""

    kind: str
    """What is the same of all its settings."""
    setting: str
    of: Makes

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.kind}, {self.setting}"


def classical_ways(task: PictureTask) -> Sequence[ClassicalWay]:
    """Every way for a task, with every setting. ExtraMissing."""
    if task == "segment":
        return [
            ClassicalWay("mhfd's tissue", f"what is clipped is {MASK_CLASSES[number]}", _tissue(number))
            for number in (_RESIN, _ARTEFACT)
        ]
    with needing_extra("learn", "pictures are compared with non-local means, which needs scikit-image"):
        import skimage.restoration  # noqa: F401
    return [
        *(ClassicalWay("Gaussian", f"{sigma:g} px", _gaussian(sigma)) for sigma in SIGMAS),
        *(ClassicalWay(_NON_LOCAL, f"{one:g} of the noise", _non_local(one)) for one in STRENGTHS),
        *(ClassicalWay(_NON_LOCAL, f"{one:g} of even noise", _non_local(one, even=True)) for one in EVEN_STRENGTHS),
    ]


def like(picture: NDArray[Any], image: NDArray[Any]) -> NDArray[Any]:
    """Grey values as the kind of numbers that an image has."""
    if image.dtype.kind == "f":
        return np.asarray(picture, image.dtype)
    known = np.iinfo(image.dtype)
    grey: NDArray[Any] = np.clip(np.rint(picture), known.min, known.max).astype(image.dtype)
    return grey


def _gaussian(sigma: float) -> Makes:
    def made(pixels: NDArray[Any]) -> NDArray[Any]:
        from scipy.ndimage import gaussian_filter

        found: NDArray[np.float64] = gaussian_filter(pixels.astype(np.float64), sigma, mode="reflect")
        return like(found, pixels)

    return made


def _non_local(strength: float, *, even: bool = False) -> Makes:
    def made(pixels: NDArray[Any]) -> NDArray[Any]:
        model = _looked(pixels)[1].model
        bent = _Bent(model.gain, model.read_var) if even and model.gain > 0 else None
        given = pixels.astype(np.float64)
        if bent is not None:
            return like(bent.back(_averaged(bent.of(given), strength, 1.0)), pixels)
        level = float(given.mean())
        return like(_averaged(given - level, strength, model.sigma) + level, pixels)

    return made


def _averaged(plane: NDArray[np.float64], strength: float, sigma: float) -> NDArray[np.float64]:
    from skimage.restoration import denoise_nl_means

    found: NDArray[np.float64] = denoise_nl_means(
        plane,
        patch_size=_PATCH,
        patch_distance=_SEARCHED,
        h=max(strength * sigma, 1e-9),
        sigma=sigma,
        fast_mode=True,
        preserve_range=True,
    )
    return found


@dataclass(frozen=True, slots=True)
class _Bent:
    """Grey values x of noise `read + gain * x` as values whose noise is 1 everywhere (Anscombe's, generalised)."""

    gain: float
    read: float

    def of(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = self.gain * plane + 0.375 * self.gain**2 + self.read
        return np.asarray(2 / self.gain * np.sqrt(np.maximum(inside, 0)))

    def back(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(((self.gain * plane / 2) ** 2 - 0.375 * self.gain**2 - self.read) / self.gain)


def _tissue(clipped: int) -> Makes:
    def made(pixels: NDArray[Any]) -> NDArray[Any]:
        seen, known = _looked(pixels)
        burnt = saturation.measure(seen).burnt
        found = np.where(tissue.find(seen.stats, known, unusable=burnt).mask, _TISSUE, np.where(burnt, clipped, _RESIN))
        full = found.astype(np.uint8).repeat(noise.BLOCK, 0).repeat(noise.BLOCK, 1)
        beyond = [(0, max(0, side - have)) for side, have in zip(pixels.shape, full.shape, strict=True)]
        whole: NDArray[np.uint8] = np.pad(full, beyond, mode="edge")
        return whole

    return made


def _looked(pixels: NDArray[Any]) -> tuple[survey.Survey, noise.NoiseMap]:
    """What mhfd sees of an image before it looks for features."""
    kind = pixels.dtype if pixels.dtype.name in ("uint8", "uint16") else np.float32
    seen = survey.survey(InMemory(np.ascontiguousarray(pixels, kind)))
    return seen, noise.estimate(seen.stats, step=noise.grey_step(seen.line))
