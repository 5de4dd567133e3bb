"""The fast backend: drives native/kernel.c over the tiles of an image, on as many threads as there are CPUs to use.

The arithmetic is in C, its filters in `plan`; here are the buffers, the tiles and the order of the result. The result
does not depend on the number of threads.
"""

import ctypes as c
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd import native, scales, stretch
from mhfd.contract.params import Params
from mhfd.detector import Features, plan
from mhfd.detector.buffers import Buffers, Loan
from mhfd.detector.reflect import ReflectDetector
from mhfd.errors import UsageError
from mhfd.rows import Pixels

TILE_ROWS = 1024
TILE_COLS = 1024
MANY_SCALES = 24  # from here on a tile is half as wide: its rings must stay in a core's cache
SLACK = 80  # a plane's halo beyond what the filters reach: whole vectors are read
KINDS = {"uint8": 0, "uint16": 1, "float32": 2}
Span = tuple[int, int]


class _Image(c.Structure):
    _fields_ = (
        ("pixels", c.c_void_p),
        *((name, c.c_int64) for name in ("rows", "cols", "pitch")),
        ("kind", c.c_int32),
        *((name, c.c_float) for name in ("low", "scale")),
    )


class _Plane(c.Structure):
    _fields_ = (
        ("origin", c.c_void_p),
        *((name, c.c_int64) for name in ("rows", "cols", "pitch", "halo")),
    )


class _Segment(c.Structure):
    _fields_ = (
        *((name, c.c_int32) for name in ("spacing", "plane", "first", "count", "mixed")),
        *((name, c.c_void_p) for name in ("kernels", "radius", "weights")),
    )


class _Plan(c.Structure):
    _fields_ = (
        *((name, c.c_int32) for name in ("scales", "full", "mixed", "full_gaussians", "segments", "stride")),
        *((name, c.c_void_p) for name in ("factor", "floor", "kernels", "radius", "segment")),
        ("least", c.c_float),
    )


class _Found(c.Structure):
    _fields_ = (
        *((name, c.c_int64) for name in ("count", "capacity")),
        *((name, c.POINTER(c.c_int32)) for name in ("y", "x")),
        ("scale", c.POINTER(c.c_uint8)),
        ("response", c.POINTER(c.c_float)),
    )


class CpuDetector(ReflectDetector):
    """The compiled kernel. `threads` and `level` (see `native.levels`) are chosen by themselves if left out."""

    name = "cpu"

    def __init__(self, threads: int | None = None, *, level: str | None = None) -> None:
        self._library = native.library(level)
        for sizes in (self._library.mhfd_base_bytes, self._library.mhfd_detect_bytes):
            sizes.restype = c.c_int64
        self.buffers = Buffers()
        self.level = level or native.kernel_info().level
        super().__init__(threads, str(self.level))

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        self.check(params)
        native.check_pixels(pixels)
        if not pixels.size:
            raise UsageError(f"pixels: there are none, the shape is {pixels.shape}")
        pixels = np.ascontiguousarray(pixels)
        limits = stretch.limits(pixels, params, threads=self.threads)
        return self.detect_between(pixels, (0, len(pixels)), params, limits, sigma_floor=sigma_floor)

    def detect_between(
        self, pixels: Pixels, span: Span, params: Params, limits: tuple[float, float], *, sigma_floor: float = 0.0
    ) -> Features:
        """The maxima in rows [top, bottom) of what may be a part of an image: then `limits` are of the whole.

        The part begins at a multiple of `plan.PlanFilters.whole` rows and ends at one, or where the image ends.
        """
        if limits[1] <= limits[0]:
            return _features([], limits, pixels.shape)
        with self.buffers.lend() as loan:
            run = _Run(self._library, loan, pixels, params, limits, sigma_floor)
            if self.threads == 1:
                return _features(run.detect(span, 1, map), limits, pixels.shape)
            with ThreadPoolExecutor(self.threads) as pool:
                return _features(run.detect(span, self.threads, pool.map), limits, pixels.shape)


