"""What the kernel is timed against: the paper's way, and the strongest ways to the same maxima on one core of today.

Each is made ready for one picture (plans, gains and buffers are not timed) and then run as often as is asked; a run
begins with the raw pixels and returns how many maxima there are. All stretch by the same table, keep a running maximum
and its index, and count 3x3 maxima above the same floor. OpenCV does what is done pixel by pixel: it is several times
as fast as NumPy. Fourier transforms have a circular border, so the counts differ somewhat. Why these:
docs/decisions/0056-strong-peers.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from mhfd import scales, stretch
from mhfd.contract.params import Params

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]
Run = Callable[[], int]

MEASURED_PLANS: Final = 2048 * 2048
"""Pixels up to which FFTW looks for its best plan by trying."""
CUT: Final = 4.0
"""Sigmas to a side that OpenCV's Gaussians reach."""
COARSER: Final = {2: 3.0, 4: 7.0, 8: 16.0, 16: 40.0}
"""From which sigma on the pyramid works at so many pixels apart: as coarse as 2% of detections allow."""


def paper_way(pixels: Image, p: Params) -> int:
    """As the paper prints it: float32 FFTs, every scale in one stack, argmax, 3x3 maxima; NumPy and SciPy."""
    lo, hi = stretch.limits_of_counts(np.bincount(pixels.ravel(), minlength=256), p)
    image = stretch.apply(pixels, lo, hi, np.float32)
    spectrum = scipy.fft.rfft2(image, workers=1)
    fy, fx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1])
    stack = np.empty((p.n, *image.shape), np.float32)
    sigmas = scales.ladder(p)
    previous = None
    for i, t in enumerate(sigmas):
        gain = (np.exp(-2 * (np.pi * t * fy) ** 2).astype(np.float32)) * np.exp(-2 * (np.pi * t * fx) ** 2).astype(
            np.float32
        )
        blurred = scipy.fft.irfft2(spectrum * gain, s=image.shape, workers=1)
        if previous is not None:
            np.multiply(previous - blurred, np.float32(sigmas[i - 1]), out=stack[i - 1])
        previous = blurred
    where = stack.argmax(axis=0)
    maximum = np.take_along_axis(stack, where[None], axis=0)[0]
    peaks = (maximum == scipy.ndimage.maximum_filter(maximum, 3)) & (maximum > scales.floors(p)[0])
    return int(peaks.sum())


