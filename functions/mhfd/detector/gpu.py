"""The GPU backend: keeps plans warm, and turns what the device found into features.

`import mhfd.detector.gpu` needs neither CuPy nor a device; making a `GpuDetector` does. What is launched is
`gpu_plan`'s, how it reaches a device is `gpu_device`'s.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd import scales
from mhfd.detector import Features, gpu_plan, gpu_pyramid
from mhfd.errors import DeviceUnavailable, UsageError
from mhfd.native import BlockStats, check_pixels
from mhfd.rows import Pixels

if TYPE_CHECKING:
    from mhfd.contract.params import Params

KEPT: Final = 4
"""Plans (shape, type and parameters) whose buffers and graph stay on the device."""

Peaks = tuple[NDArray[np.uint32], NDArray[np.uint8]]
"""(row * width + column, bits of the response) of each peak, in no order, and its scale."""


class ReadyPlan(Protocol):
    """A plan with its buffers on a machine."""

    def run(self, pixels: Pixels, floors: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Upload, launch, wait: the result words."""
        ...

    def peaks(self, count: int) -> Peaks:
        """The list of the last run."""
        ...

    def relist(self, count: int) -> Peaks:
        """The same when `count` exceeds the plan's capacity: the last kernel again, with a longer list."""
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


@dataclass(frozen=True, slots=True, eq=False)
class _Warm:
    plan: gpu_plan.GpuPlan
    loaded: ReadyPlan
    least: NDArray[np.float32]  # floors whatever the noise
    gain: NDArray[np.float64]  # floors for noise of one grey value, before the stretch


class GpuDetector:
    """Half-sample reflect, untruncated Gaussians; uint8, uint16 and float32; one image at a time."""

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
        self.device = machine.name

    def supports(self, params: Params) -> bool:
        """See `gpu_pyramid.computes`."""
        return gpu_pyramid.computes(params)

    def detect(self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0) -> Features:
        """See `Detector`."""
        return self._detect(pixels, params, sigma_floor)[0]

    def detect_with_blocks(
        self, pixels: Pixels, params: Params, *, sigma_floor: float = 0.0
    ) -> tuple[Features, BlockStats]:
        """As `detect`, with the statistics of 16x16 blocks: the noise model then needs no pass over the pixels."""
        features, words = self._detect(pixels, params, sigma_floor)
        rows, columns = (side // gpu_plan.BLOCK for side in pixels.shape)
        return features, BlockStats(*words[gpu_plan.HEADER :].view(np.float32).reshape(4, rows, columns))

    def _detect(self, pixels: Pixels, params: Params, sigma_floor: float) -> tuple[Features, NDArray[np.uint32]]:
        self._check(pixels, params)
        with self._lock:
            warm = self._ready(pixels, params)
            floors = np.concatenate([warm.least, (sigma_floor * warm.gain).astype(np.float32)])
            words = warm.loaded.run(np.ascontiguousarray(pixels), floors)
            count = int(words[0])
            if count <= warm.plan.capacity:
                entries, scale = warm.loaded.peaks(count)
            else:
                entries, scale = warm.loaded.relist(count)
        order = np.argsort(entries[:, 0])
        place, response = entries[order].T
        y, x = np.divmod(place, np.uint32(pixels.shape[1]))
        low, high = words[1:3].view(np.float32)
        features = Features(
            y=y.astype(np.int32),
            x=x.astype(np.int32),
            scale=scale[order],
            response=np.ascontiguousarray(response).view(np.float32),
            limits=(float(low), float(high)),
            shape=(pixels.shape[0], pixels.shape[1]),
        )
        return features, words

    def _check(self, pixels: Pixels, params: Params) -> None:
        if not self.supports(params):
            raise UsageError(
                f"params: the GPU kernel does not compute border {params.border!r}, truncate {params.truncate}, "
                f"resize {params.resize}, n {params.n} from {params.min_t:g} to {params.max_t:g}; use device='cpu'"
            )
        check_pixels(pixels)
        if not 0 < pixels.size < 2**32:
            raise UsageError(f"pixels: {pixels.shape[0]} x {pixels.shape[1]} is empty or too large; cut it up")

    def _ready(self, pixels: Pixels, params: Params) -> _Warm:
        """The plan for this shape, type and parameters, loaded now or before."""
        key = (pixels.shape, pixels.dtype.name, *sorted(vars(params).items()))
        if key in self._warm:
            self._warm.move_to_end(key)
            return self._warm[key]
        plan = gpu_plan.build((pixels.shape[0], pixels.shape[1]), pixels.dtype.name, params)
        while len(self._warm) >= KEPT:
            self._warm.popitem(last=False)
        gain = scales.noise_gain(params) * (params.threshold if params.gate == "noise" else 0.0)
        warm = _Warm(plan, self._load(plan), scales.floors(params), gain)
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
