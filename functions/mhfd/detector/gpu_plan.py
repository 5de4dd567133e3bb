"""What the GPU kernel launches for one shape, type and set of parameters: plain data, no device.

A plan names its buffers, tables and launches; `gpu.py` carries it out on a device, the tests on the CPU. Nothing here
may import cupy or depend on the pixels: what depends on them (limits, floors) stays on the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import stretch
from mhfd.detector import gpu_pyramid as pyramid
from mhfd.detector.gpu_pyramid import PyramidLevel, pitch_of

if TYPE_CHECKING:
    from mhfd.contract.params import Params

TILE: Final = 32  # side of a block's tile of outputs
THREADS: Final = 256  # of a block; each holds four pixels of the tile
ROWS: Final = 16  # a thread's column of full-resolution pixels
COLUMNS: Final = 30  # a warp's columns of full-resolution pixels
CLIMBERS: Final = 128  # threads of a block that climbs
BLOCK: Final = 16  # side of a block of the noise statistics
JOB: Final = 14  # numbers in a row of the table of jobs
ITEM: Final = 6  # numbers in a row of the table of items
HEADER: Final = 16  # words of the result before the statistics: see `clear` in kernels.cu
PLANES: Final = 6  # statistics of blocks: mean, diagonal difference, minimum, maximum, parts at both ends of the image
RULE: Final = 4  # numbers of what a peak must exceed to count: see `tally_of` in kernels.cu

JOB_SCALES: Final = 4  # scales a block of `coarse` computes from one tile
PLANE_SHARE: Final = 3  # floats a pixel for the planes of one group of scales
LIST_SHARE: Final = 16  # the list of peaks first has room for one in so many pixels
COUNTERS: Final = 1056  # blocks that count digits

KERNELS: Final = (
    *("clear", "recount", "choose", "halve", "coarse", "climb", "peaks"),
    *(
        f"{name}_{kind}"
        for name in ("digits", "census", "blocks", "shares", "fine", "halve", "tally")
        for kind in ("uint8", "uint16", "float32")
    ),
)
"""Every kernel in the source."""

Argument = str | tuple[str, int] | np.generic
"""A buffer by name, a place in one (name, elements), or a typed number."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel: a row of blocks, a row of threads, its arguments in order."""

    kernel: str
    blocks: int
    threads: int
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GpuPlan:
    """All that is known before the pixels are."""

    shape: tuple[int, int]
    dtype: str
    scales: int
    buffers: dict[str, tuple[str, int]]  # name: (type, elements)
    tables: dict[str, NDArray[Any]]  # buffers whose contents never change
    look: tuple[Launch, ...]
    """Limits, histogram and statistics of the pixels: the result."""
    climb: tuple[Launch, ...]
    """The scale space. Waits for nobody."""
    find: tuple[Launch, ...]
    """The peaks above the floors, into the list."""
    tally: tuple[Launch, ...]
    """How many of the list count."""
    capacity: int  # of the list of peaks

    @property
    def device_bytes(self) -> int:
        """What the buffers and tables take on the device."""
        sizes = [np.dtype(kind).itemsize * count for kind, count in self.buffers.values()]
        return sum(-(-size // 256) * 256 for size in [*sizes, *(table.nbytes for table in self.tables.values())])

    @property
    def launches(self) -> tuple[Launch, ...]:
        """All of them, in order."""
        return (*self.look, *self.climb, *self.find, *self.tally)

    def longer(self, capacity: int) -> tuple[dict[str, tuple[str, int]], GpuPlan]:
        """A list with more room, and the plan that fills it, for when there are more peaks than this one holds."""
        old, new = np.uint32(self.capacity), np.uint32(capacity)

        def roomier(launches: tuple[Launch, ...]) -> tuple[Launch, ...]:
            return tuple(
                replace(launch, arguments=tuple(new if _is_room(a, old) else a for a in launch.arguments))
                for launch in launches
            )

        return _list(capacity), replace(self, find=roomier(self.find), tally=roomier(self.tally), capacity=capacity)


def _is_room(argument: Argument, capacity: np.uint32) -> bool:
    """No other number of these launches is unsigned."""
    return isinstance(argument, np.uint32) and argument == capacity


def compile_options() -> tuple[str, ...]:
    """What NVRTC is told beside the architecture."""
    return ("--std=c++17", "--fmad=false")  # the source says itself what is fused


@cache
def source() -> str:
    """The CUDA source: sizes and the table of rising taps, then kernels.cu."""
    sizes = {
        "TILE": TILE,
        "THREADS": THREADS,
        "REACH": pyramid.REACH,
        "HALF": pyramid.HALF,
        "BEFORE": pyramid.BEFORE,
        "ROWS": ROWS,
        "COLUMNS": COLUMNS,
        "CLIMBERS": CLIMBERS,
        "BLOCK": BLOCK,
        "JOB": JOB,
        "ITEM": ITEM,
    }
    defines = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    rows = ",\n".join("    {" + ", ".join(f"{w:.9e}f" for w in row) + "}" for row in pyramid.rise(8))
    text = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
    return f"{defines}__constant__ const float RISE[16][8] = {{\n{rows}}};\n{text}"


def build(shape: tuple[int, int], dtype: str, params: Params) -> GpuPlan:
    """The plan for images of this shape and type (uint8, uint16 or float32)."""
    levels = pyramid.levels(shape, params)
    filters = pyramid.filters(levels, params)
    pixels, pitch = shape[0] * shape[1], pitch_of(shape[1])
    capacity = max(pixels // LIST_SHARE, 1024)
    climbs = _Climbs(shape, levels, filters.chain, params.n, capacity)
    rows, columns = shape[0] // BLOCK, shape[1] // BLOCK
    tables: dict[str, NDArray[Any]] = {
        "taps": filters.taps,
        "chain": filters.chain,
        "factors": filters.factors,
        "halving": pyramid.halving(),
        "rise": pyramid.rise(max(8, levels[-1].s)),
        "jobs": np.array(climbs.jobs or [[0] * JOB], np.int64),
        "items": np.array(climbs.items or [[0] * ITEM], np.int64),
    }
    buffers = {
        "pixels": (dtype, -(-pixels // 16) * 16),
        "result": ("uint32", HEADER + PLANES * rows * columns),
        "counts": ("uint32", kinds(dtype)),
        "state": ("uint32", 4),
        "bins": ("uint32", 512),
        "floors": ("float32", 2 * params.n),
        "rule": ("float32", RULE),
        "need": ("float32", params.n),
        "sigma": ("float32", max(rows * columns, 1)),
        "mask": ("uint8", max(rows * columns, 1)),
        "counted": ("uint32", params.n + rows * columns),
        "maximum": ("float32", shape[0] * pitch),
        "scale": ("uint8", shape[0] * pitch),
        "pyramid": ("float32", max(sum(v.base[0] * pitch_of(v.base[1]) for v in levels[1:]), 4)),
        "planes": ("float32", max(climbs.planes, 4)),
        **_list(capacity),
    }
    *higher, last = climbs.launches
    look = (*_limits(shape, dtype, params), *_statistics(shape, dtype))
    climb = (*_fine(shape, dtype, levels[0], filters.chain), *_halvings(shape, dtype, levels), *higher)
    words = np.int32(buffers["counted"][1])
    find = (Launch("recount", _spread(int(words)), THREADS, ("result", "counted", words)), last)
    tally = tuple(_tally(shape, dtype, params.n, capacity))
    return GpuPlan(shape, dtype, params.n, buffers, tables, look, climb, find, tally, capacity)


def kinds(dtype: str) -> int:
    """Bins of the histogram."""
    return 256 if dtype == "uint8" else 1 << 16


def _spread(size: int) -> int:
    """Blocks for so many numbers, with a stride."""
    return min(-(-size // THREADS), COUNTERS)


def _list(capacity: int) -> dict[str, tuple[str, int]]:
    return {"entries": ("uint32", 2 * capacity), "entry_scales": ("uint8", capacity)}


def _limits(shape: tuple[int, int], dtype: str, params: Params) -> Iterator[Launch]:
    size, width = shape[0] * shape[1], np.dtype(dtype).itemsize
    low, high = stretch.ranks(size, params)
    bins = np.int32(kinds(dtype))
    cleared = ("result", "state", "bins", "counts", bins, np.uint32(low), np.uint32(high))
    yield Launch("clear", _spread(int(bins)), THREADS, cleared)
    blocks = min(-(-size * width // (16 * THREADS)), COUNTERS)
    is_float = np.int32(dtype == "float32")
    for k in reversed(range(width)):  # eight bits a pass
        first, last = np.int32(k == width - 1), np.int32(k == 0)
        counted = ("pixels", np.int64(size), np.int32(8 * k), first, "state", "bins")
        yield Launch(f"digits_{dtype}", blocks, THREADS, counted)
        yield Launch("choose", 1, 256, ("bins", "state", first, last, is_float, "result"))


def _statistics(shape: tuple[int, int], dtype: str) -> Iterator[Launch]:
    size, width = shape[0] * shape[1], np.dtype(dtype).itemsize
    counted = ("pixels", np.int64(size), "counts", ("result", 4))
    yield Launch(f"census_{dtype}", _spread(-(-size * width // 16)), THREADS, counted)
    rows, columns = shape[0] // BLOCK, shape[1] // BLOCK
    if rows and columns:
        blocks = -(-rows * columns // (THREADS // BLOCK))
        numbers = (np.int32(shape[1]), np.int32(rows), np.int32(columns))
        for name in ("blocks", "shares"):
            yield Launch(f"{name}_{dtype}", blocks, THREADS, ("pixels", *numbers, ("result", HEADER), ("result", 6)))


def _tally(shape: tuple[int, int], dtype: str, scales: int, capacity: int) -> Iterator[Launch]:
    rows, columns = shape[0] // BLOCK, shape[1] // BLOCK
    if rows and columns:
        minima, maxima = (("result", HEADER + plane * rows * columns) for plane in (2, 3))
        listed = ("result", "entries", "entry_scales", np.uint32(capacity))
        rule = ("rule", "need", "sigma", "mask", minima, maxima)
        sides = (np.int32(rows), np.int32(columns), np.int32(scales))
        numbers = ("pixels", np.int32(shape[0]), np.int32(shape[1]))
        yield Launch(f"tally_{dtype}", _spread(capacity), THREADS, (*numbers, *listed, *rule, *sides, "counted"))


def _fine(shape: tuple[int, int], dtype: str, level: PyramidLevel, chain: NDArray[np.int32]) -> Iterator[Launch]:
    if level.count:
        blocks, across = _tiles(shape)
        reach = int(chain[: level.count + 1, 0].max())
        yield Launch(
            f"fine_{dtype}",
            blocks,
            THREADS,
            (
                *("pixels", np.int32(shape[0]), np.int32(shape[1]), ("result", 1)),
                *("taps", "chain", "factors", np.int32(level.count + 1), np.int32(reach), np.int32(across)),
                *("maximum", "scale", np.int32(pitch_of(shape[1]))),
            ),
        )


def _halvings(shape: tuple[int, int], dtype: str, levels: Sequence[PyramidLevel]) -> Iterator[Launch]:
    for finer, level in pairwise(levels):
        blocks, across = _tiles(level.base)
        rows, columns = np.int32(level.base[0]), np.int32(level.base[1])
        out = (rows, columns, np.int32(pitch_of(level.base[1])), np.int32(across))
        if finer.s == 1:
            image = ("pixels", np.int32(shape[0]), np.int32(shape[1]), ("result", 1))
            yield Launch(f"halve_{dtype}", blocks, THREADS, (*image, "halving", ("pyramid", level.offset), *out))
        else:
            base = (np.int32(finer.base[0]), np.int32(finer.base[1]), np.int32(pitch_of(finer.base[1])))
            taps = ("halving", pyramid.HALF)
            grids = (("pyramid", finer.offset), *base, taps, ("pyramid", level.offset))
            yield Launch("halve", blocks, THREADS, (*grids, *out))


class _Climbs:
    """The coarse scales in groups, so that the planes of one group fit their buffer whatever the number of scales."""

    def __init__(
        self,
        shape: tuple[int, int],
        levels: Sequence[PyramidLevel],
        chain: NDArray[np.int32],
        scales: int,
        capacity: int,
    ) -> None:
        self.jobs: list[list[int]] = []
        self.items: list[list[int]] = []
        self.planes = 0
        self.launches: list[Launch] = []
        self._shape, self._chain = shape, chain
        seen = levels[0].count > 0
        groups = self._groups(levels[1:], PLANE_SHARE * shape[0] * shape[1]) or [[]]
        for i, group in enumerate(groups):
            first = len(self.items)
            self._coarse(group)
            place: Argument = ("items", first * ITEM)
            rows = -(-shape[0] // ROWS)
            across = -(-shape[1] // (COLUMNS * CLIMBERS // 32))
            common: tuple[Argument, ...] = (
                *("planes", place, np.int32(len(group)), "rise", "maximum", "scale", np.int32(seen)),
                *(np.int32(shape[0]), np.int32(shape[1]), np.int32(pitch_of(shape[1])), np.int32(across)),
            )
            seen = True
            if i + 1 < len(groups):
                self.launches.append(Launch("climb", rows * across, CLIMBERS, common))
            else:
                found: tuple[Argument, ...] = (
                    *("floors", np.int32(scales), "result", "entries", "entry_scales", np.uint32(capacity)),
                )
                self.launches.append(Launch("peaks", rows * across, CLIMBERS, (*common, *found)))

    def _groups(self, levels: Sequence[PyramidLevel], room: int) -> list[list[tuple[PyramidLevel, int]]]:
        """(level, scale) in order, cut where the planes would no longer fit."""
        groups: list[list[tuple[PyramidLevel, int]]] = []
        used = 0
        for level in levels:
            for scale in range(level.first, level.first + level.count):
                if not groups or used + level.plane_size > room:
                    groups.append([])
                    used = 0
                groups[-1].append((level, scale))
                used += level.plane_size
        return groups

    def _coarse(self, group: Sequence[tuple[PyramidLevel, int]]) -> None:
        """The jobs and items of one group, and the launch that fills its planes."""
        first_job, block, offset = len(self.jobs), 0, 0
        for at, (level, scale) in enumerate(group):
            size = level.plane_size
            self.items.append([offset, *level.plane, pitch_of(level.plane[1]), level.s, scale])
            if not at or group[at - 1][0] is not level or self.jobs[-1][12] > JOB_SCALES:
                blocks, across = _tiles(level.plane)
                place = level.place + scale - level.first
                base = [level.offset, *level.base, pitch_of(level.base[1])]
                plane = [offset, *level.plane, pitch_of(level.plane[1])]
                self.jobs.append([block, across, *base, *plane, size, place, 1, 0])
                block += blocks
            job = self.jobs[-1]
            job[12] += 1  # Gaussians: one more than scales
            job[13] = int(self._chain[job[11] : job[11] + job[12], 0].max())
            offset += size
        self.planes = max(self.planes, offset)
        if group:
            table: Argument = ("jobs", first_job * JOB)
            count = np.int32(len(self.jobs) - first_job)
            filters = ("taps", "chain", "factors")
            self.launches.append(Launch("coarse", block, THREADS, ("pyramid", table, count, *filters, "planes")))


def _tiles(shape: tuple[int, int]) -> tuple[int, int]:
    """Blocks that cover the shape, and how many of them a row has."""
    across = -(-shape[1] // TILE)
    return -(-shape[0] // TILE) * across, across
