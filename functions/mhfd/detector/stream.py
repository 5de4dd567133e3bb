"""The published algorithm through FFTs, a few scales at a time: every parameter, on a GPU in float32.

Written once over an array module: CuPy's arrays on a device, NumPy's on the CPU (`stream_arrays`). Each difference of
Gaussians is one product in the image's spectrum and one inverse transform. How many scales pass at once follows from a
budget of memory, their maximum is a running one. So the number of steps is constant while the scales fit the budget,
and memory does not grow with them where they do not.

It must agree with the oracle within `PRECISIONS`' tolerance, and stays a plain chain of transforms: what is faster by
another way of computing is `gpu`'s.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd import scales, stretch
from mhfd.detector import Features
from mhfd.detector.paper import transfer
from mhfd.detector.stream_arrays import Arrays
from mhfd.errors import DeviceUnavailable, UsageError
from mhfd.native import check_pixels
from mhfd.rows import Pixels

if TYPE_CHECKING:
    from mhfd.contract.params import Params

T = TypeVar("T")

VARIABLE: Final = "MHFD_FFT_BYTES"
FFT_BYTES: Final = 2 << 30
"""What an image and the scales of a pass may take where nobody says it."""
KEPT: Final = 4
"""Combinations of shape and parameters whose transfer functions stay on the device."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What is computed in, and what follows from it."""

    real: type[np.floating[Any]]
    tail: float
    """Sigmas at which a Gaussian ends where an image is continued for it: what lies beyond is below rounding."""

    @property
    def bytes(self) -> int:
        """Of a real number."""
        return np.dtype(self.real).itemsize


PRECISIONS: Final = {"single": Precision(np.float32, 6.0), "double": Precision(np.float64, 9.0)}


@dataclass(frozen=True, slots=True)
class Continued:
    """A side of an image, continued until circular convolution gives what the border asks for."""

    side: int
    size: int
    before: int

    @property
    def inside(self) -> slice:
        """Where the image lies."""
        return slice(self.before, self.before + self.side)

    def index(self) -> NDArray[np.intp]:
        """The pixel that each place shows; half-sample reflect where it is none of the image's."""
        place = (np.arange(self.size) - self.before) % (2 * self.side)
        return np.minimum(place, 2 * self.side - 1 - place)


@dataclass(frozen=True, slots=True, eq=False)
class Transfers:
    """What the difference of two neighbouring Gaussians does to a spectrum, on the device.

    A Gaussian is a product over rows and columns: r c - r' c' = (r - r') c + r' (c - c'). Both terms have one sign
    where nothing is cut off, so that no digit is lost where the two are nearly 1.
    """

    row_steps: Any  # scale, row, 1
    rows: Any
    columns: Any  # scale, 1, column
    column_steps: Any


def pass_bytes(environ: Mapping[str, str] | None = None) -> int:
    """The budget that the environment names, or `FFT_BYTES`."""
    value = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if not value:
        return FFT_BYTES
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(f"{VARIABLE}: must be a whole number of bytes, at least 1, got {value!r}: correct or unset it")
    return int(value)


def continued(side: int, params: Params, precision: Precision) -> Continued:
    """A circular border takes the side as it is. A reflecting one takes a length that is quick to transform."""
    if params.border == "wrap":
        return Continued(side, side, 0)
    ends = precision.tail if params.truncate is None else min(params.truncate, precision.tail)
    reach = int(ends * float(scales.ladder(params)[-1]) + 0.5)
    size = int(scipy.fft.next_fast_len(side + 2 * reach, real=True))
    # The even extension is periodic: of twice the size, it is exact for any Gaussian.
    return Continued(side, size, reach) if size < 2 * side else Continued(side, 2 * side, 0)


def bytes_of(rows: Continued, columns: Continued, precision: Precision) -> tuple[int, int]:
    """Device memory that an image takes whatever is done, and what each scale of a pass adds; estimates from above.

    The first: the spectrum, the maximum, its scale, and either what stretches or what finds the peaks. The second: the
    product, the response, and what the transform itself may take.
    """
    places, real = rows.size * columns.size, precision.bytes
    return 5 * real * places, 5 * real * places


