"""What the column does to the picture: defocus, astigmatism, tilt, the size of the probe.

A probe converging with half-angle a is a disc of radius |defocus| * a where it meets the surface: geometric optics,
good where defocus matters. Must not know about tissue or noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mhfd.errors import UsageError
from mhfd.simulate.checks import check_range
from mhfd.simulate.fields import Plane

__all__ = ["Optics", "blur", "kernel"]

_LEAST = 0.1  # px: a disc smaller than this changes nothing
_STEP = 0.6  # px of radius between two planes of a tilted image
_LARGEST = 256.0  # px


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """The column's settings. Defocus is signed; without astigmatism its sign makes no difference."""

    pixel_nm: float = 8.0
    half_angle_mrad: float = 8.0
    probe_nm: float = 4.0
    """Full width at half maximum of the probe in focus."""
    defocus_um: float = 0.0
    astigmatism_um: float = 0.0
    """Half the distance between the two line foci."""
    astigmatism_deg: float = 0.0
    """Direction of the first line focus's blur, from the columns towards the rows."""
    tilt_um: tuple[float, float] = (0.0, 0.0)
    """Change of defocus from the first to the last row, and from the first to the last column."""
    blur_px: float | None = None
    """Radius of the disc in pixels, in place of defocus, astigmatism and tilt."""

    def __post_init__(self) -> None:
        check_range("optics.pixel_nm", self.pixel_nm, 1, 50)
        check_range("optics.half_angle_mrad", self.half_angle_mrad, 0, 100, above=True)
        check_range("optics.probe_nm", self.probe_nm, 0, 1000)
        check_range("optics.defocus_um", self.defocus_um, -1e4, 1e4)
        check_range("optics.astigmatism_um", self.astigmatism_um, -1e4, 1e4)
        check_range("optics.astigmatism_deg", self.astigmatism_deg, -360, 360)
        if not isinstance(self.tilt_um, tuple) or len(self.tilt_um) != 2:
            raise UsageError(f"optics.tilt_um: expected (down the rows, along the columns), got {self.tilt_um!r}")
        for change in self.tilt_um:
            check_range("optics.tilt_um", change, -1e4, 1e4)
        if self.blur_px is not None:
            check_range("optics.blur_px", self.blur_px, 0, _LARGEST)
            if self.defocus_um or self.astigmatism_um or self.tilt_um != (0, 0):
                raise UsageError(
                    f"optics.blur_px: {self.blur_px!r} stands for defocus_um, astigmatism_um and tilt_um; leave those 0"
                )
        if (worst := max(self._radii(d)[0] for d in self.extremes())) > _LARGEST:
            raise UsageError(
                f"optics.defocus_um: {self.defocus_um!r} blurs by {worst:.0f} px; "
                f"at most {_LARGEST:.0f}: lessen defocus, tilt or half_angle_mrad"
            )

    @property
    def radius_px(self) -> float:
        """Radius of the disc of confusion at the middle of the image, without astigmatism."""
        if self.blur_px is not None:
            return self.blur_px
        return abs(self.defocus_um) * self.half_angle_mrad / self.pixel_nm

    def extremes(self) -> tuple[float, float]:
        """Least and greatest defocus in the image."""
        spread = (abs(self.tilt_um[0]) + abs(self.tilt_um[1])) / 2
        return self.defocus_um - spread, self.defocus_um + spread

    def _radii(self, defocus_um: float) -> tuple[float, float]:
        """Half-axes of the disc in pixels, the larger first."""
        if self.blur_px is not None:
            return self.blur_px, self.blur_px
        scale = self.half_angle_mrad / self.pixel_nm  # um * mrad = nm
        one, two = abs(defocus_um + self.astigmatism_um), abs(defocus_um - self.astigmatism_um)
        return max(one, two) * scale, min(one, two) * scale

    def disc(self, defocus_um: float) -> tuple[float, float, float]:
        """Half-axes along and across, and the angle in radians."""
        large, small = self._radii(defocus_um)
        along_first = abs(defocus_um + self.astigmatism_um) >= abs(defocus_um - self.astigmatism_um)
        angle = np.deg2rad(self.astigmatism_deg) + (0.0 if along_first else np.pi / 2)
        return large, small, float(angle)


