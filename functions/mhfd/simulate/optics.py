"""What the column does to the picture: defocus, astigmatism, tilt, the shape and size of the probe, motion.

A probe converging with half-angle a is a disc of radius |defocus| * a where it meets the surface: geometric optics,
good where defocus matters. Where the beam's current is not even over its cone, it is a Gaussian or a ring instead.
Must not know about tissue or noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.special
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mhfd.errors import UsageError
from mhfd.simulate.checks import check_range, checked_pair
from mhfd.simulate.fields import Plane

_LEAST = 0.1  # px: a disc smaller than this changes nothing
_STEP = 1.0  # px of radius between two planes of a tilted image
_LARGEST = 256.0  # px
_FINE = 64  # entries of the table a radian


class ProbeShape(StrEnum):
    """How a defocused probe lies on the surface."""

    DISC = "disc"  # evenly over the disc
    GAUSSIAN = "gaussian"  # its standard deviation is half the radius: what a disc of that radius has along any line
    ANNULAR = "annular"  # evenly over a ring, whose outer radius is the radius


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
    probe_shape: ProbeShape = ProbeShape.DISC
    inner_part: float = 0.6
    """Of a ring: its inner radius, as a part of the outer."""
    motion_px: tuple[float, float] = (0.0, 0.0)
    """Way of the specimen while a pixel is taken, evenly: across the scan lines (down the rows), and along them."""

    def __post_init__(self) -> None:
        check_range("optics.pixel_nm", self.pixel_nm, 1, 50)
        check_range("optics.half_angle_mrad", self.half_angle_mrad, 0, 100, above=True)
        check_range("optics.probe_nm", self.probe_nm, 0, 1000)
        check_range("optics.defocus_um", self.defocus_um, -1e4, 1e4)
        check_range("optics.astigmatism_um", self.astigmatism_um, -1e4, 1e4)
        check_range("optics.astigmatism_deg", self.astigmatism_deg, -360, 360)
        for change in checked_pair("optics.tilt_um", self.tilt_um, "down the rows, along the columns"):
            check_range("optics.tilt_um", change, -1e4, 1e4)
        if self.blur_px is not None:
            check_range("optics.blur_px", self.blur_px, 0, _LARGEST)
            if self.defocus_um or self.astigmatism_um or self.tilt_um != (0, 0):
                raise UsageError(
                    f"optics.blur_px: {self.blur_px!r} stands for defocus_um, astigmatism_um and tilt_um; leave those 0"
                )
        if not isinstance(self.probe_shape, ProbeShape):
            offered = ", ".join(f"ProbeShape.{shape.name}" for shape in ProbeShape)
            raise UsageError(f"optics.probe_shape: {self.probe_shape!r} is not offered; give {offered}")
        check_range("optics.inner_part", self.inner_part, 0, 0.95)
        for way in checked_pair("optics.motion_px", self.motion_px, "across the lines, along them"):
            check_range("optics.motion_px", way, 0, _LARGEST)
        if (worst := max(self.disc(d)[0] for d in self.extremes())) > _LARGEST:
            raise UsageError(
                f"optics.defocus_um: {self.defocus_um!r} blurs by {worst:.0f} px; "
                f"at most {_LARGEST:.0f}: lessen defocus, tilt or half_angle_mrad"
            )

    @classmethod
    def ellipse(
        cls, longer_px: float, shorter_px: float, angle_deg: float, *, pixel_nm: float = 8.0, probe_nm: float = 4.0
    ) -> Optics:
        """Astigmatism with defocus: an ellipse of these half-axes, the longer from the lines towards the rows."""
        check_range("longer_px", longer_px, 0, _LARGEST)
        check_range("shorter_px", shorter_px, 0, longer_px)
        um = pixel_nm / cls(pixel_nm=pixel_nm).half_angle_mrad  # of defocus, for a disc of one pixel
        return cls(
            pixel_nm=pixel_nm,
            probe_nm=probe_nm,
            defocus_um=um * (longer_px + shorter_px) / 2,
            astigmatism_um=um * (longer_px - shorter_px) / 2,
            astigmatism_deg=angle_deg,
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

    def disc(self, defocus_um: float) -> tuple[float, float, float]:
        """Half-axes in pixels, the larger first, and the angle in radians."""
        one, two = abs(defocus_um + self.astigmatism_um), abs(defocus_um - self.astigmatism_um)
        angle = float(np.deg2rad(self.astigmatism_deg) + (0.0 if one >= two else np.pi / 2))
        if self.blur_px is not None:
            return self.blur_px, self.blur_px, angle
        scale = self.half_angle_mrad / self.pixel_nm  # um * mrad = nm
        return max(one, two) * scale, min(one, two) * scale, angle


def blur(scene: Plane, optics: Optics) -> Plane:
    """The scene through the optics. What lies beyond the edge is taken to mirror what lies within."""
    low, high = optics.extremes()
    spectrum = _Spectrum.of(scene, optics, max(optics.disc(low)[0], optics.disc(high)[0]))
    if low == high:
        return spectrum.through(optics.disc(low))
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


def transfer(argument: Plane, shape: ProbeShape = ProbeShape.DISC, inner_part: float = 0.0) -> Plane:
    """The Fourier transform of a probe, of x = 2 pi radius x frequency, looked up in a fine table."""
    table = _table(int(argument.max() * _FINE) + 3, shape, inner_part if shape is ProbeShape.ANNULAR else 0.0)
    argument = argument * np.float32(_FINE)
    left = argument.astype(np.int32)
    argument -= left
    value = table[left]
    left += 1
    argument *= table[left] - value
    value += argument
    return value


@lru_cache(maxsize=8)
def _table(size: int, shape: ProbeShape, inner_part: float) -> Plane:
    x = np.arange(1, size) / _FINE
    if shape is ProbeShape.GAUSSIAN:
        of_x = np.exp(-(x**2) / 8)
    elif inner_part > 0:
        of_x = (_of_disc(x) - inner_part**2 * _of_disc(inner_part * x)) / (1 - inner_part**2)
    else:
        of_x = _of_disc(x)
    return np.concatenate([[1.0], of_x]).astype(np.float32)


def _of_disc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    transform: NDArray[np.float64] = 2 * scipy.special.j1(x) / x
    return transform


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """A scene, transformed once, to be blurred by several discs."""

    scene: Plane
    optics: Optics
    margin: int
    padded: tuple[int, ...]
    spectrum: NDArray[np.complex64] | None
    sigma: float

    @classmethod
    def of(cls, scene: Plane, optics: Optics, reach: float) -> _Spectrum:
        sigma = optics.probe_nm / 2.3548 / optics.pixel_nm
        way = max(optics.motion_px)
        if reach < _LEAST and not way:
            return cls(scene, optics, 0, (), None, sigma)
        tails = 2 if optics.probe_shape is ProbeShape.GAUSSIAN else 1  # to four of its standard deviations
        margin = int(np.ceil(tails * reach + way / 2 + 3 * sigma)) + 1
        padded = tuple(scipy.fft.next_fast_len(side + 2 * margin, real=True) for side in scene.shape)
        after = [(margin, p - s - margin) for p, s in zip(padded, scene.shape, strict=True)]
        return cls(scene, optics, margin, padded, scipy.fft.rfft2(np.pad(scene, after, mode="symmetric")), sigma)

    def through(self, disc: tuple[float, float, float]) -> Plane:
        if self.spectrum is None or (disc[0] < _LEAST and not any(self.optics.motion_px)):
            if self.sigma < 0.15:
                return self.scene.copy()
            sharp: Plane = gaussian_filter(self.scene, self.sigma, mode="reflect")
            return sharp
        large, small, angle = disc
        down, along = scipy.fft.fftfreq(self.padded[0])[:, None], scipy.fft.rfftfreq(self.padded[1])
        cosine, sine = np.cos(angle), np.sin(angle)
        a, b = (2 * np.pi * large) ** 2, (2 * np.pi * small) ** 2
        # (a u^2 + b v^2) for u, v the frequencies along and across the ellipse
        square = ((a * cosine**2 + b * sine**2) * along**2).astype(np.float32) + (
            (a * sine**2 + b * cosine**2) * down**2
        ).astype(np.float32)
        if a != b:
            square += (2 * (a - b) * cosine * sine * down).astype(np.float32) * along.astype(np.float32)
            np.maximum(square, 0, out=square)
        of_probe = transfer(np.sqrt(square, out=square), self.optics.probe_shape, self.optics.inner_part)
        product = self.spectrum * of_probe
        product *= self._probe(down)
        product *= self._probe(along)
        for way, frequency in zip(self.optics.motion_px, (down, along), strict=True):
            if way:
                product *= np.sinc(way * frequency).astype(np.float32)
        blurred = scipy.fft.irfft2(product, s=self.padded, overwrite_x=True)
        m = self.margin
        inner: Plane = blurred[m : m + self.scene.shape[0], m : m + self.scene.shape[1]]
        return inner

    def _probe(self, frequency: NDArray[np.float64]) -> Plane:
        gaussian: Plane = np.exp(-2 * (np.pi * self.sigma * frequency) ** 2).astype(np.float32)
        return gaussian


def _centred(size: int) -> NDArray[np.float64]:
    """-1/2 at the first, 1/2 at the last."""
    return np.linspace(-0.5, 0.5, size) if size > 1 else np.zeros(1)
