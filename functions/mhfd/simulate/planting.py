"""Plants a fault of the microscope in a real image: what the same field would have looked like, taken badly.

Blurring an image that was taken also blurs its noise, and nothing gives planted blur away so easily. The noise's
spectrum is therefore read off the image, and what blurring took of it is put back. Must not know how focus is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

from mhfd.errors import UsageError
from mhfd.simulate.checks import check_range
from mhfd.simulate.fields import Plane
from mhfd.simulate.optics import transfer

_BLOCK: Final = 128  # pixels: the noise's spectrum is read in blocks of this side
_BLOCKS: Final = 12  # in each direction, at most
_FINE: Final = 0.4  # cycles a pixel: what is finer both along the lines and across them is noise
_BEYOND_AXIS: Final = 3  # frequencies of a block nearer to an axis show scan lines and edges, not noise
_LEVELS: Final = 12  # of brightness, each with its own strength of noise
_SOFT: Final = 32  # pixels in which one half passes into the other
LEAST: Final = 64
"""Pixels of the shorter side of an image in which a fault can be planted."""

Pixels = TypeVar("Pixels", bound=np.generic)
Transfer = Callable[[Plane, Plane], Plane]
"""What is left of a frequency down the rows and one along them, both in cycles a pixel."""


class FaultKind(StrEnum):
    """What the microscope does wrong. `PlantedFault.size` is of what stands behind each."""

    DEFOCUS = "defocus"  # radius of the disc
    HALF = "half"  # the same, in one half of the image
    TILT = "tilt"  # the same at one side, from nothing at the other
    MOTION_ALONG = "motion_along"  # length of the way, along the scan lines
    MOTION_ACROSS = "motion_across"  # length of the way, across them
    VIBRATION = "vibration"  # standard deviation of the lines' displacement along themselves
    ASTIGMATISM = "astigmatism"  # half of the longer axis of the ellipse


_USUAL: Final[dict[FaultKind, tuple[float, float]]] = {
    FaultKind.DEFOCUS: (2.0, 2.0),
    FaultKind.HALF: (3.0, 3.0),
    FaultKind.TILT: (4.0, 6.0),
    FaultKind.MOTION_ALONG: (3.5, 5.0),
    FaultKind.MOTION_ACROSS: (3.5, 5.0),
    FaultKind.VIBRATION: (1.5, 2.5),
    FaultKind.ASTIGMATISM: (3.0, 4.0),
}
_SIDED: Final = (FaultKind.HALF, FaultKind.TILT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One fault: its kind and how much of it, in pixels."""

    kind: FaultKind
    size: float
    across: float = 0.0
    """Half of the shorter axis of an ellipse."""
    angle_deg: float = 0.0
    """Of an ellipse's longer axis, from the lines towards the rows; of a side: 0 right, 90 bottom, 180, 270."""

    @property
    def seen_px(self) -> float:
        """What who looks at the worse half sees of it: of a tilt, which grows evenly, three quarters."""
        return 0.75 * self.size if self.kind is FaultKind.TILT else self.size

    def __post_init__(self) -> None:
        check_range("fault.size", self.size, 0, 64)
        check_range("fault.across", self.across, 0, self.size)
        check_range("fault.angle_deg", self.angle_deg, -360, 360)
        if self.kind in _SIDED and self.angle_deg % 90:
            raise UsageError(f"fault.angle_deg: {self.angle_deg!r} is no side of an image; give 0, 90, 180 or 270")

    @classmethod
    def drawn(cls, kind: FaultKind, rng: np.random.Generator, size: float | None = None) -> PlantedFault:
        """One as it comes: of this size or, without one, of a size that should be found; at any angle."""
        much = float(rng.uniform(*_USUAL[kind])) if size is None else size
        across = much * float(rng.uniform(0.15, 0.35)) if kind is FaultKind.ASTIGMATISM else 0.0
        turn = 90.0 * int(rng.integers(4)) if kind in _SIDED else float(rng.uniform(0, 180))
        angled = kind in (*_SIDED, FaultKind.ASTIGMATISM)
        return cls(kind=kind, size=much, across=across, angle_deg=turn if angled else 0.0)


def plant(
    image: NDArray[Pixels], fault: PlantedFault, *, seed: int = 0, noise: ImageNoise | None = None
) -> NDArray[Pixels]:
    """The image as it would be with this fault; of the same type, and with noise as strong as before.

    `noise`: the image's, where it is known from another fault that was planted in it.
    """
    if image.ndim != 2 or min(image.shape) < LEAST or image.dtype.kind not in "uif":
        raise UsageError(f"image: expected grey pixels of at least {LEAST} x {LEAST}, got {image.dtype} {image.shape}")
    plane = image.astype(np.float32)
    faulty = through(plane, fault, seed=seed)
    if fault.kind is not FaultKind.VIBRATION:
        noise = noise or ImageNoise.of(image)
        white = scipy.fft.rfft2(np.random.default_rng([seed, 31]).standard_normal(plane.shape, dtype=np.float32))
        rounded = 0.0 if image.dtype.kind == "f" else 1 / 12
        planes = _planes(fault, plane.shape)
        even = sum((w * noise.lost(left, white, plane.shape, rounded) for w, left in planes), np.zeros_like(plane))
        faulty += even * noise.strength(faulty)
    return _as_before(faulty, image.dtype)


