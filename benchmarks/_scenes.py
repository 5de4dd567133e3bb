"""What the accuracy benchmark looks at: scenes without noise, blurred and taken again at a known dose.

Scenes come from the simulator and, where MHFD_DATA names a folder with them, from real micrographs, whose noise is
removed first. The blur is a disc, the noise is Poisson's and the read-out's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.restoration import denoise_nl_means

from mhfd import images, simulate

Plane = NDArray[np.float32]
Grey = NDArray[np.uint8]
SIDE: Final = 512


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture without noise, 0 to 1, and the set that it is of."""

    kind: str
    name: str
    picture: Plane


@dataclass(frozen=True, slots=True)
class _Set:
    """A folder of micrographs: how strong its noise is, and by how much it is reduced after that is removed."""

    folder: str
    noise: float
    reduce: int
    crops: int


_SETS: Final = (_Set("vnc", 11, 2, 1), _Set("fib25", 7, 1, 1), _Set("axon_sem", 9, 1, 1))


def data() -> Path | None:
    """The folder of real micrographs, where there is one."""
    value = os.environ.get("MHFD_DATA")
    return Path(value) if value and Path(value).is_dir() else None


def load(path: Path) -> NDArray[np.generic]:
    image = images.load(path)
    if image.pixels is None:
        raise SystemExit(f"{path}: {image.detail}")
    return image.pixels


def simulated(count: int) -> Iterator[Scene]:
    """Sections as the simulator draws them, hardly any noise."""
    still = simulate.Exposure(dose=1e6, read_noise=0, bits=16)
    for seed in range(count):
        yield Scene("simulated", f"seed {seed}", stretched(simulate.section((SIDE, SIDE), seed=seed, exposure=still)))


def real() -> Iterator[Scene]:
    """Micrographs of shared sets, their noise removed by non-local means."""
    for folder, path in micrographs():
        yield scene_of(folder, path)


def micrographs() -> list[tuple[str, Path]]:
    """The set and the file of each scene."""
    folder = data()
    if folder is None:
        return []
    return [(one.folder, path) for one in _SETS for path in sorted((folder / one.folder).iterdir())]


def scene_of(folder: str, path: Path) -> Scene:
    """A micrograph of a set without its noise, reduced as that set is."""
    one = next(each for each in _SETS if each.folder == folder)
    pixels = load(path).astype(np.float32)[: SIDE * one.reduce, : SIDE * one.reduce]
    clean = denoise_nl_means(pixels, patch_size=5, patch_distance=7, h=one.noise, fast_mode=True)
    rows, cols = clean.shape[0] // one.reduce, clean.shape[1] // one.reduce
    small = clean.reshape(rows, one.reduce, cols, one.reduce).mean(axis=(1, 3))
    return Scene(one.folder, path.stem[-14:], stretched(small))


def stretched(picture: NDArray[Any]) -> Plane:
    low, high = np.percentile(picture, (0.175, 99.825))
    scaled: Plane = np.clip((picture.astype(np.float32) - low) / (high - low), 0, 1).astype(np.float32)
    return scaled


def blurred(picture: Plane, radius: float, *, base: float = 0.6) -> Plane:
    """Through a disc of this radius, after the little blur that every instrument has."""
    from scipy import signal  # with scipy.stats: not for a test that is only collected

    sharp: Plane = ndimage.gaussian_filter(picture, base, mode="reflect") if base else picture
    if radius < 0.2:
        return sharp
    kernel = disc(radius)
    padded = np.pad(sharp, len(kernel) // 2, mode="symmetric")
    through: Plane = signal.fftconvolve(padded, kernel, mode="valid").astype(np.float32)
    return through


@cache
def disc(radius: float, fine: int = 9) -> NDArray[np.float64]:
    reach = int(np.ceil(radius + 1))
    side = 2 * reach + 1
    at = (np.arange(side * fine) + 0.5) / fine - side / 2
    inside = (at[:, None] ** 2 + at[None, :] ** 2 <= radius**2).astype(float)
    kernel: NDArray[np.float64] = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    kernel /= kernel.sum()
    return kernel


def taken(picture: Plane, dose: float, rng: np.random.Generator, *, contrast: float = 1.0, read: float = 3.0) -> Grey:
    """8-bit, with `dose` electrons a pixel at middle grey and read-out noise of `read` electrons."""
    electrons = np.maximum(dose * (1 + contrast * 0.8 * (picture - 0.5)), 0)
    counted = rng.poisson(electrons) + rng.normal(0, read, picture.shape)
    grey: Grey = np.clip(counted * (110 / dose) + 0.5, 0, 255).astype(np.uint8)
    return grey