def blur(scene: Plane, optics: Optics) -> Plane:
    """The scene through the optics. What lies beyond the edge is taken to mirror what lies within."""
    low, high = optics.extremes()
    if low == high:
        return _Spectrum.of(scene, optics, optics.disc(low)[0]).through(optics.disc(low))
    reach = max(optics.disc(low)[0], optics.disc(high)[0])
    spectrum = _Spectrum.of(scene, optics, reach)
    travel = (high - low) * optics.half_angle_mrad / optics.pixel_nm
    planes = max(2, int(np.ceil(travel / _STEP)) + 1)
    # Where each pixel lies between the planes, 0 to planes - 1.
    down = optics.tilt_um[0] * _centred(scene.shape[0])
    along = optics.tilt_um[1] * _centred(scene.shape[1])
    place = ((optics.defocus_um - low) + down[:, None] + along[None, :]) * ((planes - 1) / (high - low))
    place = place.astype(np.float32)
    out = np.zeros_like(scene)
    for i in range(planes):
        weight = np.maximum(1 - np.abs(place - np.float32(i)), 0)
        if weight.any():
            out += weight * spectrum.through(optics.disc(low + (high - low) * i / (planes - 1)))
    return out


def kernel(large: float, small: float, angle: float) -> Plane:
    """An ellipse of the given half-axes, its edge antialiased by counting sub-pixels; sums to 1."""
    large, small = max(large, _LEAST), max(small, _LEAST)
    fine = 8 if large < 8 else 4 if large < 32 else 2
    half = int(np.ceil(large + 0.5))
    at = (np.arange((2 * half + 1) * fine) + 0.5) / fine - half - 0.5
    u = at[None, :] * np.cos(angle) + at[:, None] * np.sin(angle)
    v = at[:, None] * np.cos(angle) - at[None, :] * np.sin(angle)
    inside = (u / large) ** 2 + (v / small) ** 2 <= 1
    counts = inside.reshape(2 * half + 1, fine, 2 * half + 1, fine).sum(axis=(1, 3))
    taps: Plane = (counts / counts.sum()).astype(np.float32)
    return taps


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """A scene, transformed once, to be blurred by several discs."""

    scene: Plane
    margin: int
    padded: tuple[int, int]
    spectrum: NDArray[np.complex64] | None
    sigma: float

    @classmethod
    def of(cls, scene: Plane, optics: Optics, reach: float) -> _Spectrum:
        sigma = optics.probe_nm / 2.3548 / optics.pixel_nm
        if reach < _LEAST:
            return cls(scene, 0, (0, 0), None, sigma)
        margin = int(np.ceil(reach + 3 * sigma)) + 1
        first, last = scene.shape
        padded = (
            scipy.fft.next_fast_len(first + 2 * margin, real=True),
            scipy.fft.next_fast_len(last + 2 * margin, real=True),
        )
        after = [(margin, p - s - margin) for p, s in zip(padded, scene.shape, strict=True)]
        return cls(scene, margin, padded, scipy.fft.rfft2(np.pad(scene, after, mode="symmetric")), sigma)

    def through(self, disc: tuple[float, float, float]) -> Plane:
        if self.spectrum is None or disc[0] < _LEAST:
            if self.sigma < 0.15:
                return self.scene.copy()
            sharp: Plane = gaussian_filter(self.scene, self.sigma, mode="reflect")
            return sharp
        taps = kernel(*disc)
        half = taps.shape[0] // 2
        around = np.zeros(self.padded, np.float32)
        where = (np.arange(-half, half + 1)) % self.padded[0], np.arange(-half, half + 1) % self.padded[1]
        around[np.ix_(*where)] = taps
        transfer = scipy.fft.rfft2(around)
        transfer *= self._probe(scipy.fft.fftfreq(self.padded[0]))[:, None]
        transfer *= self._probe(scipy.fft.rfftfreq(self.padded[1]))
        transfer *= self.spectrum
        blurred = scipy.fft.irfft2(transfer, s=self.padded, overwrite_x=True)
        m = self.margin
        inner: Plane = blurred[m : m + self.scene.shape[0], m : m + self.scene.shape[1]]
        return inner

    def _probe(self, frequency: NDArray[np.float64]) -> Plane:
        gaussian: Plane = np.exp(-2 * (np.pi * self.sigma * frequency) ** 2).astype(np.float32)
        return gaussian


def _centred(size: int) -> NDArray[np.float64]:
    """-1/2 at the first, 1/2 at the last."""
    return np.linspace(-0.5, 0.5, size) if size > 1 else np.zeros(1)