Part = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32]]
Execute = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class _Run:
    """One image: its structures, and the arrays they point into."""

    def __init__(
        self,
        lib: c.CDLL,
        loan: Loan,
        pixels: Pixels,
        params: Params,
        limits: tuple[float, float],
        sigma_floor: float,
    ) -> None:
        self.lib = lib
        self.loan = loan
        self.keep: list[Any] = [pixels]
        lo, hi = limits
        self.rows, self.cols = pixels.shape
        self.image = _Image(
            pixels.ctypes.data, self.rows, self.cols, self.cols, KINDS[pixels.dtype.name], lo, 1 / (hi - lo)
        )
        sigmas = scales.ladder(params)
        self.filters = plan.filters(tuple(sigmas))
        self.plan = self._plan(sigmas, params, scales.floors(params, sigma_floor / (hi - lo)))
        self.planes = self._planes()

    def detect(self, span: Span, threads: int, execute: Execute) -> list[Part]:
        previous = None
        for plane, (_, half) in zip(self.planes, plan.halvings(self.filters.spacing), strict=True):
            chunks = max(1, min(threads, plane.rows // 32))
            edges = [plane.rows * i // chunks for i in range(chunks + 1)]
            base = partial(self._base, previous, plane, half)
            for _ in execute(base, list(pairwise(edges))):
                pass
            self.lib.mhfd_halo(c.byref(plane))
            previous = plane
        rows, columns = self._tiles(span, threads)
        merged: list[Part] = []
        band: list[Part] = []
        for part in execute(self._tile, [(*row, *column) for row in rows for column in columns]):
            band.append(part)
            if len(band) == len(columns):
                merged.append(_merged(band))
                band = []
        return merged

    def _base(self, previous: _Plane | None, plane: _Plane, half: plan.Single, rows: tuple[int, int]) -> None:
        source = None if previous is None else c.byref(previous)
        pairs = c.c_int(len(half) - 1)
        with self.loan.of(self.lib.mhfd_base_bytes(source, c.byref(plane), pairs)) as memory:
            self.lib.mhfd_base(
                c.byref(self.image),
                source,
                c.byref(plane),
                c.c_void_p(half.ctypes.data),
                pairs,
                c.c_int64(rows[0]),
                c.c_int64(rows[1]),
                c.c_void_p(memory),
            )

    def _tile(self, tile: tuple[int, int, int, int]) -> Part:
        found = _Found()
        image, filters, edges = c.byref(self.image), c.byref(self.plan), [c.c_int64(edge) for edge in tile]
        try:
            with self.loan.of(self.lib.mhfd_detect_bytes(image, filters, *edges)) as memory:
                failed = self.lib.mhfd_detect(image, self.planes, filters, *edges, c.c_void_p(memory), c.byref(found))
            if failed:
                raise MemoryError("mhfd: no memory for a tile")
            if not found.count:
                return _nothing()
            arrays = (found.y, found.x, found.scale, found.response)
            y, x, scale, response = (np.ctypeslib.as_array(a, (found.count,)).copy() for a in arrays)
            return y, x, scale, response
        finally:
            self.lib.mhfd_free(c.byref(found))

    def _tiles(self, span: Span, threads: int) -> tuple[list[Span], list[Span]]:
        """Row and column spans. Inner edges lie one pixel into a block, whose first row is then a neighbour's."""
        wide = TILE_COLS if self.plan.scales <= MANY_SCALES else TILE_COLS // 2
        across = max(1, round(self.cols / wide))
        width = -(-self.cols // across // 256) * 256 if across > 1 else self.cols
        height = TILE_ROWS
        while threads > 1 and height > 64 and (span[1] - span[0]) * across < 3 * threads * height:
            height //= 2
        return _cuts(*span, height), _cuts(0, self.cols, width)

    def _planes(self) -> Any:
        steps = plan.halvings(self.filters.spacing)
        planes = (_Plane * len(steps))()
        whole = self.filters.whole
        # A size that is no multiple of the spacing is extended by true reflection, until the wrong border of its base
        # planes is out of every filter's reach.
        rows, cols = (
            n if n % whole == 0 else -(-(n + self.filters.reach + 2 * whole) // whole) * whole
            for n in (self.rows, self.cols)
        )
        for plane, (spacing, _) in zip(planes, steps, strict=True):
            reach = max((s.reach for s in self.filters.segments if s.spacing == spacing), default=0)
            halo = -(-(reach + SLACK) // 16) * 16
            pitch = ((cols // spacing + 2 * halo + SLACK) // 16 | 1) * 16
            memory = self.loan.take(4 * (rows // spacing + 2 * halo) * pitch)
            plane.origin = memory + 4 * (halo * pitch + halo)
            plane.rows, plane.cols, plane.pitch, plane.halo = rows // spacing, cols // spacing, pitch, halo
        return planes

    def _plan(self, sigmas: NDArray[np.float64], params: Params, floor: NDArray[np.float32]) -> _Plan:
        f = self.filters
        every = [*f.kernels, *(k for s in f.segments for k in s.kernels)]
        stride = max(len(k) for k in every)
        segments = (_Segment * max(1, len(f.segments)))()
        for out, s in zip(segments, f.segments, strict=False):
            level = s.spacing.bit_length() - 2
            out.spacing, out.plane, out.first, out.count = s.spacing, level, s.first, s.count
            out.mixed = s.mixed
            out.kernels, out.radius = self._kernels(s.kernels, stride)
            out.weights = self._hold(s.weights)
        kernels, radius = self._kernels(f.kernels, stride)
        self.keep.append(segments)
        sign = 1.0 if params.polarity == "bright" else -1.0
        return _Plan(
            scales=params.n,
            full=f.full,
            mixed=f.mixed,
            full_gaussians=len(f.kernels),
            segments=len(f.segments),
            stride=stride,
            factor=self._hold((sign * sigmas[:-1]).astype(np.float32)),
            floor=self._hold(floor),
            kernels=kernels,
            radius=radius,
            segment=c.addressof(segments),
            least=float(floor.min()),
        )

    def _kernels(self, kernels: list[plan.Single], stride: int) -> tuple[int, int]:
        packed = np.zeros((max(1, len(kernels)), stride), np.float32)
        for row, kernel in zip(packed, kernels, strict=False):
            row[: len(kernel)] = kernel
        return self._hold(packed), self._hold(np.array([len(k) - 1 for k in kernels], np.int32))

    def _hold(self, array: NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        self.keep.append(array)
        return array.ctypes.data


def _cuts(first: int, last: int, step: int) -> list[Span]:
    edges = [first, *range(first + step + 1, last, step), last]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def _nothing() -> Part:
    return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.float32)


def _merged(band: list[Part]) -> Part:
    """The tiles of one band, which lie side by side, ordered by row, then column."""
    if len(band) == 1:
        return band[0]
    y, x, scale, response = (np.concatenate(arrays) for arrays in zip(*band, strict=True))
    order = np.argsort(y, kind="stable")  # within a row, tiles follow one another
    return y[order], x[order], scale[order], response[order]


def _features(bands: list[Part], limits: tuple[float, float], shape: tuple[int, ...]) -> Features:
    y, x, scale, response = (np.concatenate(arrays) for arrays in zip(_nothing(), *bands, strict=True))
    return Features(y=y, x=x, scale=scale, response=response, limits=limits, shape=(shape[0], shape[1]))