def through(plane: Plane, fault: PlantedFault, *, seed: int = 0) -> Plane:
    """The picture with this fault; its noise, if it has any, goes the same way."""
    if fault.kind is FaultKind.VIBRATION:
        steps = np.random.default_rng([seed, 32]).standard_normal(len(plane))
        return _displaced(plane, fault.size * steps)
    spectrum = _Mirrored.of(plane, 2 * fault.size)
    return sum((weight * spectrum.through(left) for weight, left in _planes(fault, plane.shape)), np.zeros_like(plane))


def _planes(fault: PlantedFault, shape: tuple[int, ...]) -> Iterator[tuple[Plane, Transfer]]:
    """What of each place comes through which transfer: one for all, or discs of several radii side by side."""
    if fault.kind not in _SIDED:
        yield np.ones((1, 1), np.float32), transfer_of(fault)
        return
    turn = round(fault.angle_deg / 90) % 4
    size = shape[turn % 2 == 0]
    wide = size if fault.kind is FaultKind.TILT else min(_SOFT, size / 4)
    radius = fault.size * np.clip((np.arange(size) - (size - 1) / 2) / wide + 0.5, 0, 1).astype(np.float32)
    radius = radius if turn < 2 else radius[::-1]
    fine = np.arange(0, min(fault.size, 2.0), 0.5)
    steps = np.unique([*fine, *np.arange(2.0, fault.size), fault.size])
    for i, step in enumerate(steps):
        hat = np.zeros(len(steps))
        hat[i] = 1
        weight = np.interp(radius, steps, hat).astype(np.float32)
        yield (weight[:, None] if turn % 2 else weight[None, :]), partial(_ellipse, step, step, 0.0)


def transfer_of(fault: PlantedFault) -> Transfer:
    """What the fault leaves of each frequency. Lines that are displaced have none: it is another on each."""
    match fault.kind:
        case FaultKind.MOTION_ALONG:
            return lambda down, along: np.sinc(fault.size * along + 0 * down)
        case FaultKind.MOTION_ACROSS:
            return lambda down, along: np.sinc(fault.size * down + 0 * along)
        case FaultKind.ASTIGMATISM:
            return partial(_ellipse, fault.size, fault.across, float(np.deg2rad(fault.angle_deg)))
        case FaultKind.VIBRATION:
            raise UsageError("fault.kind: vibration displaces each line by another way; it has no transfer")
        case _:
            return partial(_ellipse, fault.size, fault.size, 0.0)


