"""The GPU backend: keeps plans warm, and turns what the device found into features, or into counts alone.

Of an image that is only counted no list of maxima leaves the device, and the host looks at no pixel for it. Threads may
share a detector: each plan has two sets of buffers, so that an image goes up while the one before is worked on.

`import mhfd.detector.gpu` needs neither CuPy nor a device; making a `GpuDetector` does. What is launched is
`gpu_plan`'s, how it reaches a device is `gpu_device`'s.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd import scales
from mhfd import survey as first_look
from mhfd.detector import Counted, CountingRule, Features, gpu_plan, gpu_pyramid
from mhfd.errors import DeviceUnavailable, UsageError
from mhfd.native import BlockStats, check_pixels
from mhfd.rows import InMemory, Pixels, Rows, unordered_bits
from mhfd.survey import Survey

if TYPE_CHECKING:
    from mhfd.contract.params import Params

KEPT: Final = 4
"""Kinds of images (shape, type and parameters) whose buffers and graphs stay on the device."""
BUFFERS: Final = 2
"""Sets of buffers of one kind: threads that share a detector take turns on the device, not in front of it."""

_FINITE: Final = slice(0x80, 0xFF80)
"""Upper halves of the ordered bits of floats that are neither infinite nor NaN."""

Peaks = tuple[NDArray[np.uint32], NDArray[np.uint8]]
"""(row * width + column, bits of the response) of each peak, in no order, and its scale."""


class ReadyPlan(Protocol):
    """A plan with its buffers on a machine. One image at a time."""

    def look(self, rows: Rows) -> Pixels:
        """Upload an image and begin with it; its pixels as they lie here until the next."""
        ...

    def seen(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Wait for the result words and the histogram. The scale space may still be in the making."""
        ...

    def find(self, tables: Mapping[str, NDArray[Any]], *, tally: bool, room: int | None = None) -> NDArray[np.uint32]:
        """Wait for the header of the result, and with `tally` for what counts, after it.

        `tables`: buffers to be filled before. `room`: of a longer list, where there are more peaks than the plan's own
        holds.
        """
        ...

    def peaks(self, count: int) -> Peaks:
        """The list that was found last."""
        ...


