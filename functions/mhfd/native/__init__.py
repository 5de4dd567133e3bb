"""The compiled kernel: which library is loaded, and why; the raw-pixel functions, with their NumPy twins.

One library per instruction level is built beside this file by `hatch_build.py`; the best that this processor runs is
loaded once, by ctypes, which releases the GIL in every call. Nothing here knows what a scale is: see `detector.cpu`.
MHFD_KERNEL=v2|v3|v4|plain|none forces a level, for tests and for bug reports.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.threads import thread_count

__all__ = ["BlockStats", "KernelInfo", "block_stats", "check_pixels", "histogram", "kernel_info", "levels", "library"]

FOLDER = Path(__file__).parent
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
# Any one of the names on a line is enough: NumPy renamed its groups over time.
NEEDS = {
    "v4": (("X86_V4",), ("AVX512_SKX",)),
    "v3": (("X86_V3",), ("AVX2", "FMA3")),
    "v2": (("X86_V2",), ("SSE42", "POPCNT")),
    "plain": ((),),
}
Pointer = ctypes.c_void_p
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """What was loaded, or why nothing was."""

    level: str | None  # "v2", "v3", "v4": x86-64-...; "plain": other processors; None: no kernel
    path: str | None
    reason: str  # one readable line

    @property
    def available(self) -> bool:
        """Whether there is a kernel."""
        return self.level is not None


class BlockStats(NamedTuple):
    """What the noise model is made from, one value for each whole block of the image."""

    mean: NDArray[np.float32]
    diag_var: NDArray[np.float32]
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]


def check_pixels(pixels: NDArray[Any]) -> None:
    """UsageError for an array that no kernel takes."""
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise UsageError(f"pixels: must be 2-D uint8, uint16 or float32, got {pixels.dtype} of shape {pixels.shape}")


def kernel_info() -> KernelInfo:
    """Which library this process uses, or why it has none."""
    return _load()[0]


def levels() -> tuple[str, ...]:
    """The levels that are built and that this processor runs, best first."""
    features = _features()
    return tuple(
        level
        for level, ways in NEEDS.items()
        if _path(level).exists() and any(all(features.get(name) for name in way) for way in ways)
    )


def library(level: str | None = None) -> ctypes.CDLL:
    """The loaded library, or that of one of `levels()`."""
    if level is not None:
        if level not in levels():
            raise UsageError(f"level: {level!r} is not one of those built here: {', '.join(levels()) or 'none'}")
        return _open(level)
    info, loaded = _load()
    if loaded is None:
        raise UsageError(f"no compiled kernel: {info.reason}")
    return loaded


def histogram(pixels: NDArray[Any], *, threads: int | None = None) -> NDArray[np.int64]:
    """Counts of each grey value of a uint8 or uint16 image: 256 or 65536 of them."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"pixels: histogram takes uint8 or uint16, got {pixels.dtype}")
    size = 256 if pixels.dtype == np.uint8 else 65536
    _, loaded = _load()
    if loaded is None or not pixels.flags.c_contiguous:
        return np.bincount(pixels.ravel(), minlength=size).astype(np.int64)
    function = loaded.mhfd_histogram_u8 if size == 256 else loaded.mhfd_histogram_u16

    def part(start: int, stop: int) -> NDArray[np.int64]:
        counts = np.zeros(size, np.int64)
        rows = pixels[start:stop]
        function(_address(rows), ctypes.c_int64(rows.size), _address(counts))
        return counts

    total: NDArray[np.int64] = np.sum(_split(part, len(pixels), _threads(threads, pixels.size)), axis=0)
    return total


def block_stats(pixels: NDArray[Any], *, block: int = 16, threads: int | None = None) -> BlockStats:
    """The statistics of each whole block of an uint8, uint16 or float32 image.

    `diag_var` is the mean square of (a - b - c + d)/2 over the block's 2x2 windows: the variance of white noise, blind
    to any plane. Rows and columns that fill no block are left out.
    """
    if not 2 <= block <= 128:
        raise UsageError(f"block: must be 2 to 128, got {block}")
    check_pixels(pixels)
    rows, cols = pixels.shape[0] // block, pixels.shape[1] // block
    _, loaded = _load()
    if loaded is None or not pixels.flags.c_contiguous:
        return _block_stats_numpy(pixels, block)
    name = {"uint8": "u8", "uint16": "u16", "float32": "f32"}[pixels.dtype.name]
    function = getattr(loaded, f"mhfd_block_stats_{name}")
    out = np.empty((4, rows, cols), np.float32)

    def part(start: int, stop: int) -> None:
        function(
            _address(pixels[start * block :]),
            ctypes.c_int64(pixels.shape[1]),
            ctypes.c_int64(stop - start),
            ctypes.c_int64(cols),
            ctypes.c_int(block),
            *(_address(plane[start:]) for plane in out),
        )

    if out.size:
        _split(part, rows, _threads(threads, pixels.size))
    return BlockStats(*out)


def _block_stats_numpy(pixels: NDArray[Any], block: int) -> BlockStats:
    rows, cols = pixels.shape[0] // block, pixels.shape[1] // block
    out = np.empty((4, rows, cols), np.float32)
    for row in range(rows):  # a row of blocks at a time: no copy of the image
        tile = pixels[row * block : (row + 1) * block, : cols * block].reshape(block, cols, block)
        wide = tile.astype(np.float64)
        fold = wide[:-1] - wide[1:]
        diagonal = fold[..., :-1] - fold[..., 1:]
        out[0, row] = wide.sum(axis=(0, 2)) / (block * block)
        out[1, row] = (diagonal**2).sum(axis=(0, 2)) / (4.0 * (block - 1) ** 2)
        out[2, row] = tile.min(axis=(0, 2))
        out[3, row] = tile.max(axis=(0, 2))
    return BlockStats(*out)


def _split(part: Callable[[int, int], T], rows: int, threads: int) -> list[T]:
    threads = max(1, min(threads, rows))
    edges = [rows * i // threads for i in range(threads + 1)]
    if threads == 1:
        return [part(0, rows)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(part, edges[:-1], edges[1:]))


def _threads(threads: int | None, size: int) -> int:
    """A thread costs some 50 us to start: not for less than a megapixel each."""
    return min(threads if threads is not None else thread_count(), max(1, size >> 20))


def _address(array: NDArray[Any]) -> Pointer:
    return Pointer(array.ctypes.data)


def _features() -> dict[str, bool]:
    # numpy has no public name for it, and no stub
    from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]

    return dict(__cpu_features__)


def _path(level: str) -> Path:
    return FOLDER / f"libmhfd-{level}{SUFFIX}"


@cache
def _open(level: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(_path(level)))


@cache
def _load() -> tuple[KernelInfo, ctypes.CDLL | None]:
    forced = os.environ.get("MHFD_KERNEL", "")
    if forced == "none":
        return KernelInfo(None, None, "MHFD_KERNEL=none switches it off"), None
    usable = levels()
    if forced:
        if forced not in usable:
            raise UsageError(f"MHFD_KERNEL: {forced!r} is not one of those built here: {', '.join(usable) or 'none'}")
        usable = (forced,)
    why = "no library was built: install a C compiler or ziglang and reinstall mhfd"
    for level in usable:
        try:
            loaded = _open(level)
        except OSError as e:
            why = f"{_path(level).name} does not load: {e}"
            continue
        return KernelInfo(level, str(_path(level)), f"{_path(level).name} loaded"), loaded
    return KernelInfo(None, None, why), None