def _ellipse(large: float, small: float, angle: float, down: Plane, along: Plane) -> Plane:
    major = along * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
    minor = down * np.float32(np.cos(angle)) - along * np.float32(np.sin(angle))
    return transfer((2 * np.pi * np.hypot(large * major, small * minor)).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class ImageNoise:
    """The noise of one image: a spectrum along the lines times one across them, and its strength by brightness."""

    along: NDArray[np.float64]
    """From 0 to .5 cycles a pixel, evenly; 1 where `_FINE` and more."""
    down: NDArray[np.float64]
    brightness: NDArray[np.float64]
    variance: NDArray[np.float64]
    """Of the noise at each brightness, as if it were white and as strong as it is beyond `_FINE`."""

    @classmethod
    def of(cls, image: NDArray[Any]) -> ImageNoise:
        """Read where the other coordinate is `_FINE` or more, so that next to nothing of the scene is in it."""
        plane = image.astype(np.float32)
        power = _block_powers(plane)
        fine = np.abs(scipy.fft.fftfreq(power.shape[1])) >= _FINE
        level = power[:, fine][:, :, fine].mean(axis=(1, 2))
        power = power[level > 0] / level[level > 0][:, None, None]
        if not len(power):
            flat = np.ones(2)
            return cls(flat, flat, np.array([0.0, 1.0]), np.zeros(2))
        # Each block's, then the usual one: an edge or a grain of dust is in few of them.
        along = _folded(np.median(power[:, fine].mean(axis=1), axis=0))
        down = _folded(np.median(power[:, :, fine].mean(axis=2), axis=0))
        return cls(along, down, *_by_brightness(plane))

    def lost(self, left: Transfer, white: NDArray[np.complex64], shape: tuple[int, ...], rounded: float) -> Plane:
        """What blurring took of it: noise with the spectrum N (1 - |H|^2), of strength 1, from white noise's.

        `rounded`: variance that rounding to whole grey values will add, which is not to be there twice.
        """
        down, along = _frequencies(shape)
        grid = np.linspace(0, 0.5, len(self.along))
        power = np.interp(np.abs(down), grid, self.down) * np.interp(along, grid, self.along)
        power *= 1 - left(down, along) ** 2
        power -= rounded / max(float(self.variance.mean()), rounded, 1e-9)
        even: Plane = scipy.fft.irfft2(
            white * np.sqrt(np.maximum(power, 0), dtype=np.float32), s=shape, overwrite_x=True
        )
        return even

    def strength(self, picture: Plane) -> Plane:
        """Its standard deviation at each place of a picture, by how bright it is there."""
        grey = gaussian_filter(picture, 3, mode="reflect")
        strength: Plane = np.sqrt(np.interp(grey, self.brightness, self.variance)).astype(np.float32)
        return strength


def _block_powers(plane: Plane) -> NDArray[np.float32]:
    """Power spectra of blocks, so that white noise of variance v gives v."""
    side = min(_BLOCK, *plane.shape)
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window
    rows, columns = (
        np.linspace(0, size - side, min(_BLOCKS, 1 + 2 * (size - side) // side)).astype(int) for size in plane.shape
    )
    blocks = np.stack([plane[y : y + side, x : x + side] for y in rows for x in columns])
    blocks -= blocks.mean(axis=(1, 2), keepdims=True)
    blocks *= window
    spectra = scipy.fft.fft2(blocks)
    power: NDArray[np.float32] = (spectra.real**2 + spectra.imag**2) / np.float32((window**2).sum())
    return power


def _folded(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the frequencies of a transform to 0 ... .5; smooth; without what scan lines and edges leave at an axis."""
    size = len(shape)
    half = shape[: size // 2 + 1].astype(np.float64)
    half[1 : (size + 1) // 2] = (half[1 : (size + 1) // 2] + shape[: size // 2 : -1]) / 2
    half[:_BEYOND_AXIS] = half[_BEYOND_AXIS : 2 * _BEYOND_AXIS].mean()
    half = uniform_filter1d(half, 5, mode="nearest")
    folded: NDArray[np.float64] = half / half[np.linspace(0, 0.5, len(half)) >= _FINE].mean()
    return folded


def _by_brightness(plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps of brightness, and the variance at each."""
    down, along = _frequencies(plane.shape)
    fine = (np.abs(down) >= _FINE) & (along >= _FINE)
    spectrum = scipy.fft.rfft2(plane)
    spectrum *= fine
    power = scipy.fft.irfft2(spectrum, s=plane.shape, overwrite_x=True) ** 2
    share = np.count_nonzero(fine) * (2.0 if plane.shape[1] % 2 else 2 - 1 / np.count_nonzero(along >= _FINE))
    power /= share / plane.size
    grey = gaussian_filter(plane, 3, mode="reflect")
    edges = np.unique(np.quantile(grey, np.linspace(0, 1, _LEVELS + 1)))
    if len(edges) < 2:
        return np.array([edges[0], edges[0] + 1.0]), np.full(2, float(power.mean()))
    step = np.clip(np.searchsorted(edges, grey, side="right") - 1, 0, len(edges) - 2).ravel()
    count = np.maximum(np.bincount(step, minlength=len(edges) - 1), 1)
    most = np.quantile(power, 0.9995)
    variance = np.bincount(step, np.minimum(power, most).ravel(), len(edges) - 1) / count
    return (edges[:-1] + edges[1:]) / 2, variance


@dataclass(frozen=True, slots=True, eq=False)
class _Mirrored:
    """A picture, transformed once; beyond its edge it is taken to mirror itself."""

    shape: tuple[int, ...]
    margin: int
    padded: tuple[int, ...]
    spectrum: NDArray[np.complex64]

    @classmethod
    def of(cls, plane: Plane, reach: float) -> _Mirrored:
        margin = min(int(np.ceil(reach)) + 8, *plane.shape)
        padded = tuple(scipy.fft.next_fast_len(side + 2 * margin, real=True) for side in plane.shape)
        after = [(margin, p - s - margin) for p, s in zip(padded, plane.shape, strict=True)]
        return cls(plane.shape, margin, padded, scipy.fft.rfft2(np.pad(plane, after, mode="symmetric")))

    def through(self, left: Transfer) -> Plane:
        whole = scipy.fft.irfft2(self.spectrum * left(*_frequencies(self.padded)), s=self.padded, overwrite_x=True)
        inner: Plane = whole[self.margin : self.margin + self.shape[0], self.margin : self.margin + self.shape[1]]
        return inner


def _displaced(plane: Plane, shifts: NDArray[np.float64]) -> Plane:
    """Each line moved along itself by a turn of its phases, which takes nothing of its noise."""
    margin = min(int(np.ceil(np.abs(shifts).max())) + 8, plane.shape[1])
    padded = scipy.fft.next_fast_len(plane.shape[1] + 2 * margin, real=True)
    after = padded - plane.shape[1] - margin
    spectrum = scipy.fft.rfft(np.pad(plane, [(0, 0), (margin, after)], mode="symmetric"))
    along = scipy.fft.rfftfreq(padded)
    spectrum *= np.exp((-2j * np.pi) * shifts[:, None] * along).astype(np.complex64)
    moved: Plane = scipy.fft.irfft(spectrum, n=padded, overwrite_x=True)
    return moved[:, margin : margin + plane.shape[1]]


def _frequencies(shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    down = scipy.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    return down, scipy.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]


def _as_before(plane: Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Rounded and cut off, as the file's type would."""
    if dtype.kind == "f":
        return plane.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(plane), limits.min, limits.max).astype(dtype)