class Machine(Protocol):
    """What carries plans out."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def load(self, plan: gpu_plan.GpuPlan) -> ReadyPlan:
        """Raises MemoryError when its buffers do not fit."""
        ...

    def release(self) -> None:
        """Give back memory that no plan uses."""
        ...


def _nothing() -> None:
    return None


@dataclass(slots=True, eq=False)
class _Slot:
    """One set of buffers, and the image that is in it."""

    loaded: ReadyPlan
    lock: threading.Lock = field(default_factory=threading.Lock)
    holds: Callable[[], Rows | None] = _nothing
    used: int = 0

    def take(self, rows: Rows) -> Pixels:
        """Upload, and remember what it was as long as somebody else does."""
        self.holds = _nothing
        pixels = self.loaded.look(rows)
        with suppress(TypeError):  # of a kind that cannot be remembered so: it goes up again
            self.holds = weakref.ref(rows)
        return pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Warm:
    plan: gpu_plan.GpuPlan
    least: NDArray[np.float32]  # floors whatever the noise
    gain: NDArray[np.float64]  # floors for noise of one grey value, before the stretch
    slots: list[_Slot]

    def floors(self, sigma_floor: float) -> NDArray[np.float32]:
        return np.concatenate([self.least, (sigma_floor * self.gain).astype(np.float32)])


class GpuDetector:
    """Half-sample reflect, untruncated Gaussians; uint8, uint16 and float32."""

    name = "gpu"
    threads = 1

    def __init__(self, device: int = 0, *, machine: Machine | None = None) -> None:
        """`machine`: where plans run, if not on CUDA device number `device`."""
        if machine is None:
            from mhfd.detector.gpu_device import CudaDevice

            machine = CudaDevice(device)
        self._machine = machine
        self._warm: OrderedDict[Any, _Warm] = OrderedDict()
        self._lock = threading.Lock()
        self._uses = 0
        self.device = machine.name

    def supports(self, params: Params) -> bool:
        """See `gpu_pyramid.computes`."""
        return gpu_pyramid.computes(params)

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        check_pixels(pixels)
        rows = InMemory(np.ascontiguousarray(pixels))
        with self._slot(rows, params) as (warm, slot):
            slot.take(rows)
            words = self._found(warm, slot, {"floors": warm.floors(sigma_floor)}, tally=False)
            entries, scale = slot.loaded.peaks(int(words[0]))
        order = np.argsort(entries[:, 0])
        place, response = entries[order].T
        y, x = np.divmod(place, np.uint32(pixels.shape[1]))
        low, high = words[1:3].view(np.float32)
        return Features(
            y=y.astype(np.int32),
            x=x.astype(np.int32),
            scale=scale[order],
            response=np.ascontiguousarray(response).view(np.float32),
            limits=(float(low), float(high)),
            shape=(pixels.shape[0], pixels.shape[1]),
        )

    def survey(self, rows: Rows, params: Params) -> Survey:
        """See `CountingDetector`. The scale space is computed while the host thinks about what was seen."""
        if min(rows.shape) < gpu_plan.BLOCK:
            return first_look.survey(rows)
        with self._slot(rows, params) as (_, slot):
            pixels = slot.take(rows)
            grid, line = first_look.samples(pixels)
            words, kinds = slot.loaded.seen()
        counts = kinds.astype(np.int64)
        is_float = rows.dtype == np.float32
        if is_float and int(counts[_FINITE].sum()) != rows.shape[0] * rows.shape[1]:
            return first_look.survey(rows)  # which says how many are not finite
        blocks = tuple(side // gpu_plan.BLOCK for side in rows.shape)
        *stats, at_low, at_high = words[gpu_plan.HEADER :].view(np.float32).reshape(gpu_plan.PLANES, *blocks)
        low, high = _values(words[4:6], rows.dtype)
        if words[6] == words[7]:  # every block is of one value, the same
            at_low, at_high = np.ones_like(at_low), np.zeros_like(at_high)
        spans = first_look.spans_of(rows)
        return Survey(low, high, 0, counts, BlockStats(*stats), at_low, at_high, grid, line, spans)

    def count(self, rows: Rows, params: Params, rule: CountingRule | None, *, sigma_floor: float = 0.0) -> Counted:
        """See `CountingDetector`."""
        if min(rows.shape) < gpu_plan.BLOCK:
            raise UsageError(f"pixels: {rows.shape[0]} x {rows.shape[1]} hold no block to count in; use detect")
        with self._slot(rows, params) as (warm, slot):
            if slot.holds() is not rows:
                slot.take(rows)
            tables: dict[str, NDArray[Any]] = {"floors": warm.floors(sigma_floor), "rule": np.zeros(gpu_plan.RULE)}
            if rule is not None:
                tables |= {
                    "rule": np.array([1, rule.least, rule.read_var, rule.gain]),
                    "need": rule.need,
                    "sigma": rule.sigma.ravel(),
                    "mask": rule.mask.ravel(),
                }
            words = self._found(warm, slot, tables, tally=True)[gpu_plan.HEADER :]
            slot.holds = _nothing
        by_scale, by_block = words[: params.n], words[params.n :]
        blocks = tuple(side // gpu_plan.BLOCK for side in rows.shape)
        return Counted(by_scale.astype(np.int64), by_block.reshape(blocks).astype(np.int32))

    def _found(
        self, warm: _Warm, slot: _Slot, tables: Mapping[str, NDArray[Any]], *, tally: bool
    ) -> NDArray[np.uint32]:
        words = slot.loaded.find(tables, tally=tally)
        if words[0] > warm.plan.capacity:
            words = slot.loaded.find(tables, tally=tally, room=int(words[0]))
        return words

    @contextmanager
    def _slot(self, rows: Rows, params: Params) -> Iterator[tuple[_Warm, _Slot]]:
        """Buffers for this image, for nobody else meanwhile: those that it lies in, or others."""
        self._check(rows, params)
        with self._lock:
            warm = self._ready(rows, params)
            slot = self._chosen(warm, rows)
            self._uses += 1
            slot.used = self._uses
        with slot.lock:
            yield warm, slot

    def _chosen(self, warm: _Warm, rows: Rows) -> _Slot:
        by_use = sorted(warm.slots, key=lambda slot: slot.used)
        idle = [slot for slot in by_use if not slot.lock.locked()]
        for good in (
            [slot for slot in by_use if slot.holds() is rows],
            [slot for slot in idle if slot.holds() is None],
        ):
            if good:
                return good[0]
        if len(warm.slots) < BUFFERS:
            try:
                warm.slots.append(_Slot(self._machine.load(warm.plan)))
                return warm.slots[-1]
            except MemoryError:
                self._machine.release()
        return (idle or by_use)[0]

    def _check(self, rows: Rows, params: Params) -> None:
        if not self.supports(params):
            raise UsageError(
                f"params: the GPU kernel does not compute border {params.border!r}, truncate {params.truncate}, "
                f"resize {params.resize}, n {params.n} from {params.min_t:g} to {params.max_t:g}; use device='cpu'"
            )
        if not 0 < rows.shape[0] * rows.shape[1] < 2**32:
            raise UsageError(f"pixels: {rows.shape[0]} x {rows.shape[1]} is empty or too large; cut it up")

    def _ready(self, rows: Rows, params: Params) -> _Warm:
        """The plan for this shape, type and parameters, loaded now or before."""
        key = (rows.shape, rows.dtype.name, *sorted(vars(params).items()))
        if key in self._warm:
            self._warm.move_to_end(key)
            return self._warm[key]
        plan = gpu_plan.build(rows.shape, rows.dtype.name, params)
        while len(self._warm) >= KEPT:
            self._warm.popitem(last=False)
        gain = scales.noise_gain(params) * (params.threshold if params.gate == "noise" else 0.0)
        warm = _Warm(plan, scales.floors(params), gain, [_Slot(self._load(plan))])
        self._warm[key] = warm
        return warm

    def _load(self, plan: gpu_plan.GpuPlan) -> ReadyPlan:
        try:
            return self._machine.load(plan)
        except MemoryError:
            self._warm.clear()
            self._machine.release()
        try:
            return self._machine.load(plan)
        except MemoryError:
            size = f"{plan.shape[0]} x {plan.shape[1]}"
            raise DeviceUnavailable(
                f"device: {self.device} has no room for the {plan.device_bytes >> 20} MiB that an image of {size} "
                "needs; free its memory or use device='cpu'"
            ) from None


def _values(keys: NDArray[np.uint32], dtype: np.dtype[Any]) -> tuple[float, float]:
    """The grey values of two keys of kernels.cu."""
    low, high = (unordered_bits(keys) if dtype == np.float32 else keys).tolist()
    return float(low), float(high)