class StreamDetector:
    """Any parameters, any size, through FFTs of `arrays`' module; one image at a time."""

    def __init__(self, arrays: Arrays, *, fft_bytes: int | None = None, precision: str = "single") -> None:
        """`fft_bytes`: for an image and the scales of a pass, at least one; nothing for what MHFD_FFT_BYTES says."""
        if precision not in PRECISIONS:
            raise UsageError(f"precision: {precision!r} is not one of {', '.join(PRECISIONS)}")
        if fft_bytes is not None and fft_bytes < 1:
            raise UsageError(f"fft_bytes: must be at least 1, got {fft_bytes}")
        self.fft_bytes = pass_bytes() if fft_bytes is None else fft_bytes
        self.name, self.device, self.threads = arrays.backend, arrays.device, arrays.threads
        self._arrays, self._precision = arrays, PRECISIONS[precision]
        self._kept: OrderedDict[Any, Transfers] = OrderedDict()
        self._lock = threading.Lock()

    def supports(self, params: Params) -> bool:
        """All of them."""
        return True

    def scales_a_pass(self, shape: tuple[int, int], params: Params) -> int:
        """How many scales the budget takes at once for images of this shape."""
        rows, columns = (continued(side, params, self._precision) for side in params.resize or shape)
        image, scale = bytes_of(rows, columns, self._precision)
        return max(1, min(params.n, (self.fft_bytes - image) // scale))

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        check_pixels(pixels)
        if not pixels.size:
            raise UsageError(f"pixels: {pixels.shape[0]} x {pixels.shape[1]} is empty")
        return self._with_room(pixels, params, lambda together: self._detected(pixels, params, sigma_floor, together))

    def maximum(
        self, pixels: Pixels, params: Params, which: range
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.uint8]]:
        """The greatest response at some of the scales, and the first of them that reaches it, at every place."""

        def found(together: int) -> tuple[Any, Any]:
            rows, columns = (continued(side, params, self._precision) for side in params.resize or pixels.shape)
            spectrum, _ = self._spectrum(pixels, params, rows, columns)
            maximum, scale = self._maximum(spectrum, params, rows, columns, together, which)
            return self._arrays.downloaded(maximum), self._arrays.downloaded(scale)

        return self._with_room(pixels, params, found)

    def _with_room(self, pixels: Pixels, params: Params, work: Callable[[int], T]) -> T:
        """What is made with as many scales at once as the budget, and then the device, has room for."""
        together = self.scales_a_pass((pixels.shape[0], pixels.shape[1]), params)
        with self._lock, self._arrays.used():
            while True:
                # What a failed attempt held hangs on its exception: given back after the handler, not in it.
                try:
                    return work(together)
                except MemoryError:
                    failed = together
                self._kept.clear()
                self._arrays.release()
                if failed == 1:
                    raise DeviceUnavailable(
                        f"device: {self.device} has no room for an image of {pixels.shape[0]} x {pixels.shape[1]} and "
                        "one scale; free its memory or use device='cpu'"
                    )
                together = failed // 2

    def _detected(self, pixels: Pixels, params: Params, sigma_floor: float, together: int) -> Features:
        height, width = params.resize or pixels.shape
        rows, columns = (continued(side, params, self._precision) for side in (height, width))
        spectrum, limits = self._spectrum(pixels, params, rows, columns)
        low, high = limits
        if high <= low:
            none = np.zeros(0, np.int32)
            return Features(none, none, none.astype(np.uint8), none.astype(np.float32), limits, (height, width))
        maximum, scale = self._maximum(spectrum, params, rows, columns, together, range(params.n))
        del spectrum
        y, x, which, response = self._peaks(maximum, scale, scales.floors(params, sigma_floor / (high - low)))
        return Features(
            y=y.astype(np.int32),
            x=x.astype(np.int32),
            scale=which,
            response=response.astype(np.float32),
            limits=limits,
            shape=(height, width),
        )

    def _spectrum(
        self, pixels: Pixels, params: Params, rows: Continued, columns: Continued
    ) -> tuple[Any, tuple[float, float]]:
        """Of the stretched image, continued beyond a border that reflects; and the limits of the stretch."""
        arrays = self._arrays
        image, limits = self._stretched(pixels, params)
        if params.border == "reflect":
            image = image[arrays.uploaded(rows.index())][:, arrays.uploaded(columns.index())]
        # What was picked by its columns lies in another order, which cuFFT would take one side at a time.
        return arrays.forward(arrays.xp.ascontiguousarray(image)), limits

    def _stretched(self, pixels: Pixels, params: Params) -> tuple[Any, tuple[float, float]]:
        """The image from -1/2 to 1/2, which is -1/2 where there is nothing to stretch, and its limits.

        No difference of Gaussians sees the mean, and what is rounded in a transform grows with it.
        """
        image = self._arrays.uploaded(pixels)
        if params.resize is not None:
            image = resized(self._arrays, image, params.resize)
        limits = order_statistics(self._arrays, image, params)
        low, high = limits
        real, xp = self._precision.real, self._arrays.xp
        # A resized image is float64, as the oracle's: its limits are exact.
        kind = np.float64 if image.dtype == np.float64 else real
        scaled = image.astype(kind)
        if high > low:
            scaled -= kind(low)
            scaled *= kind(1 / (high - low))
        xp.clip(scaled, 0, 1, out=scaled)
        scaled -= kind(0.5)
        return scaled.astype(real, copy=False), limits

    def _maximum(
        self, spectrum: Any, params: Params, rows: Continued, columns: Continued, together: int, which: range
    ) -> tuple[Any, Any]:
        """The running maximum over these scales, and the first that reaches it."""
        arrays, shape = self._arrays, (rows.side, columns.side)
        transfers = self._transfers(rows, columns, params)
        maximum = arrays.xp.full(shape, -np.inf, self._precision.real)
        scale = arrays.xp.zeros(shape, np.uint8)
        for first in range(which.start, which.stop, together):
            part = slice(first, min(first + together, which.stop))
            weighed = arrays.weighed(
                spectrum,
                transfers.row_steps[part],
                transfers.columns[part],
                transfers.rows[part],
                transfers.column_steps[part],
            )
            responses = arrays.backward(weighed, (rows.size, columns.size))
            del weighed
            for index in range(part.start, part.stop):
                arrays.keep_greater(responses[index - first, rows.inside, columns.inside], index, maximum, scale)
            del responses
        return maximum, scale

    def _transfers(self, rows: Continued, columns: Continued, params: Params) -> Transfers:
        key = (rows, columns, params.n, params.min_t, params.max_t, params.ladder, params.truncate, params.polarity)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        while len(self._kept) >= KEPT:
            self._kept.popitem(last=False)
        sigmas = scales.ladder(params)
        down = np.stack([transfer(rows.size, sigma, params.truncate) for sigma in sigmas])
        across = np.stack([transfer(columns.size, sigma, params.truncate) for sigma in sigmas])
        across = across[:, : columns.size // 2 + 1]
        # The inverse transform is asked for without its factor: it is here, with that of each scale.
        sign = 1.0 if params.polarity == "bright" else -1.0
        factor = sign * sigmas[:-1, None] / (rows.size * columns.size)

        def table(values: NDArray[np.float64], shape: tuple[int, int, int]) -> Any:
            return self._arrays.uploaded(values.astype(self._precision.real).reshape(shape))

        vertical, horizontal = (params.n, rows.size, 1), (params.n, 1, across.shape[1])
        kept = Transfers(
            row_steps=table(factor * (down[:-1] - down[1:]), vertical),
            rows=table(down[1:], vertical),
            columns=table(across[:-1], horizontal),
            column_steps=table(factor * (across[:-1] - across[1:]), horizontal),
        )
        self._kept[key] = kept
        return kept

    def _peaks(self, maximum: Any, scale: Any, floors: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """Row, column, scale and response where the maximum exceeds the floor of its scale and no neighbour it."""
        arrays = self._arrays
        passing = maximum > arrays.uploaded(floors)[scale]
        passing &= maximum == greatest_around(arrays, maximum)
        y, x = arrays.xp.nonzero(passing)
        return tuple(arrays.downloaded(each) for each in (y, x, scale[y, x], maximum[y, x]))


def greatest_around(arrays: Arrays, values: Any) -> Any:
    """The greatest of each 3x3 neighbourhood; beyond the image there is nothing."""
    xp = arrays.xp
    tall = values.copy()
    xp.maximum(tall[1:], values[:-1], out=tall[1:])
    xp.maximum(tall[:-1], values[1:], out=tall[:-1])
    wide = tall.copy()
    xp.maximum(wide[:, 1:], tall[:, :-1], out=wide[:, 1:])
    xp.maximum(wide[:, :-1], tall[:, 1:], out=wide[:, :-1])
    return wide


def order_statistics(arrays: Arrays, image: Any, params: Params) -> tuple[float, float]:
    """(lo, hi) of the stretch, exact: see `stretch.limits`."""
    if image.dtype in (np.uint8, np.uint16):
        return stretch.limits_of_counts(arrays.downloaded(arrays.histogram(image)), params)
    low, high = arrays.downloaded(arrays.ranked(image, stretch.ranks(image.size, params)))
    return float(low), float(high)


def resized(arrays: Arrays, image: Any, shape: tuple[int, int]) -> Any:
    """Bilinear interpolation in float64, in the oracle's order of operations: bit for bit `paper.resize_bilinear`."""

    def taps(old: int, new: int) -> tuple[Any, Any, NDArray[np.float64]]:
        centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(centre).astype(np.intp)
        return arrays.uploaded(low), arrays.uploaded(np.minimum(low + 1, old - 1)), centre - low

    y0, y1, fy = taps(image.shape[0], shape[0])
    x0, x1, fx = taps(image.shape[1], shape[1])
    upper, lower = image[y0].astype(np.float64), image[y1].astype(np.float64)
    upper *= arrays.uploaded((1 - fy)[:, None])
    lower *= arrays.uploaded(fy[:, None])
    upper += lower
    del lower
    left, right = upper[:, x0], upper[:, x1]
    left *= arrays.uploaded(1 - fx)
    right *= arrays.uploaded(fx)
    left += right
    return left