class RunningMaximum:
    """What every peer with OpenCV shares: stretch, running maximum with its index, 3x3 maxima."""

    def __init__(self, pixels: Image, p: Params) -> None:
        import cv2

        cv2.setNumThreads(1)
        self.cv2: Any = cv2
        self.pixels, self.params = pixels, p
        self.sigmas = [float(t) for t in scales.ladder(p)]
        self._floor = float(scales.floors(p)[0])
        self._square = np.ones((3, 3), np.uint8)
        self._numbers = [np.full(pixels.shape, i, np.uint8) for i in range(p.n)]
        self._difference, self._best = np.empty(pixels.shape, np.float32), np.empty(pixels.shape, np.float32)
        self._which, self._more = np.empty(pixels.shape, np.uint8), np.empty(pixels.shape, np.uint8)

    def stretched(self, into: Plane | None = None) -> Plane:
        """The picture from 0 to 1. Begins a run."""
        counts = self.cv2.calcHist([self.pixels], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        lo, hi = stretch.limits_of_counts(counts, self.params)
        table = np.clip((np.arange(256, dtype=np.float32) - lo) / (hi - lo), 0, 1).astype(np.float32)
        self._best.fill(-np.inf)
        self._which.fill(0)
        image: Plane = self.cv2.LUT(self.pixels, table, dst=into)
        return image

    def take(self, number: int, finer: Plane, coarser: Plane) -> None:
        """The difference of two scales."""
        sigma = self.sigmas[number]
        self.cv2.addWeighted(finer, sigma, coarser, -sigma, 0, dst=self._difference)
        self.keep(number, self._difference)

    def keep(self, number: int, response: Plane) -> None:
        """Where it exceeds what was there."""
        self.cv2.compare(response, self._best, self.cv2.CMP_GT, dst=self._more)
        self.cv2.copyTo(self._numbers[number], self._more, self._which)
        self.cv2.max(self._best, response, dst=self._best)

    def peaks(self) -> int:
        """How many maxima there are. Ends a run."""
        around = self.cv2.dilate(self._best, self._square, borderType=self.cv2.BORDER_REPLICATE)
        top = self.cv2.compare(self._best, around, self.cv2.CMP_EQ)
        self.cv2.bitwise_and(top, self.cv2.compare(self._best, self._floor, self.cv2.CMP_GT), dst=top)
        return int(self.cv2.countNonZero(top))

    def blur(self, image: Plane, sigma: float) -> Plane:
        """A Gaussian of OpenCV's own."""
        size = 2 * math.ceil(CUT * sigma) + 1
        blurred: Plane = self.cv2.GaussianBlur(image, (size, size), sigma, borderType=self.cv2.BORDER_REFLECT)
        return blurred


class Fftw:
    """Real transforms of one size by FFTW, planned and in buffers of its own."""

    def __init__(self, shape: tuple[int, int]) -> None:
        import pyfftw

        rows, cols = shape
        flag = "FFTW_MEASURE" if rows * cols <= MEASURED_PLANS else "FFTW_ESTIMATE"
        self.image = pyfftw.empty_aligned(shape, np.float32)
        self.spectrum = pyfftw.empty_aligned((rows, cols // 2 + 1), np.complex64)
        self.filtered = pyfftw.empty_aligned((rows, cols // 2 + 1), np.complex64)
        self._blurred = [pyfftw.empty_aligned(shape, np.float32) for _ in range(2)]
        self._forward = pyfftw.FFTW(self.image, self.spectrum, axes=(0, 1), flags=(flag,), threads=1)
        self._back = [
            pyfftw.FFTW(
                self.filtered,
                blurred,
                axes=(0, 1),
                direction="FFTW_BACKWARD",
                flags=(flag, "FFTW_DESTROY_INPUT"),
                threads=1,
            )
            for blurred in self._blurred
        ]
        self.norm = 1 / (rows * cols)

    def forward(self) -> None:
        """From `image` to `spectrum`."""
        self._forward.execute()

    def back(self, number: int) -> Plane:
        """From `filtered`, which it may spoil, to one of two planes in turn."""
        self._back[number % 2].execute()
        blurred: Plane = self._blurred[number % 2]
        return blurred


class Mkl:
    """The same by MKL."""

    norm = 1.0

    def __init__(self, shape: tuple[int, int]) -> None:
        import mkl_fft

        self._mkl: Any = mkl_fft
        rows, cols = shape
        self._shape = shape
        self.image = np.empty(shape, np.float32)
        self.spectrum = np.empty((rows, cols // 2 + 1), np.complex64)
        self.filtered = np.empty((rows, cols // 2 + 1), np.complex64)
        self._blurred = [np.empty(shape, np.float32) for _ in range(2)]

    def forward(self) -> None:
        """See `Fftw`."""
        self._mkl.rfft2(self.image, out=self.spectrum)

    def back(self, number: int) -> Plane:
        """See `Fftw`."""
        return self._mkl.irfft2(self.filtered, s=self._shape, out=self._blurred[number % 2])  # type: ignore[no-any-return]


def gain_of(t: float, frequency: NDArray[np.floating[Any]], by: float) -> Plane:
    """Of one Gaussian along one axis; what would make subnormal numbers, which are slow, is 0."""
    gain = np.exp(-2 * (np.pi * t * frequency) ** 2)
    return np.where(gain < 1e-12, 0.0, gain * by).astype(np.float32)


def streaming(kind: type[Fftw] | type[Mkl], pixels: Image, p: Params) -> Run:
    """The paper's way without its stack: one scale after the other, gains separable and made beforehand."""
    shared, transforms = RunningMaximum(pixels, p), kind((pixels.shape[0], pixels.shape[1]))
    fy, fx = np.fft.fftfreq(pixels.shape[0])[:, None], np.fft.rfftfreq(pixels.shape[1]).repeat(2)[None]
    spectrum, filtered = transforms.spectrum.view(np.float32), transforms.filtered.view(np.float32)  # gains are real
    gains = [tuple(gain_of(t, f, by) for f, by in ((fy, transforms.norm), (fx, 1.0))) for t in shared.sigmas]

    def run() -> int:
        shared.stretched(transforms.image)
        transforms.forward()
        previous: Plane | None = None
        for i, (down, across) in enumerate(gains):
            np.multiply(spectrum, down, out=filtered)
            np.multiply(filtered, across, out=filtered)
            blurred = transforms.back(i)
            if previous is not None:
                shared.take(i - 1, previous, blurred)
            previous = blurred
        return shared.peaks()

    return run


def transforms_alone(kind: type[Fftw] | type[Mkl], pixels: Image, p: Params) -> Run:
    """One transform and n + 1 back, and nothing else: no way through Fourier space is faster."""
    transforms = kind((pixels.shape[0], pixels.shape[1]))
    transforms.image[...] = pixels
    transforms.forward()
    spectrum = transforms.spectrum.copy()

    def run() -> int:
        transforms.forward()
        for i in range(p.n + 1):
            transforms.back(i)
        return 0

    transforms.filtered[...] = spectrum
    return run


def cascade(pixels: Image, p: Params) -> Run:
    """OpenCV's Gaussians at full resolution, each of the one before."""
    shared = RunningMaximum(pixels, p)

    def run() -> int:
        previous = shared.blur(shared.stretched(), shared.sigmas[0])
        for i, (have, want) in enumerate(pairwise(shared.sigmas)):
            blurred = shared.blur(previous, math.sqrt(want**2 - have**2))
            shared.take(i, previous, blurred)
            previous = blurred
        return shared.peaks()

    return run


def pyramid(pixels: Image, p: Params) -> Run:
    """The kernel's own trick in OpenCV's calls: coarse scales on coarse grids, their differences resized."""
    shared = RunningMaximum(pixels, p)
    cv2, sigmas, (rows, cols) = shared.cv2, shared.sigmas, pixels.shape
    spacings = [max([1, *(s for s, start in COARSER.items() if t >= start)]) for t in sigmas[:-1]]

    def planes(image: Plane) -> Iterator[tuple[int, tuple[Plane, float]]]:
        """By spacing: the plane, and the blur that it has, in pixels of the image."""
        blurred, have = image, 0.0
        yield 1, (image, have)
        for spacing in COARSER:
            if spacing > spacings[-1]:
                return
            want, before = 0.9 * spacing, spacing // 2
            smooth = shared.blur(blurred, math.sqrt(want**2 - have**2) / before)
            size = (smooth.shape[1] // 2, smooth.shape[0] // 2)
            blurred, have = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), want
            yield spacing, (blurred, have)

    def run() -> int:
        base = dict(planes(shared.stretched()))
        previous, at = base[1][0], 0
        for i, spacing in enumerate(spacings):
            if spacing != at:
                plane, have = base[spacing]
                previous, at = shared.blur(plane, math.sqrt(sigmas[i] ** 2 - have**2) / spacing), spacing
            blurred = shared.blur(previous, math.sqrt(sigmas[i + 1] ** 2 - sigmas[i] ** 2) / spacing)
            if spacing == 1:
                shared.take(i, previous, blurred)
            else:
                difference = cv2.multiply(cv2.subtract(previous, blurred), sigmas[i])
                shared.keep(i, cv2.resize(difference, (cols, rows), interpolation=cv2.INTER_CUBIC))
            previous = blurred
        return shared.peaks()

    return run


PEERS: Final[dict[str, Callable[[Image, Params], Run]]] = {
    "paper": lambda pixels, p: lambda: paper_way(pixels, p),
    "fftw": lambda pixels, p: streaming(Fftw, pixels, p),
    "mkl": lambda pixels, p: streaming(Mkl, pixels, p),
    "fftw alone": lambda pixels, p: transforms_alone(Fftw, pixels, p),
    "mkl alone": lambda pixels, p: transforms_alone(Mkl, pixels, p),
    "cascade": cascade,
    "pyramid": pyramid,
}
